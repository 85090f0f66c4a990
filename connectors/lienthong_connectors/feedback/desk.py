"""Hands feedback that the nation assigned over to the province's own handling system.

Delivery:
    An upsert by code; a repeat replaces what is there.

Source:
    No interface of such systems is published; this one is ASSUMED, and described on its reference page for vendors.
"""

import orjson
from pydantic import BaseModel

from lienthong.connector import CallContext, ConnectorContext, Effect, Sink
from lienthong.envelope import Event
from lienthong.errors import TransformError
from lienthong.outcome import Outcome
from lienthong_connectors.enveloped import EnvelopedClient, EnvelopedConfig
from lienthong_schemas.feedback import FeedbackSnapshotV1

HAND_OVER = "hand_over"
DESK_EFFECTS = {HAND_OVER: Effect.UPSERT}
DESK_OPERATIONS = {"feedback.snapshot": HAND_OVER}


class FeedbackDesk(Sink[EnvelopedConfig]):
    """The province's handling system.

    Args:
        config: How to reach it.
        context: What the engine provides.
    """

    def __init__(self, config: EnvelopedConfig, context: ConnectorContext) -> None:
        super().__init__(config, context)
        self._client = EnvelopedClient(config, context, "feedback-desk")

    async def open(self) -> None:
        """Build the HTTP client; the first call gets a token."""
        await self._client.open()

    async def close(self) -> None:
        """Close the HTTP client."""
        await self._client.close()

    async def deliver(self, event: Event, data: BaseModel, context: CallContext) -> Outcome:
        """Hand one feedback over.

        Args:
            event: The CloudEvents attributes and the original bytes, which are sent as they are.
            data: A snapshot.
            context: Who asks for what.

        Returns:
            Delivered ``handed_over``; filtered ``not_from_the_nation`` for what the system published itself.

        Raises:
            RejectedByTargetError: The system refuses the feedback.
            RetriableError: The system is away.
            ScopeError: The system does not allow this.
            TargetConfigurationError: The system refuses the account.

        Delivery:
            Returning means that the system confirmed the write.
        """
        if not isinstance(data, FeedbackSnapshotV1):
            raise TransformError(f"the feedback desk does not take records of type {event.type}", reason="type")
        self._client.check_agreement(context.purpose, self.context.clock.now())
        if data.origin != "national":
            return Outcome.filtered("not_from_the_nation")
        body = {"event_id": event.id, "feedback": orjson.Fragment(event.data or b"null")}
        await self._client.call("PUT", f"feedbacks/{data.feedback_code}", body)
        return Outcome.delivered("handed_over", target_reference=data.feedback_code)

    def scopes(self, event: Event, data: BaseModel) -> tuple[tuple[str, str], ...]:
        """Return the agreement.

        Args:
            event: The CloudEvents attributes.
            data: A snapshot.
        """
        del event, data
        return self._client.scopes
