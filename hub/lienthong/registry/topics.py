"""All topics that installed packages declare, for one province and environment."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import ModuleType
from typing import Any

import yaml
from pydantic import ValidationError

from lienthong.config.loader import describe
from lienthong.errors import CatalogError, PluginError
from lienthong.plugins import load_all
from lienthong.registry.topic_documents import (
    CatalogueDocument,
    CleanupPolicy,
    Description,
    Encryption,
    PersonalData,
    PipelineSources,
    PipelineTopicDocument,
    Profile,
    TopicDocument,
    TopicKind,
)
from lienthong.topic_names import TopicNames

GROUP = "lienthong.topics"
FILE = "catalogue.yaml"
PIPELINES_FOLDER = "pipelines"
_KINDS = {kind.value: kind for kind in TopicKind}


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic with every default filled in.

    Attributes:
        name: Name in the catalogue, such as ``records.dossier``.
        full_name: Name in the cluster, with the province in front.
        package: The package that declares it.
        owner: Who answers for the data.
        description: What it holds.
        subjects: CloudEvents types that it carries; ``*`` for any.
        key: What order holds for; empty or ``none`` for nothing.
        keyed: Whether the partition follows from the key; its partitions then never change.
        partitions: Number of partitions.
        replication_factor: Copies of each partition.
        min_insync_replicas: Copies that must have a write before it is acknowledged.
        max_message_bytes: Largest record in bytes.
        retention_days: How long records stay; None for ever.
        cleanup_policy: What Kafka removes.
        personal_data: Highest class of personal data.
        encryption: Whether values are encrypted by subject.
        archived: Whether a copy outside Kafka outlives the retention.
        pipeline: The pipeline that it belongs to; empty for a topic of its own.
    """

    name: str
    full_name: str
    package: str
    owner: str
    description: Description
    subjects: tuple[str, ...]
    key: str
    keyed: bool
    partitions: int
    replication_factor: int
    min_insync_replicas: int
    max_message_bytes: int
    retention_days: int | None
    cleanup_policy: CleanupPolicy
    personal_data: PersonalData
    encryption: Encryption
    archived: bool = False
    pipeline: str = ""

    @property
    def kind(self) -> TopicKind | None:
        """What the topic is for, by the first part of its name; None if the name follows no rule."""
        head = self.name.split(".", 1)[0]
        return _KINDS.get(head)


class TopicCatalogue:
    """The topics of one hub.

    Args:
        documents: Package → its catalogue file.
        names: The province's names.
        environment: ``development`` or ``production``: the profile of defaults.
        pipeline_files: Names of the pipelines that packages define; None when nobody looked.

    Raises:
        CatalogError: If no package gives the profile, two do, or a pipeline reads a topic that nobody declares.
    """

    def __init__(
        self,
        documents: Mapping[str, CatalogueDocument],
        names: TopicNames,
        environment: str,
        pipeline_files: frozenset[str] | None = None,
    ) -> None:
        self.names = names
        self.environment = environment
        self.pipeline_files = pipeline_files
        self.pipelines: tuple[PipelineSources, ...] = tuple(
            pipeline for document in documents.values() for pipeline in document.per_pipeline.pipelines
        )
        profile = _profile(documents, environment)
        plain = [
            _plain(topic, package, profile, names)
            for package, document in documents.items()
            for topic in document.topics
        ]
        by_name = {topic.name: topic for topic in plain}
        self._sources = {pipeline.name: _sources(pipeline, by_name) for pipeline in self.pipelines}
        owned = [
            _of_pipeline(template, package, pipeline, self._sources[pipeline.name], profile, names)
            for package, document in documents.items()
            for template in document.per_pipeline.topics
            for pipeline in self.pipelines
        ]
        self.topics: tuple[Topic, ...] = (*plain, *owned)
        self._by_name = {topic.name: topic for topic in self.topics}

    @classmethod
    def installed(cls, names: TopicNames, environment: str) -> "TopicCatalogue":
        """Return the catalogue of everything that is installed.

        Args:
            names: The province's names.
            environment: ``development`` or ``production``.

        Raises:
            PluginError: If an entry point is no package with a catalogue file.
            CatalogError: If a file is wrong; every wrong key is named.
        """
        modules = load_all(GROUP)
        documents = {name: read_document(_folder(name, module), name) for name, module in modules.items()}
        pipelines = frozenset(
            stem for name, module in modules.items() for stem in _pipeline_files(_folder(name, module))
        )
        return cls(documents, names, environment, pipelines)

    def __iter__(self) -> Iterator[Topic]:
        """Iterate over all topics, plain ones first."""
        return iter(self.topics)

    def get(self, name: str) -> Topic:
        """Return a topic by its catalogue name.

        Args:
            name: Name without the province.

        Raises:
            CatalogError: If nobody declares it.
        """
        topic = self._by_name.get(name)
        if topic is None:
            raise CatalogError(f"no catalogue declares the topic {name!r}; add it to a {FILE}")
        return topic

    def sources(self, pipeline: PipelineSources) -> tuple[Topic, ...]:
        """Return the topics that a pipeline reads.

        Args:
            pipeline: A pipeline of this catalogue.
        """
        return self._sources[pipeline.name]

    def of_pipeline(self, pipeline: str) -> tuple[Topic, ...]:
        """Return the topics that belong to a pipeline.

        Args:
            pipeline: Name of the pipeline.
        """
        return tuple(topic for topic in self.topics if topic.pipeline == pipeline)


