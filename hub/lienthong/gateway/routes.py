"""The routes of the gateway."""

import asyncio
from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import quote

import orjson
import structlog
from fastapi import APIRouter, Request
from starlette.datastructures import URL
from starlette.responses import JSONResponse, Response

from lienthong.config.models import GatewaySettings
from lienthong.envelope import Event, from_document, from_json
from lienthong.errors import LienthongError, RetriableError
from lienthong.gateway import documents
from lienthong.gateway.admission import Admission, Admitted, Caller, problem_from, rejected, shown_id
from lienthong.gateway.binding import NDJSON_TYPES, Mode, batch_documents, binary_event, check_encoding, mode_of
from lienthong.gateway.body import read_body
from lienthong.gateway.bulk import BulkResponse, BulkStream
from lienthong.gateway.problems import RETRY_AFTER_SECONDS, Problem, ProblemError, respond
from lienthong.gateway.receipts import ReceiptReader, ReceiptsAnswer, shown_to
from lienthong.gateway.sender import Sender
from lienthong.gateway.tokens import Authenticator
from lienthong.observability.health import Health
from lienthong.observability.metrics import Metrics

_logger = structlog.stdlib.get_logger("lienthong.gateway")
_SECURITY: dict[str, Any] = {"security": [{"token": []}]}
_COMMON = ("token_missing", "token_invalid", "scope_missing", "publisher_unknown", "issuer_unavailable", "internal")
_PUBLISH = (
    *_COMMON,
    "malformed",
    "domain_not_allowed",
    "lane_not_allowed",
    "invalid_request",
    "source_not_owned",
    "request_timeout",
    "id_conflict",
    "too_large",
    "unsupported_media_type",
    "unknown_subject",
    "validation_failed",
    "personal_id_in_attribute",
    "batch_rejected",
    "too_many_waiting",
    "broker_unavailable",
)
_BULK = (
    *_COMMON,
    "request_timeout",
    "unsupported_media_type",
    "too_many_waiting",
    "broker_unavailable",
    "lane_not_allowed",
    "invalid_request",
)
_BUSY = Problem(
    "too_many_waiting", "too many requests wait for Kafka; send again later", retry_after_seconds=RETRY_AFTER_SECONDS
)


class Lane(StrEnum):
    """How urgent what is published is."""

    LIVE = "live"
    BULK = "bulk"


