"""The simulated portal: a real HTTP server that speaks both profiles, with a ledger of effects."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lienthong.connector import SimulatorSpec
from lienthong.errors import ConfigurationError
from lienthong.testing.simulator import STATE, Ledger, create_application, split_options
from lienthong_connectors.portal.simulator_state import ASTRAY_TEXT, SESSION_TEXT, SUSPENDED_TEXT, PortalState
from lienthong_connectors.portal.simulator_three_url import ThreeUrls
from lienthong_connectors.portal.wire import WireRecord

_SUSPENDED = {"error_code": -1, "message": SUSPENDED_TEXT}


class SimulatorOptions(BaseModel):
    """What a simulated portal can be told besides its behaviour.

    Attributes:
        user_name: The only account; empty accepts any.
        password: Its password.
        destination_code: The only ``dstcode``; empty accepts any.
        suspended: Whether the account is locked. The wording is ASSUMED.
        session_calls: Calls after which a session ends; 0 for never. ASSUMED, the real rule is not published.
        session_seconds: Seconds after which a session ends; 0 for never. ASSUMED.
        single_session: Whether a login ends all earlier sessions. ASSUMED.
        no_account_suffix: Identifiers that end so have no account at the portal; empty for none.
        auth_endpoint: Path of the login.
        integration_endpoint: Path of the integration services.
        share_endpoint: Path of the sharing services.
        create_endpoint: Path of the profile ``three-url`` for new dossiers.
        update_endpoint: Path for changed dossiers.
        progress_endpoint: Path for steps of the progress.
        find_endpoint: Path for the question whether a dossier is held. ASSUMED.
        tech_id_endpoint: Path for the question after an account. ASSUMED.
        breaks_after_steps: Steps of a call after which the connection breaks, the steps before it written; 0 for never.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    user_name: str = ""
    password: str = Field(default="", repr=False)
    destination_code: str = ""
    suspended: bool = False
    session_calls: int = Field(default=0, ge=0)
    session_seconds: float = Field(default=0.0, ge=0)
    single_session: bool = False
    no_account_suffix: str = ""
    auth_endpoint: str = "/login"
    integration_endpoint: str = "/integration"
    share_endpoint: str = "/share"
    create_endpoint: str = "/ThemMoi"
    update_endpoint: str = "/CapNhat"
    progress_endpoint: str = "/DongBoTienTrinh"
    find_endpoint: str = "/TraCuuHoSo"
    tech_id_endpoint: str = "/TraCuuTechID"
    breaks_after_steps: int = Field(default=0, ge=0)


@dataclass(slots=True)
class Sessions:
    """The sessions that the simulated portal has given.

    Attributes:
        logins: How many were given.
        open: Session id → (calls so far, moment of the login in seconds).
    """

    logins: int = 0
    open: dict[str, tuple[int, float]] = field(default_factory=dict)

    def give(self, now: float, *, is_single: bool) -> str:
        """Return a new session id.

        Args:
            now: Monotonic seconds.
            is_single: Whether all earlier sessions end.
        """
        if is_single:
            self.open.clear()
        self.logins += 1
        session = secrets.token_hex(16)
        self.open[session] = (0, now)
        return session

    def use(self, session: object, now: float, *, max_calls: int, max_seconds: float) -> bool:
        """Count one call and return whether the session still holds.

        Args:
            session: As the caller sent it.
            now: Monotonic seconds.
            max_calls: Calls that a session lives; 0 for no limit.
            max_seconds: Seconds that a session lives; 0 for no limit.
        """
        if not isinstance(session, str) or session not in self.open:
            return False
        calls, since = self.open[session]
        if (max_calls and calls >= max_calls) or (max_seconds and now - since >= max_seconds):
            del self.open[session]
            return False
        self.open[session] = (calls + 1, since)
        return True


