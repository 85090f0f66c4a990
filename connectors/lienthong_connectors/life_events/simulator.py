"""A simulated recipient of life events: a real HTTP server that holds what was put under each id."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lienthong.connector import SimulatorSpec
from lienthong.errors import ConfigurationError
from lienthong.testing.simulator import Ledger, create_application, split_options


class SimulatorOptions(BaseModel):
    """What a simulated recipient can be told besides its behaviour.

    Attributes:
        api_key: The only key that it takes; empty takes any.
        path: Start of the path; the name of the recipient and the id of the event follow.
        refused_type: Type of event that it refuses; empty for none.
        keeps_documents: Whether whole documents can be read back, for tests; otherwise only which fields came.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    api_key: str = Field(default="", repr=False)
    path: str = "/life-events"
    refused_type: str = ""
    keeps_documents: bool = False


class Recipients:
    """Handlers of several recipients at one address.

    Args:
        options: What they were told.
        ledger: Where calls and effects are written.
    """

    def __init__(self, options: SimulatorOptions, ledger: Ledger) -> None:
        self.options = options
        self.ledger = ledger
        self.held: dict[str, dict[str, Any]] = {}

    async def put(self, request: web.Request) -> web.Response:
        """Take an event; the same id again replaces what is there.

        Args:
            request: A structured CloudEvent under ``{recipient}/{id}``.
        """
        options, name, event_id = self.options, request.match_info["recipient"], request.match_info["id"]
        if options.api_key and request.headers.get("Authorization") != f"Bearer {options.api_key}":
            self.ledger.record_call("put", "", name, 401)
            return web.json_response({"error": "unauthorised"}, status=401)
        document = orjson.loads(await request.read())
        is_whole = document.get("id") == event_id and document.get("purpose") and document.get("agreement")
        if not is_whole or document["type"] == options.refused_type:
            self.ledger.record_call("put", "", name, 400)
            return web.json_response({"error": "invalid"}, status=400)
        self.ledger.record_call("put", "", name, 200)
        events = self.held.setdefault(name, {})
        effect = "replace" if event_id in events else "create"
        fields = sorted(document["data"])
        events[event_id] = document if options.keeps_documents else {"type": document["type"], "fields": fields}
        self.ledger.record_effect(effect, name, {"id": event_id, "type": document["type"], "fields": fields})
        return web.json_response({"id": event_id})

    async def read(self, _: web.Request) -> web.Response:
        """Return what each recipient holds."""
        return web.Response(body=orjson.dumps(self.held), content_type="application/json")


def create(options: Mapping[str, Any]) -> web.Application:
    """Return simulated recipients.

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
        raise ConfigurationError(f"the simulated recipients cannot be set up: {places}") from None
    ledger = Ledger()
    recipients = Recipients(checked, ledger)
    return create_application(
        "life-events",
        behaviour,
        ledger,
        [
            web.put(f"{checked.path}/{{recipient}}/{{id}}", recipients.put),
            web.get("/_control/held", recipients.read),
        ],
    )


SIMULATOR = SimulatorSpec(
    name="life-events",
    title_vi="Hệ thống nhận thông tin khai sinh, khai tử",
    create_application=create,
)
