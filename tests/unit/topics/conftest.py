"""Catalogues for tests: a small correct one, and a way to spoil it."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from lienthong.registry.schemas import SchemaRegistry
from lienthong.registry.topics import TopicCatalogue, parse_document
from lienthong.schema import SchemaSpec
from lienthong.topic_names import TopicNames

Build = Callable[..., TopicCatalogue]


def _profile(partitions: int, replication_factor: int, min_insync_replicas: int) -> dict[str, Any]:
    return {
        "partitions": partitions,
        "replication_factor": replication_factor,
        "min_insync_replicas": min_insync_replicas,
        "subject_encryption": replication_factor > 1,
    }


def topic_tree(name: str, **changes: Any) -> dict[str, Any]:
    """Return a declaration that no rule objects to.

    Args:
        name: Name of the topic.
        **changes: Keys to set; None removes a key.
    """
    tree: dict[str, Any] = {
        "name": name,
        "owner": "data-operations",
        "description": {"vi": "Hồ sơ", "en": "Dossiers"},
        "subjects": ["dossier.snapshot"],
        "key": "dossiercode",
        "max_message_bytes": 1_048_576,
        "retention_days": 30,
        "personal_data": "sensitive",
    }
    return {key: value for key, value in (tree | changes).items() if value is not None}


def owned_tree(kind: str, **changes: Any) -> dict[str, Any]:
    """Return a declaration of a topic that each pipeline has.

    Args:
        kind: First part of its name.
        **changes: Keys to set; None removes a key.
    """
    tree = topic_tree("", max_message_bytes=1_179_648, encryption="subject", **changes)
    for inherited in ("name", "subjects", "key", "personal_data"):
        if inherited not in changes:
            tree.pop(inherited, None)
    tree.pop("name", None)
    return {"kind": kind, **tree}


def document_tree(**changes: Any) -> dict[str, Any]:
    """Return a small correct catalogue.

    Args:
        **changes: Keys to set.
    """
    return {
        "version": 1,
        "profiles": {"development": _profile(4, 1, 1), "production": _profile(12, 3, 2)},
        "topics": [
            topic_tree("inbound.dossier.one-stop"),
            topic_tree("records.dossier", max_message_bytes=1_114_112, encryption="subject"),
        ],
        "per_pipeline": {
            "pipelines": [{"name": "intake", "sources": ["inbound.dossier.one-stop"]}],
            "topics": [
                owned_tree("deadletters"),
                owned_tree("state", subjects=["hub.state"], personal_data="none", cleanup_policy="compact"),
            ],
        },
        **changes,
    }


@pytest.fixture
def build() -> Build:
    """Give a builder: changes of the small correct catalogue → the catalogue of province ``hue``."""

    def _build(*, environment: str = "development", pipeline_files: Any = None, **changes: Any) -> TopicCatalogue:
        document = parse_document(document_tree(**changes), "test")
        return TopicCatalogue({"core": document}, TopicNames("hue"), environment, pipeline_files)

    return _build


@pytest.fixture
def schemas() -> SchemaRegistry:
    """Give a registry that knows one sensitive type."""
    spec = SchemaSpec(
        type="dossier.snapshot",
        version=1,
        domain="dossier",
        producer_model=BaseModel,
        consumer_model=BaseModel,
        key=lambda _model: "",
        classification="sensitive",
        title_vi="Hồ sơ",
    )
    return SchemaRegistry([spec])


@pytest.fixture
def make_topic() -> Callable[..., dict[str, Any]]:
    """Give the maker of a correct declaration."""
    return topic_tree


@pytest.fixture
def make_owned() -> Callable[..., dict[str, Any]]:
    """Give the maker of a correct declaration of a pipeline's topic."""
    return owned_tree
