"""Builds who asks for officials out of configuration and installed connectors."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack

from lienthong.clock import Clock
from lienthong.config.models import HubSettings
from lienthong.connector import ConnectorKind
from lienthong.delivery.circuit import CircuitBreaker
from lienthong.delivery.policy import CircuitPolicy
from lienthong.errors import ConfigurationError
from lienthong.gateway.lookup_desk import COUNTER, LookupDesk
from lienthong.gateway.lookup_problems import ACCESS_LOG_AWAY, TOO_MANY
from lienthong.gateway.problems import ProblemError
from lienthong.gateway.sender import Sender
from lienthong.limits.gate import Gates
from lienthong.observability.metrics import Metrics
from lienthong.record import OutgoingRecord
from lienthong.targets.access_trail import AccessTrail
from lienthong.targets.connectors import build_connector, open_gate
from lienthong.targets.hash_key import hash_key
from lienthong.targets.turns import Turns
from lienthong.topic_names import TopicNames

Write = Callable[[Sequence[OutgoingRecord]], Awaitable[None]]


class Lookups:
    """Everybody who asks for officials in one gateway.

    Args:
        desks: Name of the connector → who asks it.
        gates: Leases that are given back at the end.
    """

    def __init__(self, desks: Mapping[str, LookupDesk], gates: Sequence[Gates] = ()) -> None:
        self.desks = desks
        self._gates = gates

    async def open(self) -> None:
        """Prepare all connectors."""
        for desk in self.desks.values():
            await desk.open()

    async def close(self) -> None:
        """Release all connectors, then what they hold of their targets' limits."""
        async with AsyncExitStack() as stack:
            for gates in self._gates:
                stack.push_async_callback(gates.aclose)
            for desk in self.desks.values():
                stack.push_async_callback(desk.close)


def writer(sender: Sender) -> Write:
    """Return what writes the access log.

    Args:
        sender: The gateway's own.
    """

    async def write(records: Sequence[OutgoingRecord]) -> None:
        if sender.is_busy:
            raise ProblemError(TOO_MANY)
        if any(error is not None for error in await sender.send(records)):
            raise ProblemError(ACCESS_LOG_AWAY)

    return write


def build_lookups(settings: HubSettings, clock: Clock, metrics: Metrics, write: Write) -> Lookups:
    """Return who asks for officials, one for each connector under ``gateway.lookups``.

    Args:
        settings: The hub's configuration.
        clock: Where to read the time and wait.
        metrics: What operators see.
        write: Writes the access log.

    Raises:
        ConfigurationError: If a connector is no lookup, cannot be asked at the counter or is not configured.
    """
    if not settings.gateway.lookups:
        return Lookups({})
    secret = hash_key(settings)
    topic = TopicNames(settings.province).access_log
    desks: dict[str, LookupDesk] = {}
    opened: list[Gates] = []
    for name, chosen in settings.gateway.lookups.items():
        gates, gate = open_gate(settings, name, COUNTER, clock)
        opened += [gates] if gates is not None else []
        turn = Turns(gate, clock).wait
        spec, connector = build_connector(settings, name, ConnectorKind.LOOKUP, clock, turn)
        question = spec.question
        if question is None:
            raise ConfigurationError(
                f"the connector {name} cannot be asked at the counter; drop gateway.lookups.{name}"
            )
        trail = AccessTrail(name, question.name, topic, write, clock, secret)
        circuit = CircuitBreaker(CircuitPolicy(), clock)
        desks[name] = LookupDesk(
            name, question, connector, trail, circuit, gate, clock, metrics, secret, chosen.max_at_once
        )
    return Lookups(desks, opened)
