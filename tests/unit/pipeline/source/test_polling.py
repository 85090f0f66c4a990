"""Polls: the order of their steps, what is read again, and who is to blame."""

import asyncio

import pytest
from tests.unit.pipeline.source.conftest import event_of, polling_of

from lienthong.connector import SourceBatch
from lienthong.errors import (
    BrokerUnavailableError,
    DecodeError,
    FatalError,
    ScopeError,
    TargetConfigurationError,
    TargetUnavailableError,
)
from lienthong.pipeline.polling import Left, Seen
from lienthong.testing.clock import FakeClock


def test_a_batch_is_durable_before_the_platform_is_told_and_told_before_the_cursor_is_saved(feed, desk, poll_once):
    """A crash between any two steps leaves the batch to be read again."""
    feed.items = [(1, "a"), (2, "b")]
    told = feed.acknowledge

    async def acknowledge(batch, context):
        desk.log.append("acknowledge")
        await told(batch, context)

    feed.acknowledge = acknowledge
    poll_once()

    assert desk.log == ["write", "acknowledge", "save"]
    assert (desk.names, feed.acknowledged, desk.saved) == (["a", "b"], ["a", "b"], "2")


def test_the_overlap_is_read_again_and_not_written_again(feed, desk, metrics, poll_once):
    """What was seen before is acknowledged once more, counted, and no new record."""
    feed.items, feed.size = [(1, "a"), (2, "b")], 10
    seen = Seen()
    poll_once(seen)
    feed.items.append((3, "c"))
    poll_once(seen)

    assert desk.names == ["a", "b", "c"]
    assert metrics.value("lienthong_source_events_total", pipeline="intake", result="duplicate") == 2
    assert metrics.value("lienthong_source_events_total", pipeline="intake", result="delivered") == 3


def test_a_new_process_writes_the_overlap_as_the_same_records(feed, desk, poll_once):
    """What was forgotten in a crash is written again under the same source and id."""
    feed.items = [(1, "a")]
    poll_once()
    poll_once()

    first, second = desk.written
    assert first == second


def test_a_page_that_shows_a_record_twice_brings_it_once(feed, desk, poll_once):
    """Pages that shift repeat what stood on the page before."""
    feed.items = [(1, "a"), (1, "a"), (2, "b")]
    poll_once()

    assert desk.names == ["a", "b"]


def test_memory_is_bounded():
    """A source that finds millions does not fill the memory."""
    seen = Seen(most=2)
    for name in "abc":
        seen.add([type("A", (), {"identity": name, "content": name})])
    assert [seen.get(name) for name in "abc"] == [None, "b", "c"]


def test_an_id_with_another_content_is_told(feed, desk, metrics, poll_once):
    """A connector whose ids do not change with the state would lose changes in silence."""
    seen = Seen()
    feed.items = [(1, "a")]
    poll_once(seen)
    assert not metrics.alerts("intake")
    feed.made = lambda name: event_of(name, b"{}")
    poll_once(seen)

    assert metrics.alerts("intake") == {("source_id_reused", "feed")}


def test_what_cannot_be_saved_is_waited_for(feed, desk, poll_once):
    """A broker that is away loses nothing and tells the platform nothing."""
    feed.items = [(1, "a")]
    desk.refuse = [BrokerUnavailableError("away"), BrokerUnavailableError("away")]
    clock = FakeClock()
    poll_once(clock=clock)

    assert (desk.names, feed.acknowledged) == (["a"], ["a"])
    assert clock.sleeps[:2] == [1.0, 1.0]


def test_who_is_no_owner_any_more_writes_nothing(feed, desk, poll_once):
    """What a frozen process read is left to its successor."""
    feed.items = [(1, "a")]
    desk.is_owner = False
    with pytest.raises(Left):
        poll_once()
    assert (desk.written, desk.saved, feed.acknowledged) == ([], "", [])


