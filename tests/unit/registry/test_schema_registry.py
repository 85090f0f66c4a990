"""Finding the schema of a record: by type and version, and a clear answer when there is none."""

import dataclasses

import pytest

from lienthong.errors import PluginError, UnknownSubjectError
from lienthong.registry.schemas import SchemaRegistry
from lienthong_schemas import SCHEMAS


def test_the_installed_package_is_found():
    """Built-in record types come through the same entry point as anybody's."""
    registry = SchemaRegistry.installed()

    assert {spec.dataschema for spec in SCHEMAS} <= {spec.dataschema for spec in registry}
    assert {spec.type for spec in registry.of_domain("person")} == {"person.snapshot"}


def test_without_a_version_the_newest_is_taken():
    """A publisher who names none means the newest; a named one is kept for ever."""
    first = SCHEMAS[0]
    second = dataclasses.replace(first, version=2)
    registry = SchemaRegistry([second, first])

    assert registry.find(first.type) is second
    assert registry.find(first.type, first.dataschema) is first


@pytest.mark.parametrize(
    ("type_name", "dataschema", "reason"),
    [
        ("dossier.unknown", "", "unknown_type"),
        ("dossier.unknown", "urn:lienthong:schemas:dossier.unknown:1", "unknown_type"),
        ("dossier.snapshot", "urn:lienthong:schemas:dossier.snapshot:99", "unknown_version"),
        ("dossier.snapshot", "urn:lienthong:schemas:dossier.progress:1", "unknown_version"),
    ],
)
def test_an_unknown_type_or_version_is_told_apart(type_name, dataschema, reason):
    """The publisher learns whether the type or only its version is unknown, and what is known."""
    with pytest.raises(UnknownSubjectError, match="known") as caught:
        SchemaRegistry(SCHEMAS).find(type_name, dataschema)

    assert caught.value.reason == reason


def test_two_packages_cannot_offer_the_same_version():
    """Which of two models is right cannot be guessed."""
    with pytest.raises(PluginError):
        SchemaRegistry([SCHEMAS[0], SCHEMAS[0]])
