"""A campaign against the population simulator: limited to 200 questions in a second, and against a bare loop."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from scripts.bench.harness import ROOT, settle_machine
from scripts.bench.options import Options
from scripts.bench.rows import Row, Table, at_most, compare
from scripts.campaign_kills import Stage

LIMIT_PER_SECOND = 200
USED_BAR, OVER_BAR, BARE_BAR = 0.95, 1.0, 0.35
_USED = "campaign limited to 200/s, share of the limit used"
_OVER = "campaign limited to 200/s, most in any second against the limit"
_BARE = "campaign, accounts/s against a bare aiohttp loop"
_ANSWER_SECONDS = 0.005


def campaign(options: Options) -> tuple[list[Row], list[Table]]:
    """Measure a campaign within a limit and against a bare loop.

    Args:
        options: Where and how much.
    """
    used: list[tuple[float, float]] = []
    busiest: list[tuple[float, float]] = []
    bare: list[tuple[float, float]] = []
    for number in range(options.runs):
        per_second, most = _limited(options, number)
        used.append((per_second, LIMIT_PER_SECOND))
        busiest.append((most, LIMIT_PER_SECOND))
        bare.append(_against_bare(options, number))
        print(
            f"campaign {number + 1}: limited {per_second:.1f}/s (most {most:.0f}), "
            f"ours {bare[-1][0]:,.0f}/s, bare {bare[-1][1]:,.0f}/s",
            flush=True,
        )
    return [
        compare(_USED, USED_BAR, used),
        at_most(_OVER, OVER_BAR, busiest, "in any second"),
        compare(_BARE, BARE_BAR, bare),
    ], []


def _limited(options: Options, number: int) -> tuple[float, float]:
    """Return questions per second between the first and the last, and the most in any second."""
    stage = _stage(options, f"limited-{number}", options.scaled(8_000))
    limit = {"count": LIMIT_PER_SECOND, "interval_seconds": 1}
    with stage.simulator(latency_seconds=_ANSWER_SECONDS, quota=json.dumps(limit)):
        stage.configure({"rate_limit": {"count": LIMIT_PER_SECOND, "interval": "1s"}})
        stage.finish(stage.start())
        meter = stage.quota()
    first, last, asked = stage.read("SELECT min(decided_at), max(decided_at), count(*) FROM accounts WHERE asked > 0")[
        0
    ]
    seconds = (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
    return (asked - 1) / seconds, float(meter["busiest_interval"])


def _against_bare(options: Options, number: int) -> tuple[float, float]:
    """Return accounts per second, ours and the bare loop's, each with a simulator of its own."""
    stage = _stage(options, f"bare-{number}", options.scaled(20_000))
    with stage.simulator(latency_seconds=_ANSWER_SECONDS):
        stage.configure()
        settle_machine()
        stage.finish(stage.start())
    facts = dict(stage.read("SELECT name, value FROM facts"))
    rows, seconds = int(facts["last_run_rows"]), float(facts["last_run_seconds"])
    with stage.simulator(latency_seconds=_ANSWER_SECONDS):
        settle_machine()
        people = str(stage.folder / "people.jsonl")
        command = [sys.executable, "-m", "scripts.bench.side_population", stage.url, people, str(rows)]
        finished = subprocess.run(command, capture_output=True, check=True, cwd=ROOT)
    return rows / seconds, float(json.loads(finished.stdout)["records_per_second"])


def _stage(options: Options, name: str, records: int) -> Stage:
    folder = Path(options.folder) / f"campaign-{name}"
    return Stage(folder, options.bootstrap_servers, f"campaign-{name}", records, seed=1)
