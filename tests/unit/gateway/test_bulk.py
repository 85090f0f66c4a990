"""The bulk stream: late status, only rejected lines, one summary, order and bounded memory."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest

from lienthong.errors import BrokerUnavailableError, RecordTooLargeError
from lienthong.gateway.body import LineSplitter
from lienthong.gateway.bulk_answer import BulkAnswer

Make = Callable[..., dict[str, Any]]
NAME = "urn:lienthong:problems:"


def body_of(*documents: Any) -> bytes:
    """Return a stream of lines.

    Args:
        *documents: Events, or bytes as they are.
    """
    return b"".join((line if isinstance(line, bytes) else orjson.dumps(line)) + b"\n" for line in documents)


def lines_of(text: str) -> list[dict[str, Any]]:
    """Return the lines of an answer.

    Args:
        text: NDJSON.
    """
    return [orjson.loads(line) for line in text.splitlines()]


async def test_only_rejected_lines_and_one_summary_are_answered(gateway: Any, event: Make) -> None:
    """Good lines are silent, each bad one has its number and problem, the summary adds up, the rest is untouched."""
    gateway.limit(max_event_bytes=2_048)

    answer = await gateway.bulk(
        body_of(
            event(id="a"),
            b"{broken",
            b"",
            b'{"id": "\xff"}',
            b'"' + b"x" * 5_000 + b'"',
            event(id="b", type="x.y"),
            b"  \r",
            event(id="c"),
        ).removesuffix(b"\n")
    )

    *rejected, summary = lines_of(answer.text)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    assert [(line["line"], line.get("id"), line["problem"]["type"]) for line in rejected] == [
        (2, None, NAME + "malformed"),
        (4, None, NAME + "malformed"),
        (5, None, NAME + "too_large"),
        (6, "b", NAME + "unknown_subject"),
    ]
    assert summary == {"lines": 6, "accepted": 2, "rejected": 4}
    assert [dict(record.headers)["ce_id"] for record in gateway.producer.records] == [b"a", b"c"]


@pytest.mark.parametrize("size", [1, 7, 100, 100_000])
async def test_lines_may_be_cut_anywhere(gateway: Any, event: Make, size: int) -> None:
    """However the network cuts the stream, each line arrives whole and in order."""
    body = body_of(*(event(id=f"e-{number}") for number in range(5)))

    async def chunks() -> AsyncIterator[bytes]:
        """Yield the body in parts."""
        for start in range(0, len(body), size):
            yield body[start : start + size]

    answer = await gateway.bulk(chunks())

    assert lines_of(answer.text) == [{"lines": 5, "accepted": 5, "rejected": 0}]
    assert [dict(record.headers)["ce_id"] for record in gateway.producer.records] == [
        f"e-{number}".encode() for number in range(5)
    ]


def test_line_without_end_is_not_kept() -> None:
    """Of a line over the limit nothing is held, however it is cut, and the next line is whole again."""
    splitter = LineSplitter(10)
    found: list[bytes | None] = []
    held = 0

    for chunk in [b"short\nx", *[b"x" * 9] * 1_000, b"xx\nnext\n", b"1234567890", b"1\nlast"]:
        found += splitter.feed(chunk)
        held = max(held, sum(map(len, splitter._parts)))
    found += splitter.end()

    assert found == [b"short", None, b"next", None, b"last"]
    assert held <= 10


async def test_records_in_flight_are_bounded(gateway: Any, event: Make) -> None:
    """Lines are written in batches of half the limit, one at a time, and reading waits for Kafka meanwhile."""
    gateway.limit(bulk_in_flight=10)
    gateway.producer.gate = asyncio.Event()
    read = []

    async def chunks() -> AsyncIterator[bytes]:
        """Yield the body in parts."""
        for number in range(100):
            read.append(number)
            yield body_of(event(id=f"e-{number}"))

    sending = asyncio.create_task(gateway.bulk(chunks()))
    await gateway.producer.called(1)
    for _ in range(200):
        await asyncio.sleep(0)
    read_while_waiting = len(read)
    gateway.producer.gate.set()
    answer = await sending

    assert read_while_waiting <= 11
    assert set(gateway.producer.batches) == {5}
    assert lines_of(answer.text)[-1]["accepted"] == 100


async def test_bytes_in_flight_are_bounded(gateway: Any, event: Make) -> None:
    """Large lines are written in smaller batches, so memory does not grow with the size of a line."""
    gateway.limit(max_batch_bytes=2_000)

    answer = await gateway.bulk(body_of(*(event(id=f"e-{number}") for number in range(20))))

    assert max(gateway.producer.batches) <= 6
    assert lines_of(answer.text)[-1]["accepted"] == 20


async def test_publisher_that_pauses_gets_its_lines_written(gateway: Any, event: Make) -> None:
    """A slow publisher does not have to fill a batch before its lines are acknowledged."""

    async def chunks() -> AsyncIterator[bytes]:
        """Yield the body in parts."""
        yield body_of(event(id="a"))
        await gateway.producer.called(1)
        yield body_of(event(id="b"))

    answer = await asyncio.wait_for(gateway.bulk(chunks()), 10)

    assert gateway.producer.batches == [1, 1]
    assert lines_of(answer.text) == [{"lines": 2, "accepted": 2, "rejected": 0}]


async def test_kafka_away_before_the_first_acknowledgement_is_503(gateway: Any, event: Make) -> None:
    """Nothing was written, so the publisher gets a plain 503 with Retry-After, and its ids are still free."""
    gateway.producer.error = lambda _record: BrokerUnavailableError("not acknowledged")

    answer = await gateway.bulk(body_of(b"{", event()))
    gateway.producer.error = lambda _record: None
    changed = event()
    changed["data"]["code"] = "A-1"
    again = await gateway.bulk(body_of(changed))

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["type"] == NAME + "broker_unavailable"
    assert lines_of(again.text) == [{"lines": 1, "accepted": 1, "rejected": 0}]


async def test_kafka_away_in_the_middle_ends_without_summary(gateway: Any, event: Make) -> None:
    """An incomplete stream says so and has no summary; sending all of it again is safe."""
    gateway.limit(bulk_in_flight=4)
    gateway.producer.error = lambda _record: (
        BrokerUnavailableError("not acknowledged") if len(gateway.producer.records) >= 4 else None
    )
    body = body_of(*(event(id=f"e-{number}") for number in range(10)))

    broken = await gateway.bulk(body)
    gateway.producer.error = lambda _record: None
    again = await gateway.bulk(body)

    *_, last = lines_of(broken.text)
    assert broken.status_code == 200
    assert (last["status"], last["problem"]["status"]) == ("incomplete", 503)
    assert "lines" not in broken.text
    assert lines_of(again.text) == [{"lines": 10, "accepted": 10, "rejected": 0}]


async def test_record_too_large_for_kafka_is_one_rejected_line(gateway: Any, event: Make) -> None:
    """The broker's refusal of one record rejects its line only."""
    gateway.producer.error = lambda record: (
        RecordTooLargeError("too large") if dict(record.headers)["ce_id"] == b"b" else None
    )

    answer = await gateway.bulk(body_of(event(id="a"), event(id="b"), event(id="c")))

    (rejected, summary) = lines_of(answer.text)
    assert (rejected["line"], rejected["id"], rejected["problem"]["status"]) == (2, "b", 413)
    assert summary == {"lines": 3, "accepted": 2, "rejected": 1}


