"""Whatever is wrong in a policy is told with file, line and what may stand there."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from lienthong.cli.main import root
from lienthong.config.loader import load
from lienthong.config.yaml_lines import YamlLines
from lienthong.errors import ConfigurationError
from lienthong.pipeline.definitions import read_definition

PIPELINE = """\
name: deliver-x
description: {vi: Thử, en: Test}
sources:
  - records.dossier
deliver:
  connector: portal
  purpose: p
  legal_basis: l
policy:
  max_in_flight: 64
  retry:
    max_attempts: 5
    initial_interval: 500ms
"""
HUB = """\
province: hue
connectors:
  portal:
    base_url: http://127.0.0.1:1
    user_name: tinh
    password: mat-khau-bi-mat
    destination_code: VN:DVCQG
    unit_code: H57
    simulator: true
    limits:
      rate_limit: {count: 100, interval: 1s}
      budget:
        daily: 1000
        reserve: 100
    on_status:
      - codes: [409]
        action: duplicate
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("max_attempts: 5", "max_atempts: 5", "x.yaml:12: policy.retry.max_atempts: unknown key; allowed are: circuit"),
        ("  retry:\n", "  retries:\n", "x.yaml:11: policy.retries: unknown key; allowed are: "),
        ("500ms", "500", "x.yaml:13: policy.retry.initial_interval: write a duration with its unit, such as 500ms"),
        ("500ms", "90s", "x.yaml:11: policy.retry: max_interval must not be shorter than initial_interval"),
        ("max_in_flight: 64", "max_in_flight: 0", "x.yaml:10: policy.max_in_flight: Input should be greater than"),
        ("  purpose: p\n", "", "x.yaml:5: deliver.purpose: is missing"),
        ("name: deliver-x", "name: deliver-x\norder: any", "x.yaml:2: order: Input should be 'key' or 'none'"),
        ("    max_attempts: 5", "    max_attempts: 5\n    max_attempts: 6", "x.yaml:13: the key max_attempts stands"),
        ("vi: Thử,", "vi: [", "x.yaml:2: no valid YAML"),
    ],
)
def test_a_pipeline_is_refused_with_line_and_allowed_values(old: str, new: str, told: str) -> None:
    """Whoever writes a policy need not search for what is meant."""
    told = told.replace("allowed are: circuit", "allowed are: initial_interval")
    with pytest.raises(ConfigurationError) as caught:
        read_definition(PIPELINE.replace(old, new), "x.yaml")
    assert str(caught.value).startswith(told)


def test_allowed_keys_are_those_of_the_place() -> None:
    """The keys of another block would send the reader astray."""
    with pytest.raises(ConfigurationError) as caught:
        read_definition(PIPELINE.replace("  retry:\n", "  retries:\n"), "x.yaml")
    allowed = str(caught.value).rpartition(": ")[2].split(", ")
    assert {"retry", "circuit", "errors", "max_in_flight"} <= set(allowed)
    assert "max_attempts" not in allowed


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("reserve: 100", "reserve: 2000", ":12: connectors.portal.limits.budget: reserve must be from 0 to daily"),
        ("interval: 1s", "interval: 1", ":11: connectors.portal.limits.rate_limit.interval: write a duration with"),
        ("daily: 1000", "dayly: 1000", ":13: connectors.portal.limits.budget.dayly: unknown key; allowed are: alert"),
        ("[409]", "[200]", ":16: connectors.portal.on_status.0.codes: write statuses from 300 to 599"),
        ("action: duplicate", "action: twice", ":17: connectors.portal.on_status.0.action: Input should be 'succeed'"),
        ("unit_code: H57", "unit: H57", ":8: connectors.portal.unit: unknown key; allowed are: agreement"),
        ("  portal:", "  portall:", ":3: connectors.portall: "),
    ],
)
def test_lint_refuses_what_connectors_are_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    """Limits, statuses and settings of targets are checked before a worker starts, and secrets stay unsaid."""
    file = tmp_path / "lienthong.yaml"
    file.write_text(HUB.replace(old, new), encoding="utf-8")
    result = CliRunner().invoke(root, ["--config", str(file), "pipelines", "lint"])
    assert result.exit_code == 1, result.output
    assert f"{file}{told}" in result.output
    assert "mat-khau-bi-mat" not in result.output
    alone = CliRunner().invoke(root, ["pipelines", "lint", str(file)])
    assert (alone.exit_code, alone.output) == (1, result.output)


def test_lint_passes_what_is_right(tmp_path: Path) -> None:
    """A rule that refuses the good file would soon be switched off."""
    hub, pipeline = tmp_path / "lienthong.yaml", tmp_path / "x.yaml"
    hub.write_text(HUB, encoding="utf-8")
    pipeline.write_text(PIPELINE, encoding="utf-8")
    runner = CliRunner()
    assert runner.invoke(root, ["--config", str(hub), "pipelines", "lint"]).exit_code == 0
    assert runner.invoke(root, ["--config", str(hub), "pipelines", "lint", str(pipeline)]).exit_code == 0


def test_the_hubs_own_settings_have_lines_and_variables_have_none(tmp_path: Path) -> None:
    """A variable is in no file; pointing at a line would be a lie."""
    file = tmp_path / "lienthong.yaml"
    file.write_text("province: hue\nkafka:\n  session_timeout_ms: 5\n  bootstrap: x\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load(file, {"LIENTHONG_GATEWAY__PORT": "many", "PATH": "/"})
    told = str(caught.value)
    assert f"{file}:3: kafka.session_timeout_ms: " in told
    assert f"{file}:4: kafka.bootstrap: unknown key; allowed are: bootstrap_servers" in told
    assert "environment: gateway.port: " in told


def test_a_place_that_is_not_there_is_told_by_what_is_around_it() -> None:
    """Names of alternatives are part of a path and of no file."""
    lines = YamlLines("a:\n  b:\n    - c: 1\n    - d: 2\n", "x")
    assert [lines.line(path) for path in [("a", "b", 1, "daily", "d"), ("a", "b", 7), ("e",), ()]] == [4, 2, 1, 1]
