"""The composition root: builds an engine out of configuration and installed packages."""

import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from pydantic import ValidationError

from lienthong.clock import Clock
from lienthong.codec import RecordCodec
from lienthong.config.loader import describe
from lienthong.config.models import HubSettings
from lienthong.connector import ConnectorContext, ConnectorKind, ConnectorSpec, Effect
from lienthong.errors import ConfigurationError
from lienthong.kafka.cluster import ClusterView
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.kafka.settings import PIPELINE_OVERRIDES, client_configuration
from lienthong.keys import FileKeyProvider
from lienthong.limits.gate import Gate, Gates
from lienthong.limits.policy import TargetLimits, load_limits
from lienthong.limits.store import LeaseStore, MemoryStore, new_worker_name
from lienthong.observability.metrics import Metrics
from lienthong.pipeline.app import Engine
from lienthong.pipeline.attempt import Turns
from lienthong.pipeline.bulk_lane import BulkLane, Pace, readers_of, waiting_records
from lienthong.pipeline.crash_guard import CrashGuard
from lienthong.pipeline.definitions import ForwardStep, LookupStep, Pipeline, load_pipelines
from lienthong.pipeline.deliver import Deliver
from lienthong.pipeline.durable import DurableState
from lienthong.pipeline.forward import Forward
from lienthong.pipeline.intake import Intake
from lienthong.pipeline.key_state import KeyStates
from lienthong.pipeline.publishers import Publishers
from lienthong.pipeline.pure import PureEngine, PureStep
from lienthong.pipeline.pure_guard import PureGuard, journals_of
from lienthong.pipeline.pure_replay import PureReplay
from lienthong.pipeline.remote import RemoteEngine
from lienthong.pipeline.step import RemoteStep
from lienthong.pipeline.target import Target
from lienthong.pipeline.verify import Verify
from lienthong.plugins import load_one
from lienthong.pseudonym import Pseudonymizer
from lienthong.registry.schemas import SchemaRegistry
from lienthong.registry.topics import TopicCatalogue, is_source
from lienthong.rest.client import ClientFactory

#: Key in a connector's configuration that is the hub's, not the connector's.
LIMITS_KEY = "limits"
_LEVEL_FOR_REAL_ENDPOINTS = 3


def build_engine(
    settings: HubSettings,
    pipeline: Pipeline,
    clock: Clock,
    metrics: Metrics,
    catalogue: TopicCatalogue | None = None,
) -> Engine:
    """Return the engine of a pipeline.

    Args:
        settings: The hub's configuration.
        pipeline: Which pipeline.
        clock: Where to read the time.
        metrics: What operators see.
        catalogue: All topics; None to read them.

    Raises:
        ConfigurationError: If something that the pipeline needs is missing.
    """
    catalogue = catalogue or TopicCatalogue.installed(pipeline.names, settings.environment)
    producer = AcknowledgedProducer(
        settings.kafka, client_id=f"{pipeline.group}-producer", overrides=PIPELINE_OVERRIDES
    )
    step = pipeline.definition.forward
    if step is not None:
        pure = _pure_step(settings, pipeline, step, catalogue, clock)
        if pipeline.definition.policy.priority == "bulk":
            pure = BulkLane(pure, pipeline.names.of_pipeline("deadletters", pipeline.name))
        catalogue = TopicCatalogue.installed(pipeline.names, settings.environment)
        codec = record_codec(settings, catalogue, pipeline.definition.sources[0], clock)
        registry = SchemaRegistry.installed()
        guard = _pure_guard(settings, pipeline, catalogue, pure, producer, clock, metrics)
        replay = PureReplay(pipeline, settings.kafka, guard.replay, producer, clock, metrics, registry, codec)
        pace = _pace(settings, pipeline, step, catalogue, clock, metrics)
        return PureEngine(pipeline, pure, producer, clock, metrics, replay, pace, guard)
    return _remote(settings, pipeline, catalogue, producer, clock, metrics)


