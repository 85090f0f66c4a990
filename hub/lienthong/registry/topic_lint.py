"""Coded findings about a topic catalogue, without touching a cluster."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from lienthong.errors import NamingError
from lienthong.registry.schemas import SchemaRegistry
from lienthong.registry.topic_documents import (
    ANY_SUBJECT,
    HUB_SUBJECTS,
    CleanupPolicy,
    Encryption,
    PersonalData,
    TopicKind,
)
from lienthong.registry.topics import Topic, TopicCatalogue
from lienthong.topic_names import check_part

#: Sem 2: a pipeline may stand still this long without losing what it has not read.
WORK_RETENTION_DAYS = 30
#: Sem 10: the ledger is rebuilt from receipts of at least twelve months; some days of slack.
RECEIPTS_RETENTION_DAYS = 400
#: Sem 10: five years with two leap days.
ACCESS_LOG_RETENTION_DAYS = 1_827
#: Sem 7: what each stage may add to a record.
HEADROOM_BYTES = 65_536
#: Largest record that the hub's own producers send.
CLIENT_LIMIT_BYTES = 4_194_304
PRODUCTION_REPLICATION_FACTOR = 3
PRODUCTION_MIN_INSYNC_REPLICAS = 2

_MAX_NAME_CHARACTERS = 249
_PARTS = {TopicKind.INBOUND: 3, TopicKind.REVIEW: 1, TopicKind.RECEIPTS: 1, TopicKind.ACCESS_LOG: 1} | {
    TopicKind.CURSORS: 1
}
_WORK = frozenset(TopicKind) - {TopicKind.RECEIPTS, TopicKind.ACCESS_LOG, TopicKind.CURSORS, TopicKind.STATE}
_ASIDE = frozenset({TopicKind.PARKED, TopicKind.DEADLETTERS, TopicKind.REPLAY})
_RETENTION = dict.fromkeys(_WORK, WORK_RETENTION_DAYS) | {
    TopicKind.RECEIPTS: RECEIPTS_RETENTION_DAYS,
    TopicKind.ACCESS_LOG: ACCESS_LOG_RETENTION_DAYS,
}


class TopicLintCode(StrEnum):
    """What can be wrong in a catalogue."""

    NAME = "name"
    DUPLICATE = "duplicate"
    OWNER_MISSING = "owner_missing"
    SUBJECT_UNKNOWN = "subject_unknown"
    KEY_MISSING = "key_missing"
    KEY_UNUSED = "key_unused"
    RETENTION_TOO_SHORT = "retention_too_short"
    RETENTION_UNLIMITED = "retention_unlimited"
    PERSONAL_DATA_UNDERSTATED = "personal_data_understated"
    PERSONAL_DATA_COMPACTED = "personal_data_compacted"
    PERSONAL_DATA_UNENCRYPTED = "personal_data_unencrypted"
    COMPACTION_WITHOUT_KEY = "compaction_without_key"
    STATE_NOT_COMPACTED = "state_not_compacted"
    SIZE_ORDER = "size_order"
    SIZE_ABOVE_CLIENT = "size_above_client"
    MIN_INSYNC_TOO_LOW = "min_insync_too_low"
    REPLICATION_TOO_LOW = "replication_too_low"
    REPLICATION_WITHOUT_SLACK = "replication_without_slack"
    NOT_CO_PARTITIONED = "not_co_partitioned"
    PIPELINE_WITHOUT_TOPICS = "pipeline_without_topics"
    PIPELINE_UNKNOWN = "pipeline_unknown"


@dataclass(frozen=True, slots=True, order=True)
class TopicFinding:
    """One rule that a catalogue does not meet.

    Attributes:
        topic: Name in the catalogue, or of the pipeline.
        code: The rule.
        message: What is wrong and what to do.
    """

    topic: str
    code: TopicLintCode
    message: str

    def __str__(self) -> str:
        """Return one line for people."""
        return f"{self.topic}: {self.code.value}: {self.message}"


_Found = Iterator[TopicFinding]


def lint(catalogue: TopicCatalogue, schemas: SchemaRegistry) -> list[TopicFinding]:
    """Return everything that is wrong in a catalogue, sorted by topic.

    Args:
        catalogue: The topics.
        schemas: The record types that are known.
    """
    found: list[TopicFinding] = []
    for topic in catalogue:
        for rule in _TOPIC_RULES:
            found.extend(rule(topic))
        found.extend(_subjects(topic, schemas))
        if catalogue.environment != "development":
            found.extend(_production(topic))
    for rule_of_all in _CATALOGUE_RULES:
        found.extend(rule_of_all(catalogue))
    return sorted(found)


def _name(topic: Topic) -> _Found:
    parts = topic.name.split(".")
    try:
        for part in parts:
            check_part(part)
    except NamingError as error:
        yield TopicFinding(topic.name, TopicLintCode.NAME, str(error))
        return
    if topic.kind is None:
        kinds = ", ".join(kind.value for kind in TopicKind)
        yield TopicFinding(topic.name, TopicLintCode.NAME, f"begin the name with one of: {kinds}")
    elif len(parts) != _PARTS.get(topic.kind, 2):
        yield TopicFinding(
            topic.name,
            TopicLintCode.NAME,
            f"{topic.kind.value} names have {_PARTS.get(topic.kind, 2)} part(s), separated by dots",
        )
    elif topic.kind in {*_ASIDE, TopicKind.STATE} and not topic.pipeline:
        yield TopicFinding(topic.name, TopicLintCode.NAME, "declare it under per_pipeline; such names are built")
    if len(topic.full_name) > _MAX_NAME_CHARACTERS:
        yield TopicFinding(
            topic.name, TopicLintCode.NAME, f"longer than Kafka's {_MAX_NAME_CHARACTERS} characters with the province"
        )


def _owner(topic: Topic) -> _Found:
    if not topic.owner.strip():
        yield TopicFinding(topic.name, TopicLintCode.OWNER_MISSING, "name who answers for the data")


def _key(topic: Topic) -> _Found:
    has_key = topic.key not in {"", "none"}
    if topic.keyed and not has_key:
        yield TopicFinding(topic.name, TopicLintCode.KEY_MISSING, "say what order holds for, or set keyed: false")
    if not topic.keyed and has_key:
        yield TopicFinding(topic.name, TopicLintCode.KEY_UNUSED, "set keyed: true, or key: none")
    if topic.cleanup_policy is not CleanupPolicy.DELETE and not topic.keyed:
        yield TopicFinding(
            topic.name, TopicLintCode.COMPACTION_WITHOUT_KEY, "compaction keeps the last record of a key"
        )
    if topic.kind in {TopicKind.STATE, TopicKind.CURSORS} and topic.cleanup_policy is not CleanupPolicy.COMPACT:
        yield TopicFinding(
            topic.name, TopicLintCode.STATE_NOT_COMPACTED, "set cleanup_policy: compact; state must not expire"
        )


def _retention(topic: Topic) -> _Found:
    least = _RETENTION.get(topic.kind) if topic.kind else None
    deletes = topic.cleanup_policy is not CleanupPolicy.COMPACT
    if least and not topic.archived and deletes and topic.retention_days and topic.retention_days < least:
        yield TopicFinding(topic.name, TopicLintCode.RETENTION_TOO_SHORT, f"keep at least {least} days")
    if topic.personal_data is not PersonalData.NONE and deletes and topic.retention_days is None:
        yield TopicFinding(
            topic.name, TopicLintCode.RETENTION_UNLIMITED, "personal data must expire: set retention_days"
        )


def _protection(topic: Topic) -> _Found:
    if topic.personal_data is PersonalData.NONE or topic.encryption is Encryption.SUBJECT:
        return
    if topic.cleanup_policy is not CleanupPolicy.DELETE:
        yield TopicFinding(
            topic.name,
            TopicLintCode.PERSONAL_DATA_COMPACTED,
            "compaction keeps the last record of a person for ever; use delete, or encryption: subject",
        )


def _production(topic: Topic) -> _Found:
    if topic.min_insync_replicas < PRODUCTION_MIN_INSYNC_REPLICAS:
        yield TopicFinding(
            topic.name,
            TopicLintCode.MIN_INSYNC_TOO_LOW,
            f"min_insync_replicas must be {PRODUCTION_MIN_INSYNC_REPLICAS} or more outside development",
        )
    if topic.replication_factor < PRODUCTION_REPLICATION_FACTOR:
        yield TopicFinding(
            topic.name,
            TopicLintCode.REPLICATION_TOO_LOW,
            f"replication_factor must be {PRODUCTION_REPLICATION_FACTOR} or more outside development",
        )
    if topic.replication_factor <= topic.min_insync_replicas:
        yield TopicFinding(
            topic.name,
            TopicLintCode.REPLICATION_WITHOUT_SLACK,
            "replication_factor must exceed min_insync_replicas, or one broker's restart stops all writes",
        )
    kept_apart = topic.kind in _WORK and topic.kind not in {TopicKind.INBOUND, TopicKind.NATIONAL}
    if kept_apart and topic.personal_data is PersonalData.SENSITIVE and topic.encryption is Encryption.NONE:
        yield TopicFinding(
            topic.name,
            TopicLintCode.PERSONAL_DATA_UNENCRYPTED,
            "set encryption: subject here and subject_encryption: true in the profile",
        )


def _subjects(topic: Topic, schemas: SchemaRegistry) -> _Found:
    known = {spec.type: spec for spec in schemas}
    for subject in topic.subjects:
        if subject == ANY_SUBJECT or subject in HUB_SUBJECTS:
            continue
        if subject not in known:
            yield TopicFinding(
                topic.name, TopicLintCode.SUBJECT_UNKNOWN, f"no installed schema has the type {subject!r}"
            )
            continue
        classification = PersonalData(known[subject].classification)
        if classification.rank > topic.personal_data.rank:
            yield TopicFinding(
                topic.name,
                TopicLintCode.PERSONAL_DATA_UNDERSTATED,
                f"{subject!r} is {classification.value}; set personal_data: {classification.value}",
            )


def _duplicates(catalogue: TopicCatalogue) -> _Found:
    for name, count in Counter(topic.name for topic in catalogue).items():
        if count > 1:
            packages = ", ".join(sorted({topic.package for topic in catalogue if topic.name == name}))
            yield TopicFinding(name, TopicLintCode.DUPLICATE, f"declared {count} times, by: {packages}")


def _sizes(catalogue: TopicCatalogue) -> _Found:
    for topic in catalogue:
        if topic.max_message_bytes > CLIENT_LIMIT_BYTES:
            yield TopicFinding(
                topic.name,
                TopicLintCode.SIZE_ABOVE_CLIENT,
                f"the hub's producers send at most {CLIENT_LIMIT_BYTES} bytes",
            )
        for smaller in _must_exceed(topic, catalogue):
            if topic.max_message_bytes < smaller.max_message_bytes + HEADROOM_BYTES:
                yield TopicFinding(
                    topic.name,
                    TopicLintCode.SIZE_ORDER,
                    f"max_message_bytes must exceed that of {smaller.name} by {HEADROOM_BYTES} or more",
                )


def _must_exceed(topic: Topic, catalogue: TopicCatalogue) -> list[Topic]:
    if topic.kind is TopicKind.RECORDS:
        domain = topic.name.partition(".")[2]
        return [other for other in catalogue if other.name.startswith(f"inbound.{domain}.")]
    if topic.kind is TopicKind.REVIEW:
        return [other for other in catalogue if other.kind in {TopicKind.RECORDS, TopicKind.VERIFIED}]
    if topic.kind in _ASIDE and topic.pipeline:
        sources = [
            source
            for pipeline in catalogue.pipelines
            if pipeline.name == topic.pipeline
            for source in catalogue.sources(pipeline)
        ]
        return [*sources, *_answered(topic, catalogue)]
    return []


def _answered(topic: Topic, catalogue: TopicCatalogue) -> list[Topic]:
    """Return the dead letters that commands in a topic answer."""
    if topic.kind is not TopicKind.REPLAY:
        return []
    return [each for each in catalogue.of_pipeline(topic.pipeline) if each.kind is TopicKind.DEADLETTERS]


def _decisions(catalogue: TopicCatalogue) -> _Found:
    for topic in catalogue:
        for letters in _answered(topic, catalogue):
            if (topic.retention_days or 0) <= (letters.retention_days or 0):
                yield TopicFinding(
                    topic.name,
                    TopicLintCode.RETENTION_TOO_SHORT,
                    f"keep it longer than {letters.name} ({letters.retention_days} days), or decided letters look open",
                )


def _partitions(catalogue: TopicCatalogue) -> _Found:
    for pipeline in catalogue.pipelines:
        sources = catalogue.sources(pipeline)
        wanted = sources[0].partitions
        for topic in (*sources[1:], *catalogue.of_pipeline(pipeline.name)):
            if topic.partitions != wanted:
                yield TopicFinding(
                    topic.name,
                    TopicLintCode.NOT_CO_PARTITIONED,
                    f"must have {wanted} partitions like {sources[0].name}, for pipeline {pipeline.name}",
                )


def _pipelines(catalogue: TopicCatalogue) -> _Found:
    declared = {pipeline.name for pipeline in catalogue.pipelines}
    if not catalogue.pipeline_files:
        return
    for name in catalogue.pipeline_files - declared:
        yield TopicFinding(
            name, TopicLintCode.PIPELINE_WITHOUT_TOPICS, "list the pipeline under per_pipeline, or it has no topics"
        )
    for name in declared - catalogue.pipeline_files:
        yield TopicFinding(name, TopicLintCode.PIPELINE_UNKNOWN, "no package has a pipeline file of this name")


_TOPIC_RULES: tuple[Callable[[Topic], _Found], ...] = (_name, _owner, _key, _retention, _protection)
_CATALOGUE_RULES: tuple[Callable[[TopicCatalogue], _Found], ...] = (
    _duplicates,
    _sizes,
    _decisions,
    _partitions,
    _pipelines,
)
