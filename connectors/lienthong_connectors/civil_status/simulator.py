"""The simulated exchange of the Ministry of Justice: dossiers are pushed, and a paged scan tells their results."""

import base64
import secrets
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from urllib.parse import unquote_plus

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lienthong.clock import SystemClock, to_vietnam
from lienthong.connector import SimulatorSpec
from lienthong.errors import ConfigurationError
from lienthong.testing.simulator import STATE, Ledger, create_application, split_options
from lienthong_connectors.civil_status.simulated_registry import (
    EARLIEST,
    REPEATED,
    TAKEN,
    entered_row,
    first_row,
    problem_of,
    refusal,
)
from lienthong_connectors.civil_status.simulated_rows import Row, generated_rows
from lienthong_connectors.civil_status.wire import MODULES, read_moment, wire_moment

_MOST = 1_000
#: Made-up dossiers change during six days; a poll that begins a month ago finds all of them, whenever it runs.
_DAYS_BEFORE = 7


class SimulatorOptions(BaseModel):
    """What a simulated ministry can be told besides its behaviour.

    Attributes:
        client_id: The only consumer key; empty accepts any.
        client_secret: Its secret.
        token_path: Path of the token endpoint.
        scan_endpoint: Path of the scan.
        push_endpoint: Path of the push.
        token_seconds: How long a token is said to last.
        dossiers: Made-up dossiers at the start.
        seed: What they follow from.
        first_day: When the first of them were submitted; by default a week before the simulator starts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    client_id: str = ""
    client_secret: str = Field(default="", repr=False)
    token_path: str = "/token"  # noqa: S105 - a path, not a secret
    scan_endpoint: str = "/quetHoSo"
    push_endpoint: str = "/dayHoSo"
    token_seconds: int = Field(default=3_600, ge=1)
    dossiers: int = Field(default=0, ge=0, le=600_000)
    seed: int = 1
    first_day: date = Field(default_factory=lambda: _today() - timedelta(days=_DAYS_BEFORE))


class CivilStatusSimulator:
    """Handlers of the push and the scan.

    Args:
        options: What it was told.
        ledger: Where calls are written.
    """

    def __init__(self, options: SimulatorOptions, ledger: Ledger) -> None:
        self.options = options
        self.ledger = ledger
        self.tokens: set[str] = set()
        self.rows: dict[tuple[str, str], Row] = {}
        #: What was pushed, as it came: the results follow from it.
        self.pushed: dict[tuple[str, str], Row] = {}
        #: What every push is answered without being looked at; None for the right answer.
        self.answer: Any = None
        for module, row in generated_rows(options.dossiers, options.seed, options.first_day):
            self.rows[module, str(row["maHoSoLT"])] = row

    async def token(self, request: web.Request) -> web.Response:
        """Give a token for the right consumer key.

        Args:
            request: ``grant_type=client_credentials`` with basic authentication.
        """
        expected = f"{self.options.client_id}:{self.options.client_secret}"
        sent = request.headers.get("Authorization", "").removeprefix("Basic ")
        is_known = not self.options.client_id or unquote_plus(base64.b64decode(sent).decode()) == expected
        self.ledger.record_call("token", "", "", 200 if is_known else 401)
        if not is_known:
            return web.json_response({"error": "invalid_client"}, status=401)
        token = secrets.token_hex(16)
        self.tokens.add(token)
        return web.json_response(
            {
                "access_token": token,
                "scope": "am_application_scope default",
                "token_type": "Bearer",
                "expires_in": self.options.token_seconds,
            }
        )

    async def scan(self, request: web.Request) -> web.Response:
        """Return dossiers of a module that changed at or after a time, the oldest change first.

        Args:
            request: ``{maDinhDanhHoSo, maTinh, module, tuThoiDiem, soLuongHoSoTraVe, trang}``.
        """
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            self.ledger.record_call("scan", "", "", 401)
            return web.Response(status=401)
        question = orjson.loads(await request.read())
        module, since = str(question.get("module")), read_moment(question.get("tuThoiDiem"))
        self.ledger.record_call("scan", "", module, 200)
        wanted = set(question.get("maDinhDanhHoSo") or ())
        size, page = int(question.get("soLuongHoSoTraVe", _MOST)), int(question.get("trang", 1))
        if since is None and wanted:
            # Who asks for dossiers by their codes needs no time.
            since = EARLIEST
        if module not in MODULES.values() or not question.get("maTinh") or since is None or size > _MOST:
            return _answer({"status": 0, "statusDescription": "Tham số không hợp lệ", "value": None})
        found = []
        for (of_module, code), row in self.rows.items():
            changed = read_moment(row.get("thoiGianThucHien"))
            if of_module == module and (not wanted or code in wanted) and (changed is None or changed >= since):
                found.append((changed or since, code, row))
        found.sort(key=lambda item: item[:2])
        part = found[(page - 1) * size : page * size]
        return _answer({"status": 1, "statusDescription": "Thành công", "value": [row for _, _, row in part]})

    async def push(self, request: web.Request) -> web.Response:
        """Take one dossier; a code that is there already is left as it is, and the answer says so.

        Args:
            request: ``{maDonVi, module, maHoSoLT, maHoSoMCDT, ngayTiepNhan, data, fileDinhKem}``.
        """
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            self.ledger.record_call("push", "", "", 401)
            return web.Response(status=401)
        body = orjson.loads(await request.read())
        key = (str(body.get("module")), str(body.get("maHoSoLT")))
        self.ledger.record_call("push", "", key[1], 200)
        if self.answer is not None:
            return _answer(self.answer)
        problem = problem_of(body)
        if problem:
            return _answer(refusal(problem))
        if key in self.rows:
            return _answer({**REPEATED})
        now = to_vietnam(request.app[STATE].clock.now())
        self.pushed[key], self.rows[key] = body, first_row(body, wire_moment(now))
        self.ledger.record_effect("push", key[1], body)
        return _answer({**TAKEN})

    async def enter(self, request: web.Request) -> web.Response:
        """Enter all that was pushed into the register, as the registrars would: the scan then tells the results.

        Args:
            request: ``{"thoiDiem": …}``, when.
        """
        moment = str(orjson.loads(await request.read())["thoiDiem"])
        for number, (key, body) in enumerate(sorted(self.pushed.items()), start=1):
            self.rows[key] = entered_row(body, moment, number)
        return _answer({"dossiers": len(self.pushed)})

    async def put_answer(self, request: web.Request) -> web.Response:
        """Answer every push so from now on, without taking it.

        Args:
            request: The answer; null for the right one.
        """
        self.answer = orjson.loads(await request.read())
        return _answer({})

    async def put_rows(self, request: web.Request) -> web.Response:
        """Add dossiers, or give those that are there another state.

        Args:
            request: An array of ``[module, row]``.
        """
        for module, row in orjson.loads(await request.read()):
            self.rows[module, str(row.get("maHoSoLT"))] = row
        return _answer({"dossiers": len(self.rows)})

    async def end_tokens(self, _: web.Request) -> web.Response:
        """End all tokens before their time."""
        self.tokens.clear()
        return _answer({})


def create(options: Mapping[str, Any]) -> web.Application:
    """Return a simulated ministry.

    Args:
        options: Switches of the behaviour and fields of :class:`SimulatorOptions`; values may be text.

    Raises:
        ConfigurationError: If an option is unknown or has a bad value.
    """
    behaviour, own = split_options(options)
    try:
        checked = SimulatorOptions.model_validate(own)
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ConfigurationError(f"the simulated ministry cannot be set up: {places}") from None
    ledger = Ledger()
    simulator = CivilStatusSimulator(checked, ledger)
    return create_application(
        "civil-status",
        behaviour,
        ledger,
        [
            web.post(checked.token_path, simulator.token),
            web.post(checked.scan_endpoint, simulator.scan),
            web.post(checked.push_endpoint, simulator.push),
            web.put("/_control/answer", simulator.put_answer),
            web.post("/_control/enter", simulator.enter),
            web.put("/_control/rows", simulator.put_rows),
            web.delete("/_control/tokens", simulator.end_tokens),
        ],
    )


def _today() -> date:
    return to_vietnam(SystemClock().now()).date()


def _answer(document: Any) -> web.Response:
    return web.Response(body=orjson.dumps(document), content_type="application/json")


SIMULATOR = SimulatorSpec(
    name="civil-status",
    title_vi="Hệ thống đăng ký hộ tịch điện tử của Bộ Tư pháp",
    create_application=create,
)