def _remote(
    settings: HubSettings,
    pipeline: Pipeline,
    catalogue: TopicCatalogue,
    producer: AcknowledgedProducer,
    clock: Clock,
    metrics: Metrics,
) -> RemoteEngine:
    codec = record_codec(settings, catalogue, pipeline.definition.sources[0], clock)
    return RemoteEngine(
        pipeline,
        _remote_step(settings, pipeline, producer, clock, metrics),
        producer,
        DurableState(pipeline, settings.kafka),
        SchemaRegistry.installed(),
        clock,
        metrics,
        codec,
        catalogue.get(f"deadletters.{pipeline.name}").max_message_bytes,
        hash_key(settings),
    )


def _remote_step(
    settings: HubSettings, pipeline: Pipeline, producer: AcknowledgedProducer, clock: Clock, metrics: Metrics
) -> RemoteStep:
    step = pipeline.definition.step
    if isinstance(step, ForwardStep):
        raise ConfigurationError(f"the pipeline {pipeline.name} calls no connector")
    kind = ConnectorKind.LOOKUP if isinstance(step, LookupStep) else ConnectorKind.SINK
    gates, gate = _gate(settings, pipeline, step.connector, clock)
    turns = Turns(gate, clock).wait
    spec, connector = build_connector(settings, step.connector, kind, clock, turns)
    target = Target(
        pipeline,
        step.connector,
        pipeline.definition.policy,
        clock,
        metrics,
        gate=gate,
        release=gates.aclose if gates is not None else None,
    )
    if isinstance(step, LookupStep):
        return Verify(pipeline, step, connector, target, producer, clock, hash_key(settings))
    if Effect.QUERY_BEFORE_WRITE in spec.effects.values() and not connector.can_tell:
        raise ConfigurationError(
            f"the connector {spec.name} declares query_before_write and has no was_done to ask with"
        )
    return Deliver(pipeline, step, connector, target, spec.accepts, spec.effect_of, producer)


def limits_of(settings: HubSettings, name: str) -> TargetLimits:
    """Return what a target allows, as configured under ``connectors.<name>.limits``.

    Args:
        settings: The hub's configuration.
        name: Name of the connector.

    Raises:
        ConfigurationError: If a key is unknown, a unit is missing or two values contradict each other.
    """
    return load_limits(name, settings.connectors.get(name, {}).get(LIMITS_KEY) or {})


def _gate(settings: HubSettings, pipeline: Pipeline, name: str, clock: Clock) -> tuple[Gates | None, Gate | None]:
    limits = limits_of(settings, name)
    if limits == TargetLimits():
        return None, None
    store: LeaseStore = MemoryStore(clock)
    if limits.is_counted:
        # Most targets have no limits, and a database library costs memory and time at the start.
        from lienthong.limits.sql_store import SqlStore

        store = SqlStore(_limits_url(settings), clock)
    gates = Gates(store, clock, worker=new_worker_name(pipeline.name))
    return gates, gates.of(name, limits)


