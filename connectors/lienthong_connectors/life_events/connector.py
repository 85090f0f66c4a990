"""Tells declared recipients of births and deaths.

Delivery:
    A record is for one recipient: the one whose name is its key. A recipient that is not declared gets nothing, a field
    that is not declared is not sent. Events are put under their own id, so a repeat leaves what the first one made.
    Whatever is wrong with one recipient is about its records only, so the circuit of the pipeline stays closed.
"""

from urllib.parse import quote

import httpx
import orjson
from pydantic import BaseModel

from lienthong.clock import to_vietnam
from lienthong.connector import CallContext, ConnectorContext, Effect, Sink
from lienthong.envelope import SPEC_VERSION, STRUCTURED_TYPE, Event
from lienthong.errors import (
    ConfigurationError,
    RetriableError,
    ScopeError,
    TargetConfigurationError,
    TransformError,
)
from lienthong.outcome import Outcome
from lienthong.rest import RotatingSecret, call, check_page
from lienthong_connectors.life_events.config import LifeEventsConfig, Recipient
from lienthong_connectors.life_events.fields import MODELS, chosen

OPERATION = "put_life_event"
EFFECTS = {OPERATION: Effect.UPSERT}
OPERATIONS = dict.fromkeys(MODELS, OPERATION)
_CONNECTIONS = 4


class LifeEventsSink(Sink[LifeEventsConfig]):
    """All declared recipients.

    Args:
        config: Who they are.
        context: What the engine provides.
    """

    def __init__(self, config: LifeEventsConfig, context: ConnectorContext) -> None:
        super().__init__(config, context)
        self._clients: dict[str, httpx.AsyncClient] = {}
        self._keys: dict[str, RotatingSecret] = {}

    async def open(self) -> None:
        """Build a client for each recipient, so that none waits for connections of another."""
        for name, recipient in self.config.recipients.items():
            fixed = [recipient.api_key] if recipient.api_key is not None else []
            self._keys[name] = RotatingSecret(fixed, recipient.api_key_files, name=f"api_key of {name}")
            self._clients[name] = self.context.http.create(
                base_url=recipient.url,
                timeout_seconds=self.config.timeout_seconds,
                max_connections=_CONNECTIONS,
                headers={"Content-Type": STRUCTURED_TYPE},
                ca_file=self.config.ca_file,
                client_certificate_file=self.config.client_certificate_file,
                client_key_file=self.config.client_key_file,
            )

    async def close(self) -> None:
        """Close the clients; called twice it does nothing the second time."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()

    async def deliver(self, event: Event, data: BaseModel, context: CallContext) -> Outcome:
        """Tell one recipient of one event.

        Args:
            event: The CloudEvents attributes and the original bytes.
            data: A birth or a death.
            context: Who asks for what; ``key`` is the name of the recipient.

        Returns:
            Delivered ``sent``, with the number of the agreement; filtered ``recipient_not_declared`` or
            ``event_not_declared``.

        Raises:
            RejectedByTargetError: The recipient refuses this event.
            RetriableError: The recipient is away or slow; the event is put again after a wait.
            ScopeError: The agreement has expired, or the recipient refuses the hub; its events wait for an operator.
        """
        del data
        if event.type not in MODELS:
            raise TransformError(f"no recipient takes records of type {event.type}", reason="type_not_accepted")
        recipient = self.config.recipients.get(context.key)
        if recipient is None:
            return Outcome.filtered("recipient_not_declared")
        allowed = recipient.fields.get(event.type)
        if allowed is None:
            return Outcome.filtered("event_not_declared")
        agreement = recipient.agreement
        if to_vietnam(self.context.clock.now()).date() > agreement.valid_until:
            raise ScopeError(
                "the agreement with a recipient of life events has expired; renew it and enter the new date",
                scope_kind="agreement",
                scope=agreement.number,
                reason="agreement_expired",
            )
        event_id = event.id.removesuffix(f":{context.key}")
        document = {
            "specversion": SPEC_VERSION,
            "id": event_id,
            "source": event.source,
            "type": event.type,
            "purpose": recipient.purpose,
            "legalbasis": recipient.legal_basis,
            "agreement": agreement.number,
            # From the bytes, not from the model: a default that nobody entered is nothing to tell.
            "data": chosen(orjson.loads(event.data or b"{}"), allowed),
        }
        await self._put(context.key, recipient, event_id, orjson.dumps(document))
        return Outcome.delivered("sent", target_reference=agreement.number)

    async def _put(self, name: str, recipient: Recipient, event_id: str, body: bytes) -> None:
        client, key = self._clients.get(name), self._keys.get(name)
        if client is None or key is None:
            raise ConfigurationError("the connector to recipients of life events is not open")
        url = f"{recipient.url.rstrip('/')}/{quote(event_id, safe='')}"

        async def send(api_key: str) -> httpx.Response:
            headers = {"Authorization": f"Bearer {api_key}"}
            return await call(client, "PUT", url, clock=self.context.clock, content=body, headers=headers)

        try:
            answer = await key.use(send, lambda error: error.reason == "http_401")
            check_page(answer.content, "json")
        except RetriableError as error:
            # Not the kind that opens the circuit: the other recipients are there.
            raise RetriableError(
                "the recipient did not take the event; it is put again after a wait",
                retry_after_seconds=error.retry_after_seconds,
                reason=error.reason,
            ) from error
        except TargetConfigurationError as error:
            raise ScopeError(
                "the recipient cannot be reached as configured or refuses the hub; agree with its operators, "
                "then release the endpoint",
                scope_kind="endpoint",
                scope=name,
                reason=error.reason,
            ) from error
