"""All loggers of the process write redacted lines to one stream."""

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest
import structlog

from lienthong.config.models import LogSettings
from lienthong.observability.logs import configure
from lienthong.observability.redaction import MARK

PERSONAL_ID = "000" + "099" + "012345"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the process's logging as it was found."""
    root = logging.getLogger()
    handlers, level, hooks = root.handlers, root.level, (sys.excepthook, threading.excepthook)
    shown = warnings.showwarning
    yield
    root.handlers, root.level = handlers, level
    sys.excepthook, threading.excepthook = hooks
    logging.captureWarnings(capture=False)
    warnings.showwarning = shown
    structlog.reset_defaults()


@pytest.fixture
def stream() -> io.StringIO:
    """Return the stream that lines go to."""
    return io.StringIO()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    """Return the JSON lines of a stream.

    Args:
        stream: What the logs wrote to.
    """
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_line_holds_event_and_keys(stream: io.StringIO) -> None:
    """A machine reads event, level, logger, time and the keys of a line."""
    configure(LogSettings(), stream)

    structlog.stdlib.get_logger("lienthong.test").info("worker_started", pipeline="intake", offset=5)

    (line,) = lines(stream)
    assert line["event"] == "worker_started"
    assert (line["level"], line["logger"], line["pipeline"], line["offset"]) == (
        "info",
        "lienthong.test",
        "intake",
        5,
    )
    assert "timestamp" in line


@pytest.mark.parametrize("name", ["faust.worker", "mode", "aiohttp.server", "uvicorn.error", "kafka.conn", "any"])
def test_library_lines_are_redacted(stream: io.StringIO, name: str) -> None:
    """A library that logs a value through the standard loggers is caught too."""
    configure(LogSettings(), stream)

    logging.getLogger(name).warning("cannot handle %s", PERSONAL_ID)

    assert [line["event"] for line in lines(stream)] == [f"cannot handle {MARK}"]


@pytest.mark.parametrize("form", ["json", "console"])
def test_exception_text_is_redacted(stream: io.StringIO, form: str) -> None:
    """A traceback is written, the personal ID in its message is not."""
    configure(LogSettings.model_validate({"format": form}), stream)

    try:
        int(f"x{PERSONAL_ID}")
    except ValueError:
        structlog.stdlib.get_logger("lienthong.test").exception("step_failed")

    assert "ValueError" in stream.getvalue()
    assert PERSONAL_ID not in stream.getvalue()


def test_level_hides_what_is_below(stream: io.StringIO) -> None:
    """The configured level is the lowest that is written, also for libraries."""
    configure(LogSettings(level="warning"), stream)

    structlog.stdlib.get_logger("lienthong.test").info("hidden")
    logging.getLogger("other").info("hidden")
    structlog.stdlib.get_logger("lienthong.test").warning("shown")

    assert [line["event"] for line in lines(stream)] == ["shown"]


@pytest.mark.parametrize("name", ["httpx", "aiohttp.access", "uvicorn.access", "kafka.protocol.parser"])
def test_request_logs_of_libraries_stay_silent_at_debug(stream: io.StringIO, name: str) -> None:
    """Lines with URLs or bodies are not written, whatever the level."""
    configure(LogSettings(level="debug"), stream)

    logging.getLogger(name).info("GET /people/1")

    assert stream.getvalue() == ""


def test_uncaught_exception_of_process_and_thread_is_redacted(stream: io.StringIO) -> None:
    """What nobody caught is logged like everything else instead of being printed raw."""
    configure(LogSettings(), stream)
    error = ValueError(PERSONAL_ID)

    sys.excepthook(ValueError, error, None)
    threading.excepthook(threading.ExceptHookArgs((ValueError, error, None, None)))

    assert [line["event"] for line in lines(stream)] == ["exception_uncaught"] * 2
    assert PERSONAL_ID not in stream.getvalue()


def test_keys_of_the_task_are_on_every_line(stream: io.StringIO) -> None:
    """Keys bound to the task, such as the pipeline, reach lines of any logger."""
    configure(LogSettings(), stream)

    with structlog.contextvars.bound_contextvars(pipeline="intake"):
        logging.getLogger("other").warning("seen")

    assert lines(stream)[0]["pipeline"] == "intake"