def _limits_url(settings: HubSettings) -> str:
    """Return where limits are shared: a file for the workers of one machine, the ledger's PostgreSQL for more."""
    ledger = settings.ledger.url.get_secret_value()
    return f"sqlite:///{settings.state_directory / 'limits.sqlite3'}" if ledger.startswith("sqlite") else ledger


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
        ConfigurationError: If it is of another kind, its configuration is wrong, or it is a real endpoint that the
            approved security level does not allow.

    Source:
        NĐ 69/2024 Đ18, NĐ 70/2024 Đ7: direct connection needs an information system of security level 3.
    """
    spec: ConnectorSpec = load_one("lienthong.connectors", name)
    if spec.kind is not kind:
        raise ConfigurationError(f"the connector {name} is a {spec.kind.value}, not a {kind.value}")
    if name not in settings.connectors:
        raise ConfigurationError(f"the connector {name} has no configuration; add connectors.{name}")
    try:
        own = {key: value for key, value in settings.connectors[name].items() if key != LIMITS_KEY}
        config = spec.config.model_validate(own)
    except ValidationError as error:
        raise ConfigurationError(describe(error, f"connectors.{name}")) from None
    if settings.security_level < _LEVEL_FOR_REAL_ENDPOINTS and not getattr(config, "simulator", False):
        raise ConfigurationError(
            f"the connector {name} points to a real endpoint, which needs security_level 3; "
            "set it once the system is approved, or use a simulator"
        )
    context = ConnectorContext(http=ClientFactory(admit), clock=clock, logger=structlog.get_logger(name))
    return spec, spec.factory(config, context)


def hash_key(settings: HubSettings) -> bytes:
    """Return the key of the hashes over questions: the same for all workers and after every restart.

    Args:
        settings: The hub's configuration.

    Raises:
        ConfigurationError: If production has no key file.
    """
    path = settings.secrets.pseudonym_key_file
    if path is None:
        if settings.environment == "production":
            raise ConfigurationError("secrets.pseudonym_key_file is missing; questions are never logged unkeyed")
        path = settings.state_directory / "pseudonym-keys.json"
        ensure_key_file(path)
    return Pseudonymizer.from_file(path).alias("purpose", "question-hash").encode()


def _pure_step(
    settings: HubSettings, pipeline: Pipeline, step: ForwardStep, catalogue: TopicCatalogue, clock: Clock
) -> PureStep:
    if not step.validate_as_publisher:
        return Forward(pipeline, pipeline.names.full(step.topic))
    return Intake(
        pipeline,
        step.topic,
        SchemaRegistry.installed(),
        Publishers(settings.gateway.publishers, pipeline.names),
        clock,
        record_codec(settings, catalogue, step.topic, clock),
        pseudonymizer(settings),
        {topic.full_name: topic.max_message_bytes for topic in catalogue},
    )


def _pure_guard(
    settings: HubSettings,
    pipeline: Pipeline,
    catalogue: TopicCatalogue,
    step: PureStep,
    producer: AcknowledgedProducer,
    clock: Clock,
    metrics: Metrics,
) -> PureGuard:
    states = KeyStates()
    topic = pipeline.names.of_pipeline("state", pipeline.name)
    most = pipeline.definition.policy.max_unsettled
    guard = CrashGuard(pipeline.name, topic, states, producer, metrics, most)
    max_bytes = catalogue.get(f"deadletters.{pipeline.name}").max_message_bytes
    read = journals_of(pipeline, settings.kafka)
    return PureGuard(pipeline, step.process, guard, states, read, clock, max_bytes)


def _pace(
    settings: HubSettings,
    pipeline: Pipeline,
    step: ForwardStep,
    catalogue: TopicCatalogue,
    clock: Clock,
    metrics: Metrics,
) -> Pace | None:
    most = pipeline.definition.policy.max_downstream_records
    if most is None:
        return None
    pattern = step.topic.replace("{domain}", "*")
    topics = [topic.full_name for topic in catalogue if is_source(topic.name, pattern)]
    groups = readers_of(topics, load_pipelines(pipeline.names, settings.environment, catalogue).values())
    view = ClusterView(client_configuration(settings.kafka, f"{pipeline.group}-pace"))
    return Pace(partial(waiting_records, view, groups, topics), most, clock, metrics.vitals)


def record_codec(settings: HubSettings, catalogue: TopicCatalogue, topic: str, clock: Clock) -> RecordCodec | None:
    """Return the codec for a topic, or None when nothing is encrypted and there are no keys to read with.

    Args:
        settings: The hub's configuration.
        catalogue: Says which topics are encrypted.
        topic: Catalogue name, ``{domain}`` allowed.
        clock: Where to read the time.
    """
    head = topic.split("{", 1)[0]
    enabled = any(each.encryption == "subject" for each in catalogue if each.name.startswith(head))
    path = settings.secrets.subject_keys_file
    if path is None and not enabled:
        return None
    return RecordCodec(FileKeyProvider(path, clock) if path is not None else None, enabled=enabled)


def pseudonymizer(settings: HubSettings) -> Pseudonymizer | None:
    """Return the keyed hash over identifiers, or None without its key.

    Args:
        settings: The hub's configuration.
    """
    path = settings.secrets.pseudonym_key_file
    return Pseudonymizer.from_file(path) if path is not None else None


def ensure_key_file(path: Path) -> None:
    """Create a development key file once; workers that start together end up with the same one.

    Args:
        path: Where it is.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = path.with_name(f"{path.name}.{os.getpid()}")
    Pseudonymizer.create_file(mine)
    try:
        os.link(mine, path)
    except FileExistsError:
        return
    finally:
        mine.unlink()
