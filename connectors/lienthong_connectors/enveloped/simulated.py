"""The common part of simulated platforms with the envelope: tokens, envelopes and refusals."""

import base64
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lienthong.errors import ConfigurationError
from lienthong.testing.simulator import STATE

STATUSES = {
    "BAD_REQUEST": 400,
    "FORBIDDEN_WARD_SCOPE": 403,
    "NOT_FOUND": 404,
    "CONFLICT": 409,
    "VALIDATION_FAILED": 422,
}


class PlatformOptions(BaseModel):
    """What a simulated platform can be told besides its behaviour.

    Attributes:
        client_id: The only account; empty accepts any.
        client_secret: Its secret.
        refuse: Code by which every operation is refused, such as ``FORBIDDEN_WARD_SCOPE``; empty for none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    client_id: str = ""
    client_secret: str = Field(default="", repr=False)
    refuse: str = ""


OptionsT = TypeVar("OptionsT", bound=PlatformOptions)


class Platform:
    """Tokens and options of a simulated platform.

    Args:
        options: What it was told.
    """

    def __init__(self, options: PlatformOptions) -> None:
        self.options = options
        self.tokens: set[str] = set()
        self.tokens_given = 0

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return the routes that every platform has."""
        return [
            web.post("/oauth/token", self.give_token),
            web.delete("/_control/tokens", self.end_tokens),
            web.put("/_control/options", self.change_options),
        ]

    async def give_token(self, request: web.Request) -> web.Response:
        """Give a token for the right account.

        Args:
            request: OAuth 2.0 client credentials with HTTP Basic.
        """
        options = self.options
        header = request.headers.get("Authorization", "")
        account = f"{options.client_id}:{options.client_secret}".encode()
        wanted = f"Basic {base64.b64encode(account).decode()}"
        if options.client_id and header != wanted:
            return web.json_response({"error": "invalid_client"}, status=401)
        token = secrets.token_hex(16)
        self.tokens.add(token)
        self.tokens_given += 1
        return web.json_response({"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    async def end_tokens(self, _: web.Request) -> web.Response:
        """End all tokens, as a restart of the platform would."""
        self.tokens.clear()
        return web.Response(status=204)

    async def change_options(self, request: web.Request) -> web.Response:
        """Change options while the simulator runs.

        Args:
            request: A JSON object of options.
        """
        try:
            changes = orjson.loads(await request.read())
            self.options = read_options(type(self.options), {**self.options.model_dump(), **changes})
        except (orjson.JSONDecodeError, TypeError, ConfigurationError) as error:
            return web.Response(status=400, text=str(error))
        return web.Response(status=204)

    def refusal(self, request: web.Request) -> web.Response | None:
        """Return the answer to a call without a valid token, or that is to be refused; None to go on.

        Args:
            request: A call of an operation.
        """
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return error(request, "UNAUTHORIZED", 401)
        return error(request, self.options.refuse) if self.options.refuse else None


def envelope(request: web.Request, data: Any, status: int = 200, **meta: Any) -> web.Response:
    """Return an answer of success.

    Args:
        request: What is answered.
        data: What was asked for.
        status: HTTP status.
        **meta: Further fields of ``meta``.
    """
    now = request.app[STATE].clock.now().isoformat()
    document = {"data": data, "meta": {"requestId": secrets.token_hex(8), "generatedAt": now, **meta}}
    return web.Response(status=status, body=orjson.dumps(document), content_type="application/json")


def page_of(request: web.Request, held: Iterable[Mapping[str, Any]], time_field: str, id_field: str) -> web.Response:
    """Return one page of what changed since a moment, that moment included, in the order of change and id.

    Args:
        request: With ``from``, ``page`` and ``size``.
        held: Everything.
        time_field: Name of the field with the time of the change.
        id_field: Name of the field that orders changes of one instant.
    """
    query = request.query
    try:
        since, page, size = datetime.fromisoformat(query["from"]), int(query["page"]), int(query["size"])
    except (KeyError, ValueError):
        return error(request, "BAD_REQUEST")
    found = [each for each in held if datetime.fromisoformat(each[time_field]) >= since]
    found.sort(key=lambda each: (datetime.fromisoformat(each[time_field]), str(each[id_field])))
    return envelope(request, found[(page - 1) * size : page * size], total=len(found))


def error(request: web.Request, code: str, status: int = 0) -> web.Response:
    """Return a refusal.

    Args:
        request: What is refused.
        code: The platform's code.
        status: HTTP status; 0 for the one that belongs to the code.
    """
    del request
    document = {"error": {"code": code, "message": "Yêu cầu không được chấp nhận", "requestId": secrets.token_hex(8)}}
    return web.json_response(document, status=status or STATUSES.get(code, 400))


def read_options(model: type[OptionsT], values: Mapping[str, Any]) -> OptionsT:
    """Return checked options.

    Args:
        model: Their model.
        values: As given; values may be text.

    Raises:
        ConfigurationError: If an option is unknown or has a bad value.
    """
    try:
        return model.model_validate(values)
    except ValidationError as failure:
        places = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in failure.errors())
        raise ConfigurationError(f"the simulated platform cannot be set up: {places}") from None
