"""The common part of all simulators: a real HTTP server, switchable faults and a ledger of effects.

A simulator never dedupes beyond what the national specification says, and it must cost less CPU than the hub.
"""

import asyncio
import ipaddress
import math
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import web

from lienthong.clock import Clock, SystemClock
from lienthong.errors import ConfigurationError
from lienthong.testing.behaviour import Behaviour, TooManyRequests, split_options
from lienthong.testing.broken_answers import BROKEN, abort, drip, send_half
from lienthong.testing.effect_ledger import Call, Ledger, RecordedEffect
from lienthong.testing.quota import Quota, QuotaMeter

__all__ = [
    "STATE",
    "Behaviour",
    "Call",
    "Ledger",
    "Quota",
    "RecordedEffect",
    "SimulatorState",
    "TooManyRequests",
    "create_application",
    "run",
    "running",
    "split_options",
]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CONTROL = "/_control/"
REFUSED = "refused"
MAINTENANCE_PAGE = (
    "<!DOCTYPE html><html lang='vi'><head><title>Bảo trì</title></head>"
    "<body><h1>Hệ thống đang bảo trì, vui lòng quay lại sau</h1></body></html>"
)
_DEFAULT_PAGE = 1_000
_SHUTDOWN_SECONDS = 2.0


class SimulatorState:
    """What one simulator knows while it runs.

    Attributes:
        name: Name of the simulator.
        ledger: What it saw and changed.
        clock: Where it reads the time and waits.
        random: Where it takes chance from; seeded, so that runs can be repeated.
        quota_meter: Counts requests against the announced limits.

    Args:
        name: Name of the simulator.
        behaviour: How it behaves at first.
        ledger: Where it writes what it saw and changed.
        clock: None for the machine's clock.
        seed: Start of the chance.
    """

    def __init__(
        self, name: str, behaviour: Behaviour, ledger: Ledger, *, clock: Clock | None = None, seed: int = 1
    ) -> None:
        self.name = name
        self.ledger = ledger
        self.clock = clock or SystemClock()
        self.random = random.Random(seed)
        self.quota_meter = QuotaMeter(self.clock)
        self._behaviour = behaviour
        self._is_calm = behaviour.is_calm
        self._changed = asyncio.Event()
        self._window = -1
        self._window_count = 0

    @property
    def behaviour(self) -> Behaviour:
        """How the simulator behaves now; setting it frees calls that hang."""
        return self._behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._is_calm = behaviour.is_calm
        self.release()

    @property
    def is_calm(self) -> bool:
        """Whether no fault and no wait is switched on."""
        return self._is_calm

    def release(self) -> None:
        """Free every call that hangs."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self) -> None:
        """Wait until the behaviour is set anew or the simulator stops."""
        await self._changed.wait()

    def is_over_quota(self) -> bool:
        """Count one call and tell whether it is beyond the quota of the current second."""
        quota = self._behaviour.requests_per_second
        if quota is None:
            return False
        window = math.floor(self.clock.monotonic())
        if window != self._window:
            self._window, self._window_count = window, 0
        self._window_count += 1
        return self._window_count > quota

    def draw(self, share: float) -> bool:
        """Return True for about this share of the calls.

        Args:
            share: 0 to 1.
        """
        return share > 0 and (share >= 1 or self.random.random() < share)


STATE: web.AppKey[SimulatorState] = web.AppKey("lienthong.simulator", SimulatorState)


def create_application(
    name: str,
    behaviour: Behaviour,
    ledger: Ledger,
    routes: Iterable[web.AbstractRouteDef],
    *,
    clock: Clock | None = None,
    seed: int = 1,
) -> web.Application:
    """Return a simulator with its own routes, the faults and the control routes.

    Handlers write raw calls and effects to the ledger themselves, since only they know the operation; a call that a
    fault refuses is written as operation ``refused``. They find the state under ``request.app[STATE]``.

    Args:
        name: Name of the simulator.
        behaviour: How it behaves at first.
        ledger: Where it writes what it saw and changed.
        routes: The platform's own operations.
        clock: None for the machine's clock.
        seed: Start of the chance.
    """
    application = web.Application(middlewares=[_misbehave], client_max_size=64 * 1024 * 1024)
    state = SimulatorState(name, behaviour, ledger, clock=clock, seed=seed)
    application[STATE] = state

    async def release(_: web.Application) -> None:
        state.release()

    application.on_shutdown.append(release)
    application.add_routes(routes)
    application.add_routes(
        [
            web.get(f"{CONTROL}healthz", _read_health),
            web.get(f"{CONTROL}behaviour", _read_behaviour),
            web.put(f"{CONTROL}behaviour", _change_behaviour),
            web.get(f"{CONTROL}ledger", _read_ledger),
            web.get(f"{CONTROL}effects", _read_effects),
            web.get(f"{CONTROL}calls", _read_calls),
            web.get(f"{CONTROL}quota", _read_quota),
        ]
    )
    return application


@web.middleware
async def _misbehave(request: web.Request, handler: Handler) -> web.StreamResponse:
    state = request.app[STATE]
    if request.path.startswith(CONTROL):
        if not _is_local(request):
            return web.Response(status=403, text="control routes answer on the loopback address only")
        return await handler(request)
    if state.is_calm:
        return await handler(request)
    refusal = await _refuse(request, state)
    if refusal is not None:
        state.ledger.record_call(REFUSED, "", "", refusal.status if refusal.status != BROKEN else 0)
        return refusal
    return await _answer_badly(request, state, await handler(request))


async def _answer_badly(
    request: web.Request, state: SimulatorState, response: web.StreamResponse
) -> web.StreamResponse:
    behaviour = state.behaviour
    if state.draw(behaviour.lost_answer_rate):
        state.ledger.spoilt_answers += 1
        return abort(request)
    if state.draw(behaviour.half_answer_rate):
        state.ledger.spoilt_answers += 1
        return await send_half(request, response)
    if behaviour.drip_seconds:
        state.ledger.spoilt_answers += 1
        return await drip(request, response, state.clock, behaviour.drip_seconds)
    return response


async def _refuse(request: web.Request, state: SimulatorState) -> web.Response | None:
    behaviour = state.behaviour
    if behaviour.quota is not None:
        # First of all: a platform counts what arrives, not what it answers well.
        if state.quota_meter.is_over(behaviour.quota):
            return _too_many(1)
        if state.quota_meter.is_closed(behaviour.quota):
            return web.Response(text=MAINTENANCE_PAGE, content_type="text/html", charset="utf-8")
    if behaviour.hang:
        await state.changed()
        return abort(request)
    if behaviour.outage == "reset":
        return abort(request)
    if behaviour.outage == "unavailable":
        return web.Response(status=503)
    if behaviour.latency_seconds:
        sigma = behaviour.latency_log_normal_sigma
        factor = math.exp(state.random.gauss(0.0, sigma)) if sigma else 1.0
        await state.clock.sleep(behaviour.latency_seconds * factor)
    return _turn_away(state)


def _turn_away(state: SimulatorState) -> web.Response | None:
    behaviour = state.behaviour
    if behaviour.maintenance:
        return web.Response(text=MAINTENANCE_PAGE, content_type="text/html", charset="utf-8")
    slow_down = behaviour.too_many_requests
    if slow_down and state.draw(slow_down.share):
        return _too_many(slow_down.retry_after_seconds)
    if state.is_over_quota():
        return _too_many(1)
    return web.Response(status=503) if state.draw(behaviour.error_rate) else None


def _too_many(retry_after_seconds: int | None) -> web.Response:
    headers = {} if retry_after_seconds is None else {"Retry-After": str(retry_after_seconds)}
    return web.Response(status=429, headers=headers)


def _is_local(request: web.Request) -> bool:
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False


def _answer(document: Any) -> web.Response:
    return web.Response(body=orjson.dumps(document, default=str), content_type="application/json")


async def _read_health(request: web.Request) -> web.Response:
    return _answer({"name": request.app[STATE].name, "status": "ok"})


async def _read_behaviour(request: web.Request) -> web.Response:
    return _answer(request.app[STATE].behaviour.model_dump())


async def _change_behaviour(request: web.Request) -> web.Response:
    state = request.app[STATE]
    try:
        changes = orjson.loads(await request.read())
        if not isinstance(changes, Mapping):
            return web.Response(status=400, text="send a JSON object of switches")
        state.behaviour = state.behaviour.changed(changes)
    except (orjson.JSONDecodeError, ConfigurationError) as error:
        return web.Response(status=400, text=str(error))
    return _answer(state.behaviour.model_dump())


async def _read_ledger(request: web.Request) -> web.Response:
    return _answer(request.app[STATE].ledger.summary())


async def _read_quota(request: web.Request) -> web.Response:
    return _answer(request.app[STATE].quota_meter.summary())


async def _read_effects(request: web.Request) -> web.Response:
    return _answer(request.app[STATE].ledger.effects_after(*_page(request)))


async def _read_calls(request: web.Request) -> web.Response:
    return _answer(request.app[STATE].ledger.calls_after(*_page(request)))


def _page(request: web.Request) -> tuple[int, int]:
    try:
        return int(request.query.get("after", 0)), max(0, int(request.query.get("limit", _DEFAULT_PAGE)))
    except ValueError:
        raise web.HTTPBadRequest(text="after and limit are numbers") from None


@asynccontextmanager
async def running(application: web.Application, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve an application inside the block.

    Args:
        application: The simulator.
        host: Address to listen on.
        port: Port to listen on; 0 for a free one.

    Yields:
        Its base URL, without a slash at the end.
    """
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise ConfigurationError(f"cannot listen on {host}:{port}: {error.strerror}") from error
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def run(
    create: Callable[[], web.Application],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    on_ready: Callable[[str], None] = lambda url: None,  # noqa: ARG005 - the default does nothing
) -> None:
    """Serve a simulator until SIGTERM or SIGINT.

    Args:
        create: Makes the application inside the event loop.
        host: Address to listen on.
        port: Port to listen on; 0 for a free one.
        on_ready: Called with the base URL once calls are answered.

    Raises:
        ConfigurationError: If the address cannot be used.
    """
    import uvloop

    uvloop.run(_serve(create, host, port, on_ready))


async def _serve(create: Callable[[], web.Application], host: str, port: int, on_ready: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(create(), host=host, port=port) as url:
        on_ready(url)
        await stop.wait()