class PortalSimulator:
    """Handlers of the adapter, and of what both profiles share.

    Args:
        options: What it was told.
        ledger: Where calls and effects are written.
    """

    def __init__(self, options: SimulatorOptions, ledger: Ledger) -> None:
        self.options = options
        self.ledger = ledger
        self.sessions = Sessions()
        self.portal = PortalState(no_account_suffix=options.no_account_suffix)

    async def login(self, request: web.Request) -> web.Response:
        """Give a session for the right account.

        Args:
            request: ``{username, password}`` with header ``dstcode``.
        """
        options = self.options
        body = _object(await request.read())
        is_known = not options.user_name or (
            body.get("username") == options.user_name and body.get("password") == options.password
        )
        self.ledger.record_call("login", "", "", 200)
        if options.suspended:
            return _answer(_SUSPENDED)
        if not is_known or not self.is_destination(request):
            return _answer({"error_code": -1, "message": "Sai tài khoản hoặc mật khẩu"})
        session = self.sessions.give(request.app[STATE].clock.monotonic(), is_single=options.single_session)
        return _answer({"error_code": 0, "session": session})

    async def service(self, request: web.Request) -> web.Response:
        """Answer one service.

        Args:
            request: ``{session, madonvi, service, …}`` with header ``dstcode``.
        """
        state = request.app[STATE]
        options = self.options
        body = _object(await request.read())
        service = str(body.get("service", ""))
        self.ledger.record_call(service or "invalid", "", _key(body), 200)
        if options.suspended:
            return _answer(_SUSPENDED)
        now = state.clock.monotonic()
        if not self.sessions.use(
            body.get("session"), now, max_calls=options.session_calls, max_seconds=options.session_seconds
        ):
            return _answer({"error_code": -1, "message": SESSION_TEXT})
        if not body.get("madonvi") or not self.is_destination(request):
            return _answer({"error_code": -1, "message": ASTRAY_TEXT})
        self.portal.is_strict = state.behaviour.strict
        return _answer(self.answer(body))

    def answer(self, body: WireRecord) -> dict[str, Any]:
        """Let a service take effect and return its answer.

        Args:
            body: The service, as the adapter writes it.
        """
        answer, effects = self.portal.handle(body)
        for effect in effects:
            self.ledger.record_effect(effect.kind, effect.detail["MaHoSo"], effect.detail)
        return answer

    async def dossiers(self, _: web.Request) -> web.Response:
        """Return the state of all dossiers at once, without personal values."""
        return _answer({code: held.summary() for code, held in self.portal.dossiers.items()})

    async def read_sessions(self, _: web.Request) -> web.Response:
        """Return how often was logged in and how many sessions are open."""
        return _answer({"logins": self.sessions.logins, "open": len(self.sessions.open)})

    async def end_sessions(self, _: web.Request) -> web.Response:
        """End all sessions, as a restart of the portal would."""
        self.sessions.open.clear()
        return _answer({"open": 0})

    async def change_options(self, request: web.Request) -> web.Response:
        """Change options while the simulator runs.

        Args:
            request: A JSON object of options.
        """
        try:
            self.options = _options({**self.options.model_dump(), **_object(await request.read())})
        except ConfigurationError as error:
            return web.Response(status=400, text=str(error))
        self.portal.no_account_suffix = self.options.no_account_suffix
        return _answer({})

    def is_destination(self, request: web.Request) -> bool:
        """Return whether a call is meant for this portal.

        Args:
            request: With header ``dstcode``.
        """
        return not self.options.destination_code or request.headers.get("dstcode") == self.options.destination_code


def create(options: Mapping[str, Any]) -> web.Application:
    """Return a simulated portal.

    Args:
        options: Switches of the behaviour and fields of :class:`SimulatorOptions`; values may be text.

    Raises:
        ConfigurationError: If an option is unknown or has a bad value.
    """
    behaviour, own = split_options(options)
    ledger = Ledger()
    simulator = PortalSimulator(_options(own), ledger)
    paths = simulator.options
    three_urls = ThreeUrls(simulator)
    services = dict.fromkeys((paths.integration_endpoint, paths.share_endpoint))
    return create_application(
        "portal",
        behaviour,
        ledger,
        [
            web.post(paths.auth_endpoint, simulator.login),
            *(web.post(path, simulator.service) for path in services),
            web.post(paths.create_endpoint, three_urls.create),
            web.post(paths.update_endpoint, three_urls.update),
            web.post(paths.progress_endpoint, three_urls.progress),
            web.post(paths.find_endpoint, three_urls.find),
            web.post(paths.tech_id_endpoint, three_urls.tech_id),
            web.get("/_control/dossiers", simulator.dossiers),
            web.get("/_control/sessions", simulator.read_sessions),
            web.delete("/_control/sessions", simulator.end_sessions),
            web.put("/_control/options", simulator.change_options),
        ],
    )


def _options(values: Mapping[str, Any]) -> SimulatorOptions:
    try:
        return SimulatorOptions.model_validate(values)
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ConfigurationError(f"the simulated portal cannot be set up: {places}") from None


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _key(body: Mapping[str, Any]) -> str:
    if "mahoso" in body:
        return str(body["mahoso"])
    data = body.get("data")
    first = data[0] if isinstance(data, list) and data else None
    return str(first.get("MaHoSo", "")) if isinstance(first, dict) else ""


def _answer(document: Any) -> web.Response:
    return web.Response(body=orjson.dumps(document), content_type="application/json")


SIMULATOR = SimulatorSpec(name="portal", title_vi="Cổng Dịch vụ công quốc gia", create_application=create)
