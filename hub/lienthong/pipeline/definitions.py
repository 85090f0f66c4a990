"""Pipelines as they are declared in YAML, and with the names of one province filled in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import ModuleType
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from lienthong.config.models import Settings
from lienthong.config.yaml_lines import YamlLines, explain
from lienthong.delivery.policy import CircuitPolicy, Duration, ErrorPolicy, RetryPolicy
from lienthong.errors import ConfigurationError, NamingError
from lienthong.plugins import load_all
from lienthong.registry.topics import GROUP, PIPELINES_FOLDER, TopicCatalogue, is_source
from lienthong.topic_names import TopicNames, check_part

#: Catalogue name of the topic that keeps where each poll goes on.
CURSORS = "cursors"


class Description(Settings):
    """What a pipeline is for.

    Attributes:
        vi: In Vietnamese.
        en: In English.
    """

    vi: str
    en: str


class ForwardStep(Settings):
    """Pure: records go on to a topic.

    Attributes:
        validate_as_publisher: Whether records are checked against the closed model and the publisher of the topic.
        topic: Where to, in catalogue form; ``{domain}`` stands for the domain of the record's type.
        copies_for: Name of a connector; each of its subscribers gets a copy of its own, under its name as the key.
            Empty for one copy under the record's own key.
    """

    validate_as_publisher: bool = False
    topic: str
    copies_for: str = ""

    @model_validator(mode="after")
    def _check(self) -> "ForwardStep":
        if self.validate_as_publisher and self.copies_for:
            raise ValueError("copies_for hands on what intake has accepted; leave out validate_as_publisher")
        return self


class LookupStep(Settings):
    """Remote: a question is asked for each record and its answer becomes a record.

    Attributes:
        connector: Name of the lookup connector.
        query: Name of the question, as the schemas know it.
        purpose: Why the data may be used.
        legal_basis: The law that allows it.
        topic: Where results go, in catalogue form.
    """

    connector: str
    query: str
    purpose: str = Field(min_length=1)
    legal_basis: str = Field(min_length=1)
    topic: str


class DeliverStep(Settings):
    """Remote: each record is delivered to a target.

    Attributes:
        connector: Name of the sink connector.
        purpose: Why the data may be used.
        legal_basis: The law that allows it.
    """

    connector: str
    purpose: str = Field(min_length=1)
    legal_basis: str = Field(min_length=1)


class PollStep(Settings):
    """Source: a platform is asked again and again for what is new, which goes to a topic.

    Attributes:
        connector: Name of the source connector.
        topic: Where records go, in catalogue form.
        purpose: Why the data may be used.
        legal_basis: The law that allows it.
        interval: From the end of one poll to the beginning of the next.
        overlap: How far before its cursor the connector reads again, because platforms show records late.
    """

    connector: str
    topic: str
    purpose: str = Field(min_length=1)
    legal_basis: str = Field(min_length=1)
    interval: Duration = Field(default=30.0, gt=0)
    overlap: Duration = 600.0


class PipelinePolicy(Settings):
    """How hard and how wide a pipeline works.

    Attributes:
        max_in_flight: Records worked on at once, never two of one key.
        max_unsettled: Records that are read and not settled, at which reading pauses.
        window_records: Settled records that one unsettled record may hold back before its key is parked.
        priority: ``live``; ``bulk`` gets what live traffic leaves of the target's limits.
        max_downstream_records: Records that may wait for those who read the topic that is written; more is not taken
            in meanwhile. Unset for any number.
        retry: When the same call is made again.
        circuit: When calls to a failing target stop.
        errors: What becomes of a record that failed for good.
    """

    max_in_flight: int = Field(default=100, ge=1, le=10_000)
    max_unsettled: int = Field(default=20_000, ge=100)
    window_records: int = Field(default=100_000, ge=100)
    priority: Literal["live", "bulk"] = "live"
    max_downstream_records: int | None = Field(default=None, ge=1)
    retry: RetryPolicy = RetryPolicy()
    circuit: CircuitPolicy = CircuitPolicy()
    errors: ErrorPolicy = ErrorPolicy()


class PipelineDefinition(Settings):
    """One pipeline: source topics or a polled platform → one step → a topic or a target, with one policy.

    Attributes:
        name: Also the name of its consumer group and of its own topics.
        description: What it is for.
        sources: Catalogue names of topics; ``*`` stands for any one part but ``bulk``. Left out with ``poll``.
        types: Record types that it works on; others are filtered. Empty for all.
        order: ``key`` keeps the order of each key; ``none`` keeps none.
        forward: The step of a pure pipeline.
        lookup: The step of a verifying pipeline.
        deliver: The step of a delivering pipeline.
        poll: The step of a pipeline that reads a platform instead of topics.
        policy: How hard and how wide it works.
    """

    name: str
    description: Description
    sources: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    order: Literal["key", "none"] = "key"
    forward: ForwardStep | None = None
    lookup: LookupStep | None = None
    deliver: DeliverStep | None = None
    poll: PollStep | None = None
    policy: PipelinePolicy = PipelinePolicy()

    @model_validator(mode="after")
    def _check(self) -> "PipelineDefinition":
        if sum(step is not None for step in (self.forward, self.lookup, self.deliver, self.poll)) != 1:
            raise ValueError("a pipeline has exactly one of forward, lookup, deliver and poll")
        if self.poll is not None and (self.sources or self.types):
            raise ValueError("poll reads a platform, not topics; leave out sources and types")
        if self.poll is None and not self.sources:
            raise ValueError("sources names no topic; give at least one, or poll a platform")
        if self.policy.errors.sequenced and (self.order != "key" or self.mode != "remote"):
            raise ValueError("errors.sequenced needs order: key and a step that calls a connector for each record")
        try:
            check_part(self.name)
        except NamingError as error:
            # Only a ValueError is told together with the file and the other wrong keys.
            raise ValueError(str(error)) from None
        return self

    @property
    def mode(self) -> Literal["pure", "remote", "source"]:
        """Whether the pipeline calls nobody, calls a target for each record, or polls a platform."""
        if self.poll is not None:
            return "source"
        return "pure" if self.forward is not None else "remote"

    @property
    def step(self) -> ForwardStep | LookupStep | DeliverStep | PollStep:
        """The one step."""
        found = self.forward or self.lookup or self.deliver or self.poll
        if found is None:
            raise ConfigurationError(f"the pipeline {self.name} has no step")
        return found


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline with the names of one province.

    Attributes:
        definition: As declared.
        topics: Full names of the topics that its group reads; with ``poll`` the one of the cursors, where owning the
            partition of its cursor is what makes a worker the one that polls.
        group: Consumer group.
        names: Builds further names.
    """

    definition: PipelineDefinition
    topics: tuple[str, ...]
    group: str
    names: TopicNames

    @property
    def name(self) -> str:
        """Name of the pipeline."""
        return self.definition.name

    @property
    def written(self) -> tuple[str, ...]:
        """Full names of the topics in which a polling pipeline's records are found; empty for pipelines that read."""
        if self.definition.poll is None:
            return ()
        return (self.names.full(self.definition.poll.topic), self.names.of_pipeline("deadletters", self.name))


