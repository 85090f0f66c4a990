"""A simulated national platform, the workers that poll it, and what must be true of both at the end."""

import asyncio
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from lienthong.kafka.embedded_state import free_port
from lienthong.ledger.rebuild import rebuild
from lienthong.ledger.reconcile import reconcile
from lienthong.ledger.store import LedgerStore
from lienthong.pipeline.definitions import CURSORS, load_pipelines
from lienthong.record import Record
from lienthong_connectors.demo.ask import ask_json
from scripts.fault.arena import Arena
from scripts.fault.launch import POLL_SECONDS

POLL = "poll-national-dossiers"
_BATCH = 10
_PATIENCE_SECONDS = 60.0


class Nation:
    """One simulated portal and the pipeline that polls it.

    Args:
        arena: Where everything runs.
        workers: How many poll or stand by.
        page_size: Lines of one page of its list.
        options: Of the simulator.
    """

    def __init__(self, arena: Arena, workers: int = 1, page_size: int = 50, **options: Any) -> None:
        self._arena = arena
        port = free_port()
        self._url = f"http://127.0.0.1:{port}"
        given = [part for name, value in options.items() for part in ("--option", f"{name}={value}")]
        arena.crew.start("nation", "simulator", ["simulate", "national-dossiers", "--port", str(port), *given])
        portal = {"base_url": self._url, "user_name": "hue", "password": "generated", "destination_code": "VN"}
        portal |= {"unit_code": "H57", "simulator": True, "page_size": page_size}
        store = {"kind": "folder", "folder": str(arena.place.directory / "files")}
        own = {"portal": portal, "store": store, "batch_size": _BATCH}
        arena.settings = arena.change_settings({"connectors": {"national-dossiers": own}})
        arena.crew.await_ready("nation")
        arena.set_variable(POLL_SECONDS, "0.2")
        self.workers = [arena.start_worker(POLL, number) for number in range(1, workers + 1)]
        arena.crew.await_ready(*self.workers)

    def submit(self, count: int, **more: Any) -> None:
        """Let citizens submit dossiers.

        Args:
            count: How many.
            **more: Further fields of the simulator's ``Addition``.
        """
        ask_json(f"{self._url}/_control/dossiers", "POST", {"count": count, **more})

    def tell(self, **options: Any) -> None:
        """Change options of the simulator.

        Args:
            **options: Its options.
        """
        ask_json(f"{self._url}/_control/options", "PUT", options)

    def truth(self) -> dict[str, dict[str, Any]]:
        """Return what happened to each dossier."""
        found: dict[str, dict[str, Any]] = ask_json(f"{self._url}/_control/dossiers")
        return found

    def marked(self) -> int:
        """Return how many dossiers were marked as arrived."""
        return sum(each["is_received"] for each in self.truth().values())

    def await_marked(self, count: int | None = None) -> None:
        """Wait until dossiers were marked as arrived.

        Args:
            count: How many at least; None for all.
        """

        def is_so() -> bool:
            truth = self.truth()
            return sum(each["is_received"] for each in truth.values()) >= (len(truth) if count is None else count)

        self._arena.wait_until(is_so, _PATIENCE_SECONDS, "the dossiers are marked as arrived")

    def poller(self) -> str:
        """Return the worker that owns the cursor."""
        partition = zlib.crc32(POLL.encode()) % 4
        owners = [name for name in self.workers if partition in self._arena.partitions_of(name)]
        return owners[0] if owners else ""

    def end(self) -> None:
        """Wait until all is marked, then let the workers stop: nothing may write while it is judged."""
        self.await_marked()
        for name in self.workers:
            code = self._arena.stop_worker(name)
            if code:
                self._arena.problems.append(f"{name} ended with {code} when it was told to stop")

    def judge(self, moved: int) -> list[str]:
        """Return what is wrong, in words.

        Args:
            moved: Changes of dossiers that had come before; each is a record of its own.
        """
        names = self._arena.place.names
        truth = self.truth()
        records = self._read(names.full("national.dossier"))
        found = {(record.key or b"").decode() for record in records}
        problems = []
        missing, surplus = truth.keys() - found, found - truth.keys()
        if missing or surplus:
            problems.append(f"{len(missing)} dossiers never came, {len(surplus)} came that nobody submitted")
        states = {record.header("ce_id") for record in records}
        if not len(truth) <= len(states) <= len(truth) + moved:
            problems.append(f"{len(states)} different records of {len(truth)} dossiers, {moved} of which changed")
        problems += _fallen_back(self._read(names.full(CURSORS)))
        problems += self._unbalanced()
        self._arena.injection += f"; {len(truth):,} dossiers, {len(records) - len(states)} read and written once more"
        return problems

    def _read(self, topic: str) -> list[Record]:
        view = self._arena.view
        with view.reader(view.beginning_offsets([topic]), ends=view.end_offsets([topic])) as reader:
            return list(reader.records())

    def _unbalanced(self) -> list[str]:
        arena = self._arena
        names = arena.place.names
        store = LedgerStore(f"sqlite:///{arena.place.directory / 'nation.sqlite3'}")
        try:
            rebuild(arena.view, store, names)
            pipeline = load_pipelines(names, "development")[POLL]
            report = asyncio.run(reconcile([pipeline], arena.view, store, names.receipts, arena.clock))
        finally:
            store.close()
        (found,) = report.pipelines
        if report.is_balanced and found.accepted:
            return []
        return [f"{POLL} does not balance: {found.accepted} accepted, {found.ends}, {found.lost.total} lost"]


def _fallen_back(records: list[Record]) -> list[str]:
    moments = [_moment(orjson.loads(record.value or b"{}")) for record in records if record.key == POLL.encode()]
    return (
        [] if moments == sorted(moments) and moments else [f"a cursor went back, or none of {len(moments)} was saved"]
    )


def _moment(saved: Mapping[str, Any]) -> datetime:
    # Before the first list was read to its end, nothing is known of any platform.
    return datetime.fromisoformat(orjson.loads(saved["cursor"]).get("portal", "0001-01-01T00:00:00+00:00"))
