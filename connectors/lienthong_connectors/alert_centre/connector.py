"""Delivers observations and warnings to the national centre.

Delivery:
    Both are upserts by id, so a call that may have arrived is simply made again.
"""

from pydantic import BaseModel

from lienthong.connector import CallContext, ConnectorContext, Effect, Sink
from lienthong.envelope import Event
from lienthong.errors import TransformError
from lienthong.outcome import Outcome
from lienthong_connectors.alert_centre.wire import OBSERVATIONS, WARNINGS, observation_to_wire, warning_to_wire
from lienthong_connectors.enveloped import EnvelopedClient, EnvelopedConfig
from lienthong_schemas.alert import AlertWarningV1, ObservationRecordedV1

EFFECTS = {OBSERVATIONS: Effect.UPSERT, WARNINGS: Effect.UPSERT}
OPERATIONS = {"observation.recorded": OBSERVATIONS, "alert.warning": WARNINGS}


class AlertCentreSink(Sink[EnvelopedConfig]):
    """The national centre.

    Args:
        config: How to reach it.
        context: What the engine provides.
    """

    def __init__(self, config: EnvelopedConfig, context: ConnectorContext) -> None:
        super().__init__(config, context)
        self._client = EnvelopedClient(config, context, "alert-centre")

    async def open(self) -> None:
        """Build the HTTP client; the first call gets a token."""
        await self._client.open()

    async def close(self) -> None:
        """Close the HTTP client."""
        await self._client.close()

    async def deliver(self, event: Event, data: BaseModel, context: CallContext) -> Outcome:
        """Deliver one observation or warning.

        Args:
            event: The CloudEvents attributes and the original bytes.
            data: An observation or a message of a warning.
            context: Who asks for what.

        Returns:
            Delivered ``recorded`` or ``announced``; filtered ``national`` for a warning that came from the nation.

        Raises:
            RejectedByTargetError: The centre refuses the record.
            RetriableError: The centre is away.
            ScopeError: The province may not report this, or the agreement does not cover it.
            TargetConfigurationError: The centre refuses the account.

        Delivery:
            Returning means that the centre confirmed the write.
        """
        self._client.check_agreement(context.purpose, self.context.clock.now())
        if isinstance(data, ObservationRecordedV1):
            await self._client.call("PUT", f"{OBSERVATIONS}/{data.observation_id}", observation_to_wire(data))
            return Outcome.delivered("recorded", target_reference=data.observation_id)
        if isinstance(data, AlertWarningV1):
            if data.level == "national":
                # What came down never goes up again.
                return Outcome.filtered("national")
            await self._client.call("PUT", f"{WARNINGS}/{data.message_id}", warning_to_wire(data))
            return Outcome.delivered("announced", target_reference=data.message_id)
        raise TransformError(f"the national centre does not take records of type {event.type}", reason="type")

    def scopes(self, event: Event, data: BaseModel) -> tuple[tuple[str, str], ...]:
        """Return the agreement.

        Args:
            event: The CloudEvents attributes.
            data: A record.
        """
        del event, data
        return self._client.scopes
