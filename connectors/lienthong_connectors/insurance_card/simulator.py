"""The simulated health-insurance gateway: a real HTTP server with the gateway's wire format."""

import secrets
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lienthong.connector import SimulatorSpec
from lienthong.errors import ConfigurationError
from lienthong.testing.simulator import STATE, Ledger, create_application, split_options
from lienthong_connectors.insurance_card.wire import OPERATION
from lienthong_schemas.names import name_key


class SimulatedCard(BaseModel):
    """One card of a generated person.

    Attributes:
        number: What it is found under.
        full_name: Name on it.
        birth: ``dd/MM/yyyy`` or ``yyyy``.
        code: ``maKetQua`` when name and date of birth agree.
        valid_from: ``gtTheTu``.
        valid_until: ``gtTheDen``.
        new_number: ``maTheMoi``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    number: str
    full_name: str
    birth: str
    code: str = "000"
    valid_from: str = "01/01/2026"
    valid_until: str = "31/12/2026"
    new_number: str = ""


class SimulatorOptions(BaseModel):
    """What a simulated gateway can be told besides its behaviour.

    Attributes:
        cards: The cards that it knows.
        user_name: The only account; empty accepts any.
        password: Its password, as it is sent.
        officers: Personal IDs of registered officials and their names; empty accepts any.
        token_calls: Calls after which a token ends; 0 for never.
        token_status: Whether an ended token is refused by status 401 instead of code 501.
        login_code: Code of every request for a token; ``200`` gives tokens.
        verbatim: Number → text that is answered instead.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    cards: tuple[SimulatedCard, ...] = ()
    user_name: str = ""
    password: str = Field(default="", repr=False)
    officers: Mapping[str, str] = Field(default_factory=dict, repr=False)
    token_calls: int = Field(default=0, ge=0)
    token_status: bool = False
    login_code: str = "200"
    verbatim: Mapping[str, str] = Field(default_factory=dict, repr=False)


class CardGateway:
    """Handlers of the gateway.

    Args:
        options: What it was told.
        ledger: Where calls and disclosures are written.
    """

    def __init__(self, options: SimulatorOptions, ledger: Ledger) -> None:
        self._options = options
        self._ledger = ledger
        self._cards = {card.number: card for card in options.cards}
        #: Token → calls made with it.
        self._tokens: dict[str, int] = {}

    async def take(self, request: web.Request) -> web.Response:
        """Give tokens for the right account.

        Args:
            request: ``{username, password}``.
        """
        body = _object(await request.read())
        self._ledger.record_call("token", "", "", 200)
        if self._options.login_code != "200":
            return _answer({"maKetQua": self._options.login_code})
        if not self._is_account(body):
            return _answer({"maKetQua": "401"})
        token = secrets.token_hex(16)
        self._tokens[token] = 0
        key = {"access_token": token, "id_token": f"id-{token}", "token_type": "bearer"}
        return _answer({"maKetQua": "200", "APIKey": key})

    async def look_up(self, request: web.Request) -> web.Response:
        """Answer one question.

        Args:
            request: ``{maThe, hoTen, ngaySinh, hoTenCb, cccdCb}`` with token and account in the query string.
        """
        token, options = request.query.get("token", ""), self._options
        status = 200
        if not self._is_open(token, request.query.get("id_token", "")):
            status = 401 if options.token_status else 200
            self._ledger.record_call(OPERATION, "", "", status)
            return _answer({"maKetQua": "501"}, status)
        self._tokens[token] += 1
        self._ledger.record_call(OPERATION, "", "", status)
        if not self._is_account(request.query):
            return _answer({"maKetQua": "401"})
        body = _object(await request.read())
        number = str(body.get("maThe", ""))
        if number in options.verbatim:
            return web.Response(text=options.verbatim[number], content_type="application/json")
        card = self._cards.get(number)
        code = self._code(body, card, is_strict=request.app[STATE].behaviour.strict)
        self._ledger.record_effect(OPERATION, "", {"number": number, "code": code})
        shown = _shown(card) if card is not None and card.code == code else {}
        return _answer({"maKetQua": code, **shown})

    async def end_tokens(self, _: web.Request) -> web.Response:
        """End all tokens, as a restart of the gateway would."""
        self._tokens.clear()
        return _answer({})

    def _code(self, body: Mapping[str, Any], card: SimulatedCard | None, *, is_strict: bool) -> str:
        officers = self._options.officers
        name = officers.get(str(body.get("cccdCb", "")))
        if officers and name is None:
            return "054"
        if officers and name_key(str(body.get("hoTenCb", ""))) != name_key(name or ""):
            return "055"
        if is_strict and not 10 <= len(str(body.get("maThe", ""))) <= 15:
            return "205"
        if card is None:
            return "050"
        if name_key(str(body.get("hoTen", ""))) != name_key(card.full_name):
            return "060"
        return card.code if str(body.get("ngaySinh", ""))[-4:] == card.birth[-4:] else "070"

    def _is_open(self, token: str, identity: str) -> bool:
        calls = self._tokens.get(token)
        if calls is None or identity != f"id-{token}":
            return False
        return not self._options.token_calls or calls < self._options.token_calls

    def _is_account(self, given: Mapping[str, Any]) -> bool:
        options = self._options
        return not options.user_name or (
            given.get("username") == options.user_name and given.get("password") == options.password
        )


def create(options: Mapping[str, Any]) -> web.Application:
    """Return a simulated gateway.

    Args:
        options: Switches of the behaviour and fields of :class:`SimulatorOptions`.

    Raises:
        ConfigurationError: If an option is unknown or has a bad value.
    """
    behaviour, own = split_options(options)
    ledger = Ledger()
    try:
        gateway = CardGateway(SimulatorOptions.model_validate(own), ledger)
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ConfigurationError(f"the simulated health-insurance gateway cannot be set up: {places}") from None
    return create_application(
        "insurance-card",
        behaviour,
        ledger,
        [
            web.post("/api/token/take", gateway.take),
            web.post("/api/egw/{operation}", gateway.look_up),
            web.delete("/_control/tokens", gateway.end_tokens),
        ],
    )


SIMULATOR = SimulatorSpec("insurance-card", "Cổng tiếp nhận dữ liệu Hệ thống thông tin giám định bảo hiểm y tế", create)


def _shown(card: SimulatedCard) -> Mapping[str, Any]:
    return {
        "maThe": card.number,
        "hoTen": card.full_name,
        "ngaySinh": card.birth,
        "diaChi": "Số 1 Lê Lợi",
        "gtTheTu": card.valid_from,
        "gtTheDen": card.valid_until,
        "maDKBD": "46001",
        "tenDKBD": "Bệnh viện Trung ương Huế",
        "maTheMoi": card.new_number,
        "dsLichSuKCB2018": [{"maHoSo": 1, "maCSKCB": "46001", "tenBenh": "J00"}],
    }


def _object(raw: bytes) -> Mapping[str, Any]:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _answer(document: Mapping[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(document), status=status, content_type="application/json")
