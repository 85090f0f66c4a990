"""Routes of sign-ins: two for the system that asks, two for the citizen's browser."""

from collections.abc import Callable
from typing import Any, TypeVar

import orjson
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import JSONResponse, RedirectResponse, Response

from lienthong.errors import LienthongError
from lienthong.gateway import documents
from lienthong.gateway.admission import Caller, problem_from
from lienthong.gateway.body import read_body
from lienthong.gateway.problems import Problem, ProblemError
from lienthong.gateway.sender import Sender
from lienthong.gateway.sign_in_flow import SignInFlow
from lienthong.gateway.sign_in_links import SignInLinks
from lienthong.gateway.tokens import Authenticator
from lienthong.personal import holds_personal_id
from lienthong.targets.identity_providers import CALLBACK_PATH
from lienthong.validation import to_violations

ModelT = TypeVar("ModelT", bound=BaseModel)
SCOPE = "link:accounts"
#: The prefix makes browsers refuse it without TLS, for other paths and from sub-domains.
COOKIE = "__Host-lienthong-sign-in"
_MAX_BODY_BYTES = 65_536
_TOKEN = r"^[A-Za-z0-9._:\-]{1,64}$"  # noqa: S105 - a pattern
_SECURITY: dict[str, Any] = {"security": [{"token": []}]}
_COMMON = ("sign_in_off", "sign_in_unavailable")
_SYSTEM = (
    *_COMMON,
    "token_missing",
    "token_invalid",
    "scope_missing",
    "publisher_unknown",
    "issuer_unavailable",
    "too_large",
    "request_timeout",
    "invalid_request",
    "internal",
)
_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class SignInRequest(BaseModel):
    """What a system asks for."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    account: str = Field(pattern=_TOKEN, description="Opaque id of the account at the system; never a personal ID.")
    purpose: str = Field(min_length=1, max_length=200, description="What the citizen signs in for.")
    return_url: str = Field(max_length=2_000, description="One of the system's registered return URLs.")


class SignInBegun(BaseModel):
    """Where the browser goes."""

    sign_in: str = Field(description="Keep it in the citizen's session; never take it from a URL.")
    start_url: str = Field(description="Send the citizen's browser here at once; it works once.")


class SignInResultRequest(BaseModel):
    """A browser came back."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    sign_in: str = Field(pattern=_TOKEN, description="From the citizen's session.")
    handle: str = Field(max_length=100, description="The parameter sign_in_handle that the browser brought.")
    profile: dict[str, Any] = Field(
        default_factory=dict, description="What the system knows of its own account; see the record type."
    )


class SignInResult(BaseModel):
    """The citizen signed in, and the hub has it in Kafka."""

    sign_in: str
    account: str
    level: int


