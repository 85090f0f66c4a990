"""The embedded broker while none runs."""

import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from lienthong.cli.kafka import kafka
from lienthong.errors import ConfigurationError
from lienthong.kafka.embedded import EmbeddedKafka
from lienthong.kafka.embedded_storage import format_storage


def test_arguments_that_cannot_work_are_refused(tmp_path: Path) -> None:
    """Too small a heap, an unreachable controller and a path that Kafka would split are named at once."""
    with pytest.raises(ConfigurationError, match="at least 128 megabytes"):
        EmbeddedKafka(tmp_path, heap_megabytes=64)
    with pytest.raises(ConfigurationError, match="needs the controller port"):
        EmbeddedKafka(tmp_path, quorum_voters=["1@127.0.0.1:9093"])
    with pytest.raises(ConfigurationError, match="holds a comma"):
        EmbeddedKafka(tmp_path / "a,b")


def test_broker_that_never_ran_has_no_process_and_no_address(tmp_path: Path) -> None:
    """Asking is harmless and makes no directory."""
    broker = EmbeddedKafka(tmp_path / "node")

    assert (broker.is_running, broker.pid, broker.uptime_seconds, broker.data_bytes) == (False, None, None, 0)
    with pytest.raises(ConfigurationError, match="no broker has run from"):
        _ = broker.bootstrap_servers
    broker.stop()
    broker.kill()
    assert not (tmp_path / "node").exists()


@pytest.mark.parametrize("method", ["suspend", "resume"])
def test_signals_need_a_running_broker(tmp_path: Path, method: str) -> None:
    """A test about outages fails loudly when its broker is not there."""
    with pytest.raises(ConfigurationError, match="no broker runs from"):
        getattr(EmbeddedKafka(tmp_path), method)()


def test_stop_clears_what_a_killed_broker_left_and_nothing_else(tmp_path: Path) -> None:
    """A stale pid file and temporary files go, with remove_data the records too; foreign files stay."""
    (tmp_path / "broker.pid").write_text(
        '{"pid": 1, "start_ticks": 1, "started_at": "2026-01-01T00:00:00+00:00", "marker": "x"}', encoding="utf-8"
    )
    for folder in ("temporary", "records", "logs"):
        (tmp_path / folder).mkdir()
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    broker = EmbeddedKafka(tmp_path)
    assert not broker.is_running

    broker.stop()
    assert {path.name for path in tmp_path.iterdir()} == {"records", "logs", "notes.txt"}
    broker.stop(remove_data=True)
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt"}


def test_status_exits_3_and_stop_0_when_nothing_runs(tmp_path: Path) -> None:
    """Scripts tell 'not running' from an error, and may stop twice."""
    status = CliRunner().invoke(kafka, ["status", "--directory", str(tmp_path / "node")])
    stop = CliRunner().invoke(kafka, ["stop", "--directory", str(tmp_path / "node")])

    assert (status.exit_code, stop.exit_code) == (3, 0)
    assert status.output == f"not running ({tmp_path / 'node'})\n"
    assert stop.output == "was not running\n"


def test_ctrl_c_while_the_storage_is_prepared_leaves_no_java_behind(tmp_path: Path) -> None:
    """What is killed has ended before anybody goes on: a demonstration that is broken off shows nothing afterwards."""
    java, number = tmp_path / "java", tmp_path / "number"
    java.write_text(f"#!/bin/sh\necho $$ > {number}.new\nmv {number}.new {number}\nexec sleep 60\n", encoding="utf-8")
    java.chmod(0o700)
    settings = EmbeddedKafka(tmp_path / "node")._settings

    def interrupt() -> None:
        while not number.exists():
            threading.Event().wait(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        format_storage(java, [], settings, "cluster")
    with pytest.raises(ProcessLookupError):
        os.kill(int(number.read_text(encoding="utf-8")), 0)


def test_a_broker_whose_number_was_not_written_down_is_ended_too(tmp_path: Path) -> None:
    """Ctrl-C in the moment after the start must not wait for a process that nobody has told to end."""
    broker = EmbeddedKafka(tmp_path)
    child = broker._child = subprocess.Popen(["sleep", "60"])
    broker.kill()
    assert child.returncode == -signal.SIGKILL
