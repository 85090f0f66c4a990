"""What an event must be before it is written: from an allowed source, of a known schema, no personal attributes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lienthong.clock import Clock
from lienthong.config.models import GatewaySettings, PublisherSettings
from lienthong.envelope import EXTENSIONS, JSON_TYPE, STANDARD, Event, to_kafka
from lienthong.errors import DecodeError, LienthongError, RecordTooLargeError
from lienthong.gateway.conflicts import RecentEvents
from lienthong.gateway.problems import Problem, ProblemError, problem_of
from lienthong.personal import holds_personal_id, refuse_personal_ids
from lienthong.record import OutgoingRecord
from lienthong.registry.schemas import SchemaRegistry
from lienthong.text import normalise
from lienthong.topic_names import TopicNames
from lienthong.validation import validate

_CARRIED = STANDARD | EXTENSIONS
#: Last part of the name of an inbound topic for back-fill, whoever sends it.
BULK_SYSTEM = "bulk"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request.

    Attributes:
        system: The token's client.
        scopes: What the token allows.
        publisher: What the configuration allows.
        officer: Opaque id of the official whom the token names; empty for a system of its own.
    """

    system: str
    scopes: frozenset[str]
    publisher: PublisherSettings
    officer: str = ""

    def owns(self, source: str) -> bool:
        """Return whether a CloudEvents source belongs to the caller.

        Args:
            source: Exactly one of the configured sources, or a path below one.
        """
        return any(
            source == owned or source.startswith(owned if owned.endswith("/") else f"{owned}/")
            for owned in self.publisher.sources
        )

    def check_bulk(self) -> None:
        """Check that the caller may publish back-fill.

        Raises:
            ProblemError: 403.
        """
        if not self.publisher.bulk:
            raise ProblemError(
                Problem("lane_not_allowed", "this system may not publish back-fill; ask the hub's operators for 'bulk'")
            )

    def check_domain(self, domain: str) -> None:
        """Check that the caller may publish a domain.

        Args:
            domain: Such as ``dossier``.

        Raises:
            ProblemError: 403.
        """
        if domain not in self.publisher.domains:
            raise ProblemError(
                Problem(
                    "domain_not_allowed", f"this system may not publish the domain {domain}; ask the hub's operators"
                )
            )
        if f"publish:{domain}" not in self.scopes:
            raise ProblemError(Problem("scope_missing", f"the token lacks the scope publish:{domain}"))


@dataclass(frozen=True, slots=True)
class Admitted:
    """An event that may be written.

    Attributes:
        event: As it was sent.
        record: What goes to Kafka.
    """

    event: Event
    record: OutgoingRecord


class Admission:
    """Checks events and makes the records that are written.

    Args:
        names: Builds the topic's name.
        registry: Known record types.
        settings: Limits of the gateway.
        clock: Gives ``time`` to events without one.
    """

    def __init__(self, names: TopicNames, registry: SchemaRegistry, settings: GatewaySettings, clock: Clock) -> None:
        self._names = names
        self._registry = registry
        self._max_bytes = settings.max_event_bytes
        self._clock = clock
        self._recent = RecentEvents(settings.remembered_events)
        self._topics: dict[tuple[str, str], str] = {}

    def admit(self, event: Event, caller: Caller, *, bulk: bool = False) -> Admitted:
        """Return the record of an event.

        Args:
            event: As it was sent.
            caller: Who sent it.
            bulk: Whether it goes to the bulk lane of its domain.

        Raises:
            DecodeError: If an attribute or the data cannot be read.
            UnknownSubjectError: If type or version is unknown.
            ValidationFailedError: If the data breaks its schema or an attribute holds a personal ID.
            RecordTooLargeError: If the data is too large.
            ProblemError: If the caller may not publish it, or the id was used for another body.

        Delivery:
            The key is computed here, before the append, so that order holds per (source, key). The id is remembered;
            call :meth:`release` if the record was not acknowledged.
        """
        attributes = event.attributes
        refuse_personal_ids(attributes)
        if not caller.owns(event.source):
            raise ProblemError(
                Problem("source_not_owned", "the CloudEvents 'source' does not belong to the system of the token")
            )
        spec = self._registry.find(event.type, attributes.get("dataschema", ""))
        caller.check_domain(spec.domain)
        _check_content_type(attributes.get("datacontenttype", JSON_TYPE))
        if event.data is not None and len(event.data) > self._max_bytes:
            raise RecordTooLargeError(f"the data of an event may have {self._max_bytes} bytes; send files by reference")
        data, _ = normalise(event.data) if event.data is not None else (b"", ())
        model = validate(spec, data)
        carried = {name: value for name, value in attributes.items() if name in _CARRIED}
        carried["time"] = self._time(attributes.get("time"))
        carried["dataschema"] = spec.dataschema
        carried["datacontenttype"] = JSON_TYPE
        headers, value = to_kafka(Event(carried, data))
        key = spec.key(model).encode()
        if not self._recent.claim(event, data):
            raise ProblemError(
                Problem("id_conflict", "this source used this id for another body before; give a new event a new id")
            )
        return Admitted(
            event, OutgoingRecord(self._topic(spec.domain, BULK_SYSTEM if bulk else caller.system), key, value, headers)
        )

    def release(self, admitted: Admitted) -> None:
        """Forget an event that was not written, so that it may be sent again corrected.

        Args:
            admitted: What :meth:`admit` returned.
        """
        self._recent.release(admitted.event)

    def _time(self, given: str | None) -> str:
        if given is None:
            return self._clock.now().isoformat(timespec="milliseconds")
        try:
            moment = datetime.fromisoformat(given)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise DecodeError("the CloudEvents 'time' is no RFC 3339 time with an offset", reason="time")
        return given

    def _topic(self, domain: str, system: str) -> str:
        found = self._topics.get((domain, system))
        if found is None:
            found = self._topics[domain, system] = self._names.inbound(domain, system)
        return found


def _check_content_type(content_type: str) -> None:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type != JSON_TYPE and not media_type.endswith("+json"):
        raise ProblemError(
            Problem("unsupported_media_type", "the data of an event is JSON; set 'datacontenttype' to application/json")
        )


def problem_from(error: LienthongError | ProblemError) -> Problem:
    """Return what the publisher of a rejected event is told.

    Args:
        error: Raised by :meth:`Admission.admit` or by the write.
    """
    return error.problem if isinstance(error, ProblemError) else problem_of(error)


def shown_id(event_id: str | None) -> str | None:
    """Return an id that may be repeated to the publisher, or None.

    Args:
        event_id: Its id; None when it could not be read.
    """
    return None if event_id is None or holds_personal_id("id", event_id) else event_id


def rejected(event_id: str | None, problem: Problem) -> Mapping[str, object]:
    """Return the result of a rejected event.

    Args:
        event_id: Its id; None when it could not be read or must not be repeated.
        problem: Why it was rejected.
    """
    result: dict[str, object] = {} if event_id is None else {"id": event_id}
    return {**result, "status": "rejected", "problem": problem.document()}
