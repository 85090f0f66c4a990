"""Logs of the whole process: structlog and every library through one handler, redacted last."""

import logging
import sys
import threading
from types import TracebackType
from typing import Any, TextIO

import orjson
import structlog

from lienthong.config.models import LogSettings
from lienthong.observability.redaction import redacting_processor

#: Libraries that log requests with URLs or bodies below WARNING: never let them, not even at level debug.
_SILENCED = ("httpx", "httpcore", "aiohttp.access", "uvicorn.access", "urllib3", "kafka.protocol", "authlib")
#: Libraries whose INFO is noise to an operator.
_QUIET = ("faust", "mode", "kafka", "aiohttp", "asyncio", "uvicorn.error")


def _to_json(event: Any, **_options: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def configure(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Send all logs of the process to one stream, redacted.

    Args:
        settings: Format and lowest level.
        stream: Where lines go; None for standard error, which leaves standard output to results.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    target = stream or sys.stderr
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redacting_processor,
                _renderer(settings, target),
            ],
        )
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        # A cached logger would keep writing where an earlier configuration pointed.
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [handler]
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    root.setLevel(level)
    _route_libraries(level)
    logging.captureWarnings(capture=True)
    _log_uncaught()


def _renderer(settings: LogSettings, target: TextIO) -> Any:
    if settings.format == "json":
        return structlog.processors.JSONRenderer(serializer=_to_json)
    return structlog.dev.ConsoleRenderer(
        colors=target.isatty(), exception_formatter=structlog.dev.plain_traceback, sort_keys=False
    )


def _route_libraries(level: int) -> None:
    for name in (*_SILENCED, *_QUIET, "uvicorn"):
        library = logging.getLogger(name)
        library.handlers = []
        library.propagate = True
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.INFO if level <= logging.DEBUG else logging.WARNING)
    for name in _SILENCED:
        logging.getLogger(name).setLevel(logging.WARNING)


def _log_uncaught() -> None:
    logger = structlog.stdlib.get_logger("lienthong.uncaught")

    def of_process(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        logger.critical("exception_uncaught", exc_info=(kind, error, trace))

    def of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
            logger.critical("exception_uncaught", exc_info=(args.exc_type, args.exc_value, args.exc_traceback))

    sys.excepthook = of_process
    threading.excepthook = of_thread
