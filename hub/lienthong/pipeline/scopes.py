"""Which procedures, officers and agreements a target does not allow at the moment."""

from collections.abc import Iterable

import structlog

from lienthong.delivery.parking import ParkedEntry
from lienthong.delivery.scope import Scope, scope_of
from lienthong.errors import ScopeError
from lienthong.observability.metrics import Metrics

log = structlog.get_logger(__name__)

ALERT = "scope_blocked"


class BlockedScopes:
    """Scopes that are blocked in the partitions of one worker, with one alert for all their records.

    Args:
        pipeline: Name of the pipeline.
        target: Name of the connector.
        secret: Keys the hashes of scopes.
        metrics: Where the alert is raised.
    """

    def __init__(self, pipeline: str, target: str, secret: bytes, metrics: Metrics) -> None:
        self._pipeline = pipeline
        self._target = target
        self._secret = secret
        self._metrics = metrics
        self._blocked: dict[int, set[Scope]] = {}

    def block(self, partition: int, error: ScopeError) -> Scope:
        """Note what a target refused.

        Args:
            partition: Partition of the record.
            error: What the target said.

        Returns:
            The name of the scope.
        """
        scope = scope_of(self._target, error.scope_kind, error.scope, self._secret)
        if all(scope not in scopes for scopes in self._blocked.values()):
            log.warning(
                "scope_blocked",
                pipeline=self._pipeline,
                target=scope.target,
                kind=scope.kind,
                scope=scope.hash,
                reason=error.reason,
            )
        self._add(partition, scope)
        return scope

    def load(self, entries: Iterable[ParkedEntry]) -> None:
        """Take in what waits for a scope in new partitions.

        Args:
            entries: What is parked there.
        """
        for entry in entries:
            if entry.scope is not None:
                self._add(entry.record.partition, entry.scope)

    def find(self, partition: int, needed: Iterable[tuple[str, str]]) -> Scope | None:
        """Return a blocked scope among those that a call needs, or None.

        Args:
            partition: Partition of the record.
            needed: Kind and value.
        """
        blocked = self._blocked.get(partition)
        if not blocked:
            return None
        names = (scope_of(self._target, kind, value, self._secret) for kind, value in needed)
        return next((scope for scope in names if scope in blocked), None)

    def is_blocked(self, partition: int) -> bool:
        """Return whether anything is blocked in a partition.

        Args:
            partition: Number of the partition.
        """
        return partition in self._blocked

    def release(self, partition: int, scope: Scope) -> None:
        """Let calls try a scope again.

        Args:
            partition: Where the release was read; every partition gets its own.
            scope: What was released.
        """
        scopes = self._blocked.get(partition, set())
        scopes.discard(scope)
        if not scopes:
            self._blocked.pop(partition, None)
        self._tell()

    def forget_partition(self, partition: int) -> None:
        """Drop what is known of a partition that another worker owns now.

        Args:
            partition: Number of the partition.
        """
        self._blocked.pop(partition, None)
        self._tell()

    def _add(self, partition: int, scope: Scope) -> None:
        self._blocked.setdefault(partition, set()).add(scope)
        self._tell()

    def _tell(self) -> None:
        if self._blocked:
            self._metrics.raise_alert(ALERT, self._pipeline, self._target)
        else:
            self._metrics.clear_alert(ALERT, self._pipeline, self._target)
