"""Delivers feedback to the national system: the record, then what its state asks for.

Delivery:
    Everything is an upsert by the code of the feedback, so all steps of a snapshot are simply made again when one of
    them may not have arrived. A snapshot that skips states (first seen when published) makes up for them.
"""

from pydantic import BaseModel

from lienthong.connector import CallContext, ConnectorContext, Effect, Sink
from lienthong.envelope import Event
from lienthong.errors import TransformError
from lienthong.outcome import Outcome
from lienthong_connectors.enveloped import EnvelopedClient, EnvelopedConfig
from lienthong_connectors.feedback.wire import (
    answer_to_wire,
    feedback_to_wire,
    publication_to_wire,
    transfer_to_wire,
)
from lienthong_schemas.feedback import FeedbackSnapshotV1

RECORD, TRANSFERS, ANSWER, PUBLICATION = "feedbacks", "transfers", "answer", "publication"
EFFECTS = dict.fromkeys((RECORD, TRANSFERS, ANSWER, PUBLICATION), Effect.UPSERT)
OPERATIONS = {"feedback.snapshot": RECORD}
_ANSWERED = frozenset({"answered", "awaiting_publication", "published"})


class FeedbackSink(Sink[EnvelopedConfig]):
    """The national system for feedback.

    Args:
        config: How to reach it.
        context: What the engine provides.
    """

    def __init__(self, config: EnvelopedConfig, context: ConnectorContext) -> None:
        super().__init__(config, context)
        self._client = EnvelopedClient(config, context, "feedback")

    async def open(self) -> None:
        """Build the HTTP client; the first call gets a token."""
        await self._client.open()

    async def close(self) -> None:
        """Close the HTTP client."""
        await self._client.close()

    async def deliver(self, event: Event, data: BaseModel, context: CallContext) -> Outcome:
        """Deliver one snapshot.

        Args:
            event: The CloudEvents attributes and the original bytes.
            data: A snapshot.
            context: Who asks for what.

        Returns:
            Delivered ``synchronised``, ``transferred``, ``answered`` or ``published``.

        Raises:
            RecordError: The nation has no such state, refuses the record, or it may not be published.
            RetriableError: The nation is away.
            ScopeError: The province may not do this, or the agreement does not cover it.
            TargetConfigurationError: The nation refuses the account.

        Delivery:
            Returning means that the nation confirmed every step.
        """
        if not isinstance(data, FeedbackSnapshotV1):
            raise TransformError(f"the feedback connector does not take records of type {event.type}", reason="type")
        self._client.check_agreement(context.purpose, self.context.clock.now())
        # Everything is mapped before the first call, so that a record that cannot be sent leaves nothing half done.
        path = f"{RECORD}/{data.feedback_code}"
        steps = [(path, feedback_to_wire(data))]
        steps += [(f"{path}/{TRANSFERS}/{each.transfer_id}", transfer_to_wire(each)) for each in data.transfers[-1:]]
        if data.answer is not None and data.status in _ANSWERED:
            steps.append((f"{path}/{ANSWER}", answer_to_wire(data.answer)))
        if data.status == "published":
            steps.append((f"{path}/{PUBLICATION}", publication_to_wire(data)))
        for place, document in steps:
            await self._client.call("PUT", place, document)
        return Outcome.delivered(_reason(data.status), target_reference=data.feedback_code)

    def scopes(self, event: Event, data: BaseModel) -> tuple[tuple[str, str], ...]:
        """Return the agreement.

        Args:
            event: The CloudEvents attributes.
            data: A snapshot.
        """
        del event, data
        return self._client.scopes


def _reason(status: str) -> str:
    if status in {"transferred", "published"}:
        return status
    return "answered" if status in _ANSWERED else "synchronised"