async def test_stream_without_a_good_line_still_has_its_summary(gateway: Any) -> None:
    """Also a stream of which nothing was written, and an empty one, are complete."""
    bad = await gateway.bulk(b"{\n" * 3_000)
    empty = await gateway.bulk(b"")

    assert (bad.status_code, lines_of(bad.text)[-1]) == (200, {"lines": 3_000, "accepted": 0, "rejected": 3_000})
    assert lines_of(empty.text) == [{"lines": 0, "accepted": 0, "rejected": 0}]


async def test_too_many_streams_are_told_to_come_back(gateway: Any, event: Make) -> None:
    """Streams at once are bounded, and a place is free again when one ends."""
    gateway.limit(max_bulk_streams=1)
    gateway.producer.gate = asyncio.Event()
    first = asyncio.create_task(gateway.bulk(body_of(event())))
    await gateway.producer.called(1)

    second = await gateway.bulk(body_of(event()))
    gateway.producer.gate.set()
    await first
    third = await gateway.bulk(body_of(event()))

    assert (second.status_code, third.status_code) == (429, 200)


async def test_other_media_types_are_refused(gateway: Any, event: Make) -> None:
    """A stream is NDJSON; anything else is 415."""
    answer = await gateway.client.post(
        "/v1/events:bulk", content=body_of(event()), headers={"content-type": "application/json"}
    )

    assert answer.status_code == 415


