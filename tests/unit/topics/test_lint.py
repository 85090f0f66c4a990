"""Every rule of the catalogue objects to what it is there for, and to nothing else."""

from pathlib import Path
from typing import Any

import pytest

from lienthong.config.models import KafkaSettings
from lienthong.kafka.settings import producer_configuration
from lienthong.registry.topic_lint import CLIENT_LIMIT_BYTES, TopicLintCode, lint

_PRODUCTION = {"environment": "production"}
_INBOUND = "inbound.dossier.one-stop"
_RECEIPTS = {"subjects": ["hub.receipt"], "personal_data": "none"}

#: Topics that are added, further arguments of the builder, the finding.
_CASES: list[tuple[TopicLintCode, dict[str, Any], dict[str, Any]]] = [
    (TopicLintCode.NAME, {"name": "Records.land"}, {}),
    (TopicLintCode.NAME, {"name": "records.land_use"}, {}),
    (TopicLintCode.NAME, {"name": "events.land"}, {}),
    (TopicLintCode.NAME, {"name": "records"}, {}),
    (TopicLintCode.NAME, {"name": "inbound.land"}, {}),
    (TopicLintCode.NAME, {"name": "review.land", "max_message_bytes": 1_179_648}, {}),
    (TopicLintCode.NAME, {"name": "parked.land", "max_message_bytes": 1_179_648}, {}),
    (TopicLintCode.NAME, {"name": "records." + "a" * 250}, {}),
    (TopicLintCode.DUPLICATE, {"name": _INBOUND}, {}),
    (TopicLintCode.OWNER_MISSING, {"owner": " "}, {}),
    (TopicLintCode.SUBJECT_UNKNOWN, {"subjects": ["land.plot"]}, {}),
    (TopicLintCode.KEY_MISSING, {"key": ""}, {}),
    (TopicLintCode.KEY_MISSING, {"key": "none"}, {}),
    (TopicLintCode.KEY_UNUSED, {"keyed": False}, {}),
    (TopicLintCode.RETENTION_TOO_SHORT, {"retention_days": 29}, {}),
    (TopicLintCode.RETENTION_TOO_SHORT, {"name": "receipts", "retention_days": 399, **_RECEIPTS}, {}),
    (TopicLintCode.RETENTION_TOO_SHORT, {"name": "access-log", "retention_days": 1_826}, {}),
    (TopicLintCode.RETENTION_UNLIMITED, {"retention_days": None}, {}),
    (TopicLintCode.PERSONAL_DATA_UNDERSTATED, {"personal_data": "none"}, {}),
    (TopicLintCode.PERSONAL_DATA_UNDERSTATED, {"personal_data": "personal"}, {}),
    (TopicLintCode.PERSONAL_DATA_COMPACTED, {"cleanup_policy": "compact"}, {}),
    (TopicLintCode.PERSONAL_DATA_UNENCRYPTED, {}, _PRODUCTION),
    (
        TopicLintCode.COMPACTION_WITHOUT_KEY,
        {"cleanup_policy": "compact,delete", "key": "none", "keyed": False, "encryption": "subject"} | _RECEIPTS,
        {},
    ),
    (TopicLintCode.STATE_NOT_COMPACTED, {"name": "cursors", **_RECEIPTS}, {}),
    (TopicLintCode.SIZE_ABOVE_CLIENT, {"max_message_bytes": 4_194_305}, {}),
    (TopicLintCode.SIZE_ORDER, {"name": "inbound.dossier.land", "max_message_bytes": 1_048_577}, {}),
    (TopicLintCode.SIZE_ORDER, {"name": "review", "max_message_bytes": 1_114_112}, {}),
    (TopicLintCode.MIN_INSYNC_TOO_LOW, {"min_insync_replicas": 1, "encryption": "subject"}, _PRODUCTION),
    (
        TopicLintCode.REPLICATION_TOO_LOW,
        {"replication_factor": 2, "min_insync_replicas": 1, "encryption": "subject"},
        _PRODUCTION,
    ),
    (TopicLintCode.REPLICATION_WITHOUT_SLACK, {"min_insync_replicas": 3, "encryption": "subject"}, _PRODUCTION),
]


@pytest.mark.parametrize("environment", ["development", "production"])
def test_correct_catalogue_has_no_finding(build, schemas, environment):
    """The rules accept what follows them, so that a finding always means something."""
    assert lint(build(environment=environment, pipeline_files=frozenset({"intake"})), schemas) == []