def test_a_page_that_fails_is_asked_for_again_from_the_last_durable_batch(feed, desk, poll_once):
    """An outage in the middle of the pages costs no page and repeats none but the overlap."""
    feed.items = [(number, str(number)) for number in range(1, 20)]
    errors = [None, None, TargetUnavailableError("away"), TargetUnavailableError("away")]

    def before_page():
        error = errors.pop(0) if errors else None
        if error is not None:
            raise error

    feed.before_page = before_page
    clock = FakeClock()
    poll_once(clock=clock)

    assert sorted(desk.names, key=int) == [str(number) for number in range(1, 20)]
    assert feed.polls == ["", "5", "5"]
    assert feed.closed == 3
    assert clock.sleeps[:2] == [1.0, 2.0]


def test_refused_credentials_pause_and_tell(feed, desk, metrics, poll_once):
    """The poll begins again once they are mended; meanwhile somebody knows."""
    told = []
    errors = [TargetConfigurationError("refused", reason="http_401")]

    def before_page():
        told.append({name for name, _ in metrics.alerts("intake")})
        if errors:
            raise errors.pop()

    feed.items = [(1, "a")]
    feed.before_page = before_page
    poll_once()

    assert told == [set(), {"target_configuration"}]
    assert desk.names == ["a"]


@pytest.mark.parametrize(
    "error",
    [DecodeError("the page is no list"), ScopeError("no agreement", scope_kind="agreement", scope="a")],
)
def test_a_page_that_cannot_be_read_is_told_and_never_passed_over(feed, desk, metrics, poll_once, error):
    """Nothing is skipped: the poll stays where it is until the page can be read."""
    feed.items = [(1, "a")]
    errors = [error]

    def before_page():
        if errors:
            raise errors.pop()

    feed.before_page = before_page
    clock = FakeClock()
    poll_once(clock=clock)
    assert metrics.alerts("intake") == {("source_unreadable", "feed")}
    assert (desk.saved, clock.sleeps) == ("", [60.0])

    poll_once()
    assert not metrics.alerts("intake")
    assert desk.names == ["a"]


def test_an_unknown_error_ends_the_pipeline(feed, desk, poll_once):
    """What nobody foresaw is neither repeated nor passed over."""

    def before_page():
        raise KeyError("surprise")

    feed.before_page = before_page
    with pytest.raises(KeyError):
        poll_once()
    assert desk.saved == ""


@pytest.mark.parametrize("cursor", ["", "x" * 4097])
def test_a_cursor_that_cannot_be_saved_ends_the_pipeline_before_anything_is_written(feed, desk, cursor):
    """Going on without it would read everything again after a restart."""

    async def poll(_cursor, _context):
        yield SourceBatch([event_of("a")], cursor)

    feed.poll = poll
    with pytest.raises(FatalError):
        asyncio.run(polling_of(feed, desk).run("", desk))
    assert desk.written == []


def test_the_connector_is_told_who_reads_for_what(feed, desk, poll_once):
    """Purpose, legal basis and overlap are those of the declaration."""
    poll_once()
    (context,) = feed.contexts
    assert context[:4] == ("intake", "p", "l", "pipeline:intake")
    assert context.overlap_seconds == 5.0


def test_when_the_platform_was_read_to_its_end_is_shown_while_polling(feed, desk, metrics):
    """The age of the last poll is known, and not that of a replica that polls no more."""
    clock = FakeClock()
    polling = polling_of(feed, desk, clock, metrics)
    shown = []
    labels = {"pipeline": "intake", "target": "feed"}
    name = "lienthong_source_polled_timestamp_seconds"
    sleep = clock.sleep

    async def look(seconds):
        shown.append(metrics.value(name, **labels))
        await sleep(seconds)

    clock.sleep = look
    asyncio.run(polling.run("", desk))

    assert shown == [clock.now().timestamp() - 30.0]
    assert metrics.value(name, **labels) == 0.0
