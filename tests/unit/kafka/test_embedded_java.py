"""Choice of the Java runtime."""

from pathlib import Path

import pytest

from lienthong.errors import ConfigurationError
from lienthong.kafka.embedded_java import Java, find_java


def fake_java(folder: Path, version_line: str, status: int = 0) -> Path:
    """Write a program that answers ``-version`` like a Java runtime."""
    path = folder / "bin" / "java"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\necho '{version_line}' >&2\nexit {status}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_java_home_wins_over_the_path(tmp_path: Path) -> None:
    """The operator's choice comes first."""
    home = fake_java(tmp_path / "home", 'openjdk version "21.0.2" 2024-01-16')
    on_path = fake_java(tmp_path / "path", 'openjdk version "17.0.15" 2025-04-15')

    assert find_java({"JAVA_HOME": str(tmp_path / "home"), "PATH": str(on_path.parent)}) == Java(home, 21)
    assert find_java({"PATH": str(on_path.parent)}) == Java(on_path, 17)


@pytest.mark.parametrize(
    "version_line", ['java version "1.8.0_401"', 'openjdk version "11.0.22" 2024-01-16', "no version here"]
)
def test_runtime_that_is_too_old_gives_way_to_the_bundled_one(tmp_path: Path, version_line: str) -> None:
    """An old Java on the machine does not stop the broker."""
    old = fake_java(tmp_path / "old", version_line)
    bundled = fake_java(tmp_path / "bundled", 'openjdk version "25" 2025-09-16')

    assert find_java({"PATH": str(old.parent)}, lambda: bundled) == Java(bundled, 25)


def test_runtime_that_fails_gives_way_to_the_next(tmp_path: Path) -> None:
    """A JAVA_HOME that points nowhere and a program that fails are passed over."""
    broken = fake_java(tmp_path / "broken", 'openjdk version "21"', status=1)
    bundled = fake_java(tmp_path / "bundled", 'openjdk version "25-ea" 2025-09-16')

    assert find_java({"JAVA_HOME": "/nowhere", "PATH": str(broken.parent)}, lambda: bundled) == Java(bundled, 25)


def test_error_names_what_was_found_and_what_to_do(tmp_path: Path) -> None:
    """Without any runtime the operator reads which one was too old and how to get one."""
    old = fake_java(tmp_path / "old", 'java version "1.8.0_401"')
    with pytest.raises(ConfigurationError, match=r"no Java 17 or newer; found: .*is Java 8.*lienthong\[embedded\]"):
        find_java({"PATH": str(old.parent)}, lambda: None)
    with pytest.raises(ConfigurationError, match=r"no Java 17 or newer\. Install"):
        find_java({"PATH": ""}, lambda: None)
