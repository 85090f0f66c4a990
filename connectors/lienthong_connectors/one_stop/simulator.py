"""The simulated one-stop system: a real HTTP server that writes down what it was handed over, and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lienthong.clock import to_vietnam
from lienthong.connector import SimulatorSpec
from lienthong.errors import ConfigurationError
from lienthong.testing.simulator import STATE, Ledger, create_application, split_options
from lienthong_connectors.one_stop.connector import FIND, HAND_OVER, PATH, PROCEDURE_UNKNOWN


class SimulatorOptions(BaseModel):
    """What a simulated one-stop system can be told besides its behaviour.

    Attributes:
        token: The only bearer token; empty accepts any.
        unknown_procedures: National procedure codes that are not set up.
        unknown_units: Organisation codes that are not set up.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token: str = Field(default="", repr=False)
    unknown_procedures: tuple[str, ...] = ()
    unknown_units: tuple[str, ...] = ()


@dataclass(slots=True)
class HeldDossier:
    """One dossier of the system.

    Attributes:
        version: Of the citizen's part.
        sequence: Of the nation.
        dossier: The snapshot.
        own_sequence: Of the system's own publications.
        arrivals: Seconds since 1970 at which it was handed over.
    """

    version: str
    sequence: int
    dossier: dict[str, Any]
    own_sequence: int = 0
    arrivals: list[float] = field(default_factory=list)


class OneStopSimulator:
    """Handlers of the interface.

    Args:
        options: What it was told.
        ledger: Where calls and effects are written.
    """

    def __init__(self, options: SimulatorOptions, ledger: Ledger) -> None:
        self.options = options
        self.ledger = ledger
        self.dossiers: dict[str, HeldDossier] = {}

    async def find(self, request: web.Request) -> web.Response:
        """Tell which version is held.

        Args:
            request: With the dossier code in the path.
        """
        code = request.match_info["code"]
        held = self.dossiers.get(code)
        if not self._is_known(request):
            return self._answer(FIND, code, 401, {"code": "token"})
        if held is None:
            return self._answer(FIND, code, 404, {"code": "dossier_unknown"})
        return self._answer(FIND, code, 200, {"version": held.version, "sequence": held.sequence})

    async def hand_over(self, request: web.Request) -> web.Response:
        """Take a dossier; the version that is held already changes its sequence only, as the interface says.

        Args:
            request: ``{event_id, version, sequence, dossier}`` with the dossier code in the path.
        """
        code = request.match_info["code"]
        if not self._is_known(request):
            return self._answer(HAND_OVER, code, 401, {"code": "token"})
        body = orjson.loads(await request.read())
        dossier = body["dossier"]
        if dossier["procedure"]["code"] in self.options.unknown_procedures:
            return self._answer(HAND_OVER, code, 422, {"code": PROCEDURE_UNKNOWN})
        if dossier["handling_unit"]["code"] in self.options.unknown_units:
            return self._answer(HAND_OVER, code, 422, {"code": "unit_unknown"})
        held = self.dossiers.get(code)
        if held is not None and body["sequence"] < held.sequence:
            return self._answer(HAND_OVER, code, 409, {"code": "older"})
        if held is not None and held.version == body["version"]:
            held.sequence = body["sequence"]
            return self._answer(HAND_OVER, code, 200, {"change": "unchanged"})
        change = "created" if held is None else "updated"
        if held is None:
            held = self.dossiers[code] = HeldDossier(body["version"], body["sequence"], dossier)
        held.version, held.sequence, held.dossier = body["version"], body["sequence"], dossier
        held.arrivals.append(request.app[STATE].clock.now().timestamp())
        answer = self._answer(HAND_OVER, code, 200, {"change": change})
        self.ledger.record_effect("create" if change == "created" else "update", code, {"event_id": body["event_id"]})
        return answer

    async def arrivals(self, _: web.Request) -> web.Response:
        """Return what is held, and when each dossier was handed over, without personal values."""
        found = {
            code: {"version": held.version, "sequence": held.sequence, "arrivals": held.arrivals}
            for code, held in self.dossiers.items()
        }
        return web.Response(body=orjson.dumps(found), content_type="application/json")

    async def work(self, request: web.Request) -> web.Response:
        """Let an officer work on a dossier; the answer is the snapshot that the system then publishes.

        Args:
            request: Fields of the snapshot that the officer changes, with the dossier code in the path.
        """
        held = self.dossiers.get(request.match_info["code"])
        if held is None:
            return web.Response(status=404)
        held.own_sequence += 1
        now = to_vietnam(request.app[STATE].clock.now()).isoformat()
        changes = orjson.loads(await request.read())
        published = {**held.dossier, **changes, "sequence": held.own_sequence, "occurred_at": now}
        held.dossier = published
        return web.Response(body=orjson.dumps(published), content_type="application/json")

    async def change_options(self, request: web.Request) -> web.Response:
        """Change options while the simulator runs.

        Args:
            request: A JSON object of options.
        """
        try:
            self.options = _options({**self.options.model_dump(), **orjson.loads(await request.read())})
        except ConfigurationError as error:
            return web.Response(status=400, text=str(error))
        return web.Response(body=b"{}", content_type="application/json")

    def _is_known(self, request: web.Request) -> bool:
        token = self.options.token
        return not token or request.headers.get("Authorization") == f"Bearer {token}"

    def _answer(self, operation: str, code: str, status: int, document: Mapping[str, Any]) -> web.Response:
        self.ledger.record_call(operation, "", code, status)
        return web.Response(body=orjson.dumps(document), status=status, content_type="application/json")


def create(options: Mapping[str, Any]) -> web.Application:
    """Return a simulated one-stop system.

    Args:
        options: Switches of the behaviour and fields of :class:`SimulatorOptions`; values may be text.

    Raises:
        ConfigurationError: If an option is unknown or has a bad value.
    """
    behaviour, own = split_options(options)
    ledger = Ledger()
    simulator = OneStopSimulator(_options(own), ledger)
    return create_application(
        "one-stop",
        behaviour,
        ledger,
        [
            web.get(PATH + "{code}", simulator.find),
            web.put(PATH + "{code}", simulator.hand_over),
            web.get("/_control/dossiers", simulator.arrivals),
            web.post("/_control/dossiers/{code}/work", simulator.work),
            web.put("/_control/options", simulator.change_options),
        ],
    )


def _options(values: Mapping[str, Any]) -> SimulatorOptions:
    try:
        return SimulatorOptions.model_validate(values)
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ConfigurationError(f"the simulated one-stop system cannot be set up: {places}") from None


SIMULATOR = SimulatorSpec(
    name="one-stop",
    title_vi="Hệ thống thông tin giải quyết thủ tục hành chính của tỉnh",
    create_application=create,
)
