"""``/metrics``, ``/livez`` and ``/readyz`` from a thread of their own, so that a blocked main loop is seen."""

import asyncio
import contextlib
import threading

from aiohttp import web

from lienthong.errors import ConfigurationError
from lienthong.observability.health import Health, HealthReport
from lienthong.observability.metrics import Metrics

_START_SECONDS = 10.0


class ObservabilityServer:
    """A small HTTP server for probes and scrapers.

    Args:
        metrics: What ``/metrics`` shows.
        health: What the probes show.
        host: Address to listen on; all by default, because the scraper and the kubelet come from other machines.
    """

    def __init__(self, metrics: Metrics, health: Health, host: str = "0.0.0.0") -> None:  # noqa: S104
        self._metrics = metrics
        self._health = health
        self._host = host
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopping: asyncio.Event | None = None
        self._started = threading.Event()
        self._port = 0
        self._error: OSError | None = None

    def start(self, port: int) -> int:
        """Serve until :meth:`stop`.

        Args:
            port: Port to listen on; 0 for a free one.

        Returns:
            The port.

        Raises:
            ConfigurationError: If the port cannot be used.
        """
        self._started.clear()
        self._error = None
        self._thread = threading.Thread(target=self._run, args=(port,), name="observability", daemon=True)
        self._thread.start()
        if not self._started.wait(_START_SECONDS):
            raise ConfigurationError(f"the metrics server did not start on port {port} within {_START_SECONDS:g} s")
        return self._port_or_raise(port)

    def stop(self) -> None:
        """Stop serving and end the thread; does nothing when it is not running."""
        if self._loop is not None and self._stopping is not None and self._thread is not None:
            # The thread may just be ending by itself, because its port cannot be used.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        self._loop = self._thread = self._stopping = None

    def _port_or_raise(self, port: int) -> int:
        if self._error is not None:
            raise ConfigurationError(
                f"cannot serve metrics on port {port}: {self._error.strerror}; set metrics_port to a free port"
            ) from self._error
        return self._port

    def _run(self, port: int) -> None:
        asyncio.run(self._serve(port))

    async def _serve(self, port: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        app = web.Application()
        app.router.add_get("/metrics", self._show_metrics)
        app.router.add_get("/livez", self._show_liveness)
        app.router.add_get("/readyz", self._show_readiness)
        runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._host, port)
            await site.start()
            self._port = runner.addresses[0][1]
            self._started.set()
            await self._stopping.wait()
        except OSError as error:
            self._error = error
            self._started.set()
        finally:
            await runner.cleanup()

    async def _show_metrics(self, request: web.Request) -> web.Response:
        body, content_type = self._metrics.expose(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _show_liveness(self, _request: web.Request) -> web.Response:
        return _answer(self._health.liveness())

    async def _show_readiness(self, _request: web.Request) -> web.Response:
        return _answer(self._health.readiness())


def _answer(report: HealthReport) -> web.Response:
    return web.json_response({"ok": report.is_ok, "reasons": report.reasons}, status=200 if report.is_ok else 503)