def read_definition(text: str, origin: str) -> PipelineDefinition:
    """Return the pipeline in a YAML document.

    Args:
        text: The document.
        origin: The file, for the reader.

    Raises:
        ConfigurationError: Naming file, line and key of everything that is wrong, and what may stand there.
    """
    lines = YamlLines(text, origin)
    try:
        return PipelineDefinition.model_validate(lines.document())
    except ValidationError as error:
        raise ConfigurationError("\n".join(explain(error, PipelineDefinition, lines))) from None


def installed_definitions() -> dict[str, PipelineDefinition]:
    """Return every pipeline that installed packages declare, by name.

    Raises:
        ConfigurationError: If a file is wrong, misnamed, or a name is declared twice.
    """
    found: dict[str, PipelineDefinition] = {}
    for package, module in load_all(GROUP).items():
        for name, text in _documents(module):
            definition = read_definition(text, f"{package}: {PIPELINES_FOLDER}/{name}")
            if f"{definition.name}.yaml" != name:
                raise ConfigurationError(f"the file {name} declares the pipeline {definition.name}; rename one of them")
            if definition.name in found:
                raise ConfigurationError(f"the pipeline {definition.name} is declared twice")
            found[definition.name] = definition
    return found


def _documents(module: ModuleType) -> Iterable[tuple[str, str]]:
    folder = files(module).joinpath(PIPELINES_FOLDER)
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".yaml"):
            yield entry.name, entry.read_text(encoding="utf-8")


def load_pipelines(names: TopicNames, environment: str, catalogue: TopicCatalogue | None = None) -> dict[str, Pipeline]:
    """Return every installed pipeline with the names of one province.

    Args:
        names: The province's names.
        environment: ``development`` or ``production``.
        catalogue: All topics; None to read them.

    Raises:
        ConfigurationError: If a file is wrong or a source matches no topic of the catalogue.
    """
    catalogue = catalogue or TopicCatalogue.installed(names, environment)
    return {
        name: resolve(definition, [topic.name for topic in catalogue], names)
        for name, definition in installed_definitions().items()
    }


def resolve(definition: PipelineDefinition, known: Iterable[str], names: TopicNames) -> Pipeline:
    """Return a pipeline with its source topics filled in.

    Args:
        definition: As declared.
        known: Names in the catalogue.
        names: The province's names.

    Raises:
        ConfigurationError: If a source matches no topic.
    """
    available = list(known)
    topics: list[str] = [names.full(CURSORS)] if definition.poll is not None else []
    for pattern in definition.sources:
        matching = [name for name in available if is_source(name, pattern)]
        if not matching:
            raise ConfigurationError(f"the source {pattern} of the pipeline {definition.name} is in no topic catalogue")
        topics += [names.full(name) for name in matching if names.full(name) not in topics]
    return Pipeline(definition, tuple(topics), names.group(definition.name), names)


def lint(definition: PipelineDefinition, topics: Mapping[str, Any], connectors: Iterable[str]) -> list[str]:
    """Return what cannot work in a pipeline, as sentences.

    Args:
        definition: As declared.
        topics: Catalogue name → topic.
        connectors: Names of the installed connectors.
    """
    problems = []
    matching = {name for pattern in definition.sources for name in topics if is_source(name, pattern)}
    problems += [
        f"source {pattern}: no such topic in the catalogue"
        for pattern in definition.sources
        if not any(is_source(name, pattern) for name in topics)
    ]
    if definition.mode == "remote" and definition.order == "key" and len(matching) > 1:
        problems.append("order: key with more than one source topic cannot be kept; use one topic or order: none")
    step = definition.step
    connector = step.copies_for if isinstance(step, ForwardStep) else step.connector
    if connector not in {"", *connectors}:
        problems.append(f"connector {connector}: not installed; there is: {', '.join(sorted(connectors))}")
    if isinstance(step, ForwardStep | LookupStep) and "{domain}" not in step.topic and step.topic not in topics:
        problems.append(f"topic {step.topic}: no such topic in the catalogue")
    if isinstance(step, PollStep):
        problems += [
            f"topic {name}: no such topic in the catalogue" for name in (step.topic, CURSORS) if name not in topics
        ]
    return problems
