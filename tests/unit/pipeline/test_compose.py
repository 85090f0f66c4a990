"""What engines are built with."""

from lienthong.clock import SystemClock
from lienthong.config.models import HubSettings
from lienthong.pipeline.compose import build_engine
from lienthong.pipeline.definitions import load_pipelines
from lienthong.topic_names import TopicNames


def test_the_producer_of_a_pipeline_keeps_order_and_gives_nothing_up(metrics) -> None:
    """A write given up by time, or retried without idempotence, would be overtaken by the next."""
    pipeline = load_pipelines(TopicNames("hue"), "development")["intake"]
    engine = build_engine(HubSettings(), pipeline, SystemClock(), metrics)
    configuration = engine._producer._configuration  # type: ignore[attr-defined]
    assert configuration["delivery.timeout.ms"] == 0
    assert configuration["enable.idempotence"] is True
    assert configuration["acks"] == "all"
    assert configuration["partitioner"] == "murmur2_random"
