"""Both simulated platforms on one real HTTP server, with a ledger of what was listed, handed out and marked."""

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any, Literal

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lienthong.clock import VIETNAM
from lienthong.connector import SimulatorSpec
from lienthong.errors import ConfigurationError
from lienthong.testing.simulator import MAINTENANCE_PAGE, STATE, Ledger, create_application, split_options
from lienthong_connectors.national_dossiers.linked_feed import DETAIL_PATH, LIST_PATH, RECEIVED_PATH, TOKEN_PATH
from lienthong_connectors.national_dossiers.portal_draft import FORM
from lienthong_connectors.national_dossiers.portal_feed import (
    DETAIL_SERVICE,
    FILE_SERVICE,
    LIST_SERVICE,
    RECEIVED_SERVICE,
)
from lienthong_connectors.national_dossiers.simulator_state import LINKED, PORTAL, NationalState
from lienthong_connectors.national_dossiers.wording import instant

_ENDED = {"error_code": -1, "message": "Phiên làm việc không hợp lệ hoặc đã hết hạn"}
_REFUSED = {"error_code": -1, "message": "Sai tài khoản hoặc mật khẩu"}
_UNKNOWN = {"error_code": 77, "message": "Lỗi không xác định"}


class SimulatorOptions(BaseModel):
    """What the simulated platforms can be told besides their behaviour; all of it is ASSUMED.

    Attributes:
        user_name: The only account; empty accepts any.
        password: Its password.
        session_calls: Calls after which a session or token ends; 0 for never.
        moves_lines: The first line of a list changes while its second page is asked for, once.
        repeats_page: The second page of a list is the first one again.
        lost_files: Paths of files that the portal lists and does not have.
        spoils: What is wrong with answers of :attr:`spoilt_operation`; empty for nothing.
        spoilt_operation: Name of the service, or last part of the path.
        spoilt_code: Only answers about this dossier, or, at the linked service, this id; empty for all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    user_name: str = ""
    password: str = Field(default="", repr=False)
    session_calls: int = Field(default=0, ge=0)
    moves_lines: bool = False
    repeats_page: bool = False
    lost_files: tuple[str, ...] = ()
    spoils: Literal["", "html", "truncated", "charset", "code"] = ""
    spoilt_operation: str = ""
    spoilt_code: str = ""


class Addition(BaseModel):
    """Dossiers that citizens submit.

    Attributes:
        platform: Where.
        count: How many.
        changed: Second in which they do, as ``yyyyMMddHHmmss``; None for now.
        fields: Wire fields that are otherwise than usual.
        per_second: Spread them evenly at this rate from now on; None for all at once.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    platform: Literal["portal", "linked"] = "portal"
    count: int = Field(default=1, ge=0, le=1_000_000)
    changed: str | None = None
    fields: dict[str, Any] = Field(default_factory=dict)
    per_second: float | None = Field(default=None, gt=0)


