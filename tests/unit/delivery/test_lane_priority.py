"""Live items go before bulk ones, which never starve; the order within a key stays."""

import asyncio

from lienthong.delivery.lanes import LaneDispatcher
from lienthong.testing.clock import FakeClock


async def _settle():
    for _ in range(10):
        await asyncio.sleep(0)


async def _order_of(items, **limits):
    """Return the order in which one worker takes (key, is bulk) items."""
    order = []

    async def handler(item):
        """Write the order down."""
        order.append(item[0])

    lanes = LaneDispatcher(handler, FakeClock(), **{"max_in_flight": 1, **limits})
    lanes.pause()
    for key, bulk in items:
        await lanes.submit((key, bulk), key[0], bulk=bulk)
    lanes.resume()
    for _ in range(len(items)):
        await asyncio.sleep(0)
    assert await lanes.drain(0)
    return order


async def test_live_items_overtake_the_bulk_of_other_keys():
    """Back-fill waits while anything of today waits."""
    order = await _order_of([("b1", True), ("c1", True), ("d1", False), ("e1", False)])
    assert order == ["d1", "e1", "b1", "c1"]


async def test_bulk_ahead_of_a_live_item_of_its_key_is_as_urgent():
    """The order within a key stays, so what is ahead must end first."""
    order = await _order_of([("x1", True), ("k1", True), ("k2", True), ("k3", False), ("k4", True)])
    assert order == ["k1", "k2", "k3", "x1", "k4"]


async def test_bulk_never_starves():
    """While live items always wait, bulk still gets one turn in sixteen."""
    items = [(f"{chr(1000 + number)}1", False) for number in range(320)]
    bulk = [(f"{chr(5000 + number)}1", True) for number in range(30)]
    order = await _order_of(bulk + items)
    bulk_keys = {key for key, _ in bulk}
    in_front = [key in bulk_keys for key in order[:320]]
    assert 18 <= sum(in_front) <= 21
    assert not any(in_front[index] and in_front[index + 1] for index in range(319))


async def test_a_lane_whose_live_items_are_revoked_is_bulk_again():
    """Priority goes with the item that had it."""
    done = []

    async def handler(item):
        """Write the order down."""
        done.append(item)

    lanes = LaneDispatcher(handler, FakeClock(), max_in_flight=1)
    lanes.pause()
    for item, key, bulk in (("k-bulk", "k", True), ("k-live", "k", False), ("x-live", "x", False)):
        await lanes.submit(item, key, bulk=bulk)
    assert lanes.cancel(lambda item: item == "k-live") == ["k-live"]
    lanes.resume()
    await _settle()
    assert await lanes.drain(0)
    assert done == ["x-live", "k-bulk"]


async def test_overflowing_items_keep_their_priority():
    """An item that waited for room is still what it was."""
    gate, done = asyncio.Event(), []

    async def handler(item):
        """Wait until all are there, then write the order down."""
        await gate.wait()
        done.append(item)

    lanes = LaneDispatcher(handler, FakeClock(), max_in_flight=1, max_queued=2)
    keys = ["run", "q1", "q2", "bulk", "live"]
    tasks = [asyncio.ensure_future(lanes.submit((key, 1), key, bulk=key == "bulk")) for key in keys]
    await _settle()
    gate.set()
    await asyncio.gather(*tasks)
    await _settle()
    assert [key for key, _ in done] == ["run", "q1", "q2", "live", "bulk"]
