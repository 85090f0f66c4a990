"""Kills a campaign at random points, lets it go on, and compares everything with the truth.

``python -m scripts.campaign_kills --records 20000 --kills 3`` prints the table of ``docs/explanation/campaign.md``.
"""

import argparse
import json
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lienthong.access_log import AccessPhase, decode
from lienthong.config.models import KafkaSettings
from lienthong.kafka.cluster import ClusterView
from lienthong.kafka.settings import client_configuration
from lienthong.record import Record

LIENTHONG = str(Path(sys.executable).with_name("lienthong"))
CAMPAIGN = "vneid-accounts"
_WAIT_SECONDS = 120.0
_POLL_SECONDS = 0.02
_FORGOTTEN = 40


@dataclass(frozen=True)
class Kill:
    """What stood in the journal right after a kill.

    Attributes:
        wanted: Share of the rows at which the process was to be killed.
        published: Rows whose result Kafka had acknowledged, as far as the journal knew.
        decided: Rows that were decided and not known to be acknowledged.
        open: Rows that were not decided.
        lookups: Questions that were noted as begun.
    """

    wanted: float
    published: int
    decided: int
    open: int
    lookups: int


@dataclass
class Outcome:
    """What came out, beside the truth.

    Attributes:
        rows: Rows of the file.
        kills: What stood in the journal after each kill.
        seconds: Time of all runs together.
        lookups: Questions that the journal noted as begun.
        repeated: Of these, asked again.
        calls: Questions that the population database answered.
        intents: Intents in the access log.
        results: Records of results in Kafka.
        doubles: Of these, more than one for the same row.
        differences: Rows that are not as in the truth, by where; empty is the aim.
    """

    rows: int
    kills: list[Kill]
    seconds: float
    lookups: int
    repeated: int
    calls: int
    intents: int
    results: int
    doubles: int
    differences: dict[str, int] = field(default_factory=dict)

    @property
    def is_exact(self) -> bool:
        """Whether everything is as the truth says, and nothing was done twice."""
        return not self.differences and not self.doubles and self.calls <= self.intents


