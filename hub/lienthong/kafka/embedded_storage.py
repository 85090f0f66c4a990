"""Prepares the data directory of the embedded broker and waits for the broker's first answer."""

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lienthong.clock import Clock
from lienthong.errors import ConfigurationError
from lienthong.kafka.embedded_process import environment_for_java, last_lines
from lienthong.kafka.embedded_settings import (
    HOST,
    STORAGE_TOOL,
    BrokerSettings,
    java_command,
    logging_properties,
    render_properties,
    server_properties,
)

MINIMUM_FREE_BYTES = 128 * 1024 * 1024
_POLL_SECONDS = 0.05
_REQUEST_TIMEOUT_SECONDS = 2.0
_FORMAT_TIMEOUT_SECONDS = 60.0


def require_space(directory: Path) -> None:
    """Refuse a disk that is nearly full.

    Args:
        directory: The data directory.

    Raises:
        ConfigurationError: If there is too little space for a broker to start.
    """
    free_bytes = shutil.disk_usage(directory).free
    if free_bytes < MINIMUM_FREE_BYTES:
        raise ConfigurationError(
            f"only {free_bytes // 2**20} MiB are free in {directory}; "
            f"free at least {MINIMUM_FREE_BYTES // 2**20} MiB or give another directory"
        )


def write_files(settings: BrokerSettings) -> None:
    """Write the broker's configuration anew and make its folders.

    Args:
        settings: The node.
    """
    settings.temporary_directory.mkdir(exist_ok=True)
    settings.log_file.parent.mkdir(exist_ok=True)
    settings.output_file.write_bytes(b"")
    settings.logging_file.write_text(render_properties(logging_properties(settings)), encoding="ascii")
    settings.properties_file.write_text(render_properties(server_properties(settings)), encoding="ascii")


def format_storage(java: Path, jars: Sequence[Path], settings: BrokerSettings, cluster_id: str) -> None:
    """Prepare an empty storage for a cluster.

    Args:
        java: The program ``java``.
        jars: The class path.
        settings: The node.
        cluster_id: Kafka's identifier of the cluster.

    Raises:
        ConfigurationError: If Kafka refuses, with its words.
    """
    # No broker has run from what an interrupted preparation left, so there are no records in it.
    shutil.rmtree(settings.records_directory, ignore_errors=True)
    arguments = (STORAGE_TOOL, "format", "-t", cluster_id, "-c", str(settings.properties_file))
    tool = subprocess.Popen(
        java_command(java, jars, settings, *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment_for_java(),
    )
    with tool:
        try:
            said, _ = tool.communicate(timeout=_FORMAT_TIMEOUT_SECONDS)
        except BaseException as error:
            # On Ctrl-C the library would not wait for the end of what it kills.
            tool.kill()
            tool.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise ConfigurationError(
                f"the storage in {settings.data_directory} was not prepared in {_FORMAT_TIMEOUT_SECONDS:.0f} s; "
                "try again"
            ) from error
    if tool.returncode:
        settings.output_file.write_bytes(said)
        raise ConfigurationError(
            f"the storage in {settings.data_directory} cannot be prepared; Kafka says:\n"
            + last_lines(settings.output_file, settings.log_file)
        )


def remove_files(settings: BrokerSettings, *others: Path) -> None:
    """Remove what a broker wrote, and its directory unless something else lies in it.

    Args:
        settings: The node.
        others: Further files of the broker.
    """
    for folder in (settings.records_directory, settings.log_file.parent, settings.temporary_directory):
        if folder.exists():
            shutil.rmtree(folder)
    for file in (settings.properties_file, settings.logging_file, *others):
        file.unlink(missing_ok=True)
    if not any(settings.data_directory.iterdir()):
        settings.data_directory.rmdir()


def await_answer(
    child: subprocess.Popen[bytes], settings: BrokerSettings, clock: Clock, timeout_seconds: float
) -> None:
    """Return when the broker answers requests.

    Args:
        child: The broker's process.
        settings: The node.
        clock: For the deadline.
        timeout_seconds: How long it may take.

    Raises:
        ConfigurationError: If the process ends or the time is over, with the end of the broker's log.
    """
    deadline = clock.monotonic() + timeout_seconds
    while not _answers(settings):
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = child.wait(_POLL_SECONDS)
            raise ConfigurationError(
                f"the broker in {settings.data_directory} ended while it started (status {status}); it says:\n"
                + last_lines(settings.output_file, settings.log_file)
            )
        if clock.monotonic() > deadline:
            raise ConfigurationError(
                f"the broker in {settings.data_directory} did not answer in {timeout_seconds:g} s; its log says:\n"
                + last_lines(settings.output_file, settings.log_file)
            )


def _answers(settings: BrokerSettings) -> bool:
    """Ask the broker who is in its cluster; only an answer that names this node counts."""
    with socket.socket() as probe:
        probe.settimeout(_REQUEST_TIMEOUT_SECONDS)
        if probe.connect_ex((HOST, settings.port)) != 0:
            return False
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    client = AdminClient({"bootstrap.servers": f"{HOST}:{settings.port}", "log_level": 0})
    try:
        return settings.node_id in client.list_topics(timeout=_REQUEST_TIMEOUT_SECONDS).brokers
    except KafkaException:
        return False
