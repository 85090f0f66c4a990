"""Builds the gateway from its parts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import httpx
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lienthong.clock import Clock
from lienthong.config.models import HubSettings
from lienthong.errors import Violation
from lienthong.gateway.admission import Admission
from lienthong.gateway.failures import RequestGuard
from lienthong.gateway.lookup_routes import LookupRoutes
from lienthong.gateway.lookups import Lookups, Write, build_lookups, writer
from lienthong.gateway.problems import Problem, ProblemError, respond
from lienthong.gateway.receipts import ReceiptReader
from lienthong.gateway.routes import GatewayRoutes
from lienthong.gateway.sender import Producer, Sender
from lienthong.gateway.sign_in_flow import Steps
from lienthong.gateway.sign_in_parts import SignIns
from lienthong.gateway.sign_in_routes import SignInRoutes
from lienthong.gateway.tokens import Authenticator, FileKeys, IssuerKeys, KeySource
from lienthong.gateway.webhooks import WebhookRoutes, build_webhooks
from lienthong.observability.health import Health
from lienthong.observability.metrics import Metrics
from lienthong.registry.schemas import SchemaRegistry
from lienthong.rest.client import ClientFactory
from lienthong.topic_names import TopicNames

_DESCRIPTION = """Cổng tiếp nhận dữ liệu của tỉnh: the front door of the province's hub.

Events are CloudEvents 1.0. An accepted event is in Kafka, acknowledged by all in-sync replicas.
The same (source, id) is the same record: sending it again is safe.
"""
_ISSUER_TIMEOUT_SECONDS = 10.0
_LOOP = "event_loop"
_BEAT_SECONDS = 5.0
_MAX_SILENCE_SECONDS = 60.0


def create_gateway(
    settings: HubSettings,
    producer: Producer,
    registry: SchemaRegistry,
    receipts: ReceiptReader,
    clock: Clock,
    metrics: Metrics,
    *,
    keys: KeySource | None = None,
    health: Health | None = None,
    make_lookups: Callable[[Write], Lookups] | None = None,
    steps: Steps | None = None,
) -> FastAPI:
    """Return the gateway; its lifespan starts and stops the producer.

    Args:
        settings: The hub's configuration.
        producer: Writes to Kafka; its delivery timeout is how long a publisher waits for 503.
        registry: Known record types.
        receipts: Reads the ledger.
        clock: Where time is read.
        metrics: Where events are counted.
        keys: The issuer's keys; None for ``gateway.jwks_file``, else the issuer's own ``jwks_uri``.
        health: Shown by ``/healthz``; None for one without conditions.
        make_lookups: Builds who asks for officials; None to build them as configured.
        steps: Where sign-ins wait between their steps; needed with ``gateway.sign_in.provider``.

    Raises:
        ConfigurationError: If the key file or the identity platform's configuration cannot be used.
    """
    gateway = settings.gateway
    http: httpx.AsyncClient | None = None
    if keys is None and gateway.jwks_file is not None:
        keys = FileKeys(gateway.jwks_file)
    elif keys is None:
        http = ClientFactory().create(base_url=gateway.issuer, timeout_seconds=_ISSUER_TIMEOUT_SECONDS)
        keys = IssuerKeys(gateway.issuer, http, clock)

    shown_health = health or Health(clock)
    sender = Sender(producer, gateway.max_waiting_requests)
    make_lookups = make_lookups or partial(build_lookups, settings, clock, metrics)
    write = writer(sender)
    lookups = make_lookups(write)
    sign_ins = SignIns.of(settings, registry, write, steps, clock, metrics)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        """Start and stop what the gateway holds."""
        await producer.start()
        await lookups.open()
        pulse = asyncio.create_task(_beat(shown_health, clock))
        try:
            yield
        finally:
            pulse.cancel()
            shown_health.unwatch(_LOOP)
            await lookups.close()
            await sign_ins.aclose()
            await producer.stop()
            if http is not None:
                await http.aclose()

    app = FastAPI(
        title="Lienthong gateway",
        version="1",
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # Its spans would hold paths with ids and texts of exceptions.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        generate_unique_id_function=lambda route: route.name,
    )
    authenticator = Authenticator(gateway, keys, clock)
    admission = Admission(TopicNames(settings.province), registry, gateway, clock)
    routes = GatewayRoutes(
        gateway,
        authenticator,
        admission,
        sender,
        receipts,
        metrics,
        shown_health,
    )
    app.include_router(routes.router())
    app.include_router(LookupRoutes(lookups.desks, gateway, authenticator, clock, metrics).router())
    app.include_router(WebhookRoutes(build_webhooks(settings), admission, sender, clock, metrics).router())
    app.include_router(SignInRoutes(authenticator, sign_ins.flow, sign_ins.links, sender).router())
    app.add_middleware(RequestGuard, metrics=metrics)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    _document_security(app, gateway.issuer)
    return app


async def _beat(health: Health, clock: Clock) -> None:
    health.watch(_LOOP, _MAX_SILENCE_SECONDS)
    while True:
        health.beat(_LOOP)
        await clock.sleep(_BEAT_SECONDS)


async def _on_http_error(_request: Request, error: Exception) -> Response:
    if isinstance(error, ProblemError):
        return respond(error.problem, error.headers)
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 405:
        headers = error.headers if isinstance(error, HTTPException) else None
        return respond(Problem("method_not_allowed", "this path has another method; see /openapi.json"), headers)
    if status == 404:
        return respond(Problem("not_found", "there is nothing under this path; see /openapi.json"))
    return respond(Problem("invalid_request", "the request cannot be handled; see /openapi.json"))


async def _on_invalid_request(_request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    violations = [Violation(".".join(map(str, item["loc"])), item["type"]) for item in found]
    return respond(Problem("invalid_request", "a parameter of the request is not valid", violations))


def _document_security(app: FastAPI, issuer: str) -> None:
    build = app.openapi

    def openapi() -> dict[str, object]:
        document = build()
        document.setdefault("components", {})["securitySchemes"] = {
            "token": {
                "type": "oauth2",
                "description": "Scopes publish:<domain>, read:receipts, link:accounts; of an official, lookup:<type>.",
                "flows": {
                    "clientCredentials": {
                        "tokenUrl": f"{issuer.rstrip('/')}/token",
                        "scopes": {
                            "publish:dossier": "Publish dossiers.",
                            "read:receipts": "Read own receipts.",
                            "link:accounts": "Sign citizens in, so that accounts are linked.",
                            "lookup:population": "Ask the population database at the counter.",
                        },
                    }
                },
            }
        }
        return document

    app.openapi = openapi  # type: ignore[method-assign]
