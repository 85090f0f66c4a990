"""Calls of a platform with REST, OAuth 2.0 and the common envelope."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import httpx
import orjson

from lienthong.clock import to_vietnam
from lienthong.connector import ConnectorContext
from lienthong.errors import (
    ConfigurationError,
    LienthongError,
    RejectedByTargetError,
    ScopeError,
    TargetUnavailableError,
)
from lienthong.rest import ClientCredentialsAuth, RotatingSecret, call, table
from lienthong_connectors.enveloped.config import EnvelopedConfig

#: Codes by which the platform refuses a record on its merits.
REJECTIONS: Final = frozenset({"BAD_REQUEST", "VALIDATION_FAILED", "CONFLICT"})
#: Codes by which it says that the province may not do this; everything that needs the agreement waits.
NOT_ALLOWED: Final = frozenset({"FORBIDDEN", "FORBIDDEN_WARD_SCOPE", "FORBIDDEN_COLLECTION"})
#: There is no such thing at the platform, which is an answer.
NOT_FOUND: Final = "NOT_FOUND"
_CODES: Final = REJECTIONS | NOT_ALLOWED | {NOT_FOUND}


class Reply(NamedTuple):
    """What the platform answered.

    Attributes:
        data: What was asked for; None when it is not there. May be personal.
        meta: What the platform says about the answer, such as where the next page begins.
    """

    data: Any
    meta: Mapping[str, Any]

    def __repr__(self) -> str:
        """Show nothing: the data may be personal."""
        return "Reply(…)"


class EnvelopedClient:
    """Speaks to one platform.

    Args:
        config: Where and as whom.
        context: What the engine provides.
        name: Name of the connector, for messages.
    """

    def __init__(self, config: EnvelopedConfig, context: ConnectorContext, name: str) -> None:
        self._config = config
        self._context = context
        self._name = name
        self._statuses = table(config.on_status)
        self._http: httpx.AsyncClient | None = None
        fixed = [config.client_secret] if config.client_secret is not None else []
        self._secret = RotatingSecret(fixed, config.secret_files, name=f"secret of {name}")

    async def open(self) -> None:
        """Build the HTTP client; the first call gets a token."""
        config = self._config
        self._http = self._context.http.create(
            base_url=config.base_url,
            timeout_seconds=config.timeout_seconds,
            max_connections=config.max_connections,
            headers={"Accept": "application/json", "Content-Type": "application/json"},
            ca_file=config.ca_file,
            client_certificate_file=config.client_certificate_file,
            client_key_file=config.client_key_file,
        )
        self._http.auth = ClientCredentialsAuth(
            token_url=config.token_url,
            client_id=config.client_id,
            client_secret=self._secret,
            clock=self._context.clock,
            scope=config.token_scope,
        )

    async def close(self) -> None:
        """Close the HTTP client; called twice it does nothing the second time."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    @property
    def scopes(self) -> tuple[tuple[str, str], ...]:
        """The agreement that every call needs."""
        agreement = self._config.agreement
        return (("agreement", agreement.number),) if agreement is not None else ()

    def check_agreement(self, purpose: str, now: datetime) -> None:
        """Refuse a call that the agreement does not cover, before it is sent.

        Args:
            purpose: Why the call is made.
            now: The present moment.

        Raises:
            ScopeError: The agreement has ended or covers another purpose.
        """
        agreement = self._config.agreement
        if agreement is None:
            return
        if to_vietnam(now).date() > agreement.valid_until:
            raise self._not_allowed("the agreement has expired; renew it and enter the new date", "agreement_expired")
        if agreement.purpose and purpose != agreement.purpose:
            raise self._not_allowed("the agreement does not cover this purpose", "agreement_purpose")

    async def call(
        self,
        method: str,
        path: str,
        document: Any = None,
        params: Mapping[str, str] | None = None,
        *,
        may_be_missing: bool = False,
    ) -> Reply:
        """Call one operation; every operation may be repeated, because writes are upserts by id.

        Args:
            method: Such as ``PUT``.
            path: Below the base URL.
            document: Sent as JSON; None for no body.
            params: Query of the URL.
            may_be_missing: Whether "there is no such thing" is an answer, with ``data`` None, and no refusal.

        Returns:
            The answer.

        Raises:
            RejectedByTargetError: The platform refuses the record.
            RetriableError: The platform is away.
            ScopeError: The province may not do this.
            TargetConfigurationError: The platform refuses the account.
        """
        if self._http is None:
            raise ConfigurationError(f"the connector {self._name} is not open")
        request: dict[str, Any] = {} if document is None else {"content": orjson.dumps(document)}
        if params is not None:
            request["params"] = dict(params)
        response = await call(
            self._http,
            method,
            path,
            clock=self._context.clock,
            expected="json",
            statuses=self._statuses,
            is_answer=lambda answer: _code_of(answer) in _CODES,
            **request,
        )
        code = _code_of(response)
        if code == NOT_FOUND and may_be_missing:
            return Reply(None, {})
        if code:
            raise self._refusal(code)
        answer = _object(response.content)
        if answer is None or "data" not in answer:
            raise TargetUnavailableError("the platform answered with no data in its envelope", reason="no_envelope")
        meta = answer.get("meta")
        return Reply(answer["data"], meta if isinstance(meta, dict) else {})

    def _refusal(self, code: str) -> LienthongError:
        if code in NOT_ALLOWED:
            return self._not_allowed("the platform does not allow this; ask its operator", code.lower())
        return RejectedByTargetError("the platform refuses the record; look at the reason", reason=code.lower())

    def _not_allowed(self, message: str, reason: str) -> ScopeError:
        agreement = self._config.agreement
        scope = agreement.number if agreement is not None else "simulator"
        return ScopeError(message, scope_kind="agreement", scope=scope, reason=reason)


def _code_of(response: httpx.Response) -> str:
    if response.status_code < 400:
        return ""
    error = (_object(response.content) or {}).get("error")
    return str(error.get("code", "")) if isinstance(error, dict) else ""


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict) else None
