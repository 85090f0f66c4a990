"""One event or a batch: what is written, and what a publisher is told."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from lienthong.errors import BrokerUnavailableError, FatalError, RecordTooLargeError

CODE = "000.00.22.H57-251123-0001"
BATCH = "application/cloudevents-batch+json"
Make = Callable[..., dict[str, Any]]


def header(record: Any, name: str) -> str:
    """Return a header of a record as text.

    Args:
        record: What was written.
        name: Name of the header.
    """
    return dict(record.headers)[name].decode()


async def test_structured_event_is_written_keyed_and_told_back(gateway: Any, event: Make) -> None:
    """An accepted event stands in the system's own topic, keyed by its dossier, with the schema version named."""
    answer = await gateway.send(event(dossiercode=CODE, other="x"))

    (record,) = gateway.producer.records
    assert answer.status_code == 202
    assert answer.json() == {"results": [{"id": "e-1", "status": "accepted"}]}
    assert answer.headers["location"] == "/v1/events/e-1?source=%2Fhue%2Fone-stop"
    assert (record.topic, record.key) == ("hue.inbound.case.one-stop", CODE.encode())
    assert orjson.loads(record.value) == event()["data"]
    assert header(record, "ce_dataschema") == "urn:lienthong:schemas:case.changed:2"
    assert header(record, "content-type") == "application/json"
    assert header(record, "ce_time") == "2026-11-23T01:00:00.000+00:00"
    assert header(record, "ce_dossiercode") == CODE
    assert "ce_other" not in dict(record.headers)
    assert gateway.metrics.value("lienthong_gateway_events_total", result="accepted") == 1


async def test_binary_event_decodes_percent_encoded_headers(gateway: Any, event: Make) -> None:
    """Binary mode gives the same record; non-ASCII attributes come percent-encoded."""
    answer = await gateway.send(
        event()["data"],
        "application/json; charset=utf-8",
        **{
            "ce-specversion": "1.0",
            "ce-id": '"e%20%C4%91"',
            "ce-source": "/hue/one-stop/desk",
            "ce-type": "case.changed",
            "ce-dataschema": "urn:lienthong:schemas:case.changed:1",
            "ce-time": "2026-11-23T08:00:00+07:00",
        },
    )

    (record,) = gateway.producer.records
    assert answer.status_code == 202
    assert answer.json()["results"][0]["id"] == "e đ"
    assert header(record, "ce_id") == "e đ"
    assert header(record, "ce_dataschema").endswith(":1")
    assert header(record, "ce_time") == "2026-11-23T08:00:00+07:00"


async def test_decomposed_text_is_composed_before_it_is_written(gateway: Any, event: Make) -> None:
    """NFD Vietnamese is stored as NFC, whatever the publisher's system sends."""
    data = {"code": CODE, "owner": {"full_name": "Nguye\u0302\u0303n", "personal_id": "0" * 12}}

    answer = await gateway.send(event(data=data))

    assert answer.status_code == 202
    assert "Nguyễn".encode() in gateway.producer.records[0].value


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"id": ...}, 400, "malformed"),
        ({"specversion": "0.3"}, 400, "malformed"),
        ({"subject": "a\u0000b"}, 400, "malformed"),
        ({"time": "yesterday"}, 400, "malformed"),
        ({"time": "2026-11-23T08:00:00"}, 400, "malformed"),
        ({"data": ...}, 400, "malformed"),
        ({"data": None}, 422, "validation_failed"),
        ({"data": []}, 422, "validation_failed"),
        ({"type": "case.unknown"}, 422, "unknown_subject"),
        ({"dataschema": "urn:lienthong:schemas:case.changed:9"}, 422, "unknown_subject"),
        ({"datacontenttype": "application/xml"}, 415, "unsupported_media_type"),
        ({"source": "/hue/other"}, 403, "source_not_owned"),
        ({"source": "/hue/one-stopped"}, 403, "source_not_owned"),
        ({"type": "land.sold"}, 403, "domain_not_allowed"),
        ({"id": "000099012345"}, 422, "personal_id_in_attribute"),
        ({"subject": "999012345"}, 422, "personal_id_in_attribute"),
        ({"citizen": "cccd:000099012345"}, 422, "personal_id_in_attribute"),
    ],
)
async def test_wrong_event_is_refused_with_its_reason(
    gateway: Any, event: Make, changes: dict[str, Any], status: int, code: str
) -> None:
    """Each way an event can be wrong has its own status and code, and nothing is written."""
    answer = await gateway.send(event(**changes))

    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:lienthong:problems:{code}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert gateway.producer.records == []
    assert gateway.metrics.value("lienthong_gateway_events_total", result=code) == 1


