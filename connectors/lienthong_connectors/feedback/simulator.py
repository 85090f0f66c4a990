"""The simulated national system for feedback: upserts by code, with tokens and the common envelope. ASSUMED."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from lienthong.connector import SimulatorSpec
from lienthong.testing.simulator import STATE, Ledger, create_application, split_options
from lienthong_connectors.enveloped.simulated import Platform, PlatformOptions, envelope, error, page_of, read_options
from lienthong_connectors.feedback.connector import ANSWER, PUBLICATION, RECORD, TRANSFERS
from lienthong_connectors.feedback.source import ACKNOWLEDGED, ASSIGNMENTS
from lienthong_connectors.feedback.status import FROM_NATIONAL

_REQUIRED = {
    RECORD: ("MaPAKN", "PhienBan", "TieuDe", "NoiDung", "NgayGui", "TrangThai", "DonViXuLy"),
    TRANSFERS: ("MaLanChuyen", "DonViNhan", "NgayChuyen"),
    ANSWER: ("NoiDungTraLoi", "DonViTraLoi", "NgayTraLoi"),
    PUBLICATION: ("NoiDungCongKhai", "NgayCongKhai"),
}


class National(Platform):
    """Handlers of the national system.

    Args:
        options: What it was told.
        ledger: Where calls and effects are written.
    """

    def __init__(self, options: PlatformOptions, ledger: Ledger) -> None:
        super().__init__(options)
        self.ledger = ledger
        #: Code → part → document; the part of a transfer has its id.
        self.held: dict[str, dict[str, Any]] = {}
        #: Code → what was assigned to the province when; what the province reports changes nothing here.
        self.assigned: dict[str, dict[str, Any]] = {}
        self.packets: dict[str, dict[str, Any]] = {}
        self.arrived: set[tuple[str, Any]] = set()

    async def put(self, request: web.Request) -> web.Response:
        """Take a record or one of its parts; the same again replaces it.

        Args:
            request: The document under its code.
        """
        code, part = request.match_info["code"], request.match_info.get("part", RECORD)
        response = self._put(request, code, part, await request.read())
        self.ledger.record_call(part, "", code, response.status)
        return response

    async def list_assignments(self, request: web.Request) -> web.Response:
        """Return what was assigned to the province since a moment, the oldest first.

        Args:
            request: With ``from``, ``page`` and ``size``.
        """
        response = self.refusal(request) or page_of(request, self.assigned.values(), "NgayPhanCong", "MaPAKN")
        self.ledger.record_call(ASSIGNMENTS, "", "", response.status)
        return response

    async def read_record(self, request: web.Request) -> web.Response:
        """Return one feedback as it was assigned.

        Args:
            request: Under its code.
        """
        packet = self.packets.get(request.match_info["code"])
        response = self.refusal(request)
        if response is None:
            response = envelope(request, packet) if packet is not None else error(request, "NOT_FOUND")
        self.ledger.record_call("read", "", request.match_info["code"], response.status)
        return response

    async def acknowledge(self, request: web.Request) -> web.Response:
        """Mark assignments as arrived; marking again changes nothing.

        Args:
            request: ``{"DanhSach": [{MaPAKN, PhienBan}]}``.
        """
        refused = self.refusal(request)
        if refused is not None:
            return refused
        for each in orjson.loads(await request.read())["DanhSach"]:
            key = (str(each["MaPAKN"]), each["PhienBan"])
            self.ledger.record_call(ACKNOWLEDGED, "", key[0], 200)
            if key not in self.arrived:
                self.arrived.add(key)
                self.ledger.record_effect(ACKNOWLEDGED, key[0], {"PhienBan": key[1]})
        return envelope(request, {})

    async def assign(self, request: web.Request) -> web.Response:
        """Let the nation assign feedback to the province, as its own officers would.

        Args:
            request: A JSON list of records with ``NgayPhanCong``.
        """
        for document in orjson.loads(await request.read()):
            code = document["MaPAKN"]
            names = ("MaPAKN", "PhienBan", "NgayPhanCong")
            self.assigned[code] = {name: document.pop(name) if name == names[2] else document[name] for name in names}
            self.packets[code] = document
            self.held.setdefault(code, {})[RECORD] = document
        return web.Response(status=204)

    async def read_held(self, _: web.Request) -> web.Response:
        """Return state and parts of all feedback, without a word of it."""
        found = {
            code: {
                "TrangThai": parts[RECORD]["TrangThai"],
                "PhienBan": parts[RECORD]["PhienBan"],
                "parts": sorted(parts),
            }
            for code, parts in self.held.items()
        }
        return web.json_response(found)

    def _put(self, request: web.Request, code: str, part: str, raw: bytes) -> web.Response:
        refused = self.refusal(request)
        if refused is not None:
            return refused
        try:
            document = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return error(request, "BAD_REQUEST")
        problem = self._problem(code, part, document, is_strict=request.app[STATE].behaviour.strict)
        if problem:
            return error(request, problem)
        parts = self.held.setdefault(code, {})
        name = f"{part}/{request.match_info['id']}" if part == TRANSFERS else part
        kind = "replace" if name in parts else "create"
        parts[name] = document
        self.ledger.record_effect(f"{kind}_{part}", code, document)
        return envelope(request, {"MaPAKN": code}, 201 if kind == "create" else 200)

    def _problem(self, code: str, part: str, document: Mapping[str, Any], *, is_strict: bool) -> str:
        is_incomplete = is_strict and any(not document.get(name) for name in _REQUIRED[part])
        if part == RECORD:
            is_wrong = document.get("MaPAKN") != code or document.get("TrangThai") not in FROM_NATIONAL
            return "VALIDATION_FAILED" if is_incomplete or is_wrong else ""
        if code not in self.held:
            return "NOT_FOUND"
        if part == PUBLICATION and ANSWER not in self.held[code]:
            return "CONFLICT"
        return "VALIDATION_FAILED" if is_incomplete else ""


def create(options: Mapping[str, Any]) -> web.Application:
    """Return a simulated national system.

    Args:
        options: Switches of the behaviour and fields of
            :class:`~lienthong_connectors.enveloped.simulated.PlatformOptions`; values may be text.

    Raises:
        ConfigurationError: If an option is unknown or has a bad value.
    """
    behaviour, own = split_options(options)
    ledger = Ledger()
    national = National(read_options(PlatformOptions, own), ledger)
    record = f"/v1/{RECORD}/{{code}}"
    routes = [
        *national.routes(),
        web.put(record, national.put),
        web.put(f"{record}/{{part:{TRANSFERS}}}/{{id}}", national.put),
        web.put(f"{record}/{{part:{ANSWER}|{PUBLICATION}}}", national.put),
        web.get(f"/v1/{ASSIGNMENTS}/{{code}}", national.read_record),
        web.get(f"/v1/{ASSIGNMENTS}", national.list_assignments),
        web.post(f"/v1/{ASSIGNMENTS}/{ACKNOWLEDGED}", national.acknowledge),
        web.get("/_control/feedbacks", national.read_held),
        web.post("/_control/assignments", national.assign),
    ]
    return create_application("feedback", behaviour, ledger, routes)


SIMULATOR = SimulatorSpec(
    name="feedback",
    title_vi="Hệ thống tiếp nhận, trả lời phản ánh, kiến nghị quốc gia",
    create_application=create,
)
