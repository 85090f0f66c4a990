"""The bulk lane of intake: what it takes in is marked, and it keeps a distance to those who work it off."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from lienthong.clock import Clock
from lienthong.errors import BrokerUnavailableError
from lienthong.kafka.cluster import ClusterView, Committed
from lienthong.observability.vitals import Vitals
from lienthong.pipeline.definitions import Pipeline
from lienthong.pipeline.pure import PureStep
from lienthong.pipeline.work import Work
from lienthong.record import BULK, LANE_HEADER, Place
from lienthong.transport import commit_metadata
from lienthong.transport.assignment import Slice

_LOOK_SECONDS = 0.5
_WAITING = "bulk_waits_for_live"


class BulkLane:
    """Marks what a step writes as back-fill.

    Args:
        step: What happens to a slice.
        dead_letters: Full name of the topic whose records are not marked.
    """

    def __init__(self, step: PureStep, dead_letters: str) -> None:
        self._step = step
        self._dead_letters = dead_letters

    def process(self, item: Slice) -> Work:
        """Return what becomes of the records of a slice.

        Args:
            item: The slice.
        """
        work = self._step.process(item)
        work.outgoing = [
            record
            if record.topic == self._dead_letters
            else record._replace(headers=[*record.headers, (LANE_HEADER, BULK)])
            for record in work.records
        ]
        return work


class Pace:
    """Lets slices through while those who read the target topic have little before them.

    Live and bulk records meet in one topic, and a live record can overtake only what its worker has already read. So
    back-fill stays in its own topic, and only as much of it is on its way as workers hold in memory.

    Args:
        measure: Returns the records that wait in the target topic; asks Kafka, so it runs in a thread.
        most: Records that may wait.
        clock: Where to wait.
        vitals: Told while nothing is let through, because waiting is no standstill.
    """

    def __init__(self, measure: Callable[[], int], most: int, clock: Clock, vitals: Vitals) -> None:
        self._measure = measure
        self._most = most
        self._clock = clock
        self._vitals = vitals
        self._room = 0
        self._is_stopped = False

    async def admit(self, item: Slice) -> bool:
        """Wait until a slice may go on.

        Args:
            item: The slice.

        Returns:
            Whether it may; False when its partition leaves or the worker stops.
        """
        try:
            while not (self._is_stopped or item.assignment.is_leaving):
                if self._room > 0:
                    self._room -= len(item.messages)
                    return True
                self._room = await self._look()
                if self._room <= 0:
                    self._vitals.pauses.add(_WAITING)
                    await self._clock.sleep(_LOOK_SECONDS)
            return False
        finally:
            self._vitals.pauses.discard(_WAITING)

    def stop(self) -> None:
        """Let nothing through any more."""
        self._is_stopped = True

    async def _look(self) -> int:
        try:
            return self._most - await asyncio.to_thread(self._measure)
        except BrokerUnavailableError:
            return 0


def waiting_records(view: ClusterView, groups: Iterable[str], topics: Iterable[str]) -> int:
    """Return the records that the slowest group has before it.

    Args:
        view: The cluster.
        groups: Consumer groups; one that never committed is not there.
        topics: Full names.

    Raises:
        BrokerUnavailableError: If Kafka cannot be reached.
    """
    names = list(topics)
    ends = view.end_offsets(names)
    return max((_unsettled(view.committed_offsets(group, names), ends) for group in groups), default=0)


def readers_of(topics: Iterable[str], pipelines: Iterable[Pipeline]) -> tuple[str, ...]:
    """Return the consumer groups of the pipelines that read topics.

    Args:
        topics: Full names.
        pipelines: All pipelines.
    """
    wanted = frozenset(topics)
    return tuple(sorted(pipeline.group for pipeline in pipelines if wanted & frozenset(pipeline.topics)))


def _unsettled(committed: Mapping[Place, Committed], ends: Mapping[Place, int]) -> int:
    total = 0
    for place, (offset, metadata) in committed.items():
        # One record that waits for its target holds the offset back, not the work: what is settled above it is noted.
        settled = sum(last - first + 1 for first, last in commit_metadata.decode(offset, metadata))
        total += max(0, ends.get(place, offset) - offset - settled)
    return total
