"""Profile ``adapter``: JSON RPC behind a session."""

from collections.abc import Mapping
from typing import Any

from lienthong.clock import Clock
from lienthong.connector import Effect
from lienthong.errors import (
    TargetConfigurationError,
    TargetSuspendedError,
    TargetUnavailableError,
    TokenExpiredError,
)
from lienthong.http_clients import HttpClientFactory
from lienthong.rest import RotatingSecret
from lienthong_connectors.portal.answers import Judgement, Meaning, judge
from lienthong_connectors.portal.client import PortalClient, ServiceAnswer, suspended
from lienthong_connectors.portal.config import PortalConfig
from lienthong_connectors.portal.session import Session
from lienthong_connectors.portal.session_file import SessionFile
from lienthong_connectors.portal.wire import TECH_ID_SERVICE

_SESSION_REFUSED = Judgement(Meaning.SESSION, "http_401")


class AdapterClient(PortalClient):
    """Speaks the adapter's JSON RPC; a refused session is renewed once and the call sent again.

    Args:
        config: Where and as whom.
        http: Builds the HTTP client.
        clock: What a date in ``Retry-After`` is compared with.
    """

    def __init__(self, config: PortalConfig, http: HttpClientFactory, clock: Clock) -> None:
        super().__init__(config, http, clock)
        fixed = [config.password] if config.password is not None else []
        self._password = RotatingSecret(fixed, config.password_files, name="portal password")
        shared = SessionFile(config.session_file) if config.session_file is not None else None
        self._session = Session(self._login, shared)

    async def close(self) -> None:
        """Stop a login under way and close the HTTP client; the adapter has no logout."""
        await self._session.close()
        await super().close()

    async def _ask(self, service: str, body: Mapping[str, Any], effect: Effect) -> ServiceAnswer:
        session = await self._session.current()
        answer = await self._send(session, service, body, effect)
        if answer.judgement.meaning is Meaning.SESSION:
            # A refused session was looked at before anything was written, so sending again repeats nothing.
            session = await self._session.renew(session)
            answer = await self._send(session, service, body, effect)
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
            raise suspended(judgement)
        session = answer.get("session")
        if judgement.meaning is not Meaning.SUCCESS or not isinstance(session, str) or not session:
            raise _login_refused(judgement.reason)
        return session


def _is_refused_login(error: TargetConfigurationError) -> bool:
    return not isinstance(error, TargetSuspendedError) and (error.reason or "").startswith("login:")


def _login_refused(reason: str | None) -> TargetConfigurationError:
    return TargetConfigurationError(
        "the portal refuses the login; check user_name, password and destination_code", reason=f"login:{reason}"
    )
