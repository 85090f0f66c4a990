"""What operators do with scopes that a target does not allow: see what waits for them, and let it go on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lienthong.clock import Clock
from lienthong.delivery.command import Action, Command, to_command
from lienthong.delivery.dead_letter_desk import check
from lienthong.delivery.parked_state import ParkedState
from lienthong.delivery.scope import Scope
from lienthong.errors import DecodeError, LienthongError
from lienthong.record import OutgoingRecord, Record
from lienthong.topic_names import TopicNames

_MIN_PREFIX_CHARACTERS = 6


@dataclass(frozen=True, slots=True)
class WaitingScope:
    """What waits for one scope in one pipeline.

    Attributes:
        pipeline: Name of the pipeline.
        scope: Target, kind and keyed hash.
        records: Records that the target refused for it.
        behind: Later records of the same keys.
        oldest: When the first of them was parked.
    """

    pipeline: str
    scope: Scope
    records: int
    behind: int
    oldest: datetime


class ScopeDesk:
    """Scopes that records wait for.

    Args:
        names: Names of topics.
        clock: Where to read the time.
    """

    def __init__(self, names: TopicNames, clock: Clock) -> None:
        self._names = names
        self._clock = clock
        self._waiting: list[WaitingScope] = []
        #: Records of the topics that cannot be read; one of them must not hide all others.
        self.unreadable = 0

    def add(self, pipeline: str, parked: Iterable[Record]) -> None:
        """Take in what is parked in a pipeline.

        Args:
            pipeline: Name of the pipeline.
            parked: Everything in ``parked.<pipeline>``, in the order of each partition.
        """
        state = ParkedState()
        for record in parked:
            try:
                # Only headers matter here, and a topic may hold more values than fit into memory.
                state.apply(record._replace(value=b""))
            except DecodeError:
                self.unreadable += 1
        found: dict[Scope, list[tuple[int, datetime]]] = {}
        for lane in state.lanes(lambda entry: entry.scope is not None):
            entries = state.entries(lane)
            if entries[0].scope is not None:
                found.setdefault(entries[0].scope, []).append((len(entries) - 1, entries[0].parked_at))
        for scope, lanes in found.items():
            behind = sum(number for number, _ in lanes)
            oldest = min(moment for _, moment in lanes)
            self._waiting.append(WaitingScope(pipeline, scope, len(lanes), behind, oldest))

    def all(self) -> list[WaitingScope]:
        """Return all scopes that something waits for, the longest wait first."""
        return sorted(self._waiting, key=lambda waiting: waiting.oldest)

    def age(self, waiting: WaitingScope) -> timedelta:
        """Return how long the first record has waited.

        Args:
            waiting: What waits for a scope.
        """
        return self._clock.now() - waiting.oldest

    def find(self, target: str, kind: str, beginning: str) -> Scope:
        """Return a scope that something waits for.

        Args:
            target: Name of the connector.
            kind: ``procedure``, ``officer`` or ``agreement``.
            beginning: Its hash, or at least 6 characters that begin no other one.

        Raises:
            LienthongError: If nothing waits for such a scope, or for more than one.
        """
        found = {
            waiting.scope
            for waiting in self._waiting
            if waiting.scope[:2] == (target, kind) and waiting.scope.hash.startswith(beginning)
        }
        if len(beginning) < _MIN_PREFIX_CHARACTERS or len(found) != 1:
            raise LienthongError(
                f"no single scope of {target}, kind {kind}, is waited for under this value or hash; "
                "see `lienthong scope list`"
            )
        return found.pop()

    def release(
        self, scope: Scope, pipeline: str, partitions: Sequence[int], *, actor: str, reason: str
    ) -> list[OutgoingRecord]:
        """Return the records that let everything of a scope go on in one pipeline.

        Args:
            scope: Which one.
            pipeline: Name of the pipeline.
            partitions: Partition numbers of ``replay.<pipeline>``.
            actor: Opaque id of the operator.
            reason: Why.

        Raises:
            LienthongError: If actor or reason is missing or has the form of a personal ID.

        Delivery:
            Every partition gets one, because its owner alone knows what waits in it. The same release twice is
            harmless: the second finds nothing that waits, or what the target refused again meanwhile.
        """
        check(actor=actor, reason=reason)
        topic = self._names.of_pipeline("replay", pipeline)
        return [
            to_command(
                Command(
                    action=Action.RELEASE,
                    review_id="",
                    pipeline=pipeline,
                    actor=actor,
                    reason=reason,
                    decided_at=self._clock.now(),
                    topic="",
                    partition=number,
                    offset=-1,
                    key=None,
                    scope=str(scope),
                ),
                topic,
            )
            for number in partitions
        ]

    def pipelines(self, scope: Scope) -> list[str]:
        """Return the pipelines in which something waits for a scope.

        Args:
            scope: Which one.
        """
        return sorted({waiting.pipeline for waiting in self._waiting if waiting.scope == scope})
