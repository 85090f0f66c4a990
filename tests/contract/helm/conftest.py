"""The real helm, and what it renders."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
CHART = ROOT / "helm" / "lienthong"
Run = Callable[..., subprocess.CompletedProcess[str]]
Render = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def helm() -> Run:
    """Give a function that runs helm; under CI it is built when Go is there, elsewhere its absence skips the test."""
    program = os.environ.get("HELM") or shutil.which("helm") or str(ROOT / "build" / "tools" / "helm")
    if not shutil.which(program) and os.environ.get("CI") and shutil.which("go"):
        subprocess.run([sys.executable, ROOT / "scripts" / "install_chart_tools.py"], check=True, timeout=900)
    if not shutil.which(program):
        pytest.skip("no helm: put it on PATH, name it in HELM, or run scripts/install_chart_tools.py where Go is")

    def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [program, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)

    return run


@pytest.fixture(scope="session")
def chart() -> Path:
    """Give the folder of the chart."""
    return CHART


@pytest.fixture(scope="session")
def render(helm: Run) -> Render:
    """Give a function: values file, further values → the rendered objects, hooks and tests included."""

    def _render(values: Path, *arguments: str) -> list[dict[str, Any]]:
        result = helm("template", "hub", CHART, "--values", values, *arguments)
        assert result.returncode == 0, result.stderr
        return [document for document in yaml.safe_load_all(result.stdout) if document]

    return _render
