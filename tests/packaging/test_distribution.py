"""What is installed is what was meant: names, entry points and data files of the distribution."""

from importlib.metadata import distribution, entry_points
from importlib.resources import files

import pytest

PACKAGES = {"lienthong", "lienthong_connectors", "lienthong_schemas", "lienthong_topics"}
GROUPS = {
    "lienthong.schemas": {"core"},
    "lienthong.topics": {"core"},
    "lienthong.connectors": {"insurance-card", "population", "portal", "stored-papers"},
    "lienthong.simulators": {"insurance-card", "population", "portal", "stored-papers"},
    "lienthong.commands": {"demo"},
    "faust.transports": {"rdkafka"},
}


def test_nothing_generic_is_importable() -> None:
    """Folder names such as ``schemas`` belong to other people's packages and are never shipped."""
    shipped = {path.parts[0] for path in distribution("lienthong").files or ()}
    ours = {name for name in shipped if not name.endswith((".dist-info", ".pth")) and name not in {"..", "__pycache__"}}
    assert ours <= PACKAGES


@pytest.mark.parametrize(("group", "names"), GROUPS.items())
def test_every_built_in_is_found_and_loads(group: str, names: set[str]) -> None:
    """Built-in content uses the same entry points as anybody else's."""
    found = {point.name: point for point in entry_points(group=group)}
    assert names <= found.keys()
    for name in names:
        assert found[name].load() is not None


@pytest.mark.parametrize(
    ("package", "path"),
    [
        ("lienthong_topics", "catalogue.yaml"),
        ("lienthong_topics", "pipelines/intake.yaml"),
        ("lienthong_topics", "pipelines/deliver-dossier.yaml"),
        ("lienthong_schemas", "json/dossier.snapshot.v1.schema.json"),
        ("lienthong.kafka", "broker-jars.lock"),
    ],
)
def test_data_files_are_readable(package: str, path: str) -> None:
    """Catalogue, pipelines, JSON Schemas and the broker's lock file are inside the packages."""
    found = files(package)
    for part in path.split("/"):
        found = found.joinpath(part)
    assert found.read_text(encoding="utf-8").strip()


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_packages_are_typed(package: str) -> None:
    """Integrators get types without stubs."""
    assert files(package).joinpath("py.typed").is_file()


def test_the_console_script_is_installed() -> None:
    """``lienthong`` is the one command."""
    scripts = entry_points(group="console_scripts", name="lienthong")
    assert [point.value for point in scripts] == ["lienthong.cli.main:main"]
