"""The route of questions that are asked while a citizen waits."""

import re
import uuid
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from lienthong.clock import Clock
from lienthong.config.models import GatewaySettings
from lienthong.connector import CallContext
from lienthong.errors import DecodeError, ValidationFailedError
from lienthong.gateway import documents
from lienthong.gateway.admission import Caller
from lienthong.gateway.binding import check_encoding
from lienthong.gateway.body import read_body
from lienthong.gateway.lookup_desk import COUNTER, LookupDesk
from lienthong.gateway.lookup_request import LookupAnswer, LookupRequest, parse, shown
from lienthong.gateway.problems import Problem, ProblemError, problem_of
from lienthong.gateway.tokens import Authenticator
from lienthong.observability.metrics import Metrics
from lienthong.personal import holds_personal_id

_OPAQUE = re.compile(r"[A-Za-z0-9._:\-]{1,64}")
_MAX_BODY_BYTES = 65_536
_PROBLEMS = (
    "malformed",
    "token_missing",
    "token_invalid",
    "scope_missing",
    "publisher_unknown",
    "officer_missing",
    "purpose_not_allowed",
    "lookup_not_allowed",
    "lookup_unknown",
    "request_timeout",
    "too_large",
    "unsupported_media_type",
    "validation_failed",
    "personal_id_in_attribute",
    "lookup_refused",
    "over_budget",
    "too_many_waiting",
    "internal",
    "issuer_unavailable",
    "access_log_unavailable",
    "target_unavailable",
    "deadline_exceeded",
)


class LookupRoutes:
    """Handler of the route.

    Args:
        desks: Name of the connector → who asks it.
        settings: Purposes and the longest wait.
        authenticator: Knows who calls.
        clock: Measures the deadline.
        metrics: Counts outcomes.
    """

    def __init__(
        self,
        desks: Mapping[str, LookupDesk],
        settings: GatewaySettings,
        authenticator: Authenticator,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._desks = desks
        self._settings = settings
        self._authenticator = authenticator
        self._clock = clock
        self._metrics = metrics

    def router(self) -> APIRouter:
        """Return the route."""
        router = APIRouter()
        router.add_api_route(
            "/v1/lookups/{type}",
            self.ask,
            methods=["POST"],
            response_model=LookupAnswer,
            responses=documents.problem_responses(*_PROBLEMS),
            openapi_extra={"requestBody": documents.json_body(LookupRequest), "security": [{"token": []}]},
            summary="Ask a national database about a person or a paper while a citizen waits",
        )
        return router

    async def ask(self, request: Request, lookup: Annotated[str, Path(alias="type")]) -> Response:
        """Ask one question for one dossier and one purpose, and answer within the deadline.

        200 means that the target has answered: `found`, `mismatch` or `not_found`.
        Whatever else happened has another status: 503 and 504 never mean that nobody was found.
        The question is in the access log before it is asked, and its result before it is answered.
        """
        began = self._clock.monotonic()
        caller = await self._authenticator.authenticate(request.headers.get("authorization"))
        desk = self._desk(lookup, caller)
        try:
            answer = await self._answer(request, desk, caller, began)
        except ProblemError as error:
            self._metrics.count_gateway_lookups(desk.name, error.problem.code)
            raise
        self._metrics.count_gateway_lookups(desk.name, answer.outcome)
        return Response(answer.model_dump_json(), 200, {"Cache-Control": "no-store"}, "application/json")

    def _desk(self, lookup: str, caller: Caller) -> LookupDesk:
        desk = self._desks.get(lookup)
        if desk is None:
            known = ", ".join(sorted(self._desks)) or "none"
            raise ProblemError(Problem("lookup_unknown", f"the hub offers these lookups: {known}"))
        if f"lookup:{desk.name}" not in caller.scopes:
            raise ProblemError(Problem("scope_missing", f"the token lacks the scope lookup:{desk.name}"))
        if not _OPAQUE.fullmatch(caller.officer) or holds_personal_id("actor", caller.officer):
            raise ProblemError(
                Problem(
                    "officer_missing",
                    f"the token's claim {self._settings.officer_claim} must name the official by an opaque id, "
                    "which is neither the system nor a personal ID",
                )
            )
        return desk

    async def _answer(self, request: Request, desk: LookupDesk, caller: Caller, began: float) -> LookupAnswer:
        if check_encoding(request.headers) != "application/json":
            raise ProblemError(Problem("unsupported_media_type", "send application/json"))
        body = await read_body(request, _MAX_BODY_BYTES)
        try:
            asked, query = parse(body, desk.question)
        except (DecodeError, ValidationFailedError) as error:
            raise ProblemError(problem_of(error)) from None
        purposes = self._settings.lookups[desk.name].purposes
        if asked.purpose not in purposes:
            raise ProblemError(
                Problem("purpose_not_allowed", f"questions may have these purposes: {', '.join(sorted(purposes))}")
            )
        context = CallContext(
            pipeline=COUNTER,
            effect_key=uuid.uuid4().hex,
            attempt=1,
            attempt_id=uuid.uuid4().hex,
            purpose=asked.purpose,
            legal_basis=purposes[asked.purpose],
            actor=caller.officer,
            on_behalf_of=caller.system,
            key=asked.dossier,
        )
        allowed = min(asked.deadline_seconds or self._settings.max_lookup_seconds, self._settings.max_lookup_seconds)
        left = max(0.0, allowed - (self._clock.monotonic() - began))
        answer = await desk.ask(query, context, left)
        return shown(answer, desk.question, context.effect_key)
