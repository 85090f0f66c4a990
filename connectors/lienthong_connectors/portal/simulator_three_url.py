"""The simulated portal's profile ``three-url``: bare arrays, codes as text, and what a text says about a code.

Which failure has code 3 and which -3 is not public: 3 for a dossier that exists and -3 for the rest is ASSUMED.
"""

import unicodedata
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from lienthong.testing.broken_answers import abort
from lienthong.testing.simulator import STATE
from lienthong_connectors.portal.simulator_state import ASTRAY_TEXT, EXISTS_TEXT, SUSPENDED_TEXT
from lienthong_connectors.portal.wire import (
    FIND_SERVICE,
    PROGRESS_SERVICE,
    SYNC_SERVICE,
    TECH_ID_SERVICE,
    WireRecord,
    truth,
)

if TYPE_CHECKING:
    from lienthong_connectors.portal.simulator import PortalSimulator

FOUND_TEXT = "Tra cứu thành công"


class ThreeUrls:
    """Handlers of the profile.

    Args:
        simulator: What both profiles share.
    """

    def __init__(self, simulator: "PortalSimulator") -> None:
        self._simulator = simulator

    async def create(self, request: web.Request) -> web.Response:
        """Take a dossier that the portal does not hold.

        Args:
            request: A bare array of one record.
        """
        return await self._serve(request, SYNC_SERVICE, {"isUpdating": truth(value=False)})

    async def update(self, request: web.Request) -> web.Response:
        """Take a dossier that the portal holds.

        Args:
            request: A bare array of one record.
        """
        return await self._serve(request, SYNC_SERVICE, {"isUpdating": truth(value=True)})

    async def progress(self, request: web.Request) -> web.Response:
        """Take steps of the progress.

        Args:
            request: A bare array of one to ten steps.
        """
        steps = _array(await request.read())
        count = self._simulator.options.breaks_after_steps
        if count and len(steps) > count:
            self._simulator.ledger.record_call(PROGRESS_SERVICE, "", str(steps[0].get("MaHoSo", "")), 0)
            self._simulator.answer({"service": PROGRESS_SERVICE, "data": steps[:count]})
            return abort(request)
        return await self._serve(request, PROGRESS_SERVICE, {})

    async def find(self, request: web.Request) -> web.Response:
        """Return the dossier of a code, as an array of none or one.

        Args:
            request: ``[{MaHoSo}]``. ASSUMED.
        """
        entries = _array(await request.read())
        return await self._serve(request, FIND_SERVICE, {"mahoso": entries[0].get("MaHoSo", "") if entries else ""})

    async def tech_id(self, request: web.Request) -> web.Response:
        """Return the account of an identifier, as an array of none or one.

        Args:
            request: ``[{mstorcmnd}]``. ASSUMED.
        """
        entries = _array(await request.read())
        return await self._serve(request, TECH_ID_SERVICE, entries[0] if entries else {})

    async def _serve(self, request: web.Request, service: str, fields: WireRecord) -> web.Response:
        simulator, is_strict = self._simulator, request.app[STATE].behaviour.strict
        entries = _array(await request.read())
        key = str(entries[0].get("MaHoSo", "")) if entries else ""
        simulator.ledger.record_call(service, "", key, 200)
        if simulator.options.suspended:
            answer: dict[str, Any] = {"error_code": -1, "message": SUSPENDED_TEXT}
        elif not simulator.is_destination(request):
            answer = {"error_code": -1, "message": ASTRAY_TEXT}
        else:
            simulator.portal.is_strict = is_strict
            answer = simulator.answer({"service": service, "data": entries, **fields})
        return _answer(answer, is_strict=is_strict)


def _array(raw: bytes) -> list[WireRecord]:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return []
    return [each for each in body if isinstance(each, dict)] if isinstance(body, list) else []


def _answer(answer: dict[str, Any], *, is_strict: bool) -> web.Response:
    message = answer["message"] or FOUND_TEXT
    code = "0" if answer["error_code"] in {0, "00"} else "3" if message == EXISTS_TEXT else "-3"
    # Quirk: a server that writes accents as characters of their own.
    text = message if is_strict else unicodedata.normalize("NFD", message)
    return web.Response(
        body=orjson.dumps({**answer, "error_code": code, "message": text}), content_type="application/json"
    )
