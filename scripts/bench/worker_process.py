"""One worker of the hub for suites that kill and restart workers: run with one JSON document as the argument."""

import json
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from lienthong.config.models import LogSettings
from lienthong.observability.logs import configure
from lienthong.pipeline import worker
from lienthong.pipeline.definitions import load_pipelines
from lienthong.topic_names import TopicNames
from scripts.bench.delivery_worker import delivery_pipeline, hub_settings, run


@dataclass(frozen=True)
class Job:
    """What a worker does.

    Attributes:
        bootstrap_servers: The broker.
        province: Prefix of the topics.
        pipeline: ``intake``, or ``delivery`` to the bench's target.
        folder: State of the hub and the ready file.
        name: Of the worker, for its ready file.
        group: Consumer group.
        topic: Full name of the one source.
        target_url: Of the target.
        policy: Differences from the default policy of a delivery.
    """

    bootstrap_servers: str
    province: str
    pipeline: str
    folder: str
    name: str
    group: str
    topic: str
    target_url: str = ""
    policy: dict[str, Any] = field(default_factory=dict)

    @property
    def ready_file(self) -> Path:
        """Appears once the worker owns partitions."""
        return Path(self.folder) / f"{self.name}.ready"

    @property
    def command(self) -> list[str]:
        """What starts it."""
        return [sys.executable, "-m", "scripts.bench.worker_process", json.dumps(asdict(self))]


def main() -> None:
    """Run the worker until it is stopped."""
    job = Job(**json.loads(sys.argv[1]))
    configure(LogSettings(level="warning"))
    config = {"base_url": job.target_url.removesuffix("/effects") or "http://127.0.0.1", "tells_record": True}
    settings = hub_settings(job.bootstrap_servers, job.province, Path(job.folder), **config)
    if job.pipeline == "delivery":
        run(settings, delivery_pipeline(settings, job.group, job.topic, **job.policy), job.ready_file)
        return
    declared = load_pipelines(TopicNames(job.province), settings.environment)[job.pipeline]
    worker.run(settings, replace(declared, group=job.group, topics=(job.topic,)), job.ready_file)


if __name__ == "__main__":
    main()
