"""What the framework must know of a record type; packages offer it under ``lienthong.schemas``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pydantic import BaseModel

from lienthong.outcome import Answer, Finding

ModelType = type[BaseModel]

#: Start of every ``dataschema`` attribute; type and version follow.
DATASCHEMA_PREFIX = "urn:lienthong:schemas:"


def dataschema(type_name: str, version: int) -> str:
    """Return the ``dataschema`` attribute of a type and version.

    Args:
        type_name: CloudEvents type, such as ``dossier.snapshot``.
        version: Version of the schema, 1 or higher.
    """
    return f"{DATASCHEMA_PREFIX}{type_name}:{version}"


@dataclass(frozen=True, slots=True)
class LookupBinding:
    """How a record type asks a lookup and what becomes of the answer.

    Attributes:
        query: Record model → query model, or None when there is nothing to ask (the record is filtered).
        fingerprint: Query model → bytes that are equal for equal questions; one question is asked once a key.
        result: Record model, answer → model of the result record.
        result_type: CloudEvents type of the result record.
        result_version: Its schema version.
        key_attribute: CloudEvents attribute of the result that names the record's key.
        before: Record model → why an official must decide before anybody is asked; empty for no reason.
        after: Record model, answer, day → why an official must decide although the target said yes; empty for no
            reason. It also words the reason when the target said anything else.
        claim: Record model → (kind, name) of what a key may be tied to only once: a second name of a kind is a
            ``conflict`` for an official. None for nothing of the sort.
    """

    query: Callable[[Any], BaseModel | None]
    fingerprint: Callable[[Any], bytes]
    result: Callable[[Any, Answer], BaseModel]
    result_type: str
    result_version: int
    key_attribute: str = "dossiercode"
    before: Callable[[Any], str] | None = None
    after: Callable[[Any, Answer, date], str] | None = None
    claim: Callable[[Any], tuple[str, str]] | None = None


@dataclass(frozen=True, slots=True)
class CounterQuestion:
    """What an official may ask a lookup while a citizen waits at the counter.

    Attributes:
        name: Name of the question, as it stands in the access log.
        query: Model of the question; it must refuse unknown fields.
        fingerprint: Query model → bytes that are equal for equal questions.
        disclosed: Answer → what the official is shown besides the outcome, as a JSON object; None for nothing.
    """

    name: str
    query: ModelType
    fingerprint: Callable[[Any], bytes]
    disclosed: Callable[[Answer], Mapping[str, Any] | None]


def no_findings(_model: Any) -> tuple[Finding, ...]:
    """Return no finding."""
    return ()


@dataclass(frozen=True, slots=True)
class SchemaSpec:
    """One version of one record type.

    Attributes:
        type: CloudEvents type, such as ``dossier.snapshot``.
        version: Version of the schema, 1 or higher.
        domain: Part of the topic name, such as ``dossier``.
        producer_model: Closed model: an unknown field is an error.
        consumer_model: Open model of the same fields: unknown fields are kept.
        key: Model → what order holds for (a dossier code, never a personal identifier).
        classification: Highest class of its fields: ``none``, ``personal`` or ``sensitive``.
        title_vi: Official Vietnamese name.
        sequence: Model → publisher's sequence when an older record is superseded by a newer one; None for
            records that are always delivered.
        findings: Model → soft rules that are not met.
        subject: Model → (identifier type, identifier) pairs of the person, for encryption and pseudonyms.
        lookups: Questions that can be asked about a record, by name.
        upcast: JSON document of the version before → of this one, for records that are replayed; None if a record of
            the version before cannot become one of this.
    """

    type: str
    version: int
    domain: str
    producer_model: ModelType
    consumer_model: ModelType
    key: Callable[[Any], str]
    classification: str
    title_vi: str
    sequence: Callable[[Any], int] | None = None
    findings: Callable[[Any], tuple[Finding, ...]] = no_findings
    subject: Callable[[Any], tuple[tuple[str, str], ...]] | None = None
    lookups: Mapping[str, LookupBinding] = field(default_factory=dict)
    upcast: Callable[[dict[str, Any]], dict[str, Any]] | None = None

    @property
    def dataschema(self) -> str:
        """The ``dataschema`` attribute that names this version."""
        return dataschema(self.type, self.version)
