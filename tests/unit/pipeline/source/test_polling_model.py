"""Whatever a platform shows when, and wherever the process dies: nothing is missed, no cursor runs ahead."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.pipeline.source.conftest import Crash, FakeDesk, Feed, polling_of

from lienthong.observability.metrics import Metrics
from lienthong.pipeline.polling import Seen

_OVERLAP = 5
#: Time since the one before, often none, and how late the platform shows it.
_items = st.lists(st.tuples(st.sampled_from([0, 0, 0, 1, 3, 9]), st.integers(0, _OVERLAP)), min_size=1, max_size=25)
#: After how many steps each process dies, and whether it remembers what it saw (it only lost its place).
_crashes = st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=6)


class _Observed(FakeDesk):
    """Checks at every saved cursor that all that stood before it is durable."""

    def __init__(self, feed):
        super().__init__()
        self.feed = feed

    async def save(self, cursor):
        old = {name for time, name in self.feed.items if time < int(cursor) - _OVERLAP}
        assert old <= set(self.names), "something shown before the overlap is missing for good"
        assert set(self.feed.offered) <= set(self.names), "the cursor ran ahead of what is durable"
        await super().save(cursor)


class _ObservedFeed(Feed):
    """Remembers what it has offered."""

    def __init__(self):
        super().__init__(size=2)
        self.offered = []

    async def poll(self, cursor, context):
        self.offered.clear()
        async for batch in super().poll(cursor, context):
            self.offered += batch.receipt
            yield batch


@settings(deadline=None, max_examples=150)
@given(items=_items, crashes=_crashes, shifts=st.lists(st.integers(0, 3), max_size=8))
def test_nothing_is_missed_wherever_the_process_dies(items, crashes, shifts) -> None:
    """Equal times, records that appear late or between two pages, and a crash at every step."""
    feed = _ObservedFeed()
    desk = _Observed(feed)
    wall = 0
    waiting = []
    for number, (step, late) in enumerate(items):
        wall += step
        waiting.append((wall, (wall - late, f"{number}")))
    shifts = list(shifts)
    reached = [0]
    feed.wall = lambda: reached[0]

    def show(number):
        for _ in range(min(number, len(waiting))):
            reached[0], item = waiting.pop(0)
            feed.items.append(item)

    feed.before_page = lambda: show(shifts.pop(0) if shifts else 1)
    seen = Seen()
    metrics = Metrics(with_process=False)
    for dies_at, remembers in crashes:
        desk.dies_at = dies_at
        desk.steps = iter(range(10_000))
        if not remembers:
            seen = Seen()
        try:
            asyncio.run(polling_of(feed, desk, metrics=metrics, seen=seen).run(desk.saved, desk))
        except Crash:
            continue
    desk.dies_at = -1
    show(len(waiting))
    asyncio.run(polling_of(feed, desk, metrics=metrics, seen=Seen()).run(desk.saved, desk))

    assert {name for _, name in feed.items} == set(desk.names)
    assert set(feed.acknowledged) == set(desk.names)
