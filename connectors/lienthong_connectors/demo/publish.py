"""Plays the provincial systems: one writes to Kafka itself, the other streams to the gateway, at the same time."""

import http.client
import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson
from confluent_kafka import KafkaError, Message, Producer

from lienthong.clock import Clock
from lienthong.config.models import KafkaSettings
from lienthong.errors import BrokerUnavailableError, FatalError, LienthongError
from lienthong.kafka.settings import producer_configuration
from lienthong_connectors.demo.place import DOMAIN, Place
from lienthong_connectors.demo.week import Name, Prepared
from lienthong_schemas.generator import GeneratedEvent

_CHUNK_BYTES = 65_536
_CHUNKS_WAITING = 64
_TIMEOUT_SECONDS = 120.0
_WAIT_SECONDS = 0.2
_EVENTS_PER_TURN = 100
_FLUSH_SECONDS = 60.0


@dataclass(slots=True)
class Published:
    """What became of the publication, as the publishers see it.

    Attributes:
        acknowledged: Records that Kafka acknowledged to the system that writes to it directly.
        accepted: Lines that the gateway accepted.
        rejected: Records that the gateway refused, and the code of the problem.
        lines: Lines that the gateway says it read.
        offered: Events handed over so far.
        seconds: How long it took.
        is_done: Whether all was published.
        error: Why publishing failed, or None.
    """

    acknowledged: int = 0
    accepted: int = 0
    rejected: dict[Name, str] = field(default_factory=dict)
    lines: int = 0
    offered: int = 0
    seconds: float = 0.0
    is_done: bool = False
    error: BaseException | None = None


class Publication:
    """Publishes a scenario from threads of its own.

    Args:
        scenario: What to publish.
        place: Where the gateway and the issuer are.
        kafka: How to reach the broker.
        clock: Measures how long it takes.
        due_seconds: When each event is published, in seconds after the start; None for as fast as it goes.

    Delivery:
        Every dossier has one route, and each route is one ordered stream, so the order of each dossier is kept.
    """

    def __init__(
        self,
        scenario: Prepared,
        place: Place,
        kafka: KafkaSettings,
        clock: Clock,
        due_seconds: Sequence[float] | None = None,
    ) -> None:
        self.result = Published()
        self._scenario = scenario
        self._place = place
        self._kafka = kafka
        self._clock = clock
        self._due_seconds = due_seconds
        self._lines: list[Name] = []
        self._chunks: queue.Queue[bytes | None] = queue.Queue(_CHUNKS_WAITING)
        self._cancelled = threading.Event()
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._refused: list[KafkaError] = []
        self._broken: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="publication", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def cancel(self) -> None:
        """End as soon as possible."""
        self._cancelled.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def _run(self) -> None:
        started = self._clock.monotonic()
        try:
            self._publish()
        except BaseException as error:  # noqa: BLE001 - told to the main thread, which raises it
            self.result.error = error
        finally:
            self.result.seconds = self._clock.monotonic() - started
            self.result.is_done = True

    def _publish(self) -> None:
        sender = threading.Thread(target=self._send, name="gateway-publisher", daemon=True)
        sender.start()
        producer = Producer(
            {**producer_configuration(self._kafka, "one-stop"), "on_delivery": self._on_delivery, "log_level": 0}
        )
        started = self._clock.monotonic()
        for number, event in enumerate(self._scenario.events(), start=1):
            if self._due_seconds is not None:
                self._await(started + self._due_seconds[number - 1], producer)
            if self._cancelled.is_set():
                break
            if event.route == "gateway":
                self._add_line(event)
            else:
                topic = self._place.names.inbound(DOMAIN, event.system)
                producer.produce(topic, value=event.data, key=event.key, headers=headers_of(event))
            if number % _EVENTS_PER_TURN == 0:
                producer.poll(0)
                self.result.offered = number
        self._put(b"".join(self._pending))
        self._put(None)
        while len(producer) and not self._cancelled.is_set():
            producer.poll(_WAIT_SECONDS)
        while sender.is_alive() and not self._cancelled.is_set():
            sender.join(_WAIT_SECONDS)
        if self._broken is not None:
            raise self._broken
        if self._refused:
            raise BrokerUnavailableError(
                f"Kafka refused {len(self._refused)} records of the publisher: {self._refused[0].name()}"
            )
        self.result.offered = self.result.acknowledged + len(self._lines)

    def _await(self, moment: float, producer: Producer) -> None:
        while not self._cancelled.is_set() and (left := moment - self._clock.monotonic()) > 0:
            # What was handed over before is on its way meanwhile.
            self._put(b"".join(self._pending))
            self._pending, self._pending_bytes = [], 0
            producer.poll(min(left, _WAIT_SECONDS))

    def _on_delivery(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.result.acknowledged += 1
        else:
            self._refused.append(error)

    def _add_line(self, event: GeneratedEvent) -> None:
        self._lines.append((event.attributes["source"], event.attributes["id"]))
        self._pending.append(line_of(event))
        self._pending_bytes += len(self._pending[-1])
        if self._pending_bytes >= _CHUNK_BYTES:
            self._put(b"".join(self._pending))
            self._pending, self._pending_bytes = [], 0

    def _send(self) -> None:
        try:
            self._stream()
        except BaseException as error:  # noqa: BLE001 - raised again in the publication's thread
            self._broken = error
            self._cancelled.set()

    def _put(self, chunk: bytes | None) -> None:
        while not self._cancelled.is_set():
            try:
                self._chunks.put(chunk, timeout=_WAIT_SECONDS)
            except queue.Full:
                continue
            return

    def _chunks_to_send(self) -> Iterator[bytes]:
        while not self._cancelled.is_set():
            try:
                chunk = self._chunks.get(timeout=_WAIT_SECONDS)
            except queue.Empty:
                continue
            if chunk is None:
                return
            if chunk:
                # An empty chunk would end the body.
                yield chunk

    def _stream(self) -> None:
        token = fetch_token(self._place, "citizen-portal")
        address = urlsplit(self._place.url("gateway"))
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_TIMEOUT_SECONDS)
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/x-ndjson",
            "Transfer-Encoding": "chunked",
        }
        try:
            connection.request("POST", "/v1/events:bulk", self._chunks_to_send(), headers, encode_chunked=True)
            response = connection.getresponse()
            if response.status != 200:
                raise FatalError(f"the gateway answered {response.status} to the bulk stream; see its log")
            for line in response:
                self._answer(orjson.loads(line))
        except (OSError, http.client.HTTPException) as error:
            raise FatalError(f"the bulk stream to the gateway broke ({type(error).__name__}); see its log") from error
        finally:
            connection.close()

    def _answer(self, document: dict[str, Any]) -> None:
        if document.get("status") == "incomplete":
            raise FatalError("the gateway ended the bulk stream without a summary; see its log")
        if "problem" in document:
            code = str(document["problem"].get("type", "")).rpartition(":")[2]
            self.result.rejected[self._lines[document["line"] - 1]] = code
        else:
            self.result.accepted = document["accepted"]
            self.result.lines = document["lines"]


