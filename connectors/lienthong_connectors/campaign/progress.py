"""How far a campaign is and when it will end, for people and for scripts."""

from collections import deque
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from lienthong.limits.policy import TargetLimits
from lienthong_connectors.campaign.decisions import Counts

_WINDOW_SECONDS = 30.0
_DAY_SECONDS = 86_400.0
STATES_VI = {
    "linked": "đã liên kết",
    "conflict": "trùng tài khoản hoặc trùng người",
    "id_changed": "số định danh đã cấp lại",
    "no_id": "không có số định danh",
    "not_found": "không tìm thấy",
    "mismatch": "thông tin không khớp",
    "deceased": "đã chết",
    "minor_guardian": "dưới 14 tuổi, cần người giám hộ",
    "set_aside": "dòng lỗi, chưa xử lý",
}


class Pace:
    """The rate of the last half minute."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def observe(self, at: float, finished: int) -> float:
        """Return rows per second.

        Args:
            at: Monotonic seconds.
            finished: Rows so far.
        """
        self._seen.append((at, finished))
        while len(self._seen) > 2 and at - self._seen[0][0] > _WINDOW_SECONDS:
            self._seen.popleft()
        since, before = self._seen[0]
        return (finished - before) / (at - since) if at > since else 0.0


def seconds_left(left: int, per_second: float, limits: TargetLimits) -> float | None:
    """Return when a campaign will end, from its pace and from what the target allows.

    Args:
        left: Rows that are not decided.
        per_second: Present pace; 0 for none yet.
        limits: Of the target.

    Returns:
        Seconds; None as long as nothing is known. A daily budget counts without its reserve: what officers at the
        counter may need is never planned for a campaign.
    """
    if not left:
        return 0.0
    known = []
    if per_second > 0:
        known.append(left / per_second)
    if limits.rate_limit is not None:
        known.append(left * limits.rate_limit.interval / limits.rate_limit.count)
    if limits.budget is not None:
        daily = limits.budget.daily - limits.budget.reserve
        if daily <= 0:
            return None
        # Within one day the pace says more than the budget.
        known.append(left / daily * _DAY_SECONDS if left > daily else 0.0)
    return max(known) if per_second > 0 and known else None


def line_of(counts: Counts, per_second: float, left_seconds: float | None, pause: str) -> str:
    """Return the progress as one line.

    Args:
        counts: How far the campaign is.
        per_second: Present pace.
        left_seconds: Until the end; None if nobody knows.
        pause: Why the target is not called; empty if it is.
    """
    total = counts.open + counts.decided + counts.published
    done = counts.published
    share = f"{100 * done / total:5.1f} %" if total else "100.0 %"
    width = 24
    bar = "█" * (width * done // total if total else width)
    end = "?" if left_seconds is None else str(timedelta(seconds=round(left_seconds)))
    why = f" · chờ (waiting): {pause}" if pause else ""
    return f"{bar:░<{width}} {done:,}/{total:,} {share} · {per_second:,.0f}/s · còn (left) {end}{why}"


def document_of(counts: Counts) -> dict[str, Any]:
    """Return the report as a document.

    Args:
        counts: How far the campaign is.
    """
    document = counts._asdict()
    return {
        **document,
        "states": dict(sorted(counts.states.items())),
        "findings": dict(sorted(counts.findings.items())),
    }


def show(counts: Counts, console: Console) -> None:
    """Print the report.

    Args:
        counts: How far the campaign is.
        console: Where to.
    """
    table = Table(box=None, pad_edge=False)
    table.add_column("trạng thái (state)")
    table.add_column("số tài khoản (accounts)", justify="right")
    table.add_row("đã chuyển đổi trước (linked before)", f"{counts.converted_before:,}")
    for state, number in sorted(counts.states.items(), key=lambda pair: -pair[1]):
        table.add_row(f"{STATES_VI.get(state, state)} ({state})", f"{number:,}")
    table.add_row("chưa quyết định (open)", f"{counts.open:,}")
    console.print(table)
    console.print(
        f"câu hỏi đã gửi (questions): {counts.lookups:,}; hỏi lại sau khi bị ngắt (asked again): {counts.repeated:,}; "
        f"dòng có lỗi (rows with findings): {sum(counts.findings.values()):,}"
    )
