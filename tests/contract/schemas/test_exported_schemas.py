"""The committed JSON Schemas say what the models say, and the command notices when they do not."""

import json
import subprocess
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

from lienthong.cli.schemas import schemas
from lienthong.registry import exports
from lienthong_schemas import SCHEMAS
from lienthong_schemas.generator import generate
from lienthong_schemas.generator.defects import INVALID

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("spec", SCHEMAS, ids=lambda spec: spec.type)
def test_the_committed_file_equals_the_model(spec):
    """What integrators download is what the gateway checks."""
    path = exports.folder(spec) / exports.file_name(spec)

    assert path.read_text(encoding="utf-8") == exports.as_text(exports.json_schema(spec))


@pytest.mark.parametrize("spec", SCHEMAS, ids=lambda spec: spec.type)
def test_the_file_is_json_schema_2020_12_and_closed(spec):
    """It names its dialect and its version, and refuses unknown fields at every depth."""
    schema = exports.json_schema(spec)

    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"] == spec.dataschema
    assert schema["additionalProperties"] is False
    assert all(part["additionalProperties"] is False for part in schema.get("$defs", {}).values())


def test_the_reference_page_is_up_to_date():
    """People read the same as machines."""
    page = ROOT / "docs" / "reference" / "schemas.md"

    assert page.read_text(encoding="utf-8") == exports.page(SCHEMAS)


def test_the_schema_judges_generated_events_as_the_model_does():
    """A publisher who checks with the file before sending learns the same."""
    checks = {
        spec.dataschema: jsonschema.Draft202012Validator(
            exports.json_schema(spec), format_checker=jsonschema.FormatChecker()
        )
        for spec in SCHEMAS
    }
    judged = 0
    for event in generate(600, seed=4):
        check = checks.get(event.attributes.get("dataschema", ""))
        try:
            document = json.loads(event.data or b"")
        except ValueError:
            continue
        if check is None:
            continue
        refused = event.defect.startswith(INVALID)
        # Whether a time has an offset is left to the format, which a validator may treat as a remark.
        if event.defect in {INVALID + "date_format", INVALID + "naive_time"}:
            continue
        assert check.is_valid(document) is not refused, event.defect
        judged += 1
    assert judged > 500


def test_export_and_check_agree():
    """What was exported into a folder is compatible with itself."""
    runner = CliRunner()
    with runner.isolated_filesystem():
        assert runner.invoke(schemas, ["export", "--to", "out"]).exit_code == 0
        assert len(list(Path("out").glob("*.schema.json"))) == len(SCHEMAS)
        result = runner.invoke(schemas, ["check", "--against", "out", "--mode", "FULL"])

    assert result.exit_code == 0, result.output


def _damage(folder, change):
    path = folder / "dossier.progress.v1.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    change(schema)
    path.write_text(json.dumps(schema), encoding="utf-8")


def test_check_names_what_a_change_breaks(tmp_path):
    """A field that the old version had and the new one refuses ends in exit code 1."""
    runner = CliRunner()
    runner.invoke(schemas, ["export", "--to", str(tmp_path)])
    _damage(tmp_path, lambda schema: schema["properties"].update(room={"type": "string"}))

    result = runner.invoke(schemas, ["check", "--against", str(tmp_path)])

    assert result.exit_code == 1
    assert "dossier.progress.v1.schema.json" in result.output
    assert "room: field_removed" in result.output


def test_check_notices_a_version_that_is_gone(tmp_path):
    """Stored records name their version, so a version cannot be dropped."""
    runner = CliRunner()
    runner.invoke(schemas, ["export", "--to", str(tmp_path)])
    (tmp_path / "dossier.gone.v1.schema.json").write_text("{}", encoding="utf-8")

    result = runner.invoke(schemas, ["check", "--against", str(tmp_path)])

    assert result.exit_code == 1
    assert "dossier.gone.v1.schema.json: the version is gone" in result.output


def test_check_compares_with_a_commit(tmp_path, monkeypatch):
    """The last release can be named by its tag."""
    runner = CliRunner()
    runner.invoke(schemas, ["export", "--to", str(tmp_path)])
    _damage(tmp_path, lambda schema: schema["properties"]["content"].update(maxLength=9_999))
    for arguments in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "-qm", "released"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True)
    monkeypatch.setattr(exports, "folder", lambda _spec: tmp_path)
    monkeypatch.setattr("lienthong.cli.schemas._stale", lambda _specs: iter(()))

    result = runner.invoke(schemas, ["check", "--against", "HEAD"])

    assert result.exit_code == 1
    assert "content: maxLength_tightened (9999 → 2000)" in result.output


def test_check_notices_stale_files(tmp_path, monkeypatch):
    """A model that was changed without exporting is found."""
    monkeypatch.setattr(exports, "folder", lambda _spec: tmp_path)

    result = CliRunner().invoke(schemas, ["check"])

    assert result.exit_code == 1
    assert "dossier.snapshot.v1.schema.json differs from its model" in result.output


def test_list_shows_every_type():
    """An operator sees what is installed, with the Vietnamese name."""
    result = CliRunner().invoke(schemas, ["list"])

    assert result.exit_code == 0
    assert all(spec.type in result.output and spec.title_vi in result.output for spec in SCHEMAS)