class SignInRoutes:
    """Handlers of the routes.

    Args:
        authenticator: Knows which system calls.
        flow: Takes sign-ins from step to step; None when the hub has no identity platform.
        links: Makes the records; None as above.
        sender: Writes them.
    """

    def __init__(
        self, authenticator: Authenticator, flow: SignInFlow | None, links: SignInLinks | None, sender: Sender
    ) -> None:
        self._authenticator = authenticator
        self._parts = (flow, links) if flow is not None and links is not None else None
        self._sender = sender

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter()

        def add(path: str, handler: Callable[..., Any], method: str, *problems: str, **options: Any) -> None:
            responses = documents.problem_responses(*problems)
            router.add_api_route(path, handler, methods=[method], responses=responses, **options)

        add(
            "/v1/sign-ins",
            self.begin_sign_in,
            "POST",
            *_SYSTEM,
            "return_url_not_allowed",
            "personal_id_in_attribute",
            status_code=201,
            response_model=SignInBegun,
            openapi_extra={"requestBody": documents.json_body(SignInRequest), **_SECURITY},
            summary="Begin the sign-in of a citizen for one account of the calling system",
        )
        add(
            "/v1/sign-ins/start",
            self.start_sign_in,
            "GET",
            *_COMMON,
            "sign_in_unknown",
            "invalid_request",
            status_code=303,
            response_class=RedirectResponse,
            summary="For browsers: go to the identity platform",
        )
        add(
            CALLBACK_PATH,
            self.finish_sign_in,
            "GET",
            *_COMMON,
            "sign_in_unknown",
            status_code=303,
            response_class=RedirectResponse,
            summary="For browsers: come back from the identity platform",
        )
        add(
            "/v1/sign-ins/result",
            self.fetch_result,
            "POST",
            *_SYSTEM,
            "sign_in_unknown",
            "validation_failed",
            "too_many_waiting",
            "broker_unavailable",
            response_model=SignInResult,
            openapi_extra={"requestBody": documents.json_body(SignInResultRequest), **_SECURITY},
            summary="Fetch the result of a sign-in, which writes the request to link the account",
        )
        return router

    async def begin_sign_in(self, request: Request) -> Response:
        """Begin a sign-in.

        The browser must be sent to `start_url` at once. The id stays with the citizen's session at the system.
        """
        flow, _ = self._on()
        caller = await self._caller(request)
        asked = _parsed(SignInRequest, await read_body(request, _MAX_BODY_BYTES))
        if holds_personal_id("subject", asked.account):
            raise ProblemError(
                Problem("personal_id_in_attribute", "'account' looks like a personal ID; send an opaque id of it")
            )
        if asked.return_url not in caller.publisher.return_urls:
            raise ProblemError(
                Problem(
                    "return_url_not_allowed",
                    f"'return_url' is none of gateway.publishers.{caller.system}.return_urls; register it",
                )
            )
        sign_in, start_url = await flow.begin(caller.system, asked.account, asked.purpose, asked.return_url)
        return JSONResponse({"sign_in": sign_in, "start_url": start_url}, 201, headers=_HEADERS)

    async def start_sign_in(self, ticket: str) -> Response:
        """Set the cookie that binds the sign-in to this browser and send it to the platform."""
        flow, _ = self._on()
        url, cookie = await flow.start(ticket)
        response = RedirectResponse(url, 303, _HEADERS)
        # Lax: the way back from the platform is a navigation from another site.
        response.set_cookie(COOKIE, cookie, path="/", secure=True, httponly=True, samesite="lax")
        return response

    async def finish_sign_in(self, request: Request) -> Response:
        """Ask the platform who signed in and send the browser back to the system that asked.

        What the browser is told holds no code, token or claim.
        """
        flow, _ = self._on()
        url = await flow.answer(request.scope["query_string"], request.cookies.get(COOKIE, ""))
        response = RedirectResponse(url, 303, _HEADERS)
        response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
        return response

    async def fetch_result(self, request: Request) -> Response:
        """Return that the citizen signed in, once the request to link the account is in Kafka.

        A handle works once, with the id from the session that began the sign-in, for the system that began it.
        After 429 and 503 the same call may be repeated.
        """
        flow, links = self._on()
        caller = await self._caller(request)
        if self._sender.is_busy:
            raise ProblemError(Problem("too_many_waiting", "too many requests wait for Kafka; ask again later", (), 5))
        asked = _parsed(SignInResultRequest, await read_body(request, _MAX_BODY_BYTES))
        sign_in = await flow.result(caller.system, asked.sign_in, asked.handle)
        try:
            (failure,) = await self._sender.send([links.record(sign_in, asked.profile)])
            if failure is not None:
                raise failure
        except LienthongError as error:
            await flow.give_back(sign_in, asked.handle)
            raise ProblemError(problem_from(error)) from None
        answer = {"sign_in": sign_in.id, "account": sign_in.account, "level": sign_in.level}
        return JSONResponse(answer, headers=_HEADERS)

    def _on(self) -> tuple[SignInFlow, SignInLinks]:
        if self._parts is None:
            raise ProblemError(
                Problem("sign_in_off", "this hub has no identity platform; set gateway.sign_in.provider")
            )
        return self._parts

    async def _caller(self, request: Request) -> Caller:
        caller = await self._authenticator.authenticate(request.headers.get("authorization"))
        if SCOPE not in caller.scopes:
            raise ProblemError(Problem("scope_missing", f"the token lacks the scope {SCOPE}"))
        return caller


def _parsed(model: type[ModelT], body: bytes) -> ModelT:
    try:
        return model.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError:
        problem = Problem("invalid_request", "the body is no UTF-8 JSON document")
    except ValidationError as error:
        problem = Problem("invalid_request", "the body breaks /openapi.json; see the fields", to_violations(error))
    raise ProblemError(problem)
