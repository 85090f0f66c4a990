"""Calls of the adapter: login, session, and the answers of services."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx
import orjson

from lienthong.clock import Clock
from lienthong.connector import Effect, HttpClientFactory
from lienthong.errors import (
    OutcomeUnknownError,
    TargetConfigurationError,
    TargetSuspendedError,
    TargetUnavailableError,
    TokenExpiredError,
)
from lienthong.rest import RotatingSecret, call, table
from lienthong_connectors.portal.answers import Judgement, Meaning, judge
from lienthong_connectors.portal.config import ON_STATUS, PortalConfig
from lienthong_connectors.portal.session import Session
from lienthong_connectors.portal.wire import TECH_ID_SERVICE, WireRecord

_SESSION_REFUSED = Judgement(Meaning.SESSION, "http_401")


class ServiceAnswer(NamedTuple):
    """What a service answered.

    Attributes:
        judgement: What it means; never *session*, *credentials* or *busy*, which are raised.
        body: The parsed object; may be personal.
    """

    judgement: Judgement
    body: Mapping[str, Any]

    def __repr__(self) -> str:
        """Show the meaning only: the body may hold personal data."""
        return f"ServiceAnswer({self.judgement.reason})"

    def first_result(self) -> WireRecord | None:
        """Return the first object of ``result``, or None."""
        result = self.body.get("result")
        first = result[0] if isinstance(result, list) and result else None
        return first if isinstance(first, dict) else None


class AdapterClient:
    """Speaks the adapter's JSON RPC.

    Args:
        config: Where and as whom.
        http: Builds the HTTP client.
        clock: What a date in ``Retry-After`` is compared with.
    """

    def __init__(self, config: PortalConfig, http: HttpClientFactory, clock: Clock) -> None:
        self._config = config
        self._statuses = table(config.on_status, ON_STATUS)
        self._factory = http
        self._clock = clock
        self._http: httpx.AsyncClient | None = None
        fixed = [config.password] if config.password is not None else []
        self._password = RotatingSecret(fixed, config.password_files, name="portal password")
        self._session = Session(self._login)

    async def open(self) -> None:
        """Build the HTTP client, without a call."""
        config = self._config
        self._http = self._factory.create(
            base_url=config.base_url,
            timeout_seconds=config.timeout_seconds,
            max_connections=config.max_connections,
            headers={
                "Accept": "application/json",
                "Content-Type": "application/json",
                "Charset": "utf-8",
                "dstcode": config.destination_code,
            },
            ca_file=config.ca_file,
            client_certificate_file=config.client_certificate_file,
            client_key_file=config.client_key_file,
        )

    async def close(self) -> None:
        """Stop a login under way and close the HTTP client."""
        await self._session.close()
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def call(self, service: str, body: Mapping[str, Any], effect: Effect) -> ServiceAnswer:
        """Call a service; a refused session is renewed once and the call sent again.

        Args:
            service: Name of the service.
            body: Its own fields.
            effect: What happens when the call is repeated.

        Returns:
            The answer, whatever it says about the record.

        Raises:
            RetriableError: The portal is away, busy or refuses a fresh session.
            TargetConfigurationError: The portal refuses the account, or has locked it.
            RejectedByTargetError: The portal refuses the request as a whole.
            OutcomeUnknownError: A write may have happened.
        """
        session = await self._session.current()
        answer = await self._send(session, service, body, effect)
        if answer.judgement.meaning is Meaning.SESSION:
            # A refused session was looked at before anything was written, so sending again repeats nothing.
            session = await self._session.renew(session)
            answer = await self._send(session, service, body, effect)
        meaning = answer.judgement.meaning
        if meaning is Meaning.SESSION:
            raise TokenExpiredError(
                "the portal refuses a session that it has just given; another worker may use the same account",
                reason=answer.judgement.reason,
            )
        if meaning is Meaning.CREDENTIALS:
            raise TargetConfigurationError(
                "the portal does not allow this call for the account; check user_name, unit_code and its rights",
                reason=answer.judgement.reason,
            )
        if meaning is Meaning.SUSPENDED:
            raise _suspended(answer.judgement)
        if meaning is Meaning.BUSY:
            raise TargetUnavailableError("the portal says that it is busy", reason=answer.judgement.reason)
        return answer

    async def _send(self, session: str, service: str, body: Mapping[str, Any], effect: Effect) -> ServiceAnswer:
        path = self._config.share_endpoint if service == TECH_ID_SERVICE else self._config.integration_endpoint
        document = {"session": session, "madonvi": self._config.unit_code, "service": service, **body}
        try:
            answer = await self._post(path, document, is_write=effect is not Effect.IDEMPOTENT)
        except TokenExpiredError:
            return ServiceAnswer(_SESSION_REFUSED, {})
        return ServiceAnswer(judge(answer, self._config.success_phrases), answer)

    async def _login(self) -> str:
        return await self._password.use(self._login_with, _is_refused_login)

    async def _login_with(self, password: str) -> str:
        config = self._config
        credentials = {"username": config.user_name, "password": password}
        try:
            answer = await self._post(config.auth_endpoint, credentials, is_write=False)
        except TokenExpiredError as error:
            raise _login_refused(error.reason) from error
        judgement = judge(answer, config.success_phrases)
        if judgement.meaning is Meaning.BUSY:
            raise TargetUnavailableError("the portal says that it is busy", reason=judgement.reason)
        if judgement.meaning is Meaning.SUSPENDED:
            raise _suspended(judgement)
        session = answer.get("session")
        if judgement.meaning is not Meaning.SUCCESS or not isinstance(session, str) or not session:
            raise _login_refused(judgement.reason)
        return session

    async def _post(self, path: str, document: Mapping[str, Any], *, is_write: bool) -> Mapping[str, Any]:
        if self._http is None:
            raise TargetConfigurationError("the portal connector is not open", reason="not_open")
        response = await call(
            self._http,
            "POST",
            path,
            clock=self._clock,
            is_write=is_write,
            expected="json",
            statuses=self._statuses,
            content=orjson.dumps(document),
        )
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            kind = OutcomeUnknownError if is_write else TargetUnavailableError
            # Without the cause: a JSON error carries the whole document, which may be personal.
            raise kind("the portal answered with something that is no JSON object", reason="no_json_object") from None
        return answer


def _suspended(judgement: Judgement) -> TargetSuspendedError:
    return TargetSuspendedError(
        "the portal has locked the account; ask its operator, then start the worker again", reason=judgement.reason
    )


def _is_refused_login(error: TargetConfigurationError) -> bool:
    return not isinstance(error, TargetSuspendedError) and (error.reason or "").startswith("login:")


def _login_refused(reason: str | None) -> TargetConfigurationError:
    return TargetConfigurationError(
        "the portal refuses the login; check user_name, password and destination_code", reason=f"login:{reason}"
    )