async def test_problem_names_field_and_rule_but_no_value(gateway: Any, event: Make, personal_id: str) -> None:
    """A publisher learns which field breaks which rule; the problem repeats nothing of the record."""
    data = {"code": "thấp", "owner": {"full_name": "x" * 51, "personal_id": personal_id[1:], personal_id: 1}}

    answer = await gateway.send(event(data=data))

    document = answer.json()
    assert {(error["field"], error["rule"]) for error in document["errors"]} == {
        ("code", "string_pattern_mismatch"),
        ("owner.full_name", "string_too_long"),
        ("owner.personal_id", "string_pattern_mismatch"),
        ("owner.*", "extra_forbidden"),
    }
    assert all(error["remedy"] for error in document["errors"])
    assert "/" in document["title"]
    for value in ("thấp", "xxx", personal_id[1:]):
        assert value not in answer.text


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"{", "application/cloudevents+json", 400, "malformed"),
        (b"", "application/cloudevents+json", 400, "malformed"),
        (b'{"id": "\xff"}', "application/cloudevents+json", 400, "malformed"),
        (b"[]", "application/cloudevents+json", 400, "malformed"),
        (b"{}", BATCH, 400, "malformed"),
        (b"{", BATCH, 400, "malformed"),
        (b"{}", "application/json", 415, "unsupported_media_type"),
        (b"{}", "application/cloudevents+xml", 415, "unsupported_media_type"),
        (b"{}", "application/cloudevents+json; charset=windows-1258", 415, "unsupported_media_type"),
    ],
)
async def test_body_that_is_no_event_is_refused(
    gateway: Any, body: bytes, content_type: str, status: int, code: str
) -> None:
    """Bodies that hold no CloudEvent are told apart from those of another type."""
    answer = await gateway.send(body, content_type)

    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:lienthong:problems:{code}")


@pytest.mark.parametrize(
    "headers",
    [
        {"ce-specversion": "1.0", "ce-source": "/hue/one-stop", "ce-type": "case.changed"},
        {"ce-specversion": "1.0", "ce-id": "%FF", "ce-source": "/hue/one-stop", "ce-type": "case.changed"},
        {
            "ce-specversion": "1.0",
            "ce-id": "1",
            "ce-source": "/hue/one-stop",
            "ce-type": "case.changed",
            "ce-datacontenttype": "application/json",
        },
    ],
)
async def test_wrong_binary_headers_are_refused(gateway: Any, event: Make, headers: dict[str, str]) -> None:
    """Missing, wrongly encoded and forbidden ce-* headers are malformed."""
    answer = await gateway.send(event()["data"], "application/json", **headers)

    assert (answer.status_code, answer.json()["type"]) == (400, "urn:lienthong:problems:malformed")


async def test_compressed_body_is_refused(gateway: Any, event: Make) -> None:
    """A compressed body could unpack to any size, so it is not taken."""
    answer = await gateway.send(event(), **{"content-encoding": "gzip"})

    assert answer.status_code == 415


async def test_too_large_body_is_refused_while_it_is_read(gateway: Any) -> None:
    """The limit holds for what is read, with and without Content-Length, and reading stops there."""
    gateway.limit(max_event_bytes=1_024)
    read = []

    async def endless() -> Any:
        """Yield more than is read."""
        for _ in range(100):
            read.append(1)
            yield b"x" * 512

    declared = await gateway.send(b"x" * 2_000)
    chunked = await gateway.client.post(
        "/v1/events", content=endless(), headers={"content-type": "application/cloudevents+json"}
    )

    assert (declared.status_code, chunked.status_code) == (413, 413)
    assert declared.json()["type"] == "urn:lienthong:problems:too_large"
    assert len(read) == 3


async def test_too_large_event_of_a_batch_is_refused_alone(gateway: Any, event: Make) -> None:
    """One event over the limit does not take the batch with it, and a record the broker finds too large is 413 too."""
    gateway.limit(max_event_bytes=1_024)
    big = event(id="e-2")
    big["data"]["code"] = "A" * 2_000

    answer = await gateway.send([event(), big], BATCH)
    gateway.producer.error = lambda _record: RecordTooLargeError("larger than the topic allows")
    refused = await gateway.send(event(id="e-3"))

    assert [result["status"] for result in answer.json()["results"]] == ["accepted", "rejected"]
    assert answer.json()["results"][1]["problem"]["status"] == 413
    assert refused.status_code == 413


async def test_batch_answers_each_event_in_order(gateway: Any, event: Make) -> None:
    """A mixed batch is 202 with one result for each event; the good ones are written in order."""
    answer = await gateway.send([event(), event(id="e-2", type="x.y"), 5, event(id="e-3")], BATCH)

    results = answer.json()["results"]
    assert answer.status_code == 202
    assert [result["status"] for result in results] == ["accepted", "rejected", "rejected", "accepted"]
    assert [result.get("id") for result in results] == ["e-1", "e-2", None, "e-3"]
    assert [result["problem"]["status"] for result in results[1:3]] == [422, 400]
    assert [header(record, "ce_id") for record in gateway.producer.records] == ["e-1", "e-3"]