class Stage:
    """Folder, simulator and configuration of one campaign on a broker that runs.

    Args:
        folder: New.
        bootstrap_servers: The broker.
        province: Prefix of the topics.
        records: Rows of the file.
        seed: What they follow from.
    """

    def __init__(self, folder: Path, bootstrap_servers: str, province: str, records: int, seed: int) -> None:
        self.folder = folder
        self.province = province
        self.kafka = KafkaSettings(bootstrap_servers=bootstrap_servers)
        self.file = folder / "accounts.csv"
        self.url = ""
        size = ("--records", str(records), "--seed", str(seed), "--with-defects", "--output", str(folder))
        self._call("campaign", "generate", *size)

    @property
    def journal(self) -> Path:
        """The campaign's journal."""
        return self.folder / "state" / "campaigns" / f"{CAMPAIGN}.sqlite3"

    @contextmanager
    def simulator(self, **options: Any) -> Iterator[None]:
        """Run the population database.

        Args:
            **options: Of the simulator.
        """
        ready = self.folder / "population.ready"
        pairs = [f"people_file={self.folder / 'people.jsonl'}", *(f"{name}={value}" for name, value in options.items())]
        chosen = [part for pair in pairs for part in ("--option", pair)]
        ready.unlink(missing_ok=True)
        command = [LIENTHONG, "simulate", "population", "--ready-file", str(ready), *chosen]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            _until(ready.exists, process)
            self.url = json.loads(ready.read_text(encoding="utf-8"))["url"]
            yield
        finally:
            process.kill()
            process.wait()

    def configure(self, limits: Mapping[str, Any] | None = None) -> None:
        """Write the hub's configuration and make its topics.

        Args:
            limits: Of the population database; None for none.
        """
        population = {
            "base_url": f"{self.url}/dc/tracuu",
            "authentication_path": "/dc/tracuu",
            "user_name": "hub",
            "secret": "s3cret",
            "officers": {"campaign": {"officer_code": "CB-1"}},
            "simulator": True,
            **({"limits": dict(limits)} if limits else {}),
        }
        document = {
            "province": self.province,
            "state_directory": str(self.folder / "state"),
            "ledger": {"url": f"sqlite:///{self.folder / 'state' / 'ledger.sqlite3'}"},
            "kafka": {"bootstrap_servers": self.kafka.bootstrap_servers},
            "connectors": {"population": population},
        }
        (self.folder / "hub.yaml").write_text(json.dumps(document), encoding="utf-8")
        self._call("topics", "apply")

    def start(self) -> subprocess.Popen[bytes]:
        """Start or go on with the campaign."""
        command = [*self._command("campaign", "run", CAMPAIGN, "--input", str(self.file), "--system", "citizen-portal")]
        command += ["--unit-code", "H57", "--actor", "campaign", "--accept-findings", "--no-progress"]
        with (self.folder / "run.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    def finish(self, process: "subprocess.Popen[bytes]", seconds: float = 3_600.0) -> None:
        """Wait for the end of the campaign.

        Args:
            process: Of the campaign.
            seconds: At most so long.
        """
        if process.wait(seconds) != 0:
            said = (self.folder / "run.log").read_text(encoding="utf-8", errors="replace")[-3_000:]
            raise RuntimeError(f"the campaign ended with {process.returncode}: {said}")

    def read(self, statement: str) -> list[Any]:
        """Return rows of the journal; none as long as there is no journal.

        Args:
            statement: In SQL.
        """
        if not self.journal.exists():
            return []
        with suppress(sqlite3.OperationalError):
            database = sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True, timeout=10)
            try:
                return database.execute(statement).fetchall()
            finally:
                database.close()
        return []

    def stages(self) -> tuple[int, int, int]:
        """Return how many rows are open, decided and published."""
        found = dict(self.read("SELECT stage, count(*) FROM accounts WHERE is_converted = 0 GROUP BY stage"))
        return found.get(0, 0), found.get(1, 0), found.get(2, 0)

    def kill_at(self, share: float) -> Kill:
        """Start the campaign and kill it without warning.

        Args:
            share: Of the rows that are to be worked on; then it is killed.
        """
        process = self.start()

        def is_there() -> bool:
            still_open, decided, published = self.stages()
            return 0 < share * (still_open + decided + published) <= decided + published

        _until(is_there, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
        still_open, decided, published = self.stages()
        lookups = self.read("SELECT coalesce(sum(asked), 0) FROM accounts")[0][0]
        return Kill(share, published, decided, still_open, lookups)

    def forget(self, rows: int) -> None:
        """Take from the journal what Kafka has acknowledged, as a kill between the two, or a power failure, does.

        Args:
            rows: Half of them are left decided, half of them open.
        """
        database = sqlite3.connect(self.journal, timeout=10)
        try:
            published = "SELECT line FROM accounts WHERE stage = 2 AND asked > 0 AND state <> 'set_aside' LIMIT ?"
            lines = [line for (line,) in database.execute(published, (rows,))]
            database.executemany("UPDATE accounts SET stage = 1 WHERE line = ?", [(line,) for line in lines[::2]])
            database.executemany(
                "UPDATE accounts SET stage = 0, state = '', findings = '', decided_at = '' WHERE line = ?",
                [(line,) for line in lines[1::2]],
            )
            database.commit()
        finally:
            database.close()

    def asked(self) -> int:
        """Return how many questions the population database answered."""
        return int(sum(self._control("ledger")["effects"].values()))

    def quota(self) -> dict[str, Any]:
        """Return what the population database counted against its quota."""
        return self._control("quota")

    def _control(self, name: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/_control/{name}") as answer:  # noqa: S310 - our own simulator
            return dict(json.loads(answer.read()))

    def compare(self, kills: Sequence[Kill], seconds: float) -> Outcome:
        """Compare journal, Kafka and simulator with the truth.

        Args:
            kills: What was done to the campaign.
            seconds: Time of all runs.
        """
        truth = [json.loads(line) for line in (self.folder / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
        states = dict(self.read("SELECT line, state FROM accounts WHERE stage = 2"))
        aside = {line for (line,) in self.read("SELECT line FROM findings")}
        differences: Counter[str] = Counter()
        for row in truth:
            found = "set_aside" if row["line"] in aside else states.get(row["line"], "")
            differences[f"journal: {row['state']} is {found or 'nothing'}"] += found != row["state"]
        told: dict[int, str] = {}
        results = 0
        for record in self._records("verified.account"):
            results += 1
            line = int((record.header("ce_id") or b"").split(b"-")[1])
            told[line] = json.loads(record.value or b"")["state"]
        for row in truth:
            wanted = None if row["before"] or row["state"] == "set_aside" else row["state"]
            differences[f"Kafka: {wanted} is {told.get(row['line'])}"] += told.get(row["line"]) != wanted
        entries = (decode(record.value) for record in self._records("access-log"))
        intents = sum(entry.phase is AccessPhase.INTENT for entry in entries)
        lookups, repeated = self.read("SELECT sum(asked), sum(max(asked - 1, 0)) FROM accounts")[0]
        return Outcome(
            len(truth),
            list(kills),
            seconds,
            lookups,
            repeated,
            self.asked(),
            intents,
            results,
            results - len(told),
            {name: number for name, number in differences.items() if number},
        )

    def _records(self, topic: str) -> Iterator[Record]:
        view = ClusterView(client_configuration(self.kafka, "campaign-kills"))
        with view.whole(view.bounds([f"{self.province}.{topic}"])) as reader:
            yield from reader.records()

    def _command(self, *arguments: str) -> list[str]:
        return [LIENTHONG, "--config", str(self.folder / "hub.yaml"), *arguments]

    def _call(self, *arguments: str) -> None:
        command = [LIENTHONG, *arguments] if not (self.folder / "hub.yaml").exists() else self._command(*arguments)
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.decode())


def kill_and_resume(stage: Stage, kills: int, seed: int) -> Outcome:
    """Kill a campaign at random points, let it end, and compare.

    Args:
        stage: With its simulator running.
        kills: How often.
        seed: What the points follow from.
    """
    chance = random.Random(seed)  # noqa: S311 - points in time are no secret
    began = time.monotonic()
    done = []
    for share in sorted(chance.uniform(0.05, 0.9) for _ in range(kills)):
        done.append(stage.kill_at(share))
        if len(done) == 1:
            # A kill hits the moment between Kafka's acknowledgement and the journal too seldom to rely on it.
            stage.forget(_FORGOTTEN)
    stage.finish(stage.start())
    return stage.compare(done, time.monotonic() - began)


def table_of(outcome: Outcome) -> str:
    """Return the table of the documentation.

    Args:
        outcome: What came out.
    """
    lines = [
        "| killed at | published | decided, not known to be published | open | questions begun |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {each.wanted:.1%} | {each.published:,} | {each.decided:,} | {each.open:,} | {each.lookups:,} |"
        for each in outcome.kills
    ]
    facts = {
        "rows of the file": outcome.rows,
        "questions begun, of which asked again after a kill": f"{outcome.lookups:,}, {outcome.repeated:,}",
        "questions that the database answered": outcome.calls,
        "intents in the access log": outcome.intents,
        "results in Kafka": outcome.results,
        "results written twice": outcome.doubles,
        "rows that differ from the truth": sum(outcome.differences.values()),
        "seconds": round(outcome.seconds),
    }
    lines += ["", "| at the end | |", "|---|---|"]
    lines += [f"| {name} | {value if isinstance(value, str) else f'{value:,}'} |" for name, value in facts.items()]
    return "\n".join(lines)


def _until(is_true: Any, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + _WAIT_SECONDS
    while not is_true():
        if process.poll() is not None:
            raise RuntimeError(f"a process ended with {process.returncode} before its time")
        if time.monotonic() > end:
            raise TimeoutError("a process did not get so far")
        time.sleep(_POLL_SECONDS)  # noqa: TID251 - waits for another process


def main() -> None:
    """Run once and print the table; exit 1 when anything differs."""
    from lienthong.kafka.embedded import EmbeddedKafka

    parser = argparse.ArgumentParser(prog="python -m scripts.campaign_kills", description=__doc__)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="lienthong-campaign-") as name,
        EmbeddedKafka(Path(name) / "kafka", die_with_parent=True) as broker,
    ):
        folder = Path(name) / "campaign"
        stage = Stage(folder, broker.bootstrap_servers, "hue", arguments.records, arguments.seed)
        with stage.simulator(latency_seconds=0.005):
            stage.configure()
            outcome = kill_and_resume(stage, arguments.kills, arguments.seed)
    print(table_of(outcome))
    if not outcome.is_exact:
        print(json.dumps(outcome.differences, indent=2), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