@pytest.mark.parametrize(("code", "changes", "arguments"), _CASES)
def test_rule_objects(build, schemas, make_topic, code, changes, arguments):
    """A catalogue that breaks one rule has that finding."""
    correct = [make_topic(_INBOUND), make_topic("records.dossier", max_message_bytes=1_114_112, encryption="subject")]
    spoiled = make_topic(**{"name": "records.land", **changes})
    found = lint(build(topics=[*correct, spoiled], **arguments), schemas)

    assert code in {finding.code for finding in found}


def test_archived_topic_may_expire_earlier(build, schemas, make_topic):
    """A copy outside Kafka is what the duty to keep asks for."""
    log = make_topic("access-log", retention_days=90, archived=True)
    codes = {finding.code for finding in lint(build(topics=[make_topic(_INBOUND), log]), schemas)}

    assert TopicLintCode.RETENTION_TOO_SHORT not in codes


@pytest.mark.parametrize("kind", ["parked", "deadletters", "replay"])
def test_what_sets_a_record_aside_must_hold_it(build, schemas, make_owned, kind):
    """A dead letter that its topic refuses would stop the pipeline."""
    template = make_owned(kind) | {"max_message_bytes": 1_048_576 + 65_535}
    pipelines = [{"name": "intake", "sources": [_INBOUND]}]
    found = lint(build(per_pipeline={"pipelines": pipelines, "topics": [template]}), schemas)

    assert [(f"{kind}.intake", TopicLintCode.SIZE_ORDER)] == [(item.topic, item.code) for item in found]


def test_a_command_must_hold_a_dead_letter_and_outlive_it(build, schemas, make_owned):
    """A replay that its topic refuses cannot be done; one that expires first lets a decided letter look open."""
    letters = make_owned("deadletters") | {"max_message_bytes": 1_179_648, "retention_days": 90}
    replay = make_owned("replay") | {"max_message_bytes": 1_179_648 + 65_535, "retention_days": 90}
    pipelines = [{"name": "intake", "sources": [_INBOUND]}]

    def codes(template):
        return [
            (item.topic, item.code)
            for item in lint(build(per_pipeline={"pipelines": pipelines, "topics": [letters, template]}), schemas)
        ]

    assert codes(replay) == [
        ("replay.intake", TopicLintCode.RETENTION_TOO_SHORT),
        ("replay.intake", TopicLintCode.SIZE_ORDER),
    ]
    assert codes(replay | {"max_message_bytes": 1_179_648 + 65_536, "retention_days": 91}) == []


def test_topics_of_a_pipeline_have_the_partitions_of_its_sources(build, schemas, make_owned):
    """A parked record keeps its source's partition number, so the numbers must agree."""
    template = make_owned("parked", partitions=3)
    pipelines = [{"name": "intake", "sources": [_INBOUND]}]
    found = lint(build(per_pipeline={"pipelines": pipelines, "topics": [template]}), schemas)

    assert [(item.topic, item.code) for item in found] == [("parked.intake", TopicLintCode.NOT_CO_PARTITIONED)]


def test_sources_of_one_pipeline_have_equal_partitions(build, schemas, make_topic):
    """Two sources with different numbers cannot share one topic of parked records."""
    topics = [make_topic(_INBOUND), make_topic("inbound.dossier.bulk", partitions=5)]
    pipelines = [{"name": "intake", "sources": [_INBOUND, "inbound.dossier.bulk"]}]
    found = lint(build(topics=topics, per_pipeline={"pipelines": pipelines}), schemas)

    assert [(item.topic, item.code) for item in found] == [("inbound.dossier.bulk", TopicLintCode.NOT_CO_PARTITIONED)]


def test_pipelines_of_catalogue_and_files_agree(build, schemas):
    """A pipeline file without topics, and topics without a pipeline file, are both found."""
    found = lint(build(pipeline_files=frozenset({"deliver-land"})), schemas)

    assert [(item.topic, item.code) for item in found] == [
        ("deliver-land", TopicLintCode.PIPELINE_WITHOUT_TOPICS),
        ("intake", TopicLintCode.PIPELINE_UNKNOWN),
    ]


def test_client_limit_is_that_of_the_producers():
    """The lint knows how large a record our own producers can send."""
    assert producer_configuration(KafkaSettings(), "test")["message.max.bytes"] == CLIENT_LIMIT_BYTES


def test_every_code_is_shown_by_a_test():
    """A rule that no test breaks may have stopped working."""
    text = Path(__file__).read_text(encoding="utf-8")

    assert [code.name for code in TopicLintCode if f"TopicLintCode.{code.name}" not in text] == []
