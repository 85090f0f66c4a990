"""A record that ends a worker of a pure pipeline becomes a dead letter the third time; everything else flows."""

import asyncio

import pytest

from lienthong import receipt
from lienthong.errors import FatalError
from lienthong.pipeline.crash_guard import CrashGuard
from lienthong.pipeline.forward import Forward
from lienthong.pipeline.key_state import KeyStates
from lienthong.pipeline.pure import PureEngine
from lienthong.pipeline.pure_guard import PureGuard
from lienthong.record import Record


class _Broken(Forward):
    """Breaks at one record."""

    poison = b"p-2"
    error: Exception = ZeroDivisionError("defect")

    def process(self, item):
        """Break, or hand on."""
        if any(dict(message.headers())["ce_id"] == self.poison for message in item.messages):
            raise self.error
        return super().process(item)


@pytest.fixture
def begin(make_pipeline, make_bench, producer, clock, metrics):
    """Give a function that starts a next worker and hands it the same three records."""

    def read(partitions):
        found = enumerate(producer.of("state.intake"))
        return [Record(x.topic, x.partition, n, 0, x.key, x.value, []) for n, x in found if x.partition in partitions]

    async def start(step=_Broken, numbers=(1, 2, 3)):
        pipeline = make_pipeline(forward={"topic": "records.dossier"})
        made = step(pipeline, "hue.records.dossier")
        states = KeyStates()
        guard = CrashGuard("intake", "hue.state.intake", states, producer, metrics, 100)
        pure_guard = PureGuard(pipeline, made.process, guard, states, read, clock)
        engine = PureEngine(pipeline, made, producer, clock, metrics, guard=pure_guard)
        engine.guard = pure_guard
        await engine.start()
        bench = make_bench()
        engine.bench = bench
        await engine.on_assigned([bench.assignment])
        await engine.submit(bench.slice(*map(bench.progress, numbers)))
        for _ in range(20):
            await asyncio.sleep(0)
        return engine

    return start


async def test_the_record_is_found_in_its_slice_and_set_aside_the_third_time(begin, producer, metrics) -> None:
    """One poison record among thousands costs three restarts, not the pipeline."""
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await begin()
    assert producer.of("records.dossier") == []
    engine = await begin()
    (letter,) = producer.of("deadletters.intake")
    assert dict(letter.headers)["lt-error-reason"] == b"quarantine"
    rows = [each for written in producer.of("receipts") for each in receipt.decode(written.value).receipts]
    assert [(each.id, each.kind) for each in rows] == [
        ("p-1", "delivered"),
        ("p-2", "dead_lettered"),
        ("p-3", "delivered"),
    ]
    assert [dict(each.headers)["ce_id"] for each in producer.of("records.dossier")] == [b"p-1", b"p-3"]
    assert engine.bench.assignment.position == 3
    assert metrics.value("lienthong_alerts", pipeline="intake", alert="record_quarantined", target="") == 1
    await engine.on_revoked([engine.bench.assignment], lost=False)
    await engine.stop()


async def test_an_end_that_is_known_blames_no_record(begin, producer) -> None:
    """What the hub itself stops for is no crash."""

    class _Stops(_Broken):
        error = FatalError("stop")

    for _ in range(4):
        with pytest.raises(FatalError):
            await begin(_Stops)
    assert producer.of("deadletters.intake") == []


async def test_silent_deaths_lead_to_the_record(begin, producer) -> None:
    """A parser that takes the process with it is found by writing down each record before it."""

    class _Dies(_Broken):
        error = SystemExit(9)

    for _ in range(6):
        with pytest.raises(SystemExit):
            await begin(_Dies)
    await begin(_Dies)
    assert len(producer.of("deadletters.intake")) == 1
    assert [dict(each.headers)["ce_id"] for each in producer.of("records.dossier")] == [b"p-1", b"p-3"]


async def test_a_good_end_is_told(begin, producer) -> None:
    """Deployments are no deaths, and a lost partition is left alone."""
    for lost in (False, False, False, False, True):
        engine = await begin(Forward)
        await engine.on_revoked([engine.bench.assignment], lost=lost)
        await engine.stop()
    states = [b'"open":true' in each.value for each in producer.of("state.intake")]
    assert states == [True, False] * 4 + [True]


def _put_back(engine, prepare=lambda record: record):
    headers = [("ce_id", b"p-2"), ("ce_source", b"/hue/one-stop"), ("ce_type", b"dossier.progress")]
    record = Record("hue.inbound.dossier.one-stop", 0, 90, 1_000, b"key", b"{}", headers)
    return engine.guard.replay(engine.bench.assignment, record, prepare)


@pytest.mark.parametrize("error", [ZeroDivisionError("defect"), SystemExit(9)], ids=["exception", "death"])
@pytest.mark.parametrize("is_in_step", [True, False], ids=["in the step", "in the upcast"])
async def test_a_record_that_is_put_back_and_ends_workers_is_set_aside_again(
    begin, producer, error, is_in_step
) -> None:
    """A command is read again by every next worker, so one bad record would end them all for ever."""

    class _Ends(_Broken):
        pass

    _Ends.error = error
    _Ends.poison = b"p-2" if is_in_step else b"none"

    def prepare(record):
        if not is_in_step:
            raise error
        return record

    for _ in range(3):
        engine = await begin(_Ends, numbers=(1,))
        with pytest.raises(type(error)):
            await _put_back(engine, prepare)
    engine = await begin(_Ends, numbers=(1,))
    work = await _put_back(engine, prepare)
    letter, journal = work.records
    assert dict(letter.headers)["lt-error-reason"] == b"quarantine"
    assert journal.topic == "hue.state.intake"
    assert [(each.id, each.kind) for each in work.receipts] == [("p-2", "dead_lettered")]
    assert {dict(each.headers)["ce_id"] for each in producer.of("records.dossier")} == {b"p-1"}


async def test_a_record_that_is_put_back_and_ends_well_leaves_nothing_behind(begin, producer) -> None:
    """After the defect is mended, the next owner finds no record to be careful of."""
    with pytest.raises(ZeroDivisionError):
        await _put_back(await begin(numbers=(1,)))
    engine = await begin(Forward, numbers=(1,))
    work = await _put_back(engine)
    assert [(each.id, each.kind) for each in work.receipts] == [("p-2", "delivered")]
    await engine.on_revoked([engine.bench.assignment], lost=False)
    last = producer.of("state.intake")[-1].value
    assert b'"open":false' in last
    assert b'"at_work":-1' in last
    assert b'"crashes":[]' in last