def publish_all(events: Iterable[GeneratedEvent], domain: str, place: Place, kafka: KafkaSettings) -> None:
    """Write events to the inbound topics of their systems; returns when Kafka has acknowledged all.

    Args:
        events: What to write.
        domain: Of the topics.
        place: The province's names.
        kafka: How to reach the broker.

    Raises:
        BrokerUnavailableError: If Kafka does not acknowledge all of them.
    """
    refused: list[str] = []

    def report(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            refused.append(error.name())

    producer = Producer({**producer_configuration(kafka, f"demo-{domain}"), "log_level": 0})
    for event in events:
        topic = place.names.inbound(domain, event.system)
        producer.produce(topic, event.data, event.key, headers=headers_of(event), on_delivery=report)
    if producer.flush(_FLUSH_SECONDS) or refused:
        raise BrokerUnavailableError(f"Kafka did not acknowledge all records of the domain {domain}")


def headers_of(event: GeneratedEvent) -> list[tuple[str, str | bytes | None]]:
    """Return the Kafka headers of an event in binary mode.

    Args:
        event: A generated event.
    """
    return [
        ("content-type" if name == "datacontenttype" else f"ce_{name}", text.encode())
        for name, text in event.attributes.items()
    ]


def line_of(event: GeneratedEvent) -> bytes:
    """Return an event in structured mode as one line, with its data as it is, broken or not.

    Args:
        event: A generated event.
    """
    attributes = orjson.dumps(event.attributes)
    if event.data is None:
        return attributes + b"\n"
    return attributes[:-1] + b',"data":' + event.data + b"}\n"


def fetch_token(place: Place, system: str) -> str:
    """Return a bearer token for a publishing system.

    Args:
        place: Where the issuer is.
        system: Its client id.

    Raises:
        LienthongError: If the issuer gives none.
    """
    address = urlsplit(place.url("issuer"))
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_TIMEOUT_SECONDS)
    form = {"grant_type": "client_credentials", "client_id": system, "client_secret": place.secret}
    try:
        connection.request("POST", "/token", urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"})
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise FatalError(f"the issuer gives no token ({type(error).__name__}); see its log") from error
    finally:
        connection.close()
    if response.status != 200:
        raise LienthongError(f"the issuer refused a token with {response.status}; see its log")
    return str(orjson.loads(body)["access_token"])
