"""The form of a catalogue file: what a package writes down about its topics."""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

#: Subject of a topic that carries records of any type.
ANY_SUBJECT = "*"
#: Subjects that the hub writes itself; they have no published schema.
HUB_SUBJECTS = frozenset({"hub.receipt", "hub.access", "hub.state", "hub.cursor"})


class PersonalData(StrEnum):
    """Highest class of personal data in a topic."""

    NONE = "none"
    PERSONAL = "personal"
    SENSITIVE = "sensitive"

    @property
    def rank(self) -> int:
        """Higher is stricter."""
        return list(PersonalData).index(self)


class CleanupPolicy(StrEnum):
    """What Kafka removes."""

    DELETE = "delete"
    COMPACT = "compact"
    COMPACT_AND_DELETE = "compact,delete"


class Encryption(StrEnum):
    """Whether whole values are encrypted under a key of their subject."""

    NONE = "none"
    SUBJECT = "subject"


class TopicKind(StrEnum):
    """First part of a topic's name: what the topic is for."""

    INBOUND = "inbound"
    RECORDS = "records"
    VERIFIED = "verified"
    NATIONAL = "national"
    NOTICES = "notices"
    REVIEW = "review"
    RECEIPTS = "receipts"
    ACCESS_LOG = "access-log"
    CURSORS = "cursors"
    PARKED = "parked"
    DEADLETTERS = "deadletters"
    REPLAY = "replay"
    STATE = "state"


class _Document(BaseModel):
    """Base: closed and frozen, so that a misspelled key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Description(_Document):
    """What a topic holds, for officials and for engineers.

    Attributes:
        vi: In Vietnamese.
        en: In English.
    """

    vi: str = Field(min_length=1)
    en: str = Field(min_length=1)


class Profile(_Document):
    """Defaults of one environment.

    Attributes:
        partitions: Partitions of a topic that names none.
        replication_factor: Copies of each partition.
        min_insync_replicas: Copies that must have a write before it is acknowledged.
        subject_encryption: Whether ``encryption: subject`` is in force.
    """

    partitions: int = Field(ge=1, le=1_000)
    replication_factor: int = Field(ge=1, le=10)
    min_insync_replicas: int = Field(ge=1, le=10)
    subject_encryption: bool = False


class _Declared(_Document):
    """What a plain topic and a topic of a pipeline have in common."""

    owner: str = ""
    description: Description
    partitions: int | None = Field(default=None, ge=1, le=1_000)
    replication_factor: int | None = Field(default=None, ge=1, le=10)
    min_insync_replicas: int | None = Field(default=None, ge=1, le=10)
    max_message_bytes: int = Field(ge=1_024, le=104_857_600)
    retention_days: int | None = Field(default=None, ge=1)
    cleanup_policy: CleanupPolicy = CleanupPolicy.DELETE
    encryption: Encryption = Encryption.NONE
    archived: bool = False
    keyed: bool = True


class TopicDocument(_Declared):
    """One topic as a package declares it.

    Attributes:
        name: Name without the province, such as ``records.dossier``.
        owner: Who answers for the data; never empty.
        description: What the topic holds.
        subjects: CloudEvents types that it carries; ``*`` for any.
        key: What order holds for, such as ``dossiercode``; ``none`` where records are spread.
        keyed: Whether the partition follows from the key; its partitions then never change.
        partitions: Number of partitions; None for the profile's.
        replication_factor: Copies; None for the profile's.
        min_insync_replicas: Copies that acknowledge; None for the profile's.
        max_message_bytes: Largest record in bytes.
        retention_days: How long records stay; None for ever.
        cleanup_policy: What Kafka removes.
        personal_data: Highest class of personal data.
        encryption: Whether values are encrypted by subject where the profile allows it.
        archived: Whether a copy outside Kafka outlives the retention.
    """

    name: str
    subjects: tuple[str, ...] = Field(min_length=1)
    key: str = ""
    personal_data: PersonalData


class PipelineTopicDocument(_Declared):
    """One topic that every pipeline has; what is left out comes from the pipeline's sources.

    Attributes:
        kind: First part of the name; the pipeline's name is the second.
        subjects: CloudEvents types; None for those of the sources.
        key: What order holds for; None for that of the sources.
        personal_data: Highest class; None for that of the sources.
    """

    kind: Literal[TopicKind.PARKED, TopicKind.DEADLETTERS, TopicKind.REPLAY, TopicKind.STATE]
    subjects: tuple[str, ...] | None = Field(default=None, min_length=1)
    key: str | None = None
    personal_data: PersonalData | None = None


class PipelineSources(_Document):
    """Which topics a pipeline reads.

    Attributes:
        name: Name of the pipeline.
        sources: Topics without the province; ``*`` stands for any part, so a new publisher is taken in.
    """

    name: str
    sources: tuple[str, ...] = Field(min_length=1)


class PerPipeline(_Document):
    """Topics that exist once for each pipeline.

    Attributes:
        pipelines: The pipelines and their sources.
        topics: The topics that each of them has.
    """

    pipelines: tuple[PipelineSources, ...] = ()
    topics: tuple[PipelineTopicDocument, ...] = ()


class CatalogueDocument(_Document):
    """One ``catalogue.yaml``.

    Attributes:
        version: Form of the file; 1.
        profiles: Defaults by environment; one installed package gives them.
        topics: Topics that exist once.
        per_pipeline: Topics that exist once for each pipeline.
    """

    version: Literal[1]
    profiles: dict[Literal["development", "production"], Profile] = Field(default_factory=dict)
    topics: tuple[TopicDocument, ...] = ()
    per_pipeline: PerPipeline = PerPipeline()