class NationalSimulator:
    """Handlers of both platforms.

    Args:
        options: What it was told.
        ledger: Where calls and effects are written.
    """

    def __init__(self, options: SimulatorOptions, ledger: Ledger) -> None:
        self.ledger = ledger
        self.nation = NationalState()
        self.logins = 0
        self._sessions: dict[str, int] = {}
        self._releases: set[asyncio.Task[None]] = set()
        self.tell(options)

    def tell(self, options: SimulatorOptions) -> None:
        """Change what it was told.

        Args:
            options: All of it.
        """
        self.options = options
        self.nation.moves_lines = options.moves_lines
        self.nation.repeats_page = options.repeats_page
        self.nation.lost_files = set(options.lost_files)

    async def portal_login(self, request: web.Request) -> web.Response:
        """Give a session.

        Args:
            request: ``{username, password}``.
        """
        body = _object(await request.read())
        self.ledger.record_call("login", "", "", 200)
        if not self._is_known(body.get("username"), body.get("password")):
            return _answer(_REFUSED)
        return _answer({"error_code": 0, "session": self._new_session()})

    async def portal_service(self, request: web.Request) -> web.Response:
        """Answer one service of the portal.

        Args:
            request: ``{session, madonvi, service, …}``.
        """
        body = _object(await request.read())
        service = str(body.get("service", ""))
        key = str(body.get("mahoso", ""))
        self.ledger.record_call(f"{PORTAL}.{service}", "", key, 200)
        if not self._is_open(str(body.get("session"))):
            return _answer(_ENDED)
        return self._spoilt(service, key) or _answer(self._portal_answer(service, body), self._charset(service, key))

    def _portal_answer(self, service: str, body: Mapping[str, Any]) -> dict[str, Any]:
        nation = self.nation
        if service == LIST_SERVICE:
            return nation.portal_page(body["ngayNhan1"], body["ngayNhan2"], body["trang"], body["soluong"])
        if service == DETAIL_SERVICE:
            return nation.portal_detail(body["mahoso"])
        if service == FILE_SERVICE:
            return nation.portal_file(body["duongdanteptin"])
        if service == RECEIVED_SERVICE and self._mark(PORTAL, str(body["mahoso"])):
            return {"error_code": 0, "message": "Cập nhật thành công"}
        return _UNKNOWN

    async def linked_token(self, request: web.Request) -> web.Response:
        """Give a token.

        Args:
            request: ``{userName, password}``.
        """
        body = _object(await request.read())
        self.ledger.record_call("login", "", "", 200)
        if not self._is_known(body.get("userName"), body.get("password")):
            return web.Response(status=401)
        return _answer({"token": self._new_session(), "refreshToken": "", "refreshTokenExpiryTime": ""})

    async def linked_list(self, request: web.Request) -> web.Response:
        """List what is not marked as arrived.

        Args:
            request: ``?trang=…&soLuong=…``.
        """
        page, size = int(request.query["trang"]), int(request.query["soLuong"])
        return self._linked(request, "", lambda: {"data": self.nation.linked_page(page, size)})

    async def linked_detail(self, request: web.Request) -> web.Response:
        """Hand out one dossier.

        Args:
            request: With its id in the path.
        """
        reference = request.match_info["id"]
        return self._linked(request, reference, lambda: {"data": self.nation.linked_detail(reference)})

    async def linked_received(self, request: web.Request) -> web.Response:
        """Mark one dossier as arrived.

        Args:
            request: ``{maHoSo, daNhan}``.
        """
        code = str(_object(await request.read()).get("maHoSo"))
        return self._linked(request, code, lambda: {"data": self._mark(LINKED, code)})

    def _linked(self, request: web.Request, key: str, answer: Any) -> web.Response:
        operation = "hosolienthong" if key.isdecimal() else request.path.rpartition("/")[2]
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        is_open = self._is_open(token)
        self.ledger.record_call(f"{LINKED}.{operation}", "", key, 200 if is_open else 401)
        if not is_open:
            return web.Response(status=401)
        return self._spoilt(operation, key) or _answer(answer(), self._charset(operation, key))

    def _mark(self, platform: str, code: str) -> bool:
        is_new = self.nation.mark(code)
        if is_new:
            self.ledger.record_effect(f"{platform}.{RECEIVED_SERVICE}", code, {})
        return is_new is not None

    def _is_spoilt(self, operation: str, key: str) -> bool:
        options = self.options
        return options.spoilt_operation == operation and options.spoilt_code in {"", key}

    def _spoilt(self, operation: str, key: str) -> web.Response | None:
        if not self._is_spoilt(operation, key):
            return None
        if self.options.spoils == "html":
            return web.Response(text=MAINTENANCE_PAGE, content_type="text/html", charset="utf-8")
        if self.options.spoils == "truncated":
            return web.Response(body=b'{"error_code": 0, "result": [{"MaHo', content_type="application/json")
        return _answer(_UNKNOWN) if self.options.spoils == "code" else None

    def _charset(self, operation: str, key: str) -> str:
        return "utf-16" if self.options.spoils == "charset" and self._is_spoilt(operation, key) else "utf-8"

    def _is_known(self, user_name: object, password: object) -> bool:
        options = self.options
        return not options.user_name or (user_name, password) == (options.user_name, options.password)

    def _new_session(self) -> str:
        self.logins += 1
        session = secrets.token_hex(16)
        self._sessions[session] = 0
        return session

    def _is_open(self, session: str) -> bool:
        calls = self._sessions.get(session)
        if calls is None or (self.options.session_calls and calls >= self.options.session_calls):
            self._sessions.pop(session, None)
            return False
        self._sessions[session] = calls + 1
        return True

    async def add(self, request: web.Request) -> web.Response:
        """Let citizens submit dossiers, at once or at a constant rate; answer with the codes known by then.

        Args:
            request: Fields of :class:`Addition`.
        """
        try:
            addition = Addition.model_validate_json(await request.read())
        except ValidationError as error:
            return web.Response(status=400, text=str(error.errors(include_input=False, include_url=False)))
        clock = request.app[STATE].clock
        if addition.per_second is not None:
            task = asyncio.create_task(self._release(addition, addition.per_second, clock), name="release")
            self._releases.add(task)
            task.add_done_callback(self._releases.discard)
            return _answer([])
        now = instant(addition.changed, FORM) or clock.now()
        return _answer([self.nation.add(addition.platform, now, addition.fields) for _ in range(addition.count)])

    async def _release(self, addition: Addition, per_second: float, clock: Any) -> None:
        began = clock.monotonic()
        for number in range(addition.count):
            await clock.sleep(max(0.0, began + number / per_second - clock.monotonic()))
            self.nation.add(addition.platform, clock.now(), addition.fields)

    async def change(self, request: web.Request) -> web.Response:
        """Change a dossier of a platform.

        Args:
            request: With its code in the path, the second in ``?changed=``, and wire fields.
        """
        now = instant(request.query.get("changed"), FORM) or request.app[STATE].clock.now().astimezone(VIETNAM)
        is_there = self.nation.change(request.match_info["code"], now, _object(await request.read()))
        return web.Response(status=200 if is_there else 404)

    async def truth(self, _: web.Request) -> web.Response:
        """Return what happened to each dossier, without personal values."""
        return _answer({code: held.truth() for code, held in self.nation.dossiers.items()})

    async def end_sessions(self, _: web.Request) -> web.Response:
        """End all sessions and tokens."""
        self._sessions.clear()
        return _answer({"logins": self.logins})

    async def change_options(self, request: web.Request) -> web.Response:
        """Change options while the simulator runs.

        Args:
            request: A JSON object of options.
        """
        try:
            self.tell(_options({**self.options.model_dump(), **_object(await request.read())}))
        except ConfigurationError as error:
            return web.Response(status=400, text=str(error))
        return _answer({})

    async def stop(self, _: web.Application) -> None:
        """Stop releasing dossiers."""
        for task in self._releases:
            task.cancel()


