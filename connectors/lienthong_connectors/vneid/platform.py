"""What VNeID and its brokers have in common: calls that are small, short and never followed elsewhere."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

import httpx
import orjson

from lienthong.clock import to_vietnam
from lienthong.connector import ConnectorContext
from lienthong.errors import DecodeError, RejectedByTargetError, TargetConfigurationError
from lienthong.rest import Resolution, RotatingSecret, call
from lienthong.rest.transport import MAX_BYTES
from lienthong.sign_in import Identity, IdentityProvider, SignInSecrets, check_error
from lienthong_connectors.vneid.config import PlatformConfig

ConfigT = TypeVar("ConfigT", bound=PlatformConfig)

#: A token answer or the claims of one person have a few hundred bytes; an avatar in them some thousands.
MAX_ANSWER_BYTES = 65_536
PERSONAL_ID = "personal_id"
_PERSONAL_ID = re.compile(r"[0-9]{12}")
_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")
_LEVELS = range(1, 5)
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
_USERINFO_STATUSES: Mapping[int, Resolution] = {401: Resolution(RejectedByTargetError, "token_refused")}
_TOKEN_STATUSES: Mapping[int, Resolution] = {
    400: Resolution(RejectedByTargetError, "code_refused"),
    415: Resolution(TargetConfigurationError, "http_415"),
}


class Platform(IdentityProvider[ConfigT], Generic[ConfigT]):
    """Base of both ways to VNeID.

    Args:
        config: Its configuration.
        context: HTTP and clock.
        redirect_uri: Where browsers come back to.

    Raises:
        ConfigurationError: If a secret or an authority file cannot be read.
    """

    def __init__(self, config: ConfigT, context: ConnectorContext, redirect_uri: str) -> None:
        super().__init__(config, context, redirect_uri)
        self._secret = RotatingSecret(files=config.client_secret_files, name="client_secret")
        self._http = context.http.create(
            base_url=config.urls()[0],
            timeout_seconds=config.timeout_seconds,
            ca_file=str(config.ca_file) if config.ca_file is not None else None,
        )

    async def identify(self, answer: Mapping[str, str], secrets: SignInSecrets) -> Identity:
        """Return who signed in.

        Args:
            answer: Parameters that the browser came back with.
            secrets: Of this sign-in.

        Raises:
            RejectedByTargetError: The citizen did not sign in, or the platform or the agreement says no.
            DecodeError: An answer cannot be read.
            RetriableError: The platform is away.
            TargetConfigurationError: The platform refuses the province.
        """
        self._check_agreement()
        check_error(answer)
        return await self._redeem(answer, secrets)

    async def _redeem(self, answer: Mapping[str, str], secrets: SignInSecrets) -> Identity:
        raise NotImplementedError

    async def aclose(self) -> None:
        """Release connections."""
        await self._http.aclose()

    def _check_agreement(self) -> None:
        agreement = self.config.agreement
        if agreement is not None and to_vietnam(self.context.clock.now()).date() > agreement.valid_until:
            raise TargetConfigurationError(
                "the agreement with the identity platform has ended; renew it and set its valid_until",
                reason="agreement",
            )

    async def _with_secret(self, send: Callable[[str], Awaitable[httpx.Response]]) -> httpx.Response:
        return await self._secret.use(send, _is_about_secret)

    async def _post_form(self, url: str, form: Mapping[str, str], **options: Any) -> httpx.Response:
        return await self._call("POST", url, headers=_FORM, content=urlencode(form).encode(), **options)

    async def _ask_userinfo(self, method: str, url: str, access_token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
        return await self._call(method, url, headers=headers, statuses=_USERINFO_STATUSES)

    async def _call(self, method: str, url: str, **options: Any) -> httpx.Response:
        options.setdefault("statuses", _TOKEN_STATUSES)
        options.setdefault("expected", "json")
        extensions = {MAX_BYTES: MAX_ANSWER_BYTES, "timeout": self._http.timeout.as_dict()}
        return await call(self._http, method, url, clock=self.context.clock, extensions=extensions, **options)

    def _identity(self, claims: Mapping[str, Any], level: Any) -> Identity:
        identifier = claims.get(self.config.identifier_claim)
        if not isinstance(identifier, str) or not _PERSONAL_ID.fullmatch(identifier):
            raise RejectedByTargetError("the platform names no personal ID of the citizen", reason="no_identifier")
        number = int(level) if isinstance(level, str) and level in {"1", "2", "3", "4"} else level
        if isinstance(number, bool) or number not in _LEVELS:
            raise RejectedByTargetError("the platform names no level of the citizen's account", reason="no_level")
        return Identity(PERSONAL_ID, identifier, int(number))


def parsed(response: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of an answer.

    Args:
        response: The answer.

    Raises:
        DecodeError: If it is none.
    """
    try:
        document = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise DecodeError("the identity platform answered without a JSON object", reason="answer")
    return document


def bearer_of(token: Mapping[str, Any]) -> str:
    """Return the access token in a token answer.

    Args:
        token: The answer.

    Raises:
        DecodeError: If there is no bearer token that may stand in a header.
    """
    access_token = token.get("access_token")
    is_bearer = str(token.get("token_type", "Bearer")).lower() == "bearer"
    if not is_bearer or not isinstance(access_token, str) or not _TOKEN.fullmatch(access_token):
        raise DecodeError("the identity platform answered without a bearer token", reason="no_token")
    return access_token


def _is_about_secret(error: TargetConfigurationError) -> bool:
    return error.reason in {"http_401", "client_refused"}
