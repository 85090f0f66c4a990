"""Catalogue files become topics with every default filled in."""

from types import ModuleType

import pytest

from lienthong.errors import CatalogError, PluginError
from lienthong.registry import topics as module
from lienthong.registry.topic_documents import Encryption, PersonalData, TopicKind
from lienthong.registry.topics import TopicCatalogue, parse_document, read_document
from lienthong.topic_names import TopicNames


def test_profile_fills_what_a_topic_leaves_out(build):
    """One declaration serves a laptop and a cluster: numbers come from the environment's profile."""
    small = build().get("records.dossier")
    large = build(environment="production").get("records.dossier")

    assert (small.partitions, small.replication_factor, small.min_insync_replicas) == (4, 1, 1)
    assert (large.partitions, large.replication_factor, large.min_insync_replicas) == (12, 3, 2)


def test_topic_overrides_its_profile(build, make_topic):
    """A topic that names a number keeps it in every environment."""
    catalogue = build(topics=[make_topic("inbound.dossier.one-stop", partitions=7)])

    assert catalogue.get("inbound.dossier.one-stop").partitions == 7


def test_province_stands_in_front_of_every_name(build):
    """Two provinces on one cluster never share a topic."""
    catalogue = build()

    assert all(topic.full_name == f"hue.{topic.name}" for topic in catalogue)


def test_pipeline_topics_take_partitions_and_data_class_from_their_sources(build, make_topic):
    """A record is set aside under its source's partition number and protected like its source."""
    catalogue = build(topics=[make_topic("inbound.dossier.one-stop", partitions=9)])
    topic = catalogue.get("deadletters.intake")

    assert topic.partitions == 9
    assert topic.subjects == ("dossier.snapshot",)
    assert topic.key == "dossiercode"
    assert PersonalData.SENSITIVE is topic.personal_data
    assert topic.pipeline == "intake"
    assert TopicKind.DEADLETTERS is topic.kind


def test_strictest_source_decides_the_data_class(build, make_topic):
    """A pipeline that reads one sensitive topic keeps all its own topics as sensitive."""
    catalogue = build(
        topics=[
            make_topic("inbound.dossier.one-stop", personal_data="none"),
            make_topic("inbound.dossier.bulk", personal_data="personal"),
        ],
        per_pipeline={
            "pipelines": [{"name": "intake", "sources": ["inbound.dossier.one-stop", "inbound.dossier.bulk"]}],
            "topics": [{"kind": "parked", "description": {"vi": "x", "en": "x"}, "max_message_bytes": 1_179_648}],
        },
    )

    assert PersonalData.PERSONAL is catalogue.get("parked.intake").personal_data


def test_encryption_is_in_force_only_where_the_profile_allows_it(build):
    """The switch is one line of the profile; state without personal data is never encrypted."""
    production = build(environment="production")

    assert Encryption.NONE is build().get("records.dossier").encryption
    assert Encryption.SUBJECT is production.get("records.dossier").encryption
    assert Encryption.NONE is production.get("state.intake").encryption


def test_pipeline_of_another_package_gets_the_same_topics():
    """A package that adds a pipeline needs no templates of its own."""
    core = parse_document(_core(), "core")
    other = parse_document(
        {"version": 1, "per_pipeline": {"pipelines": [{"name": "deliver-health", "sources": ["records.dossier"]}]}},
        "other",
    )
    catalogue = TopicCatalogue({"core": core, "other": other}, TopicNames(""), "development")

    assert {"deadletters.deliver-health", "state.deliver-health"} == {
        topic.name for topic in catalogue.of_pipeline("deliver-health")
    }


def _core():
    return {
        "version": 1,
        "profiles": {"development": {"partitions": 4, "replication_factor": 1, "min_insync_replicas": 1}},
        "topics": [
            {
                "name": "records.dossier",
                "description": {"vi": "Hồ sơ", "en": "Dossiers"},
                "subjects": ["*"],
                "max_message_bytes": 1_048_576,
                "personal_data": "none",
            }
        ],
        "per_pipeline": {
            "topics": [
                {"kind": kind, "description": {"vi": "x", "en": "x"}, "max_message_bytes": 1_048_576}
                for kind in ("deadletters", "state")
            ]
        },
    }


