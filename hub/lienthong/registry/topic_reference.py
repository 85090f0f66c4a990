"""The reference page of a topic catalogue, generated from it."""

from lienthong.registry.topic_documents import CleanupPolicy
from lienthong.registry.topic_lint import TopicLintCode
from lienthong.registry.topics import Topic, TopicCatalogue

_HEADER = """# Topics

Generated from the topic catalogues by `lienthong topics describe`; edit those, not this page.
Names are without the province: the topic `records.dossier` of the hub of Huế is `hue.records.dossier`.
"""
_APPLY = """
## What `lienthong topics` does

| command | does | exit code |
|---|---|---|
| `plan` | shows what differs between catalogue and cluster | 0 nothing to do, 2 changes pending, 1 refused |
| `apply` | lints, creates topics, changes settings, adds partitions to topics without key | 0 done, 1 refused |
| `lint` | checks the catalogue without a cluster | 0 clean, 1 findings |
| `describe` | prints this page | 0 |

Nothing is ever deleted.
Shown as drift and left to a person: fewer partitions, a shorter retention, another cleanup policy, another number
of copies.
More partitions on a keyed topic are refused: records of one key would continue in another partition, out of order.
"""


def reference(development: TopicCatalogue, production: TopicCatalogue) -> str:
    """Return the page as Markdown.

    Args:
        development: The catalogue under the development profile.
        production: The same catalogue under the production profile.
    """
    lines = [_HEADER, "## Overview", "", *_overview(development, production)]
    for topic in production:
        lines += ["", f"## `{topic.name}`", "", topic.description.vi, "", f"{topic.description.en}.", ""]
        lines += _details(topic)
    lines += [_APPLY, "## Findings of `lienthong topics lint`", ""]
    lines += [f"- `{code.value}`" for code in TopicLintCode]
    return "\n".join(lines) + "\n"


def _overview(development: TopicCatalogue, production: TopicCatalogue) -> list[str]:
    rows = [
        "| topic | owner | retention (days) | partitions (development / production) | personal data | encrypted |",
        "|---|---|---|---|---|---|",
    ]
    rows += [
        f"| `{topic.name}` | {topic.owner} | {_days(topic)} | {small.partitions} / {topic.partitions} "
        f"| {topic.personal_data.value} | {topic.encryption.value} |"
        for small, topic in zip(development, production, strict=True)
    ]
    return rows


def _details(topic: Topic) -> list[str]:
    return [
        "| property | value |",
        "|---|---|",
        f"| owner | {topic.owner} |",
        f"| subjects | {', '.join(f'`{subject}`' for subject in topic.subjects)} |",
        f"| key | {f'`{topic.key}`' if topic.keyed else 'none'} |",
        f"| largest record | {topic.max_message_bytes} bytes |",
        f"| retention | {_days(topic)} days |",
        f"| cleanup | {topic.cleanup_policy.value} |",
        f"| copies (production) | {topic.replication_factor}, {topic.min_insync_replicas} acknowledge |",
        f"| personal data | {topic.personal_data.value} |",
    ]


def _days(topic: Topic) -> str:
    return (
        "∞"
        if topic.retention_days is None or topic.cleanup_policy is CleanupPolicy.COMPACT
        else str(topic.retention_days)
    )