async def test_batch_without_a_good_event_is_refused_with_results(gateway: Any, event: Make) -> None:
    """A batch of which nothing was written is 422 and still tells why for each event; an empty one is fine."""
    answer = await gateway.send([event(type="x.y")], BATCH)
    empty = await gateway.send([], BATCH)

    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:lienthong:problems:batch_rejected"
    assert answer.json()["results"][0]["problem"]["type"] == "urn:lienthong:problems:unknown_subject"
    assert (empty.status_code, empty.json()) == (202, {"results": []})


@pytest.mark.parametrize("content_type", ["application/cloudevents+json", BATCH])
async def test_kafka_away_is_503_with_retry_after(gateway: Any, event: Make, content_type: str) -> None:
    """Without Kafka's acknowledgement there is no 202; the publisher is told when to come back, and may."""
    gateway.producer.error = lambda _record: BrokerUnavailableError("not acknowledged")
    body = event() if content_type != BATCH else [event()]

    away = await gateway.send(body, content_type)
    gateway.producer.error = lambda _record: None
    changed = event(data={**event()["data"], "code": "A-1"})
    again = await gateway.send(changed if content_type != BATCH else [changed], content_type)

    assert (away.status_code, away.headers["retry-after"]) == (503, "5")
    assert again.status_code == 202


async def test_producer_is_renewed_after_it_lost_order(gateway: Any, event: Make) -> None:
    """A producer that gave up records for ever is replaced once, so the gateway outlives an outage."""
    gateway.producer.error = lambda _record: FatalError("cannot keep order")

    gateway.producer.gate = asyncio.Event()
    sending = [asyncio.create_task(gateway.send(event(id=f"e-{number}"))) for number in range(3)]
    await gateway.producer.called(3)
    gateway.producer.gate.set()
    answers = await asyncio.gather(*sending)

    assert {answer.status_code for answer in answers} == {503}
    assert gateway.producer.starts == 1


async def test_repeated_event_is_the_same_record_another_body_a_conflict(gateway: Any, event: Make) -> None:
    """The same id with the same body is written again, with another body it is 409 within the window."""
    gateway.limit(remembered_events=2)
    other = event(data={**event()["data"], "code": "A-1"})

    statuses = [(await gateway.send(body)).status_code for body in (event(), event(), other)]
    for number in (2, 3):
        await gateway.send(event(id=f"e-{number}"))
    forgotten = await gateway.send(other)

    assert statuses == [202, 202, 409]
    assert forgotten.status_code == 202


async def test_too_many_waiting_requests_are_told_to_come_back(gateway: Any, event: Make) -> None:
    """When too many requests wait for Kafka, the next gets 429 at once instead of a place in memory."""
    gateway.limit(max_waiting_requests=1)
    gateway.producer.gate = asyncio.Event()
    first = asyncio.create_task(gateway.send(event()))
    await gateway.producer.called(1)

    second = await gateway.send(event(id="e-2"))
    gateway.producer.gate.set()

    assert (second.status_code, second.headers["retry-after"]) == (429, "5")
    assert (await first).status_code == 202


async def test_unknown_path_method_and_parameter_are_problems(gateway: Any) -> None:
    """Also what the framework refuses is answered as problem details."""
    answers = [
        await gateway.client.get("/nothing"),
        await gateway.client.get("/v1/events"),
        await gateway.client.delete("/v1/events:bulk"),
    ]

    assert [answer.status_code for answer in answers] == [404, 405, 405]
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}
    assert answers[1].headers["allow"] == "POST"


async def test_unknown_exception_is_500_without_details(
    gateway: Any, event: Make, capsys: pytest.CaptureFixture[str], personal_id: str
) -> None:
    """A defect neither tells nor logs what was in the record."""

    def break_down(_record: Any) -> None:
        """Fail like a defect."""
        raise KeyError(personal_id)

    gateway.producer.error = break_down

    answer = await gateway.send(event())
    stream = await gateway.bulk(orjson.dumps(event()))

    printed = "".join(capsys.readouterr())
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:lienthong:problems:internal")
    assert (stream.status_code, stream.json()["type"]) == (500, "urn:lienthong:problems:internal")
    assert "KeyError" in printed
    assert "break_down" in printed
    assert personal_id not in answer.text + stream.text + printed


async def test_requests_are_measured_by_route_template(gateway: Any, event: Make) -> None:
    """The duration is counted under the route, never under the path with its id."""
    await gateway.send(event())
    await gateway.client.get("/v1/events/e-1")

    name = "lienthong_gateway_request_seconds_count"
    assert gateway.metrics.value(name, route="/v1/events") == 1
    assert gateway.metrics.value(name, route="/v1/events/{event_id:path}") == 1
