"""Several embedded brokers as one cluster: to lose one, or the controller, and get it back."""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from lienthong.clock import Clock, SystemClock
from lienthong.kafka.embedded import EmbeddedKafka
from lienthong.kafka.embedded_settings import HOST
from lienthong.kafka.embedded_state import free_port, new_cluster_id

_QUORUM_STATE = Path("records/__cluster_metadata-0/quorum-state")
_START_SECONDS = 120.0


class EmbeddedCluster:
    """Brokers and controllers in one process each; topics with three copies survive the loss of any one node.

    Args:
        directory: Each node lives in a folder below it.
        size: How many nodes.
        heap_megabytes: Limit of each Java heap.
        extra_properties: Kafka's broker properties that win over ours.
        clock: For deadlines.

    Delivery:
        The brokers are killed when this process ends, however that happens.
    """

    def __init__(
        self,
        directory: Path,
        *,
        size: int = 3,
        heap_megabytes: int = 192,
        extra_properties: Mapping[str, str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        ports: list[int] = []
        while len(ports) < 2 * size:
            port = free_port()
            if port not in ports:
                ports.append(port)
        voters = [f"{number}@{HOST}:{ports[size + number - 1]}" for number in range(1, size + 1)]
        cluster_id = new_cluster_id()
        self.nodes: dict[int, EmbeddedKafka] = {
            number: EmbeddedKafka(
                directory / f"node-{number}",
                port=ports[number - 1],
                controller_port=ports[size + number - 1],
                heap_megabytes=heap_megabytes,
                node_id=number,
                quorum_voters=voters,
                cluster_id=cluster_id,
                extra_properties=extra_properties,
                die_with_parent=True,
                clock=clock or SystemClock(),
            )
            for number in range(1, size + 1)
        }
        self._ports = ports[:size]
        # The kernel ties a broker to the thread that started it, so these threads live as long as the cluster.
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="embedded-cluster")

    @property
    def bootstrap_servers(self) -> str:
        """``host:port`` of all nodes."""
        return ",".join(f"{HOST}:{port}" for port in self._ports)

    def start(self, numbers: Sequence[int] = ()) -> None:
        """Start nodes at the same time and return when they answer; a quorum only answers together.

        Args:
            numbers: Which; all when empty.

        Raises:
            ConfigurationError: If one does not start.
        """
        started = [
            self._threads.submit(self.nodes[number].start, _START_SECONDS) for number in numbers or list(self.nodes)
        ]
        for each in started:
            each.result()

    def leader(self) -> int | None:
        """Return the number of the running node that is the active controller, or None while there is none.

        Source:
            KRaft keeps ``quorum-state`` in the folder of the metadata log; answers to clients name any broker.
        """
        known = [
            json.loads((node.data_directory / _QUORUM_STATE).read_text(encoding="utf-8"))
            for node in self.nodes.values()
            if node.is_running
        ]
        found = max(known, key=lambda state: int(state["leaderEpoch"]), default={"leaderId": -1})["leaderId"]
        return int(found) if found in self.nodes and self.nodes[found].is_running else None

    def kill(self) -> None:
        """End all nodes at once; the data stays."""
        for node in self.nodes.values():
            node.kill()

    def close(self) -> None:
        """End all nodes and the threads that hold them."""
        self.kill()
        self._threads.shutdown()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
