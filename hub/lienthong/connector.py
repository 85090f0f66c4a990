"""Contracts between the engine and a connector.

A connector translates; it never retries, sleeps, limits, logs values or keeps state between records. The engine calls,
in this order: ``open`` once → ``deliver`` or ``lookup`` for each record, up to ``max_in_flight`` at once and never two
with the same key; or ``poll`` again and again, one at a time → ``close`` once, also after a failed ``open``.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from pydantic import BaseModel

from lienthong.clock import Clock
from lienthong.envelope import Event
from lienthong.http_clients import HttpClientFactory
from lienthong.outcome import Answer, Outcome
from lienthong.schema import CounterQuestion

ConfigT = TypeVar("ConfigT", bound=BaseModel)


class Effect(StrEnum):
    """What happens when one operation is called twice with the same effect key.

    ``idempotent``: the target knows the second call by its effect key and does nothing. ``upsert``: the second call
    leaves what the first one made. Both are simply made again when nobody knows whether a call arrived.
    ``query_before_write``: a second call would be a second effect, but the target can be asked first. ``none``:
    neither; a call that may have arrived goes to review, and a repeat after a crash is shown in the receipt.
    """

    IDEMPOTENT = "idempotent"
    UPSERT = "upsert"
    QUERY_BEFORE_WRITE = "query_before_write"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ConnectorContext:
    """What a connector is given when it is built.

    Attributes:
        http: Builds HTTP clients.
        clock: Where to read the time.
        logger: A structlog logger; values of records never go into it.
    """

    http: HttpClientFactory
    clock: Clock
    logger: Any


class CallContext(NamedTuple):
    """Who asks for what, for one attempt at one record.

    Attributes:
        pipeline: Name of the pipeline.
        effect_key: The same on every attempt and replay of one intended effect; for lookups the verification id.
        attempt: 1 for the first call.
        attempt_id: New for every attempt, at most 32 characters of ``[0-9a-f]``.
        purpose: Why the data may be used.
        legal_basis: The law that allows it.
        actor: Opaque id of the official or the named automatic account.
        on_behalf_of: Opaque id, or an empty string.
        key: The record's key, such as the dossier code.
    """

    pipeline: str
    effect_key: str
    attempt: int
    attempt_id: str
    purpose: str
    legal_basis: str
    actor: str
    on_behalf_of: str
    key: str

    def for_attempt(self, number: int, attempt_id: str) -> "CallContext":
        """Return the same for another attempt.

        Args:
            number: 1 for the first call.
            attempt_id: New for every attempt.
        """
        return CallContext(
            self.pipeline,
            self.effect_key,
            number,
            attempt_id,
            self.purpose,
            self.legal_basis,
            self.actor,
            self.on_behalf_of,
            self.key,
        )


class Connector(ABC, Generic[ConfigT]):
    """Common part of sinks, lookups and sources.

    Args:
        config: Validated configuration of this connector.
        context: What the engine provides.
    """

    def __init__(self, config: ConfigT, context: ConnectorContext) -> None:
        self.config = config
        self.context = context

    async def open(self) -> None:
        """Prepare clients; must not call the target."""

    async def close(self) -> None:
        """Release everything; called twice it does nothing the second time."""

    def scopes(self, event: Event, data: BaseModel) -> Sequence[tuple[str, str]]:
        """Return kind and value of the scopes that a call for a record needs, as :class:`ScopeError` would tell them.

        While one of them is blocked, the record waits without a call. What is not known before the call is left out.

        Args:
            event: The CloudEvents attributes and the original bytes.
            data: The bytes, parsed with the open model of the record's type.
        """
        del event, data
        return ()


class Sink(Connector[ConfigT]):
    """Delivers records to a target."""

    @abstractmethod
    async def deliver(self, event: Event, data: BaseModel, context: CallContext) -> Outcome:
        """Deliver one record.

        Args:
            event: The CloudEvents attributes and the original bytes.
            data: The bytes, parsed with the open model of the record's type.
            context: Who asks for what.

        Returns:
            ``Outcome.delivered`` once the target holds the effect durably, or ``Outcome.filtered``.

        Raises:
            RecordError: The record is set aside.
            RetriableError: The same call is repeated after a wait.
            ScopeError: Everything of this procedure or officer waits.
            TargetConfigurationError: The pipeline pauses.
            OutcomeUnknownError: The effect may have happened.

        Delivery:
            Returning means durable at the target. Every other exception stops the pipeline.
        """

    async def was_done(self, event: Event, data: BaseModel, context: CallContext) -> Outcome | None:
        """Ask the target whether it holds the effect of a record whose call may have arrived; it changes nothing.

        A sink with an operation that is ``query_before_write`` must have it; one with an ``upsert`` may, to spare the
        target a repeated write.

        Args:
            event: The CloudEvents attributes and the original bytes.
            data: The bytes, parsed with the open model of the record's type.
            context: Who asks for what.

        Returns:
            The outcome that the lost answer would have been; None when the target does not hold the effect, or nobody
            can tell, so that the record is sent again.

        Raises:
            RetriableError: The same question is asked again after a wait.
            LienthongError: As from :meth:`deliver`.
        """
        del event, data, context
        return None

    @property
    def can_tell(self) -> bool:
        """Whether the sink can ask the target what was done."""
        return type(self).was_done is not Sink.was_done


class Lookup(Connector[ConfigT]):
    """Asks a target a question about a person or a thing."""

    @abstractmethod
    async def lookup(self, query: BaseModel, context: CallContext) -> Answer:
        """Ask once.

        Args:
            query: The question, as its schema package builds it.
            context: Who asks for what; ``attempt_id`` goes to the target as the request id.

        Returns:
            What the target said; "nobody found" is an answer.

        Raises:
            RecordError: The question is refused on its merits.
            RetriableError: The same question is asked again after a wait.
            ScopeError: Everything of this procedure or officer waits.
            TargetConfigurationError: The pipeline pauses.
        """

    def check(self, query: BaseModel, context: CallContext) -> None:
        """Refuse a question that the configuration or the agreement does not allow; nothing is sent.

        Args:
            query: The question.
            context: Who asks for what.

        Raises:
            RecordError: The question lacks what the target demands.
            ScopeError: The procedure or the officer is not allowed.
            TargetConfigurationError: The agreement has ended, or does not cover the purpose.
        """
        del query, context

    def scopes_of(self, query: BaseModel, context: CallContext) -> Sequence[tuple[str, str]]:
        """Return kind and value of the scopes that a question needs, as :class:`ScopeError` would tell them.

        Args:
            query: The question.
            context: Who asks for what.
        """
        del query
        return (("officer", context.actor),)


class SourceEvent(NamedTuple):
    """One record that a source found.

    Attributes:
        key: What order holds for, such as the dossier code; never a personal identifier.
        event: CloudEvents attributes and bytes. ``id`` is the same whenever the same state of the same thing is seen,
            such as a hash of platform, id and version of the state: reading it again is then the same record.
    """

    key: str
    event: Event

    def __repr__(self) -> str:
        """Show the event only: a connector at fault could have put anything into the key."""
        return f"SourceEvent({self.event!r})"


class SourceBatch(NamedTuple):
    """What one page of a source holds.

    Attributes:
        events: Written in this order.
        cursor: Where the next poll goes on once this batch is durable: opaque to the engine, not empty, at most 4 KiB
            of UTF-8, no personal data.
        receipt: What :meth:`Source.acknowledge` needs; the engine never looks at it.
    """

    events: Sequence[SourceEvent]
    cursor: str
    receipt: Any = None

    def __repr__(self) -> str:
        """Show the size only: the receipt may hold personal data."""
        return f"SourceBatch(events={len(self.events)})"


class PollContext(NamedTuple):
    """Who reads what, for one poll.

    Attributes:
        pipeline: Name of the pipeline.
        purpose: Why the data may be used.
        legal_basis: The law that allows it.
        actor: The named automatic account.
        now: When the poll began.
        overlap_seconds: How far before its cursor the source reads again, because platforms show records late.
    """

    pipeline: str
    purpose: str
    legal_basis: str
    actor: str
    now: datetime
    overlap_seconds: float


class Source(Connector[ConfigT]):
    """Reads what is new on a platform that is asked for it."""

    @abstractmethod
    def poll(self, cursor: str, context: PollContext) -> AsyncIterator[SourceBatch]:
        """Yield what is new since a cursor, page by page, until nothing more is there.

        Args:
            cursor: That of the last durable batch; empty at the first start ever.
            context: Who reads what.

        Raises:
            RetriableError: The poll begins again at the last durable cursor, after a wait.
            TargetConfigurationError: The pipeline pauses.
            RecordError: The page cannot be read; it is tried again like an absent platform, with an alert. What is
                wrong with one record only is left in its event, which then becomes a dead letter.

        Delivery:
            The next batch is asked for when this one is durable and acknowledged. What stands at one instant may be
            split over two batches only if the cursor says how far: a cursor that is a bare time must be read again
            from that very time on.
        """

    async def acknowledge(self, batch: SourceBatch, context: PollContext) -> None:
        """Tell the platform that a batch has arrived; by default nothing is told.

        Args:
            batch: Every event of it is acknowledged by Kafka.
            context: Who reads what.

        Raises:
            LienthongError: As from :meth:`poll`; the cursor is not saved and the batch is read again.

        Delivery:
            At least once: after a crash the same batch may be read and acknowledged again.
        """
        del batch, context


class ConnectorKind(StrEnum):
    """What a connector can be used for."""

    SINK = "sink"
    LOOKUP = "lookup"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class ConnectorSpec:
    """What an entry point of ``lienthong.connectors`` points to.

    Attributes:
        name: Name in pipelines and configuration.
        kind: Sink, lookup or source.
        config: Model of its configuration; unknown fields must be refused.
        factory: Builds the connector from its configuration and a context.
        title_vi: Official Vietnamese name of the target.
        effects: Declaration of each operation.
        operations: Record type → operation that writes it; types that are not named count as the weakest operation.
        accepts: Record types (sink) or query names (lookup) that it understands, or record types that it finds
            (source).
        has_version_check: Whether the target itself refuses an older write.
        question: What officials may ask it at the counter; None for a connector that only pipelines call.
        subscribers: Configuration → names of those who each get a copy of a record; None for a single target.
    """

    name: str
    kind: ConnectorKind
    config: type[BaseModel]
    factory: Callable[[Any, ConnectorContext], Any]
    title_vi: str
    effects: Mapping[str, Effect] = field(default_factory=dict)
    operations: Mapping[str, str] = field(default_factory=dict)
    accepts: frozenset[str] = frozenset()
    has_version_check: bool = False
    question: CounterQuestion | None = None
    subscribers: Callable[[Any], Sequence[str]] | None = None

    def effect_of(self, record_type: str) -> Effect:
        """Return what a repeated delivery of a record would do.

        Args:
            record_type: CloudEvents type.

        Returns:
            ``none`` for a connector that declares nothing: what nobody promised is not relied on.
        """
        named = self.effects.get(self.operations.get(record_type, ""))
        if named is not None:
            return named
        return max(self.effects.values(), key=list(Effect).index, default=Effect.NONE)


@dataclass(frozen=True, slots=True)
class SimulatorSpec:
    """What an entry point of ``lienthong.simulators`` points to.

    Attributes:
        name: Name on the command line.
        title_vi: Official Vietnamese name of the platform.
        create_application: Options as a mapping → ``aiohttp.web.Application``.
    """

    name: str
    title_vi: str
    create_application: Callable[[Mapping[str, Any]], Any]

    group: ClassVar[str] = "lienthong.simulators"
