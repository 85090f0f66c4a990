"""The brokers that cases run on, and one case on its way."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lienthong.clock import Clock
from lienthong.errors import FatalError
from lienthong.kafka.embedded import EmbeddedKafka
from lienthong.kafka.embedded_cluster import EmbeddedCluster
from lienthong.kafka.embedded_settings import HOST
from lienthong.kafka.embedded_state import free_port
from scripts.fault.arena import Arena, Needs
from scripts.fault.proxy import Proxy
from scripts.fault.stepped_clock import clock_environment

#: A broker that many provinces were born on grows slow to start again.
_CASES_PER_BROKER = 10


@dataclass(slots=True)
class Stage:
    """What a case can break.

    Attributes:
        arena: The province.
        is_full: Whether faults last as long as they do at night.
        one: The broker, when there is one.
        three: The cluster, when there are three.
        line: The proxy between workers and broker, when there is one.
    """

    arena: Arena
    is_full: bool
    one: EmbeddedKafka | None = None
    three: EmbeddedCluster | None = None
    line: Proxy | None = None

    @property
    def broker(self) -> EmbeddedKafka:
        """The one broker."""
        if self.one is None:
            raise FatalError("the case has no single broker")
        return self.one

    @property
    def cluster(self) -> EmbeddedCluster:
        """The cluster of three."""
        if self.three is None:
            raise FatalError("the case has no cluster")
        return self.three

    @property
    def proxy(self) -> Proxy:
        """The proxy."""
        if self.line is None:
            raise FatalError("the case has no proxy")
        return self.line

    def seconds(self, short: float, full: float) -> float:
        """Return how long a fault lasts.

        Args:
            short: In the short form.
            full: At night.
        """
        return full if self.is_full else short


class Node:
    """A broker with a second listener that leads through a proxy.

    Args:
        directory: Where it lives.
        clock: For deadlines.
        properties: Further broker properties.
    """

    def __init__(self, directory: Path, clock: Clock, properties: Mapping[str, str]) -> None:
        ports: list[int] = []
        while len(ports) < 4:
            port = free_port()
            if port not in ports:
                ports.append(port)
        plain, controller, behind, front = ports
        self.proxied = f"{HOST}:{front}"
        self.cases = 0
        self._ports = (front, behind)
        self.broker = EmbeddedKafka(
            directory,
            port=plain,
            controller_port=controller,
            extra_properties={
                "listeners": f"PLAINTEXT://{HOST}:{plain},PROXIED://{HOST}:{behind},CONTROLLER://{HOST}:{controller}",
                "advertised.listeners": f"PLAINTEXT://{HOST}:{plain},PROXIED://{self.proxied}",
                "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
                "inter.broker.listener.name": "PLAINTEXT",
                "log.retention.check.interval.ms": "1000",
                **properties,
            },
            die_with_parent=True,
            clock=clock,
        )

    def make_proxy(self) -> Proxy:
        """Return the proxy, not started."""
        return Proxy(*self._ports)


class Stages:
    """Provides stages and reuses the broker between cases.

    Args:
        directory: An empty folder.
        clock: Keeps the time.
        is_full: Whether faults last as long as they do at night.
    """

    def __init__(self, directory: Path, clock: Clock, *, is_full: bool) -> None:
        self._directory = directory
        self._clock = clock
        self._is_full = is_full
        self._shared: Node | None = None
        self._count = 0

    @contextmanager
    def stage(
        self, needs: Needs, seed: int, mutant: str = "", environment: Mapping[str, str] | None = None
    ) -> Iterator[Stage]:
        """Provide a stage; its processes are gone afterwards.

        Args:
            needs: What the case asks.
            seed: What the load follows from.
            mutant: Mechanism that is switched off.
            environment: Further variables of the hub's processes.

        Yields:
            The stage; its arena is not started.
        """
        self._count += 1
        folder = self._directory / f"case-{self._count}"
        folder.mkdir()
        three: EmbeddedCluster | None = None
        node: Node | None = None
        proxy: Proxy | None = None
        arena: Arena | None = None
        try:
            if needs.brokers > 1:
                three = EmbeddedCluster(folder / "kafka", clock=self._clock)
                three.start()
                servers = worker_servers = three.bootstrap_servers
            else:
                node = self._node(needs, folder)
                servers = node.broker.bootstrap_servers
                worker_servers = node.proxied if needs.is_proxied else servers
                if needs.is_proxied:
                    proxy = node.make_proxy()
                    proxy.start()
            if needs.has_clock:
                environment = {**(environment or {}), **clock_environment(folder)}
            arena = Arena(
                folder, f"f{self._count}", servers, worker_servers, needs, seed, self._clock, mutant, environment
            )
            yield Stage(arena, self._is_full, node.broker if node else None, three, proxy)
        finally:
            if arena is not None:
                arena.end()
            if proxy is not None:
                proxy.stop()
            if three is not None:
                three.close()
            if node is not None and node is not self._shared:
                node.broker.kill()

    def close(self) -> None:
        """End the shared broker."""
        if self._shared is not None:
            self._shared.broker.kill()
            self._shared = None

    def _node(self, needs: Needs, folder: Path) -> Node:
        if not needs.brokers:
            own = Node(folder / "kafka", self._clock, needs.broker_properties)
            own.broker.start()
            return own
        shared = self._shared
        if shared is not None and (shared.cases >= _CASES_PER_BROKER or not shared.broker.is_running):
            self.close()
            shared = None
        if shared is None:
            shared = self._shared = Node(self._directory / f"kafka-{self._count}", self._clock, {})
            shared.broker.start()
        shared.cases += 1
        return shared
