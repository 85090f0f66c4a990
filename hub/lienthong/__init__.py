"""Lienthong (liên thông): the hub between a province's systems and the national platforms.

The public vocabulary; :mod:`lienthong.errors`, :mod:`lienthong.rest` and :mod:`lienthong.testing` are public too.
"""

from lienthong.clock import VIETNAM, Clock, SystemClock
from lienthong.connector import (
    CallContext,
    Connector,
    ConnectorContext,
    ConnectorKind,
    ConnectorSpec,
    Effect,
    Lookup,
    PollContext,
    SimulatorSpec,
    Sink,
    Source,
    SourceBatch,
    SourceEvent,
)
from lienthong.envelope import Event
from lienthong.outcome import Answer, AnswerStatus, Finding, Outcome, OutcomeKind
from lienthong.record import Headers, OutgoingRecord, Record
from lienthong.schema import LookupBinding, SchemaSpec, dataschema

__all__ = [
    "VIETNAM",
    "Answer",
    "AnswerStatus",
    "CallContext",
    "Clock",
    "Connector",
    "ConnectorContext",
    "ConnectorKind",
    "ConnectorSpec",
    "Effect",
    "Event",
    "Finding",
    "Headers",
    "Lookup",
    "LookupBinding",
    "Outcome",
    "OutcomeKind",
    "OutgoingRecord",
    "PollContext",
    "Record",
    "SchemaSpec",
    "SimulatorSpec",
    "Sink",
    "Source",
    "SourceBatch",
    "SourceEvent",
    "SystemClock",
    "dataschema",
]
