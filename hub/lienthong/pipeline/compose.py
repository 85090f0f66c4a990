"""The composition root: builds an engine out of configuration and installed packages."""

from functools import partial
from typing import Any

from lienthong.clock import Clock
from lienthong.codec import RecordCodec
from lienthong.config.models import HubSettings
from lienthong.connector import ConnectorKind, ConnectorSpec, Effect
from lienthong.errors import ConfigurationError
from lienthong.kafka.cluster import ClusterView
from lienthong.kafka.fenced_producer import FencedProducer
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.kafka.settings import PIPELINE_OVERRIDES, client_configuration
from lienthong.keys import FileKeyProvider
from lienthong.observability.metrics import Metrics
from lienthong.pipeline.app import Engine
from lienthong.pipeline.bulk_lane import BulkLane, Pace, readers_of, waiting_records
from lienthong.pipeline.crash_guard import CrashGuard
from lienthong.pipeline.cursors import Cursors
from lienthong.pipeline.definitions import (
    DeliverStep,
    ForwardStep,
    LookupStep,
    Pipeline,
    PollStep,
    load_pipelines,
)
from lienthong.pipeline.deliver import Deliver
from lienthong.pipeline.durable import DurableState
from lienthong.pipeline.fan_out import FanOut
from lienthong.pipeline.forward import Forward
from lienthong.pipeline.intake import Intake
from lienthong.pipeline.key_state import KeyStates
from lienthong.pipeline.polling import Polling
from lienthong.pipeline.publishers import Publishers
from lienthong.pipeline.pure import PureEngine, PureStep
from lienthong.pipeline.pure_guard import PureGuard, journals_of
from lienthong.pipeline.pure_replay import PureReplay
from lienthong.pipeline.remote import RemoteEngine
from lienthong.pipeline.source import SourceEngine
from lienthong.pipeline.source_intake import SourceIntake
from lienthong.pipeline.step import RemoteStep
from lienthong.pipeline.target import Target
from lienthong.pipeline.verify import Verify
from lienthong.pseudonym import Pseudonymizer
from lienthong.registry.schemas import SchemaRegistry
from lienthong.registry.topics import TopicCatalogue, is_source
from lienthong.targets.connectors import build_connector, open_gate, subscribers_of
from lienthong.targets.hash_key import hash_key
from lienthong.targets.turns import Turns


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
    poll = pipeline.definition.poll
    if poll is not None:
        return _source(settings, pipeline, poll, catalogue, producer, clock, metrics)
    return _remote(settings, pipeline, catalogue, producer, clock, metrics)


def _source(
    settings: HubSettings,
    pipeline: Pipeline,
    step: PollStep,
    catalogue: TopicCatalogue,
    producer: AcknowledgedProducer,
    clock: Clock,
    metrics: Metrics,
) -> SourceEngine:
    registry = SchemaRegistry.installed()
    codec = record_codec(settings, catalogue, step.topic, clock)
    cursors = Cursors(pipeline, ClusterView(client_configuration(settings.kafka, f"{pipeline.group}-cursors")))
    intake = SourceIntake(pipeline, step, registry, catalogue, clock, cursors, codec, pseudonymizer(settings))
    _, connector, target = _connector(settings, pipeline, step, clock, metrics)
    polling = Polling(pipeline, step, connector, target, intake, clock, metrics)
    replay = PureReplay(pipeline, settings.kafka, intake.replay, producer, clock, metrics, registry, codec)
    fenced = partial(FencedProducer, settings.kafka, pipeline.group)
    return SourceEngine(connector, target, polling, intake, cursors, fenced, producer, replay, clock)


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
    if isinstance(step, ForwardStep | PollStep):
        raise ConfigurationError(f"the pipeline {pipeline.name} calls no connector for each record")
    spec, connector, target = _connector(settings, pipeline, step, clock, metrics)
    if isinstance(step, LookupStep):
        return Verify(pipeline, step, connector, target, producer, clock, hash_key(settings))
    if Effect.QUERY_BEFORE_WRITE in spec.effects.values() and not connector.can_tell:
        raise ConfigurationError(
            f"the connector {spec.name} declares query_before_write and has no was_done to ask with"
        )
    return Deliver(pipeline, step, connector, target, spec.accepts, spec.effect_of, producer)


def _connector(
    settings: HubSettings,
    pipeline: Pipeline,
    step: LookupStep | DeliverStep | PollStep,
    clock: Clock,
    metrics: Metrics,
) -> tuple[ConnectorSpec, Any, Target]:
    """Return what a pipeline calls, and what stands before its calls."""
    gates, gate = open_gate(settings, step.connector, pipeline.name, clock)
    turns = Turns(gate, clock).wait
    spec, connector = build_connector(settings, step.connector, kind_of(step), clock, turns)
    target = Target(
        pipeline,
        step.connector,
        pipeline.definition.policy,
        clock,
        metrics,
        gate=gate,
        release=gates.aclose if gates is not None else None,
    )
    return spec, connector, target


def kind_of(step: LookupStep | DeliverStep | PollStep) -> ConnectorKind:
    """Return what the connector of a step must be.

    Args:
        step: The step.
    """
    if isinstance(step, PollStep):
        return ConnectorKind.SOURCE
    return ConnectorKind.LOOKUP if isinstance(step, LookupStep) else ConnectorKind.SINK


def _pure_step(
    settings: HubSettings, pipeline: Pipeline, step: ForwardStep, catalogue: TopicCatalogue, clock: Clock
) -> PureStep:
    if step.copies_for:
        return FanOut(pipeline, pipeline.names.full(step.topic), subscribers_of(settings, step.copies_for))
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
