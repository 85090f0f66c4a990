"""Calls to the gateway: one pair of tokens for all calls of a process, renewed once when it is refused."""

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any

import httpx
import orjson

from lienthong.clock import Clock
from lienthong.errors import TargetConfigurationError, TargetUnavailableError
from lienthong.http_clients import HttpClientFactory
from lienthong.rest import RotatingSecret, call, table
from lienthong_connectors.insurance_card.codes import ACCOUNT_REFUSED, TOKEN_REFUSED, TROUBLES
from lienthong_connectors.insurance_card.config import InsuranceCardConfig
from lienthong_connectors.insurance_card.wire import Tokens, code_of, object_of

_SUCCESS = "200"
_REFUSED_STATUSES = frozenset({401, 403})


class CardClient:
    """Speaks the gateway's JSON.

    Args:
        config: Where and as whom.
        http: Builds the HTTP client.
        clock: Tells how old the tokens are.
    """

    def __init__(self, config: InsuranceCardConfig, http: HttpClientFactory, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._statuses = table(config.on_status)
        fixed = [config.password] if config.password is not None else []
        self._password = RotatingSecret(fixed, config.password_files, name="insurance-card password")
        self._tokens: Tokens | None = None
        self._taken_at = 0.0
        self._lock = asyncio.Lock()
        self._client = http.create(
            base_url=config.base_url,
            timeout_seconds=config.timeout_seconds,
            max_connections=config.max_connections,
            headers={"Content-Type": "application/json"},
            ca_file=config.ca_file,
        )

    def __repr__(self) -> str:
        """Show only whether there are tokens."""
        return f"CardClient(has_tokens={self._tokens is not None})"

    async def close(self) -> None:
        """Close the HTTP client and forget the tokens."""
        self._tokens = None
        await self._client.aclose()

    async def ask(self, body: bytes) -> Mapping[str, Any]:
        """Return the gateway's answer; a refused token is renewed once and the question sent again.

        Args:
            body: The question.

        Raises:
            RetriableError: The gateway is away, or in trouble.
            TargetConfigurationError: It refuses the account.
        """
        tokens = await self._current()
        answer = await self._send(tokens, body)
        if code_of(answer) == TOKEN_REFUSED:
            tokens = await self._current(refused=tokens)
            answer = await self._send(tokens, body)
        return answer

    async def _send(self, tokens: Tokens, body: bytes) -> Mapping[str, Any]:
        config = self._config
        # The gateway wants its credentials in the query string; the hub logs no URL.
        credentials = {
            "token": tokens.access,
            "id_token": tokens.id,
            "username": config.user_name,
            "password": self._formed(self._password.current),
        }
        return await self._post(config.lookup_path, body, params=credentials)

    async def _current(self, refused: Tokens | None = None) -> Tokens:
        async with self._lock:
            is_old = self._clock.monotonic() - self._taken_at >= self._config.token_seconds
            if self._tokens is None or self._tokens == refused or is_old:
                self._tokens = None
                self._tokens = await self._password.use(self._take, _is_refused)
                self._taken_at = self._clock.monotonic()
            return self._tokens

    async def _take(self, password: str) -> Tokens:
        body = {"username": self._config.user_name, "password": self._formed(password)}
        answer = await self._post(self._config.token_path, orjson.dumps(body))
        code = code_of(answer)
        if code in TROUBLES:
            raise TargetUnavailableError("the gateway gives no token now", reason=f"token_{code}")
        key = answer.get("APIKey")
        access, identity = (key.get("access_token"), key.get("id_token")) if isinstance(key, dict) else (None, None)
        if code != _SUCCESS or not isinstance(access, str) or not isinstance(identity, str) or not access:
            raise TargetConfigurationError(
                "the gateway gives no token; check user_name, password and hashes_password", reason=f"login_{code}"
            )
        return Tokens(access, identity)

    async def _post(self, path: str, body: bytes, **options: Any) -> Mapping[str, Any]:
        response = await call(
            self._client,
            "POST",
            path,
            clock=self._clock,
            expected="json",
            statuses=self._statuses,
            is_answer=_is_refused_by_status,
            content=body,
            **options,
        )
        if _is_refused_by_status(response):
            return {"maKetQua": TOKEN_REFUSED if options else ACCOUNT_REFUSED}
        return object_of(response.content)

    def _formed(self, password: str) -> str:
        if not self._config.hashes_password:
            return password
        return hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()


def _is_refused_by_status(response: httpx.Response) -> bool:
    return response.status_code in _REFUSED_STATUSES


def _is_refused(error: TargetConfigurationError) -> bool:
    return (error.reason or "").startswith("login_")