class GatewayRoutes:
    """Handlers of the routes.

    Args:
        settings: Limits.
        authenticator: Knows who calls.
        admission: Checks events.
        sender: Writes them.
        receipts: Reads what became of them.
        metrics: Counts them.
        health: Shown by ``/healthz``.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        authenticator: Authenticator,
        admission: Admission,
        sender: Sender,
        receipts: ReceiptReader,
        metrics: Metrics,
        health: Health,
    ) -> None:
        self._settings = settings
        self._authenticator = authenticator
        self._admission = admission
        self._sender = sender
        self._receipts = receipts
        self._metrics = metrics
        self._health = health
        self._bulk_streams = 0

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter()
        router.add_api_route(
            "/v1/events",
            self.publish,
            methods=["POST"],
            status_code=202,
            response_model=documents.PublishAnswer,
            responses=documents.problem_responses(*_PUBLISH),
            openapi_extra={"requestBody": documents.PUBLISH_BODY, **_SECURITY},
            summary="Publish one event or a batch",
        )
        router.add_api_route(
            "/v1/events:bulk",
            self.publish_bulk,
            methods=["POST"],
            response_model=documents.BulkRejection | documents.BulkSummary,
            responses=documents.problem_responses(*_BULK),
            openapi_extra={"requestBody": documents.BULK_BODY, **_SECURITY},
            summary="Publish a stream of events, one a line; the answer is a stream of rejected lines and a summary",
        )
        router.add_api_route(
            "/v1/events/{event_id:path}",
            self.find_receipts,
            methods=["GET"],
            response_model=ReceiptsAnswer,
            responses=documents.problem_responses(*_COMMON, "event_not_found", "invalid_request", "ledger_unavailable"),
            openapi_extra=_SECURITY,
            summary="See what became of an event",
        )
        router.add_api_route(
            "/healthz",
            self.show_health,
            methods=["GET"],
            response_model=documents.HealthAnswer,
            responses={503: {"model": documents.HealthAnswer}},
            summary="See whether the gateway can take events",
        )
        return router

    async def publish(self, request: Request, lane: Lane = Lane.LIVE) -> Response:
        """Write one CloudEvent (binary or structured mode) or a batch to Kafka.

        202 means that all in-sync replicas have acknowledged at least one event; each has its own result.
        Sending an event again with the same id is safe.
        Back-fill goes to the lane `bulk`, which gives way to live events.
        """
        caller = await self._caller(request, lane)
        mode = mode_of(request.headers)
        if self._sender.is_busy:
            raise ProblemError(_BUSY)
        if mode is Mode.BATCH:
            body = await read_body(request, self._settings.max_batch_bytes)
            return await self._publish_batch(caller, body, lane)
        body = await read_body(request, self._settings.max_event_bytes)
        return await self._publish_one(caller, request, mode, body, lane)

    async def publish_bulk(self, request: Request, lane: Lane = Lane.LIVE) -> Response:
        """Write a stream of structured-mode CloudEvents, one a line, of any length, to Kafka.

        The status comes after the first acknowledged line, then one line for each rejected line, then the summary.
        No summary means that the stream is incomplete; sending it again is safe.
        Back-fill goes to the lane `bulk`, which gives way to live events.
        """
        caller = await self._caller(request, lane)
        if check_encoding(request.headers) not in NDJSON_TYPES:
            raise ProblemError(Problem("unsupported_media_type", "send application/x-ndjson, one event a line"))
        if self._bulk_streams >= self._settings.max_bulk_streams:
            raise ProblemError(_BUSY, {"Connection": "close"})
        is_bulk = lane is Lane.BULK
        stream = BulkStream(caller, self._admission, self._sender, self._settings, self._metrics, bulk=is_bulk)
        return _CountedBulk(stream, self)

    async def find_receipts(self, request: Request, event_id: str, source: str | None = None) -> ReceiptsAnswer:
        """Return the receipts of one record, of the caller's own sources only."""
        caller = await self._caller(request)
        if "read:receipts" not in caller.scopes:
            raise ProblemError(Problem("scope_missing", "the token lacks the scope read:receipts"))
        try:
            rows = await asyncio.to_thread(self._receipts.find, event_id, source)
        except RetriableError:
            raise ProblemError(
                Problem("ledger_unavailable", "the ledger cannot be read now; ask again", (), RETRY_AFTER_SECONDS)
            ) from None
        found = shown_to(caller, rows)
        if not found:
            raise ProblemError(
                Problem("event_not_found", "no pipeline has finished with this event yet, or it is not of this system")
            )
        return ReceiptsAnswer(id=event_id, receipts=found)

    async def show_health(self) -> Response:
        """Return whether the gateway can take events."""
        report = self._health.readiness()
        status = "ok" if report.is_ok else "not_ready"
        return JSONResponse({"status": status, "reasons": report.reasons}, 200 if report.is_ok else 503)

    def change_bulk_streams(self, by: int) -> None:
        """Count bulk streams.

        Args:
            by: 1 when one begins, -1 when it ends.
        """
        self._bulk_streams += by

    async def _caller(self, request: Request, lane: Lane = Lane.LIVE) -> Caller:
        caller = await self._authenticator.authenticate(request.headers.get("authorization"))
        if lane is Lane.BULK:
            caller.check_bulk()
        return caller

    async def _publish_one(self, caller: Caller, request: Request, mode: Mode, body: bytes, lane: Lane) -> Response:
        try:
            event = binary_event(request.headers, body) if mode is Mode.BINARY else from_json(body)
            admitted = self._admission.admit(event, caller, bulk=lane is Lane.BULK)
        except (LienthongError, ProblemError) as error:
            return self._refuse(caller, problem_from(error))
        (failure,) = await self._write([admitted])
        if failure is not None:
            return self._refuse(caller, problem_from(failure))
        self._metrics.count_gateway_events("accepted")
        location = URL(path=f"/v1/events/{event.id}").include_query_params(source=event.source)
        return JSONResponse(
            {"results": [{"id": event.id, "status": "accepted"}]}, 202, headers={"Location": _ascii(location)}
        )

    def _refuse(self, caller: Caller, problem: Problem) -> Response:
        self._metrics.count_gateway_events(problem.code)
        _logger.info("event_rejected", system=caller.system, problem=problem.code)
        return respond(problem)

    async def _publish_batch(self, caller: Caller, body: bytes, lane: Lane) -> Response:
        try:
            documents_ = batch_documents(body)
        except LienthongError as error:
            return self._refuse(caller, problem_from(error))
        results: list[Mapping[str, Any] | None] = []
        problems: list[Problem] = []
        admitted: list[tuple[int, Admitted]] = []
        for index, document in enumerate(documents_):
            event: Event | None = None
            try:
                event = from_document(document)
                admitted.append((index, self._admission.admit(event, caller, bulk=lane is Lane.BULK)))
                results.append(None)
            except (LienthongError, ProblemError) as error:
                problems.append(problem_from(error))
                results.append(rejected(shown_id(event.id if event else None), problems[-1]))
            if index % 100 == 99:
                await asyncio.sleep(0)
        errors = await self._write([item for _, item in admitted])
        for (index, item), failure in zip(admitted, errors, strict=True):
            if failure is None:
                results[index] = {"id": item.event.id, "status": "accepted"}
            else:
                problems.append(problem_from(failure))
                results[index] = rejected(item.event.id, problems[-1])
        return self._answer_batch(caller, results, problems)

    def _answer_batch(
        self, caller: Caller, results: list[Mapping[str, Any] | None], problems: list[Problem]
    ) -> Response:
        accepted = len(results) - len(problems)
        self._metrics.count_gateway_events("accepted", accepted)
        for problem in problems:
            self._metrics.count_gateway_events(problem.code)
        if problems:
            _logger.info("batch_partly_rejected", system=caller.system, accepted=accepted, rejected=len(problems))
        if accepted or not results:
            return Response(orjson.dumps({"results": results}), 202, media_type="application/json")
        away = next((problem for problem in problems if problem.retry_after_seconds is not None), None)
        if away is not None:
            return respond(away, results=results)
        return respond(Problem("batch_rejected", "no event was accepted; see the problem of each"), results=results)

    async def _write(self, items: list[Admitted]) -> list[LienthongError | None]:
        if not items:
            return []
        errors: list[LienthongError | None] | None = None
        try:
            errors = await self._sender.send([item.record for item in items])
            return errors
        finally:
            for index, item in enumerate(items):
                if errors is None or errors[index] is not None:
                    self._admission.release(item)


class _CountedBulk(BulkResponse):
    """A bulk response that counts as a stream while it runs."""

    def __init__(self, stream: BulkStream, routes: GatewayRoutes) -> None:
        super().__init__(stream)
        self._routes = routes

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer the request."""
        self._routes.change_bulk_streams(1)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._routes.change_bulk_streams(-1)


def _ascii(url: URL) -> str:
    return quote(str(url), safe="/?=&%:@!$'()*+,;~-._")