def create(options: Mapping[str, Any]) -> web.Application:
    """Return simulated platforms.

    Args:
        options: Switches of the behaviour and fields of :class:`SimulatorOptions`; values may be text.

    Raises:
        ConfigurationError: If an option is unknown or has a bad value.
    """
    behaviour, own = split_options(options)
    ledger = Ledger()
    simulator = NationalSimulator(_options(own), ledger)
    application = create_application(
        "national-dossiers",
        behaviour,
        ledger,
        [
            web.post("/login", simulator.portal_login),
            web.post("/share", simulator.portal_service),
            web.post(TOKEN_PATH, simulator.linked_token),
            web.get(LIST_PATH, simulator.linked_list),
            web.get(DETAIL_PATH + "{id}", simulator.linked_detail),
            web.put(RECEIVED_PATH, simulator.linked_received),
            web.post("/_control/dossiers", simulator.add),
            web.put("/_control/dossiers/{code}", simulator.change),
            web.get("/_control/dossiers", simulator.truth),
            web.delete("/_control/sessions", simulator.end_sessions),
            web.put("/_control/options", simulator.change_options),
        ],
    )
    application.on_shutdown.append(simulator.stop)
    return application


def _options(values: Mapping[str, Any]) -> SimulatorOptions:
    try:
        return SimulatorOptions.model_validate(values)
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ConfigurationError(f"the simulated national platforms cannot be set up: {places}") from None


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _answer(document: Any, charset: str = "utf-8") -> web.Response:
    body = orjson.dumps(document)
    if charset != "utf-8":
        body = body.decode().encode(charset)
    return web.Response(body=body, content_type="application/json")


SIMULATOR = SimulatorSpec(
    name="national-dossiers",
    title_vi="Cổng Dịch vụ công quốc gia và dịch vụ công liên thông",
    create_application=create,
)
