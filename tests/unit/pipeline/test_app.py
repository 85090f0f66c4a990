"""The Faust app around an engine."""

from collections.abc import AsyncIterator

import pytest

from lienthong.config.models import KafkaSettings
from lienthong.errors import FatalError, RecordTooLargeError
from lienthong.pipeline.app import build, failure_of, stop_because


class _Engine:
    """Writes down what it is given."""

    def __init__(self) -> None:
        self.taken: list[object] = []
        self.drained: list[float] = []

    async def submit(self, item: object) -> None:
        """Take a slice."""
        self.taken.append(item)

    async def drain(self, timeout_seconds: float) -> bool:
        """Wait."""
        self.drained.append(timeout_seconds)
        return True


@pytest.fixture
def app(make_pipeline):
    """Give the app of a pipeline with an engine that writes down."""
    return build(make_pipeline(forward={"topic": "records.dossier"}), _Engine(), KafkaSettings())


async def test_nothing_is_begun_once_the_worker_stops(app, bench) -> None:
    """Faust still has slices queued then; begun too late they would be written and not settled: a repeat."""
    item = bench.slice(bench.progress(1))
    await app.take(item)
    assert app.engine.taken == [item]
    await app.on_stop()
    assert app.engine.drained == [20.0]
    await app.take(bench.slice(bench.progress(2)))
    assert app.engine.taken == [item]


async def test_a_worker_that_failed_does_not_wait_for_what_cannot_finish(app) -> None:
    """After a failure nothing is drained: what is not settled is repeated by the next worker."""
    app.failure = RuntimeError("failed")
    await app.on_stop()
    assert app.engine.drained == []


def test_faust_creates_no_topic_and_opens_no_port(app) -> None:
    """Topics come from the catalogue, and probes from the hub's own server."""
    assert not app.conf.web_enabled
    assert not app.conf.topic_allow_declare
    assert app.conf.topic_disable_leader


async def test_a_foreign_error_is_told_by_class_and_place_only(app, caplog) -> None:
    """The text of a library's exception may hold a citizen's data, and Faust would log it."""

    async def fail() -> None:
        raise ValueError("Nguyễn Thị Thuận 000190123456")

    error = await failure_of(fail())
    await stop_because(app, error)
    assert isinstance(app.failure, FatalError)
    assert "ValueError" in str(app.failure)
    assert "test_app.py" in str(app.failure)
    assert "Thuận" not in caplog.text + repr(app.failure) + repr(app.crash_reason)


async def test_the_first_failure_is_the_reason(app) -> None:
    """What follows from a failure must not hide it."""

    async def fail(error: Exception) -> None:
        raise error

    first = await failure_of(fail(RecordTooLargeError("too large")))
    await stop_because(app, first)
    await stop_because(app, RuntimeError("follows"))
    assert app.failure is first
    assert await failure_of(app.take(None)) is None


class _Event:
    """A slice on its way through Faust."""

    def __init__(self, value: object) -> None:
        self.value = value


class _Stream:
    """A stream that ends by itself."""

    def __init__(self, *values: object) -> None:
        self._values = values

    def noack(self) -> "_Stream":
        """Return itself."""
        return self

    async def events(self) -> AsyncIterator[_Event]:
        """Give the values, then end."""
        for value in self._values:
            yield _Event(value)


async def test_an_agent_that_ends_stops_the_worker(app) -> None:
    """Faust takes an agent that returns for a healthy one, and nothing would ever be consumed again."""
    (agent,) = [each for name, each in app.agents.items() if name.startswith("pipeline-")]
    await agent.fun(_Stream("slice"))
    assert app.engine.taken == ["slice"]
    assert "agent ended" in str(app.failure)


async def test_an_agent_that_ends_with_the_worker_is_no_failure(app) -> None:
    """A graceful stop ends the stream, too."""
    (agent,) = [each for name, each in app.agents.items() if name.startswith("pipeline-")]
    app.is_draining = True
    await agent.fun(_Stream())
    assert app.failure is None
