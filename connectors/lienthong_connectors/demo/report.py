"""What a demonstration found, as tables for people and as JSON for machines."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lienthong_connectors.demo.result import Result
from lienthong_connectors.demo.strain import Drain

_MAX_SHOWN = 5


def show(result: Result, console: Console) -> None:
    """Print checks, speed, CPU time, one timeline and the verdict.

    Args:
        result: What was found.
        console: Where to.
    """
    console.print(_checks(result))
    if result.flows:
        console.print(_flows(result))
    console.print(_stages(result))
    sides = ", ".join(f"{side} {result.cpu_of(side):.1f} s" for side in ("hub", "simulator", "kafka"))
    each = ", ".join(f"{name} {seconds:.1f}" for name, (_, seconds) in result.cpu_seconds.items())
    times = ", ".join(f"{part} {seconds:.1f} s" for part, seconds in result.durations.items())
    _say(console, f"CPU: {sides} ({each})")
    _say(console, f"Thời gian / time: {times}; {result.bytes_searched / 2**20:.0f} MiB đã rà soát / searched for leaks")
    if result.drain is not None:
        _say(console, _drained(result.drain))
    if result.night is not None:
        _say(console, str(result.night))
    _say(console, f"\nlienthong trace {result.trace_of}")
    _say(console, result.trace.rstrip())
    wrong = [check for check in result.checks if not check.agrees]
    for check in wrong:
        _say(console, f"\nKHÁC / DIFFERS: {check.title}: {check.expected:,} ≠ {check.observed:,}")
        for item in check.differing[:_MAX_SHOWN]:
            _say(console, f"  {item}")
    if wrong:
        _say(console, f"\nKHÔNG KHỚP / DOES NOT AGREE: {len(wrong)} / {len(result.checks)}")
    else:
        _say(console, f"\nKHỚP / AGREES: {len(result.checks)} / {len(result.checks)}")


def document_of(result: Result) -> dict[str, Any]:
    """Return the result for JSON.

    Args:
        result: What was found.
    """
    options = result.options
    return {
        "agrees": result.agrees,
        "profile": options.profile,
        "records": options.records,
        "seed": options.seed,
        "sabotage": options.sabotage or None,
        "stages": {
            name: {
                "expected": stage.expected,
                "observed": stage.observed,
                "records_per_second": round(stage.records_per_second, 1),
            }
            for name, stage in result.stages.items()
        },
        "flows": [flow.as_document() for flow in result.flows],
        "checks": [check.as_document() for check in result.checks],
        "cpu_seconds": {
            name: {"side": side, "seconds": round(seconds, 2)} for name, (side, seconds) in result.cpu_seconds.items()
        },
        "durations_seconds": {part: round(seconds, 2) for part, seconds in result.durations.items()},
        "drain": result.drain.as_document() if result.drain is not None else None,
        "night": result.night.as_document() if result.night is not None else None,
        "bytes_searched": result.bytes_searched,
        "trace": {"dossier": result.trace_of, "text": result.trace},
    }


def _drained(drain: Drain) -> str:
    text = f"Xả hàng chờ / backlog cleared: {drain.requests:,} requests in {drain.seconds:.0f} s"
    return f"{text}, {drain.percent:.1f} % of what the quota allows" if drain.percent else text


def _checks(result: Result) -> Table:
    table = Table(title="Dự kiến và thực tế / expected and observed", title_justify="left", expand=False)
    table.add_column("Nội dung / what", overflow="fold")
    table.add_column("Phải thành / must become", overflow="fold")
    table.add_column("Dự kiến / expected", justify="right")
    table.add_column("Thực tế / observed", justify="right")
    table.add_column("")
    group = ""
    for check in result.checks:
        if check.group != group:
            group = check.group
            table.add_section()
            table.add_row(Text(group, style="bold"))
        mark = Text("✓", style="green") if check.agrees else Text("✗", style="bold red")
        expected = f"≥ {check.expected:,}" if check.is_minimum else f"{check.expected:,}"
        table.add_row(Text(check.title), Text(check.outcome), expected, f"{check.observed:,}", mark)
    return table


def _flows(result: Result) -> Table:
    table = Table(title="Từng luồng / each flow", title_justify="left")
    table.add_column("Luồng / flow", overflow="fold")
    table.add_column("pipelines", overflow="fold")
    table.add_column("Số liệu khớp / numbers that agree", justify="right")
    table.add_column("")
    for flow in result.flows:
        mark = Text("✓", style="green") if flow.agrees else Text("✗", style="bold red")
        table.add_row(Text(flow.title), Text(" ".join(flow.pipelines)), f"{flow.agreeing} / {flow.checks}", mark)
    return table


def _stages(result: Result) -> Table:
    table = Table(title="Tốc độ từng khâu / speed of each stage", title_justify="left")
    table.add_column("Khâu / stage")
    for title in ("Dự kiến / expected", "Thực tế / observed", "bản ghi/giây / records per second"):
        table.add_column(title, justify="right")
    for stage in result.stages.values():
        rate = f"{stage.records_per_second:,.0f}"
        table.add_row(Text(stage.title), f"{stage.expected:,}", f"{stage.observed:,}", rate)
    return table


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
