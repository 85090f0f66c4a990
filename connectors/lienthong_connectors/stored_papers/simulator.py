"""The simulated warehouse: a real HTTP server with the wire format of the provincial client."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lienthong.connector import SimulatorSpec
from lienthong.errors import ConfigurationError
from lienthong.testing.simulator import Ledger, create_application, split_options
from lienthong_connectors.stored_papers.wire import OPERATION

TOKEN = "warehouse-token"  # noqa: S105 - the only token of the simulator
_REQUIRED = ("SoDinhDanhChuSoHuu", "HoTenNguoiYeuCau", "KenhThucHien", "SoDinhDanhNguoiYeuCau", "MaThuTuc")


class SimulatedPaper(BaseModel):
    """One stored paper of a generated owner.

    Attributes:
        owner: Personal ID or tax code.
        result_code: Kind of the paper.
        name: Its name.
        number: Number on it.
        issuer: Agency that keeps it.
        files: Names of its files.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    owner: str
    result_code: str
    name: str
    number: str = ""
    issuer: str = "H57"
    files: tuple[str, ...] = ()


class SimulatorOptions(BaseModel):
    """What a simulated warehouse can be told besides its behaviour.

    Attributes:
        papers: What it stores.
        needs_token: Whether calls without the token of ``/token`` are refused with status 401.
        denied_officers: Personal IDs of officials who may not ask (code 403).
        code: Code of every answer; empty for what the papers say.
        verbatim: Owner → text that is answered instead.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    papers: tuple[SimulatedPaper, ...] = ()
    needs_token: bool = False
    denied_officers: frozenset[str] = Field(default_factory=frozenset, repr=False)
    code: str = ""
    verbatim: Mapping[str, str] = Field(default_factory=dict, repr=False)


class Warehouse:
    """Handlers of the warehouse.

    Args:
        options: What it was told.
        ledger: Where calls and disclosures are written.
    """

    def __init__(self, options: SimulatorOptions, ledger: Ledger) -> None:
        self._options = options
        self._ledger = ledger

    async def token(self, _: web.Request) -> web.Response:
        """Give the token."""
        self._ledger.record_call("token", "", "", 200)
        return _answer({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3_600})

    async def search(self, request: web.Request) -> web.Response:
        """Answer one question.

        Args:
            request: ``{SoDinhDanhChuSoHuu, …, DanhSachDanhMucKetQua[{MaKetQua, SoKyHieu}]}``.
        """
        options = self._options
        is_known = not options.needs_token or request.headers.get("Authorization") == f"Bearer {TOKEN}"
        self._ledger.record_call(OPERATION, "", "", 200 if is_known else 401)
        if not is_known:
            return web.Response(status=401)
        body = _object(await request.read())
        owner = str(body.get("SoDinhDanhChuSoHuu", ""))
        if owner in options.verbatim:
            return web.Response(text=options.verbatim[owner], content_type="application/json")
        wanted = body.get("DanhSachDanhMucKetQua")
        code = self._code(body, wanted)
        if code != "0" or not isinstance(wanted, list):
            return _answer({"errorCode": code, "message": "Yêu cầu không hợp lệ", "signature": "", "result": None})
        found = [_shown(paper) for paper in options.papers if paper.owner == owner and _is_wanted(paper, wanted)]
        self._ledger.record_effect(OPERATION, "", {"owner": owner, "found": len(found)})
        return _answer({"errorCode": 0, "message": "Thành công", "signature": "", "result": {OPERATION: found}})

    def _code(self, body: Mapping[str, Any], wanted: object) -> str:
        if self._options.code:
            return self._options.code
        if body.get("SoDinhDanhNguoiYeuCau") in self._options.denied_officers:
            return "403"
        return "0" if wanted and all(body.get(name) for name in _REQUIRED) else "400"


def create(options: Mapping[str, Any]) -> web.Application:
    """Return a simulated warehouse.

    Args:
        options: Switches of the behaviour and fields of :class:`SimulatorOptions`.

    Raises:
        ConfigurationError: If an option is unknown or has a bad value.
    """
    behaviour, own = split_options(options)
    ledger = Ledger()
    try:
        warehouse = Warehouse(SimulatorOptions.model_validate(own), ledger)
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ConfigurationError(f"the simulated warehouse cannot be set up: {places}") from None
    routes = [web.post("/token", warehouse.token), web.post("/{path:.*}", warehouse.search)]
    return create_application("stored-papers", behaviour, ledger, routes)


SIMULATOR = SimulatorSpec("stored-papers", "Kho quản lý dữ liệu điện tử của tổ chức, cá nhân", create)


def _is_wanted(paper: SimulatedPaper, wanted: list[Any]) -> bool:
    return any(
        isinstance(each, dict)
        and each.get("MaKetQua") == paper.result_code
        and each.get("SoKyHieu") in {None, "", paper.number}
        for each in wanted
    )


def _shown(paper: SimulatedPaper) -> Mapping[str, Any]:
    return {
        "MaKetQua": paper.result_code,
        "TenGiayTo": paper.name,
        "SoKyHieu": paper.number,
        "CoQuanChuQuan": paper.issuer,
        "DanhSachTepDinhKem": [
            {"TenTep": name, "DuongDan": f"/{paper.issuer}/{index}/{name}"} for index, name in enumerate(paper.files)
        ],
    }


def _object(raw: bytes) -> Mapping[str, Any]:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _answer(document: Mapping[str, Any]) -> web.Response:
    return web.Response(body=orjson.dumps(document), content_type="application/json")