def parse_document(tree: Any, origin: str) -> CatalogueDocument:
    """Return the catalogue in a parsed YAML document.

    Args:
        tree: What the YAML parser returned.
        origin: The package or file, for the reader of an error.

    Raises:
        CatalogError: Naming every wrong key.
    """
    try:
        return CatalogueDocument.model_validate(tree)
    except ValidationError as error:
        raise CatalogError(describe(error, origin)) from None


def read_document(folder: Traversable, origin: str) -> CatalogueDocument:
    """Return the catalogue of a package.

    Args:
        folder: The package's folder.
        origin: Name of the package, for the reader of an error.

    Raises:
        PluginError: If there is no catalogue file.
        CatalogError: If it is no YAML or has another form.
    """
    try:
        text = folder.joinpath(FILE).read_text(encoding="utf-8")
    except OSError as error:
        raise PluginError(f"{origin!r} is offered under {GROUP} but has no {FILE}") from error
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CatalogError(f"{FILE} of {origin!r} is no valid YAML") from error
    return parse_document(tree, f"{FILE} of {origin!r}")


def _folder(name: str, module: Any) -> Traversable:
    if not isinstance(module, ModuleType):
        raise PluginError(f"{name!r} under {GROUP} must name a package, such as 'lienthong_topics'")
    return files(module)


def _pipeline_files(folder: Traversable) -> Iterable[str]:
    pipelines = folder.joinpath(PIPELINES_FOLDER)
    if not pipelines.is_dir():
        return ()
    return [entry.name.removesuffix(".yaml") for entry in pipelines.iterdir() if entry.name.endswith(".yaml")]


def _profile(documents: Mapping[str, CatalogueDocument], environment: str) -> Profile:
    offered = {
        package: profile
        for package, document in documents.items()
        for name, profile in document.profiles.items()
        if name == environment
    }
    if len(offered) != 1:
        packages = ", ".join(sorted(offered)) or "nobody"
        raise CatalogError(f"exactly one catalogue must give the profile {environment!r}; it is given by: {packages}")
    return next(iter(offered.values()))


def is_source(name: str, pattern: str) -> bool:
    """Return whether a pipeline that declares a pattern reads a topic.

    Args:
        name: Catalogue name of the topic.
        pattern: Catalogue name; ``*`` stands for any part but ``bulk``, because back-fill never holds up live intake.
    """
    is_bulk_lane = name.startswith("inbound.") and name.endswith(".bulk")
    return fnmatchcase(name, pattern) and (not is_bulk_lane or pattern.endswith(".bulk"))


def _sources(pipeline: PipelineSources, topics: Mapping[str, Topic]) -> tuple[Topic, ...]:
    missing = [pattern for pattern in pipeline.sources if not any(is_source(name, pattern) for name in topics)]
    if missing:
        raise CatalogError(f"pipeline {pipeline.name!r} reads {', '.join(missing)}, which no catalogue declares")
    return tuple(
        topic for name, topic in topics.items() if any(is_source(name, pattern) for pattern in pipeline.sources)
    )


def _encryption(declared: Encryption, personal_data: PersonalData, profile: Profile) -> Encryption:
    wanted = profile.subject_encryption and personal_data is not PersonalData.NONE
    return declared if wanted else Encryption.NONE


def _plain(declared: TopicDocument, package: str, profile: Profile, names: TopicNames) -> Topic:
    return Topic(
        name=declared.name,
        full_name=names.full(declared.name),
        package=package,
        owner=declared.owner,
        description=declared.description,
        subjects=declared.subjects,
        key=declared.key,
        keyed=declared.keyed,
        partitions=declared.partitions or profile.partitions,
        replication_factor=declared.replication_factor or profile.replication_factor,
        min_insync_replicas=declared.min_insync_replicas or profile.min_insync_replicas,
        max_message_bytes=declared.max_message_bytes,
        retention_days=declared.retention_days,
        cleanup_policy=declared.cleanup_policy,
        personal_data=declared.personal_data,
        encryption=_encryption(declared.encryption, declared.personal_data, profile),
        archived=declared.archived,
    )


def _of_pipeline(
    declared: PipelineTopicDocument,
    package: str,
    pipeline: PipelineSources,
    sources: tuple[Topic, ...],
    profile: Profile,
    names: TopicNames,
) -> Topic:
    personal_data = declared.personal_data or max((source.personal_data for source in sources), key=lambda c: c.rank)
    subjects = declared.subjects or tuple(dict.fromkeys(subject for source in sources for subject in source.subjects))
    return Topic(
        name=f"{declared.kind.value}.{pipeline.name}",
        full_name=names.of_pipeline(declared.kind.value, pipeline.name),
        package=package,
        owner=declared.owner,
        description=declared.description,
        subjects=subjects,
        key=sources[0].key if declared.key is None else declared.key,
        keyed=declared.keyed,
        partitions=declared.partitions or max(source.partitions for source in sources),
        replication_factor=declared.replication_factor or profile.replication_factor,
        min_insync_replicas=declared.min_insync_replicas or profile.min_insync_replicas,
        max_message_bytes=declared.max_message_bytes,
        retention_days=declared.retention_days,
        cleanup_policy=declared.cleanup_policy,
        personal_data=personal_data,
        encryption=_encryption(declared.encryption, personal_data, profile),
        archived=declared.archived,
        pipeline=pipeline.name,
    )
