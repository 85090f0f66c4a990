"""The route for platforms that push instead of being polled."""

import hmac
from collections.abc import Mapping
from typing import Annotated

import structlog
from fastapi import APIRouter, Path, Request
from starlette.responses import JSONResponse, Response

from lienthong.clock import Clock
from lienthong.config.models import HubSettings, PublisherSettings, WebhookSettings
from lienthong.errors import ConfigurationError, LienthongError
from lienthong.gateway import documents
from lienthong.gateway.admission import Admission, Admitted, Caller, problem_from
from lienthong.gateway.body import read_body
from lienthong.gateway.problems import RETRY_AFTER_SECONDS, Problem, ProblemError
from lienthong.gateway.sender import Sender
from lienthong.observability.metrics import Metrics
from lienthong.plugins import load_one
from lienthong.registry.topics import TopicCatalogue
from lienthong.topic_names import TopicNames
from lienthong.webhook import GROUP, WebhookMapping, WebhookMessage
from lienthong.webhook_signature import is_signed, key_of

_logger = structlog.stdlib.get_logger("lienthong.gateway")
_PROBLEMS = (
    "malformed",
    "signature_invalid",
    "domain_not_allowed",
    "source_not_owned",
    "webhook_unknown",
    "request_timeout",
    "id_conflict",
    "too_large",
    "unsupported_media_type",
    "unknown_subject",
    "validation_failed",
    "personal_id_in_attribute",
    "too_many_waiting",
    "internal",
    "broker_unavailable",
)
#: One answer for every reason, so that nobody can try out which one it was.
_NOT_SIGNED = Problem(
    "signature_invalid", "the signature, its time or the secret does not fit; see the hub's operators"
)
_BUSY = Problem(
    "too_many_waiting", "too many requests wait for Kafka; send again later", retry_after_seconds=RETRY_AFTER_SECONDS
)


class Webhook:
    """One configured webhook.

    Args:
        name: Its name in the path.
        settings: As configured.
        mapping: Message → events.
        topic: Full name of the topic that its events go to.
        domain: The one domain that it may bring.

    Raises:
        ConfigurationError: If a secret cannot be used.
    """

    def __init__(self, name: str, settings: WebhookSettings, mapping: WebhookMapping, topic: str, domain: str) -> None:
        self.settings = settings
        self.mapping = mapping
        self.topic = topic
        publisher = PublisherSettings(sources=settings.sources, domains=(domain,))
        self.caller = Caller(name, frozenset({f"publish:{domain}"}), publisher)
        self._secrets = [secret.get_secret_value() for secret in settings.secrets]
        if settings.scheme == "standard-webhooks":
            try:
                for secret in self._secrets:
                    key_of(secret)
            except ValueError as error:
                raise ConfigurationError(f"gateway.webhooks.{name}.secrets: {error}") from None

    def check(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
        """Check that a message comes from the platform and was sent now.

        Args:
            headers: Of the request.
            body: Of the request.
            now: Seconds since 1970.

        Returns:
            The platform's id of the message; empty where the scheme has none.

        Raises:
            ProblemError: 401.
        """
        if self.settings.scheme == "shared-secret":
            given = headers.get(self.settings.header, "").encode()
            if not any(hmac.compare_digest(given, secret.encode()) for secret in self._secrets):
                raise ProblemError(_NOT_SIGNED)
            return ""
        message_id, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        is_number = sent.isascii() and sent.isdecimal() and len(sent) <= 12
        is_now = is_number and abs(now - int(sent)) <= self.settings.window_seconds
        signature = headers.get("webhook-signature", "")
        if not (message_id and is_now and is_signed(signature, self._secrets, message_id, int(sent), body)):
            raise ProblemError(_NOT_SIGNED)
        return message_id


def build_webhooks(settings: HubSettings) -> dict[str, Webhook]:
    """Return the configured webhooks by name.

    Args:
        settings: The hub's configuration.

    Raises:
        ConfigurationError: If a mapping is not installed, or a secret cannot be used.
        CatalogError: If a topic is in no catalogue.
    """
    configured = settings.gateway.webhooks
    if not configured:
        return {}
    names = TopicNames(settings.province)
    catalogue = TopicCatalogue.installed(names, settings.environment)
    found = {}
    for name, each in configured.items():
        topic = catalogue.get(each.topic)
        domain = (*topic.name.split("."), "")[1]
        found[name] = Webhook(name, each, load_one(GROUP, each.mapping), topic.full_name, domain)
    return found


class WebhookRoutes:
    """Handler of the route.

    Args:
        webhooks: Name → webhook.
        admission: Checks events as those of any publisher.
        sender: Writes them.
        clock: Tells whether a message was sent now.
        metrics: Counts events.
    """

    def __init__(
        self, webhooks: Mapping[str, Webhook], admission: Admission, sender: Sender, clock: Clock, metrics: Metrics
    ) -> None:
        self._webhooks = webhooks
        self._admission = admission
        self._sender = sender
        self._clock = clock
        self._metrics = metrics

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter()
        router.add_api_route(
            "/v1/webhooks/{source}",
            self.receive,
            methods=["POST"],
            status_code=202,
            response_model=documents.WebhookAnswer,
            responses=documents.problem_responses(*_PROBLEMS),
            openapi_extra={"requestBody": documents.WEBHOOK_BODY},
            summary="Take a message that a platform pushes",
        )
        return router

    async def receive(self, request: Request, source: Annotated[str, Path()]) -> Response:
        """Check the signature of a message, make events of it and write them to Kafka, all of them or none.

        202 means that all in-sync replicas have acknowledged every event.
        Sending the same message again is safe.
        """
        webhook = self._webhooks.get(source)
        if webhook is None:
            raise ProblemError(Problem("webhook_unknown", "there is no webhook of this name; check the URL"))
        if self._sender.is_busy:
            raise ProblemError(_BUSY)
        try:
            number = await self._take(request, webhook)
        except (LienthongError, ProblemError) as error:
            problem = problem_from(error)
            self._metrics.count_gateway_events(problem.code)
            _logger.info("webhook_rejected", webhook=source, problem=problem.code)
            raise ProblemError(problem) from None
        self._metrics.count_gateway_events("accepted", number)
        return JSONResponse({"accepted": number}, 202)

    async def _take(self, request: Request, webhook: Webhook) -> int:
        body = await read_body(request, webhook.settings.max_bytes)
        now = self._clock.now()
        message_id = webhook.check(request.headers, body, now.timestamp())
        admitted: list[Admitted] = []
        is_written = False
        try:
            for event in webhook.mapping(WebhookMessage(message_id, now, body)):
                # One by one: those before the one at fault must be released.
                admitted.append(self._admission.admit(event, webhook.caller))  # noqa: PERF401
            records = [each.record._replace(topic=webhook.topic) for each in admitted]
            for error in await self._sender.send(records) if records else []:
                if error is not None:
                    raise error
            is_written = True
        finally:
            if not is_written:
                for each in admitted:
                    self._admission.release(each)
        return len(admitted)
