"""Delivers warnings to the webhooks of citizen applications.

Delivery:
    A record is for one application: the one whose name is its key. Whatever is wrong with that application is about
    this record or about this application and never about the others, so the circuit of the pipeline stays closed. The
    id of a message follows from the effect key: an application that remembers ids sees each warning once.
"""

import math

import httpx
from pydantic import BaseModel

from lienthong.connector import CallContext, ConnectorContext, Effect, Sink
from lienthong.envelope import Event
from lienthong.errors import (
    ConfigurationError,
    RetriableError,
    ScopeError,
    TargetConfigurationError,
    TransformError,
)
from lienthong.outcome import Outcome
from lienthong.rest import Resolution, call, check_page
from lienthong.webhook_signature import key_of, sign
from lienthong_connectors.citizen_alerts.config import CitizenAlertsConfig, Endpoint
from lienthong_connectors.citizen_alerts.message import TYPE, body_of, refusal
from lienthong_schemas.alert import AlertWarningV1

OPERATION = "notify"
EFFECTS = {OPERATION: Effect.IDEMPOTENT}
OPERATIONS = {TYPE: OPERATION}
SCOPE = "endpoint"
#: 410 takes the endpoint back for good; nobody calls it again until an operator allows it.
_STATUSES = {410: Resolution(TargetConfigurationError, "http_410")}


class CitizenAlertsSink(Sink[CitizenAlertsConfig]):
    """The webhooks of all applications.

    Args:
        config: Where they are.
        context: What the engine provides.
    """

    def __init__(self, config: CitizenAlertsConfig, context: ConnectorContext) -> None:
        super().__init__(config, context)
        self._clients: dict[str, httpx.AsyncClient] = {}

    async def open(self) -> None:
        """Build a client for each application, so that none waits for connections of another."""
        for name, endpoint in self.config.endpoints.items():
            self._clients[name] = self.context.http.create(
                base_url=endpoint.url,
                timeout_seconds=self.config.timeout_seconds,
                max_connections=4,
                headers={"Content-Type": "application/json"},
                ca_file=self.config.ca_file,
            )

    async def close(self) -> None:
        """Close the clients; called twice it does nothing the second time."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()

    async def deliver(self, event: Event, data: BaseModel, context: CallContext) -> Outcome:
        """Send one warning to one application.

        Args:
            event: The CloudEvents attributes and the original bytes.
            data: A warning.
            context: Who asks for what; ``key`` is the name of the application.

        Returns:
            Delivered ``notified``; filtered ``unsubscribed``, ``expired``, ``kind_not_wanted``, ``level_not_wanted`` or
            ``severity_not_wanted``.

        Raises:
            RejectedByTargetError: The application refuses this message.
            RetriableError: The application is away or slow; the same message is sent again after a wait.
            ScopeError: The application is gone (410), or refuses us; its messages wait for an operator.

        Delivery:
            Every attempt has the same ``webhook-id`` and body, and a time and signature of its own.
        """
        if not isinstance(data, AlertWarningV1):
            raise TransformError(f"citizen applications do not take records of type {event.type}", reason="type")
        endpoint = self.config.endpoints.get(context.key)
        if endpoint is None:
            return Outcome.filtered("unsubscribed")
        now = self.context.clock.now()
        reason = refusal(endpoint, data, now)
        if reason:
            return Outcome.filtered(reason)
        message_id = message_id_of(context.effect_key)
        body = body_of(data)
        timestamp = math.floor(now.timestamp())
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(self._secrets(context.key, endpoint), message_id, timestamp, body),
        }
        await self._post(context.key, endpoint, body, headers)
        return Outcome.delivered("notified", target_reference=message_id)

    def scopes(self, event: Event, data: BaseModel) -> tuple[tuple[str, str], ...]:
        """Return nothing: all messages to one application have one key, so they wait behind the first of them.

        Args:
            event: The CloudEvents attributes.
            data: A warning.
        """
        del event, data
        return ()

    async def _post(self, name: str, endpoint: Endpoint, body: bytes, headers: dict[str, str]) -> None:
        client = self._clients.get(name)
        if client is None:
            raise ConfigurationError("the connector to citizen applications is not open")
        clock = self.context.clock
        try:
            answer = await call(
                client, "POST", endpoint.url, clock=clock, statuses=_STATUSES, content=body, headers=headers
            )
            check_page(answer.content, "json")
        except RetriableError as error:
            # Not the kind that opens the circuit: the other applications are there.
            raise RetriableError(
                "the application did not take the warning; it is sent again after a wait",
                retry_after_seconds=error.retry_after_seconds,
                reason=error.reason,
            ) from error
        except TargetConfigurationError as error:
            raise ScopeError(
                "the application is gone or refuses us; agree with its operators, then release the endpoint",
                scope_kind=SCOPE,
                scope=name,
                reason=error.reason,
            ) from error

    def _secrets(self, name: str, endpoint: Endpoint) -> list[str]:
        found = [secret.get_secret_value() for secret in endpoint.secrets]
        for path in endpoint.secret_files:
            try:
                text = path.read_text(encoding="utf-8").strip()
                key_of(text)
            except (OSError, ValueError):
                # Without the cause: an error about broken text holds it. A file may be away while it is replaced.
                self.context.logger.warning("secret_file_unreadable", secret=f"endpoint {name}")
                continue
            found.append(text)
        if not found:
            raise RetriableError("no secret of the application can be read; look at secret_files", reason="no_secret")
        return found


def message_id_of(effect_key: str) -> str:
    """Return the ``webhook-id`` of a message: the same on every attempt and replay.

    Args:
        effect_key: Of the intended effect.
    """
    return f"msg_{effect_key}"
