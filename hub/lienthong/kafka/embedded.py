"""A real Apache Kafka broker without Docker, Java or root: for tests, the demonstration and a laptop."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from lienthong.clock import Clock, SystemClock
from lienthong.errors import ConfigurationError
from lienthong.kafka.embedded_jars import fetch_jars, locked_jars
from lienthong.kafka.embedded_java import find_java
from lienthong.kafka.embedded_process import (
    ProcessIdentity,
    read_identity,
    send,
    spawn,
    start_ticks,
    write_identity,
)
from lienthong.kafka.embedded_settings import BROKER, HOST, BrokerSettings, java_command
from lienthong.kafka.embedded_state import (
    BrokerState,
    exclusive,
    free_port,
    new_cluster_id,
    read_state,
    require_free,
    write_state,
)
from lienthong.kafka.embedded_storage import (
    await_answer,
    format_storage,
    remove_files,
    require_space,
    write_files,
)

MINIMUM_HEAP_MEGABYTES = 128
_KILL_TIMEOUT_SECONDS = 20.0


class EmbeddedKafka:
    """One KRaft node, broker and controller in one process, that lives in a data directory.

    The directory is the identity: another object, or another process, with the same directory sees and stops the same
    broker. Cluster id, node id and ports stay the same over restarts. As a context manager it starts and stops.

    Args:
        data_directory: Where records, configuration and logs of this node lie; made when missing.
        port: Where clients connect; 0 for the port of the last run, else a free one.
        controller_port: The same for the controllers of the quorum.
        heap_megabytes: Limit of Java's heap.
        extra_properties: Kafka's broker properties that win over ours.
        advertised_listener: ``host:port`` that clients are told, such as that of a proxy; None for the broker itself.
        node_id: Number of the node in its cluster.
        quorum_voters: All controllers as ``id@host:port`` for a cluster of several nodes; empty for this one alone.
        cluster_id: Identifier that all nodes share; None for the remembered or a new one.
        die_with_parent: Whether the broker is killed when the thread that called :meth:`start` ends, even by SIGKILL.
        cache_directory: Where jars are kept; None for the user's cache.
        repositories: Maven repositories; None for those of ``LIENTHONG_MAVEN_REPOSITORIES``, else the usual one.
        clock: For deadlines and the time of the start.

    Delivery:
        Records survive :meth:`stop` and :meth:`kill`. They are in the operating system's hands once acknowledged, so
        one node does not protect them from a crash of the machine.
    """

    def __init__(
        self,
        data_directory: Path,
        *,
        port: int = 0,
        controller_port: int = 0,
        heap_megabytes: int = 256,
        extra_properties: Mapping[str, str] | None = None,
        advertised_listener: str | None = None,
        node_id: int = 1,
        quorum_voters: Sequence[str] = (),
        cluster_id: str | None = None,
        die_with_parent: bool = False,
        cache_directory: Path | None = None,
        repositories: Sequence[str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        if heap_megabytes < MINIMUM_HEAP_MEGABYTES:
            raise ConfigurationError(f"a broker needs a heap of at least {MINIMUM_HEAP_MEGABYTES} megabytes")
        if quorum_voters and not controller_port:
            raise ConfigurationError("a node of a cluster needs the controller port that its quorum voters name")
        if "," in str(data_directory):
            raise ConfigurationError(
                f"{data_directory} holds a comma, which Kafka takes for two directories; rename it"
            )
        # The path is resolved once: a later change of the working directory must not move the broker's files.
        self._settings = BrokerSettings(
            data_directory=Path(data_directory).absolute(),
            port=port,
            controller_port=controller_port,
            node_id=node_id,
            quorum_voters=tuple(quorum_voters),
            advertised_listener=advertised_listener,
            heap_megabytes=heap_megabytes,
            extra_properties=dict(extra_properties or {}),
        )
        self._cluster_id = cluster_id
        self._die_with_parent = die_with_parent
        self._cache_directory = cache_directory
        self._repositories = repositories
        self._clock = clock or SystemClock()
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def data_directory(self) -> Path:
        """Where everything of this node lies."""
        return self._settings.data_directory

    @property
    def log_file(self) -> Path:
        """The broker's log, which rolls at 10 MB."""
        return self._settings.log_file

    @property
    def bootstrap_servers(self) -> str:
        """``host:port`` for clients.

        Raises:
            ConfigurationError: If no broker has ever run from this directory.
        """
        state = read_state(self._state_file)
        if state is None:
            raise ConfigurationError(f"no broker has run from {self.data_directory}; start one")
        return f"{HOST}:{state.port}"

    @property
    def pid(self) -> int | None:
        """Number of the broker's process, or None if it does not run."""
        identity = self._running()
        return identity.pid if identity else None

    @property
    def is_running(self) -> bool:
        """Whether the broker's process is alive, suspended or not."""
        return self._running() is not None

    @property
    def uptime_seconds(self) -> float | None:
        """Seconds since the start, or None if it does not run."""
        identity = self._running()
        return (self._clock.now() - datetime.fromisoformat(identity.started_at)).total_seconds() if identity else None

    @property
    def data_bytes(self) -> int:
        """Disk space that the records take; Kafka's index files are sparse and count as what they use."""
        total = 0
        for folder, _, names in os.walk(self._settings.records_directory):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    total += (Path(folder) / name).stat().st_blocks * 512
        return total

    def start(self, timeout_seconds: float = 60) -> None:
        """Start the broker and return when it answers requests.

        Args:
            timeout_seconds: How long the broker may take, downloads of jars apart.

        Raises:
            ConfigurationError: If it already runs, a port is taken, the disk refuses, jars or Java are missing, or the
                broker ends or does not answer in time; the broker's own last words are part of the message.
        """
        jars = fetch_jars(locked_jars(), cache_directory=self._cache_directory, repositories=self._repositories)
        java = find_java().path
        with self._disk_errors():
            self.data_directory.mkdir(parents=True, exist_ok=True)
            with exclusive(self.data_directory):
                self._refuse_second()
                settings = self._prepare(java, jars)
                try:
                    child = self._spawn(java_command(java, jars, settings, BROKER, str(settings.properties_file)))
                    await_answer(child, settings, self._clock, timeout_seconds)
                except BaseException:
                    self._end(signal.SIGKILL)
                    raise

    def stop(self, timeout_seconds: float = 20, *, remove_data: bool = False) -> None:
        """Stop the broker; nothing but its data directory stays behind. A stopped broker is no error.

        Args:
            timeout_seconds: How long it may take to end by itself before it is killed.
            remove_data: Whether to remove what the broker wrote, and the directory if nothing else is in it.

        Raises:
            ConfigurationError: If another process is starting or stopping it, or it cannot be ended.
        """
        if not self.data_directory.exists():
            return
        with self._disk_errors():
            with exclusive(self.data_directory):
                # A suspended process takes no SIGTERM.
                self._end(signal.SIGTERM, signal.SIGCONT, timeout_seconds=timeout_seconds)
            if remove_data:
                remove_files(self._settings, self._state_file)

    def kill(self) -> None:
        """End the broker at once, as a crash of its process would; the data stays."""
        self._end(signal.SIGKILL)

    def suspend(self) -> None:
        """Halt the process without closing its connections: a broker that hangs."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a suspended process go on."""
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _state_file(self) -> Path:
        return self.data_directory / "state.json"

    @property
    def _pid_file(self) -> Path:
        return self.data_directory / "broker.pid"

    def _running(self) -> ProcessIdentity | None:
        identity = read_identity(self._pid_file)
        return identity if identity and identity.is_alive() else None

    def _signal(self, number: signal.Signals) -> None:
        identity = self._running()
        if identity is None:
            raise ConfigurationError(f"no broker runs from {self.data_directory}; start it first")
        send(identity, number)

    def _refuse_second(self) -> None:
        identity = self._running()
        if identity is not None:
            raise ConfigurationError(
                f"a broker already runs from {self.data_directory} (process {identity.pid}); "
                "stop it first or give another directory"
            )
        # What a broker left that was killed.
        self._pid_file.unlink(missing_ok=True)
        shutil.rmtree(self._settings.temporary_directory, ignore_errors=True)

    def _prepare(self, java: Path, jars: Sequence[Path]) -> BrokerSettings:
        require_space(self.data_directory)
        state = self._chosen_state()
        settings = replace(self._settings, port=state.port, controller_port=state.controller_port)
        write_files(settings)
        if not state.is_formatted:
            format_storage(java, jars, settings, state.cluster_id)
        write_state(self._state_file, replace(state, is_formatted=True))
        return settings

    def _chosen_state(self) -> BrokerState:
        """Return identity and ports: what is asked for, else what is remembered, else something new."""
        asked, known = self._settings, read_state(self._state_file)
        if known and (known.node_id != asked.node_id or self._cluster_id not in {None, known.cluster_id}):
            raise ConfigurationError(
                f"{self.data_directory} belongs to node {known.node_id} of cluster {known.cluster_id}; "
                "give another directory"
            )
        port = asked.port or (known.port if known else free_port(avoid=asked.controller_port))
        controller_port = asked.controller_port or (known.controller_port if known else free_port(avoid=port))
        require_free(port, "port", remembered=not asked.port and known is not None)
        require_free(controller_port, "controller port", remembered=not asked.controller_port and known is not None)
        if known:
            return replace(known, port=port, controller_port=controller_port)
        return BrokerState(self._cluster_id or new_cluster_id(), asked.node_id, port, controller_port)

    def _spawn(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        self._child = spawn(command, self._settings.output_file, die_with_parent=self._die_with_parent)
        ticks = start_ticks(self._child.pid)
        identity = ProcessIdentity(
            self._child.pid, ticks or 0, self._clock.now().isoformat(), str(self._settings.properties_file)
        )
        write_identity(self._pid_file, identity)
        return self._child

    def _end(self, *signals: signal.Signals, timeout_seconds: float = _KILL_TIMEOUT_SECONDS) -> None:
        identity = self._running()
        has_ended = identity is None or send(identity, *signals, wait_seconds=timeout_seconds)
        if identity is not None and not has_ended:
            has_ended = send(identity, signal.SIGKILL, wait_seconds=_KILL_TIMEOUT_SECONDS)
        if not has_ended:
            raise ConfigurationError(f"the broker in {self.data_directory} cannot be ended; look at its process")
        if self._child is not None:
            if identity is None:
                # Broken off before its number was written down; one that has ended already does not mind.
                self._child.kill()
            self._child.wait()
            self._child = None
        self._pid_file.unlink(missing_ok=True)
        shutil.rmtree(self._settings.temporary_directory, ignore_errors=True)

    @contextlib.contextmanager
    def _disk_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigurationError(
                f"the data directory {self.data_directory} cannot be used: {error.strerror or type(error).__name__}; "
                "check its owner and the free space, or give another"
            ) from error
