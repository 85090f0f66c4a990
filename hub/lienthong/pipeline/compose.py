"""The composition root: builds an engine out of configuration and installed packages."""

from lienthong.clock import Clock
from lienthong.codec import RecordCodec
from lienthong.config.models import HubSettings
from lienthong.errors import ConfigurationError
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.kafka.settings import PIPELINE_OVERRIDES
from lienthong.keys import FileKeyProvider
from lienthong.observability.metrics import Metrics
from lienthong.pipeline.app import Engine
from lienthong.pipeline.definitions import ForwardStep, Pipeline
from lienthong.pipeline.forward import Forward
from lienthong.pipeline.intake import Intake
from lienthong.pipeline.publishers import Publishers
from lienthong.pipeline.pure import PureEngine, PureStep
from lienthong.pseudonym import Pseudonymizer
from lienthong.registry.schemas import SchemaRegistry
from lienthong.registry.topics import TopicCatalogue


def build_engine(settings: HubSettings, pipeline: Pipeline, clock: Clock, metrics: Metrics) -> Engine:
    """Return the engine of a pipeline.

    Args:
        settings: The hub's configuration.
        pipeline: Which pipeline.
        clock: Where to read the time.
        metrics: What operators see.

    Raises:
        ConfigurationError: If something that the pipeline needs is missing.
    """
    producer = AcknowledgedProducer(
        settings.kafka, client_id=f"{pipeline.group}-producer", overrides=PIPELINE_OVERRIDES
    )
    step = pipeline.definition.forward
    if step is not None:
        return PureEngine(pipeline, _pure_step(settings, pipeline, step, clock), producer, clock, metrics)
    raise ConfigurationError(f"the pipeline {pipeline.name} has no step that this version can run")


def _pure_step(settings: HubSettings, pipeline: Pipeline, step: ForwardStep, clock: Clock) -> PureStep:
    if not step.validate_as_publisher:
        return Forward(pipeline, pipeline.names.full(step.topic))
    catalogue = TopicCatalogue.installed(pipeline.names, settings.environment)
    return Intake(
        pipeline,
        step.topic,
        SchemaRegistry.installed(),
        Publishers(settings.gateway.publishers, pipeline.names),
        clock,
        record_codec(settings, catalogue, step.topic, clock),
        pseudonymizer(settings),
        catalogue.get(f"deadletters.{pipeline.name}").max_message_bytes,
    )


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
