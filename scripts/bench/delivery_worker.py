"""The delivering worker of the benchmarks: the hub's own engine with a sink that posts to the bench's target."""

from dataclasses import replace
from pathlib import Path

from lienthong.config.models import HubSettings, KafkaSettings
from lienthong.pipeline import worker
from lienthong.pipeline.definitions import DeliverStep, Pipeline, PipelinePolicy, load_pipelines
from lienthong.targets import connectors
from lienthong.topic_names import TopicNames
from scripts.bench.sink import CONNECTOR, NAME

IN_FLIGHT = 100
_PIPELINE = "deliver-dossier"


def hub_settings(bootstrap_servers: str, province: str, folder: Path, **config: object) -> HubSettings:
    """Return the configuration of a hub whose one sink is the bench's.

    Args:
        bootstrap_servers: The broker.
        province: Prefix of the topics.
        folder: For the state of the hub.
        **config: Of the sink.
    """
    return HubSettings(
        province=province,
        state_directory=folder,
        kafka=KafkaSettings(bootstrap_servers=bootstrap_servers),
        connectors={NAME: config},
    )


def delivery_pipeline(settings: HubSettings, group: str, topic: str = "", **policy: object) -> Pipeline:
    """Return the dossier pipeline, turned to the bench's sink.

    Args:
        settings: Of the hub.
        group: Consumer group.
        topic: Full name of the source; empty for the pipeline's own.
        **policy: Differences from the policy with a hundred calls in flight.
    """
    declared = load_pipelines(TopicNames(settings.province), settings.environment)[_PIPELINE]
    step = DeliverStep(connector=NAME, purpose="benchmark", legal_basis="benchmark")
    chosen = PipelinePolicy.model_validate({"max_in_flight": IN_FLIGHT, "max_unsettled": 10_000, **policy})
    definition = declared.definition.model_copy(update={"deliver": step, "policy": chosen})
    return replace(declared, definition=definition, group=group, topics=(topic,) if topic else declared.topics)


def run(settings: HubSettings, pipeline: Pipeline, ready_file: Path | None = None) -> None:
    """Run the worker with the bench's sink, which no package offers.

    Args:
        settings: Of the hub.
        pipeline: From :func:`delivery_pipeline`.
        ready_file: Gets a line once the worker owns partitions.
    """
    load_one = connectors.load_one
    connectors.load_one = lambda group, name: CONNECTOR if name == NAME else load_one(group, name)
    worker.run(settings, pipeline, ready_file)
