"""The simulated national centre: observations and warnings by id, with tokens and the common envelope. ASSUMED."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from lienthong.clock import to_vietnam
from lienthong.connector import SimulatorSpec
from lienthong.testing.simulator import STATE, Ledger, create_application, split_options
from lienthong_connectors.alert_centre.wire import OBSERVATIONS, WARNINGS
from lienthong_connectors.enveloped.simulated import Platform, PlatformOptions, envelope, error, page_of, read_options

_REQUIRED = {
    OBSERVATIONS: ("observationId", "stationCode", "area", "type", "observedAt", "unit"),
    WARNINGS: ("warningId", "messageId", "type", "severity", "headline", "areas", "issuedAt", "expiresAt"),
}
_IDS = {OBSERVATIONS: "observationId", WARNINGS: "messageId"}


class Centre(Platform):
    """Handlers of the centre.

    Args:
        options: What it was told.
        ledger: Where calls and effects are written.
    """

    def __init__(self, options: PlatformOptions, ledger: Ledger) -> None:
        super().__init__(options)
        self.ledger = ledger
        self.held: dict[str, dict[str, Any]] = {OBSERVATIONS: {}, WARNINGS: {}}

    async def put(self, request: web.Request) -> web.Response:
        """Take one observation or one message of a warning; the same id again replaces it.

        Args:
            request: The document under its id.
        """
        kind, key = request.match_info["kind"], request.match_info["id"]
        response = self._put(request, kind, key, await request.read())
        self.ledger.record_call(kind, "", key, response.status)
        return response

    async def list_warnings(self, request: web.Request) -> web.Response:
        """Return warnings that were published since a moment, the oldest first.

        Args:
            request: With ``from``, ``page`` and ``size``.
        """
        refused = self.refusal(request)
        if refused is None:
            held = [each for each in self.held[WARNINGS].values() if each.get("publishedAt")]
        response = refused or page_of(request, held, "publishedAt", "messageId")
        self.ledger.record_call("list", "", "", response.status)
        return response

    async def publish(self, request: web.Request) -> web.Response:
        """Let the nation publish warnings, as its own officers would.

        Args:
            request: A JSON list of warnings with ``publishedAt``.
        """
        for document in orjson.loads(await request.read()):
            self.held[WARNINGS][document["messageId"]] = document
        return web.Response(status=204)

    def _put(self, request: web.Request, kind: str, key: str, raw: bytes) -> web.Response:
        refused = self.refusal(request)
        if refused is not None:
            return refused
        try:
            document = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return error(request, "BAD_REQUEST")
        missing = [name for name in _REQUIRED[kind] if not document.get(name)]
        if (missing and request.app[STATE].behaviour.strict) or document.get(_IDS[kind]) != key:
            return error(request, "VALIDATION_FAILED")
        is_new = key not in self.held[kind]
        now = request.app[STATE].clock.now()
        self.held[kind][key] = {**document, "publishedAt": to_vietnam(now).isoformat()}
        self.ledger.record_effect("create" if is_new else "replace", key, {"kind": kind, **document})
        return envelope(request, {"id": key}, 201 if is_new else 200)


def create(options: Mapping[str, Any]) -> web.Application:
    """Return a simulated centre.

    Args:
        options: Switches of the behaviour and fields of
            :class:`~lienthong_connectors.enveloped.simulated.PlatformOptions`; values may be text.

    Raises:
        ConfigurationError: If an option is unknown or has a bad value.
    """
    behaviour, own = split_options(options)
    ledger = Ledger()
    centre = Centre(read_options(PlatformOptions, own), ledger)
    routes = [*centre.routes(), web.put(f"/v1/{{kind:{OBSERVATIONS}|{WARNINGS}}}/{{id}}", centre.put)]
    routes += [web.get(f"/v1/{WARNINGS}", centre.list_warnings), web.post("/_control/warnings", centre.publish)]
    return create_application("alert-centre", behaviour, ledger, routes)


SIMULATOR = SimulatorSpec(name="alert-centre", title_vi="Trung tâm cảnh báo sớm quốc gia", create_application=create)
