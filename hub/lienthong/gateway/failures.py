"""What is logged of an unknown exception: its type and places, because its text may hold a value of a record."""

import traceback
from pathlib import PurePath
from time import perf_counter

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lienthong.errors import FatalError
from lienthong.gateway.problems import Problem, respond
from lienthong.observability.metrics import Metrics

_logger = structlog.stdlib.get_logger("lienthong.gateway")
_MAX_PLACES = 12


def places_of(error: BaseException) -> list[str]:
    """Return where an exception came through, innermost last, without its text.

    Args:
        error: The exception.
    """
    frames = traceback.extract_tb(error.__traceback__)[-_MAX_PLACES:]
    return [f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]


def log_failure(event: str, error: BaseException, **keys: str) -> None:
    """Log an unknown exception without its text.

    Args:
        event: What happened.
        error: The exception.
        **keys: Further keys of the line.
    """
    _logger.error(event, error=type(error).__name__, places=places_of(error), **keys)


class RequestGuard:
    """Measures every request and turns an unknown exception into a 500 that says nothing about the record.

    Args:
        app: The application.
        metrics: Takes the duration, by route template.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        has_started = False

        async def watched(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:  # noqa: BLE001 - answered with 500 and logged without its text
            log_failure("request_failed", error, route=_route(scope))
            if has_started:
                raise FatalError("the answer could not be completed; see request_failed in the log") from None
            problem = Problem("internal", "the hub could not handle the request; send it again, and tell its operators")
            await respond(problem)(scope, receive, send)
        finally:
            self._metrics.observe_gateway_request(_route(scope), perf_counter() - began)


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "unmatched")
