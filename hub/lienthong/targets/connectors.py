"""Builds a connector and the gate before it out of configuration and installed packages."""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from pydantic import BaseModel, ValidationError

from lienthong.clock import Clock
from lienthong.config.loader import describe
from lienthong.config.models import HubSettings
from lienthong.connector import ConnectorContext, ConnectorKind, ConnectorSpec
from lienthong.errors import ConfigurationError
from lienthong.limits.gate import Gate, Gates
from lienthong.limits.policy import TargetLimits, load_limits
from lienthong.limits.store import LeaseStore, MemoryStore, new_worker_name
from lienthong.plugins import load_one
from lienthong.rest.client import ClientFactory

#: Key in a connector's configuration that is the hub's, not the connector's.
LIMITS_KEY = "limits"
_LEVEL_FOR_REAL_ENDPOINTS = 3


def build_connector(
    settings: HubSettings,
    name: str,
    kind: ConnectorKind,
    clock: Clock,
    admit: Callable[[], Awaitable[None]] | None = None,
) -> tuple[ConnectorSpec, Any]:
    """Return a connector with its validated configuration.

    Args:
        settings: The hub's configuration.
        name: Name of the connector.
        kind: What it must be.
        clock: Where to read the time.
        admit: Awaited before each of its requests; None for nothing to wait for.

    Raises:
        ConfigurationError: If it is of another kind, or as :func:`read_config` says.
    """
    spec: ConnectorSpec = load_one("lienthong.connectors", name)
    if spec.kind is not kind:
        raise ConfigurationError(f"the connector {name} is a {spec.kind.value}, not a {kind.value}")
    config = read_config(settings, name, spec.config)
    return spec, spec.factory(config, context_of(name, clock, admit))


def context_of(name: str, clock: Clock, admit: Callable[[], Awaitable[None]] | None = None) -> ConnectorContext:
    """Return what a connector is built with.

    Args:
        name: Name of the connector.
        clock: Where to read the time.
        admit: Awaited before each of its requests; None for nothing to wait for.
    """
    return ConnectorContext(http=ClientFactory(admit), clock=clock, logger=structlog.get_logger(name))


def read_config(settings: HubSettings, name: str, model: type[BaseModel]) -> Any:
    """Return the validated configuration of a connector that may be called.

    Args:
        settings: The hub's configuration.
        name: Name of the connector.
        model: Model of its configuration.

    Raises:
        ConfigurationError: If the configuration is missing or wrong, or leads to a real endpoint that the approved
            security level does not allow.

    Source:
        NĐ 69/2024 Đ18, NĐ 70/2024 Đ7: direct connection needs an information system of security level 3.
    """
    config = _config_of(settings, name, model)
    if settings.security_level < _LEVEL_FOR_REAL_ENDPOINTS and not getattr(config, "simulator", False):
        raise ConfigurationError(
            f"the connector {name} points to a real endpoint, which needs security_level 3; "
            "set it once the system is approved, or use a simulator"
        )
    return config


def subscribers_of(settings: HubSettings, name: str) -> tuple[str, ...]:
    """Return who gets copies of a connector's records, as configured.

    Args:
        settings: The hub's configuration.
        name: Name of the connector.

    Raises:
        ConfigurationError: If it has no subscribers by its nature, or its configuration is wrong.
    """
    spec: ConnectorSpec = load_one("lienthong.connectors", name)
    if spec.subscribers is None:
        raise ConfigurationError(f"the connector {name} has no subscribers for whom records could be copied")
    return tuple(spec.subscribers(_config_of(settings, name, spec.config)))


def _config_of(settings: HubSettings, name: str, model: type[BaseModel]) -> Any:
    if name not in settings.connectors:
        raise ConfigurationError(f"the connector {name} has no configuration; add connectors.{name}")
    own = {key: value for key, value in settings.connectors[name].items() if key != LIMITS_KEY}
    try:
        return model.model_validate(own)
    except ValidationError as error:
        raise ConfigurationError(describe(error, f"connectors.{name}")) from None


def limits_of(settings: HubSettings, name: str) -> TargetLimits:
    """Return what a target allows, as configured under ``connectors.<name>.limits``.

    Args:
        settings: The hub's configuration.
        name: Name of the connector.

    Raises:
        ConfigurationError: If a key is unknown, a unit is missing or two values contradict each other.
    """
    return load_limits(name, settings.connectors.get(name, {}).get(LIMITS_KEY) or {})


def open_gate(settings: HubSettings, name: str, worker: str, clock: Clock) -> tuple[Gates | None, Gate | None]:
    """Return what calls to a target wait for, and what gives it back at the end; None without limits.

    Args:
        settings: The hub's configuration.
        name: Name of the connector.
        worker: Who calls, such as the name of a pipeline.
        clock: Where to read the time.

    Raises:
        ConfigurationError: If the limits are wrong.
    """
    limits = limits_of(settings, name)
    if limits == TargetLimits():
        return None, None
    store: LeaseStore = MemoryStore(clock)
    if limits.is_counted:
        # Most targets have no limits, and a database library costs memory and time at the start.
        from lienthong.limits.sql_store import SqlStore

        store = SqlStore(_limits_url(settings), clock)
    gates = Gates(store, clock, worker=new_worker_name(worker))
    return gates, gates.of(name, limits)


def _limits_url(settings: HubSettings) -> str:
    """Return where limits are shared: a file for the workers of one machine, the ledger's PostgreSQL for more."""
    ledger = settings.ledger.url.get_secret_value()
    return f"sqlite:///{settings.state_directory / 'limits.sqlite3'}" if ledger.startswith("sqlite") else ledger