async def test_publisher_that_goes_away_leaves_nothing_behind(gateway: Any, event: Make) -> None:
    """A broken connection ends the stream; what was admitted but not written may come again with another body."""
    messages = iter(
        [
            {"type": "http.request", "body": body_of(event(id="gone")), "more_body": True},
            {"type": "http.disconnect"},
        ]
    )
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/events:bulk",
        "raw_path": b"/v1/events:bulk",
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "server": ("test", 80),
        "headers": [
            (b"content-type", b"application/x-ndjson"),
            (b"authorization", gateway.bearer()["Authorization"].encode()),
        ],
    }
    sent: list[Any] = []

    async def receive() -> Any:
        """Give the next message."""
        return next(messages)

    async def send(message: Any) -> None:
        """Keep what is sent."""
        sent.append(message)

    await gateway.app(scope, receive, send)
    changed = event(id="gone")
    changed["data"]["code"] = "A-1"

    assert sent == []
    assert (await gateway.send(changed)).status_code == 202


async def test_answer_waits_for_a_reader_only_when_much_is_unread() -> None:
    """A publisher that does not read yet can go on sending for megabytes; then the stream waits for it."""
    gate = asyncio.Event()
    sent: list[bytes] = []

    async def send(message: Any) -> None:
        """Keep what is sent."""
        if message.get("body"):
            await gate.wait()
            sent.append(message["body"])

    answer = BulkAnswer(send)
    line = b"x" * 9_999
    for _ in range(400):
        await answer.add(line)
    adding = asyncio.create_task(add_many(answer, line, 200))
    for _ in range(50):
        await asyncio.sleep(0)
    was_waiting = not adding.done()
    gate.set()
    await adding
    await answer.finish({"lines": 600})

    assert was_waiting
    assert b"".join(sent) == (line + b"\n") * 600 + b'{"lines":600}\n'


async def add_many(answer: BulkAnswer, line: bytes, number: int) -> None:
    """Append a line many times.

    Args:
        answer: Where to.
        line: What.
        number: How often.
    """
    for _ in range(number):
        await answer.add(line)


def _allow_bulk(gateway: Any) -> None:
    one_stop = gateway.settings.gateway.publishers["one-stop"].model_copy(update={"bulk": True})
    gateway.limit(publishers={**gateway.settings.gateway.publishers, "one-stop": one_stop})


async def test_back_fill_goes_to_the_bulk_lane_of_its_domain(gateway: Any, event: Make) -> None:
    """What gives way to live events is in a topic of its own, whoever sends it and in whichever form."""
    _allow_bulk(gateway)

    stream = await gateway.bulk(body_of(event(id="a")), "/v1/events:bulk?lane=bulk")
    single = await gateway.client.post(
        "/v1/events?lane=bulk",
        content=orjson.dumps(event(id="b")),
        headers={"content-type": "application/cloudevents+json"},
    )
    batch = await gateway.client.post(
        "/v1/events?lane=bulk",
        content=orjson.dumps([event(id="c")]),
        headers={"content-type": "application/cloudevents-batch+json"},
    )
    live = await gateway.bulk(body_of(event(id="d")), "/v1/events:bulk?lane=live")

    assert [answer.status_code for answer in (stream, single, batch, live)] == [200, 202, 202, 200]
    topics = [record.topic for record in gateway.producer.records]
    assert topics == ["hue.inbound.case.bulk"] * 3 + ["hue.inbound.case.one-stop"]


@pytest.mark.parametrize("path", ["/v1/events:bulk?lane=bulk", "/v1/events?lane=bulk"])
async def test_a_system_without_leave_sends_no_back_fill(gateway: Any, event: Make, path: str) -> None:
    """The lane is given by the operators, so that nobody fills it by mistake."""
    answer = await gateway.bulk(body_of(event()), path)

    assert (answer.status_code, answer.json()["type"]) == (403, NAME + "lane_not_allowed")
    assert gateway.producer.records == []


async def test_an_unknown_lane_is_refused(gateway: Any, event: Make) -> None:
    """A misspelt lane must not silently be the live one."""
    answer = await gateway.bulk(body_of(event()), "/v1/events:bulk?lane=slow")

    assert (answer.status_code, answer.json()["type"]) == (422, NAME + "invalid_request")