def test_unknown_source_is_named(build):
    """A pipeline that reads a topic nobody declares is an error, not an empty topic."""
    with pytest.raises(CatalogError, match=r"'intake' reads records\.land"):
        build(per_pipeline={"pipelines": [{"name": "intake", "sources": ["records.land"]}]})


def test_pattern_takes_in_every_matching_topic(build, make_topic):
    """A new publisher's topic is read by intake, and parked records have room for its partitions."""
    topics = [make_topic(f"inbound.dossier.{system}", partitions=5) for system in ("one-stop", "land")]
    per_pipeline = {
        "pipelines": [{"name": "intake", "sources": ["inbound.dossier.*"]}],
        "topics": [{"kind": "parked", "description": {"vi": "x", "en": "x"}, "max_message_bytes": 1_179_648}],
    }
    catalogue = build(topics=[*topics, make_topic("records.dossier")], per_pipeline=per_pipeline)

    assert [topic["name"] for topic in topics] == [topic.name for topic in catalogue.sources(catalogue.pipelines[0])]
    assert catalogue.get("parked.intake").partitions == 5


def test_missing_topic_is_named(build):
    """Asking for a topic that nobody declares says what to do."""
    with pytest.raises(CatalogError, match=r"no catalogue declares the topic 'records\.land'"):
        build().get("records.land")


@pytest.mark.parametrize("count", [0, 2])
def test_exactly_one_package_gives_the_profile(count):
    """Two packages cannot disagree silently about the number of copies."""
    documents = {f"package-{number}": parse_document(_core(), "core") for number in range(count)}

    with pytest.raises(CatalogError, match="exactly one catalogue must give the profile"):
        TopicCatalogue(documents, TopicNames(""), "development")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"retention_hours": 3}, "retention_hours"),
        ({"cleanup_policy": "purge"}, "cleanup_policy"),
        ({"partitions": 0}, "partitions"),
        ({"personal_data": None}, "personal_data"),
        ({"subjects": []}, "subjects"),
        ({"description": {"vi": "Hồ sơ"}}, "description.en"),
    ],
)
def test_wrong_key_is_named_with_its_place(build, make_topic, change, place):
    """A misspelled or missing key stops everything and says where it stands."""
    with pytest.raises(CatalogError) as caught:
        build(topics=[make_topic("records.dossier", **change)])

    assert f"topics.0.{place}" in str(caught.value)


def test_package_without_catalogue_is_named(tmp_path):
    """An entry point of a package that forgot its file says which."""
    with pytest.raises(PluginError, match=r"'land' is offered under lienthong\.topics but has no catalogue\.yaml"):
        read_document(tmp_path, "land")


def test_broken_yaml_is_named(tmp_path):
    """A file that is no YAML names its package."""
    (tmp_path / "catalogue.yaml").write_text("topics: [", encoding="utf-8")

    with pytest.raises(CatalogError, match="of 'land' is no valid YAML"):
        read_document(tmp_path, "land")


def test_entry_point_must_name_a_package(monkeypatch):
    """An entry point that names an object instead of a package is refused by name."""
    monkeypatch.setattr(module, "load_all", lambda _group: {"land": object()})

    with pytest.raises(PluginError, match=r"'land' under lienthong\.topics must name a package"):
        TopicCatalogue.installed(TopicNames(""), "development")


def test_pipeline_files_are_found_beside_the_catalogue(monkeypatch, tmp_path):
    """Pipelines that a package defines are known to the lint, so that none is left without topics."""
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "intake.yaml").touch()
    (tmp_path / "pipelines" / "README.md").touch()
    offered = ModuleType("offered")
    monkeypatch.setattr(module, "load_all", lambda _group: {"core": offered})
    monkeypatch.setattr(module, "files", lambda _module: tmp_path)
    monkeypatch.setattr(module, "read_document", lambda _folder, origin: parse_document(_core(), origin))

    catalogue = TopicCatalogue.installed(TopicNames(""), "development")

    assert frozenset({"intake"}) == catalogue.pipeline_files
