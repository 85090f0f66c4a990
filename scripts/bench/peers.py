"""Makes the other sides ready: a virtual environment for Python's, jars and a compiled class for Camel."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.bench.harness import ROOT, Side

BUILD = ROOT / "build" / "bench"
REQUIREMENTS = ROOT / "requirements" / "bench.txt"
CAMEL = Path(__file__).parent / "camel"
_SCHEMAS = ROOT / "schemas" / "lienthong_schemas" / "json"
_PREPARE_TIMEOUT_SECONDS = 600


def peer_python() -> Path:
    """Return the interpreter of the peers' own environment, made when its requirements changed."""
    folder = BUILD / "venv"
    python = folder / "bin" / "python"
    if not _is_fresh(folder / ".ready", REQUIREMENTS):
        uv = [str(Path(sys.executable).parent / "uv")]
        _run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)])
        _run([*uv, "pip", "sync", "--quiet", "--python", str(python), "--require-hashes", str(REQUIREMENTS)])
        _mark(folder / ".ready", REQUIREMENTS)
    return python


def missing_for_camel() -> str:
    """Return what this machine lacks for Camel, or nothing."""
    lacking = [name for name in ("java", "javac", "mvn") if shutil.which(name) is None]
    return f"needs {' and '.join(lacking)} on the PATH" if lacking else ""


def camel_side(name: str, route: str, type_name: str, records: int) -> Side:
    """Return Camel's side, compiled.

    Args:
        name: For the reader.
        route: One of the routes of ``Side.java``.
        type_name: CloudEvents type of the records.
        records: How many it processes, a fifth of them before the clock starts.
    """
    folder = _compiled()
    command = ("java", "-Xmx1g", "-XX:+UseParallelGC", "-cp", f"{folder}:{folder}/lib/*", "Side")
    variables = {"BENCH_ROUTE": route, "BENCH_SCHEMA": str(_SCHEMAS / f"{type_name}.v1.schema.json")}
    return Side(name, command, records, variables)


def _compiled() -> Path:
    folder = BUILD / "camel"
    source, pom = CAMEL / "Side.java", CAMEL / "pom.xml"
    if not _is_fresh(folder / ".jars", pom):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        # Maven writes beside the project file, so the file is copied out of the sources.
        shutil.copy(pom, folder / "pom.xml")
        _run(["mvn", "-q", "-B", "-f", str(folder / "pom.xml"), "dependency:copy-dependencies",
              f"-DoutputDirectory={folder / 'lib'}"])  # fmt: skip
        _mark(folder / ".jars", pom)
    if not _is_fresh(folder / ".classes", source):
        _run(["javac", "-cp", f"{folder}/lib/*", "-d", str(folder), str(source)])
        _mark(folder / ".classes", source)
    return folder


def _is_fresh(mark: Path, source: Path) -> bool:
    return mark.exists() and mark.read_text(encoding="ascii") == _digest(source)


def _mark(mark: Path, source: Path) -> None:
    mark.write_text(_digest(source), encoding="ascii")


def _digest(source: Path) -> str:
    return hashlib.sha256(source.read_bytes()).hexdigest()


def _run(command: list[str]) -> None:
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_CONFIG": "1"}
    finished = subprocess.run(
        command, capture_output=True, timeout=_PREPARE_TIMEOUT_SECONDS, check=False, env=environment
    )
    if finished.returncode:
        said = (finished.stdout + finished.stderr).decode(errors="replace")[-2000:]
        sys.exit(f"{command[0]} failed while making the other sides ready:\n{said}")
