"""The simulated handling system of a province: feedback by code, with tokens and the common envelope. ASSUMED."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from lienthong.connector import SimulatorSpec
from lienthong.testing.simulator import Ledger, create_application, split_options
from lienthong_connectors.enveloped.simulated import Platform, PlatformOptions, envelope, error, read_options


class Desk(Platform):
    """Handlers of the handling system.

    Args:
        options: What it was told.
        ledger: Where calls and effects are written.
    """

    def __init__(self, options: PlatformOptions, ledger: Ledger) -> None:
        super().__init__(options)
        self.ledger = ledger
        self.held: set[str] = set()

    async def put(self, request: web.Request) -> web.Response:
        """Take one feedback; the same code again replaces it.

        Args:
            request: ``{event_id, feedback}`` under its code.
        """
        code = request.match_info["code"]
        response = self.refusal(request) or self._put(request, code, await request.read())
        self.ledger.record_call("hand_over", "", code, response.status)
        return response

    def _put(self, request: web.Request, code: str, raw: bytes) -> web.Response:
        try:
            feedback = orjson.loads(raw)["feedback"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return error(request, "BAD_REQUEST")
        if feedback.get("feedback_code") != code:
            return error(request, "VALIDATION_FAILED")
        self.ledger.record_effect("replace" if code in self.held else "create", code, feedback)
        self.held.add(code)
        return envelope(request, {"code": code})


def create(options: Mapping[str, Any]) -> web.Application:
    """Return a simulated handling system.

    Args:
        options: Switches of the behaviour and fields of
            :class:`~lienthong_connectors.enveloped.simulated.PlatformOptions`; values may be text.

    Raises:
        ConfigurationError: If an option is unknown or has a bad value.
    """
    behaviour, own = split_options(options)
    ledger = Ledger()
    desk = Desk(read_options(PlatformOptions, own), ledger)
    routes = [*desk.routes(), web.put("/v1/feedbacks/{code}", desk.put)]
    return create_application("feedback-desk", behaviour, ledger, routes)


SIMULATOR = SimulatorSpec(
    name="feedback-desk", title_vi="Hệ thống tương tác, xử lý phản ánh của tỉnh", create_application=create
)
