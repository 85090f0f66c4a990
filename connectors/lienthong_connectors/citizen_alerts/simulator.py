"""A simulated citizen application: a webhook that checks signatures and remembers the ids of messages."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lienthong.connector import SimulatorSpec
from lienthong.errors import ConfigurationError
from lienthong.testing.simulator import STATE, Ledger, create_application, split_options
from lienthong.webhook_signature import is_signed


class SimulatorOptions(BaseModel):
    """What a simulated application can be told besides its behaviour.

    Attributes:
        secrets: The secrets that it knows, separated by spaces.
        tolerance_seconds: How far the time of a message may be from its own.
        gone: Whether it answers 410.
        status: Status of every answer; 0 for the right one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    secrets: str = Field(default="", repr=False)
    tolerance_seconds: int = Field(default=300, gt=0)
    gone: bool = False
    status: int = Field(default=0, ge=0, le=599)


class Application:
    """Handlers of the webhook.

    Args:
        options: What it was told.
        ledger: Where calls and effects are written.
    """

    def __init__(self, options: SimulatorOptions, ledger: Ledger) -> None:
        self.options = options
        self.ledger = ledger
        self._seen: set[str] = set()

    async def receive(self, request: web.Request) -> web.Response:
        """Take one message; an id that was seen before changes nothing, as Standard Webhooks asks of receivers.

        Args:
            request: A signed message.
        """
        body = await request.read()
        message_id = request.headers.get("webhook-id", "")
        status = self._judge(request, message_id, body)
        self.ledger.record_call("notify", request.headers.get("webhook-timestamp", ""), message_id, status)
        if status == 204 and message_id not in self._seen:
            self._seen.add(message_id)
            self.ledger.record_effect("notify", message_id, dict(orjson.loads(body)["data"]))
        return web.Response(status=status)

    async def change_options(self, request: web.Request) -> web.Response:
        """Change options while the simulator runs.

        Args:
            request: A JSON object of options.
        """
        try:
            self.options = _options({**self.options.model_dump(), **orjson.loads(await request.read())})
        except (orjson.JSONDecodeError, TypeError, ConfigurationError) as error:
            return web.Response(status=400, text=str(error))
        return web.Response(status=204)

    def _judge(self, request: web.Request, message_id: str, body: bytes) -> int:
        options = self.options
        if options.gone:
            return 410
        if options.status:
            return options.status
        timestamp = request.headers.get("webhook-timestamp", "")
        signature = request.headers.get("webhook-signature", "")
        if not message_id or not timestamp.isdecimal() or not signature:
            return 400
        now = request.app[STATE].clock.now().timestamp()
        if abs(now - int(timestamp)) > options.tolerance_seconds:
            return 401
        return 204 if is_signed(signature, options.secrets.split(), message_id, int(timestamp), body) else 401


def create(options: Mapping[str, Any]) -> web.Application:
    """Return a simulated application.

    Args:
        options: Switches of the behaviour and fields of :class:`SimulatorOptions`; values may be text.

    Raises:
        ConfigurationError: If an option is unknown or has a bad value.
    """
    behaviour, own = split_options(options)
    ledger = Ledger()
    application = Application(_options(own), ledger)
    routes = [web.post("/webhook", application.receive), web.put("/_control/options", application.change_options)]
    return create_application("citizen-alerts", behaviour, ledger, routes)


def _options(values: Mapping[str, Any]) -> SimulatorOptions:
    try:
        return SimulatorOptions.model_validate(values)
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise ConfigurationError(f"the simulated application cannot be set up: {places}") from None


SIMULATOR = SimulatorSpec(name="citizen-alerts", title_vi="Ứng dụng công dân", create_application=create)
