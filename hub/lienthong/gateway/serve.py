"""Runs an application in one process until SIGTERM or SIGINT, then finishes what is under way."""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import orjson
import uvicorn
import uvloop

from lienthong.errors import ConfigurationError

#: With ten seconds for what Kafka has not acknowledged, it stays below the 30 s that Kubernetes gives.
_DRAIN_SECONDS = 15
_GC_THRESHOLDS = (20_000, 20, 50)


class _Server(uvicorn.Server):
    """A uvicorn server that says when it is ready and ends with exit code 0 on SIGTERM."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Stop in good order; uvicorn itself would raise the signal once more afterwards."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def listen(host: str, port: int) -> socket.socket:
    """Return a bound socket.

    Args:
        host: Address to listen on.
        port: Port; 0 for a free one.

    Raises:
        ConfigurationError: If the address or port cannot be used.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        raise ConfigurationError(f"cannot listen on {host} port {port}: {error.strerror}; choose another") from error
    return bound


def url_of(bound: socket.socket, host: str) -> str:
    """Return the URL of a bound socket.

    Args:
        bound: What :func:`listen` returned.
        host: Address that was asked for.
    """
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{bound.getsockname()[1]}"


def serve(app: Any, bound: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve until a signal.

    Args:
        app: The ASGI application.
        bound: Where to listen.
        on_ready: Called once requests are taken.

    Raises:
        ConfigurationError: If the application could not start.
    """
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        lifespan="on",
    )
    server = _Server(config, on_ready)
    # What was loaded stays for ever: looking through it again and again would cost a bulk stream a fifth of its time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve(sockets=[bound]))
    if not server.started:
        raise ConfigurationError("the server could not start; see the log")


def announce(ready_file: Path | None, document: dict[str, Any]) -> str:
    """Write where a server is reached, for the process that started it.

    Args:
        ready_file: Written in one step when the server is ready; None for none.
        document: Such as ``{"url": …}``.

    Returns:
        The same as one line of JSON.
    """
    text = orjson.dumps(document).decode()
    if ready_file is not None:
        part = ready_file.with_suffix(f"{ready_file.suffix}.part")
        part.write_text(text, encoding="utf-8")
        part.replace(ready_file)
    return text
