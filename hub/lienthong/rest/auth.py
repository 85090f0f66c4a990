"""OAuth 2.0 client credentials as an authentication flow of httpx."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping
from typing import Any, Literal

import httpx
import orjson
from authlib.oauth2.auth import ClientAuth, TokenAuth
from authlib.oauth2.rfc6749.parameters import prepare_token_request
from pydantic import SecretStr

from lienthong.clock import Clock
from lienthong.errors import TargetConfigurationError, TargetUnavailableError
from lienthong.rest.resolution import Resolution, error_for_response
from lienthong.rest.secrets import RotatingSecret
from lienthong.rest.transport import PREPARES

_REFUSED = Resolution(TargetConfigurationError, "token_refused")
_TOKEN_STATUSES: Mapping[int, Resolution] = {400: _REFUSED, 401: _REFUSED}
#: Used when the token answer names no lifetime (RFC 6749, section 5.1 only recommends it).
_DEFAULT_LIFETIME_SECONDS = 300.0


class ClientCredentialsAuth(httpx.Auth):
    """Gets a token, keeps it, renews it before it ends and once more when the target answers 401.

    All calls of one client share the token; however many find it old, one token request is made.

    Args:
        token_url: The token endpoint.
        client_id: Our id at the issuer.
        client_secret: Our secret at the issuer, or both while it is being replaced.
        clock: Tells when the token ends.
        scope: Space-separated scopes; empty for none.
        method: How the secret is sent.
        headers: Sent with the token request, such as ``lgspaccesstoken``.
        leeway_seconds: The token is renewed this long before it ends.
    """

    def __init__(
        self,
        *,
        token_url: str,
        client_id: str,
        client_secret: SecretStr | RotatingSecret,
        clock: Clock,
        scope: str = "",
        method: Literal["client_secret_basic", "client_secret_post"] = "client_secret_basic",
        headers: Mapping[str, SecretStr] | None = None,
        leeway_seconds: float = 60.0,
    ) -> None:
        self._token_url = token_url
        self._client_id = client_id
        if isinstance(client_secret, SecretStr):
            client_secret = RotatingSecret([client_secret], name="client_secret")
        self._secret = client_secret
        self._clock = clock
        self._scope = scope
        self._method = method
        self._headers = dict(headers or {})
        self._leeway_seconds = leeway_seconds
        self._token: dict[str, Any] | None = None
        self._ends_at = 0.0
        self._lock = asyncio.Lock()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(token_url={self._token_url!r}, client_id={self._client_id!r})"

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Refuse: the hub calls from its event loop only.

        Args:
            request: The request to sign.

        Raises:
            RuntimeError: Always.
        """
        del request
        raise RuntimeError("use an asynchronous client")

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Sign a request, getting a token first when there is none.

        Args:
            request: The request to sign.

        Yields:
            Token requests and the signed request.

        Raises:
            TargetConfigurationError: The issuer refuses our credentials.
            RetriableError: The issuer does not answer.
        """
        for is_last in (False, True):
            async with self._lock:
                if self._is_old():
                    secret = self._secret.current
                    response = yield self._token_request(secret)
                    await response.aread()
                    other = self._secret.other_than(secret) if response.status_code in _TOKEN_STATUSES else None
                    if other is not None:
                        secret = other
                        response = yield self._token_request(secret)
                        await response.aread()
                    self._keep(response)
                    self._secret.accepted(secret)
                used = self._token
            self._sign(request)
            response = yield request
            if response.status_code != 401 or is_last:
                return
            if self._token is used:
                self._token = None

    def _is_old(self) -> bool:
        return self._token is None or self._clock.monotonic() >= self._ends_at

    def _token_request(self, secret: str) -> httpx.Request:
        extra = {"scope": self._scope} if self._scope else {}
        body = prepare_token_request("client_credentials", **extra)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        signer = ClientAuth(self._client_id, secret, self._method)
        url, headers, body = signer.prepare("POST", self._token_url, headers, body)
        headers.update({name: value.get_secret_value() for name, value in self._headers.items()})
        return httpx.Request("POST", url, headers=headers, content=body, extensions={PREPARES: True})

    def _keep(self, response: httpx.Response) -> None:
        failure = error_for_response(response, clock=self._clock, statuses=_TOKEN_STATUSES)
        if failure is not None:
            raise failure
        try:
            token = orjson.loads(response.content)
            lifetime = float(token.get("expires_in") or _DEFAULT_LIFETIME_SECONDS)
            is_usable = isinstance(token["access_token"], str)
        except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError):
            is_usable = False
        if not is_usable:
            raise TargetUnavailableError("the token endpoint answered without a token", reason="no_token")
        self._token = token
        self._ends_at = self._clock.monotonic() + max(lifetime - self._leeway_seconds, lifetime / 2)

    def _sign(self, request: httpx.Request) -> None:
        signer = TokenAuth({"token_type": "Bearer", "access_token": (self._token or {})["access_token"]})
        _, headers, _ = signer.prepare(str(request.url), {}, "")
        request.headers.update(headers)
