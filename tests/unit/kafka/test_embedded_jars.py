"""Jars of the embedded broker: only the locked ones, whole, once, and with clear words when that fails."""

import hashlib
import threading
from pathlib import Path

import pytest

from lienthong.errors import ConfigurationError
from lienthong.kafka.embedded_jars import (
    Jar,
    configured_repositories,
    default_cache_directory,
    fetch_jars,
    locked_jars,
)

CONTENT = b"jar of the test"
JAR = Jar("org.example:thing:1.0", hashlib.sha256(CONTENT).hexdigest())


class Repository:
    """Serves one content for every coordinate and counts the downloads."""

    def __init__(self, content: bytes = CONTENT, failing: frozenset[str | None] = frozenset()) -> None:
        self.content = content
        self.failing = failing
        self.asked: list[tuple[str, str | None]] = []

    def download(self, coordinate: str, repository: str | None, folder: Path) -> Path:
        """Write the file as a Maven client would."""
        self.asked.append((coordinate, repository))
        if repository in self.failing:
            raise ConnectionError("refused")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / coordinate.replace(":", "-")
        path.write_bytes(self.content)
        return path


def test_lock_file_names_kafka_its_logging_and_one_version_of_everything() -> None:
    """The packaged lock file is complete and free of clashes."""
    jars = locked_jars()
    artifacts = [jar.coordinate.rpartition(":")[0] for jar in jars]

    assert len(jars) == 45
    assert len(set(artifacts)) == 45
    assert {"org.apache.kafka:kafka_2.13", "org.apache.logging.log4j:log4j-slf4j-impl"} <= set(artifacts)


@pytest.mark.parametrize("line", ["org.example:thing:1.0", "org.example:thing " + "0" * 64, "a:b:c 12"])
def test_damaged_lock_file_is_refused(line: str) -> None:
    """A line without version or digest is never taken for 'no check needed'."""
    with pytest.raises(ConfigurationError, match="damaged"):
        locked_jars(line)


def test_jar_is_downloaded_once_and_then_taken_from_the_cache(tmp_path: Path) -> None:
    """A second start needs no network, and nothing but the jar lies in the cache."""
    repository = Repository()
    first = fetch_jars([JAR], cache_directory=tmp_path, repositories=(), download=repository.download)
    second = fetch_jars([JAR], cache_directory=tmp_path, repositories=(), download=repository.download)

    assert first == second
    assert first[0].read_bytes() == CONTENT
    assert repository.asked == [(JAR.coordinate, None)]
    assert [path.name for path in first[0].parent.iterdir()] == [JAR.file_name]


def test_download_with_another_checksum_is_refused_and_not_kept(tmp_path: Path) -> None:
    """A file that is not the locked one never reaches the cache; the error names jar and remedy."""
    with pytest.raises(ConfigurationError, match=r"org\.example:thing:1\.0 has SHA-256 .*LIENTHONG_MAVEN_REPOSITORIES"):
        fetch_jars([JAR], cache_directory=tmp_path, repositories=(), download=Repository(b"other").download)

    assert not list((tmp_path / "kafka-jars").iterdir())


def test_changed_jar_in_the_cache_is_refused_and_removed(tmp_path: Path) -> None:
    """What was changed on the disk never runs; the next start downloads it anew."""
    repository = Repository()
    (path,) = fetch_jars([JAR], cache_directory=tmp_path, repositories=(), download=repository.download)
    path.write_bytes(CONTENT + b"!")
    with pytest.raises(ConfigurationError, match="the file was removed"):
        fetch_jars([JAR], cache_directory=tmp_path, repositories=(), download=repository.download)
    assert not path.exists()

    fetch_jars([JAR], cache_directory=tmp_path, repositories=(), download=repository.download)
    assert path.read_bytes() == CONTENT


def test_repositories_are_tried_in_order(tmp_path: Path) -> None:
    """A mirror that is away does not stop the start while the next one answers."""
    repository = Repository(failing=frozenset({"http://first"}))
    fetch_jars(
        [JAR], cache_directory=tmp_path, repositories=("http://first", "http://second"), download=repository.download
    )

    assert [source for _, source in repository.asked] == ["http://first", "http://second"]


def test_unreachable_repositories_are_reported_without_their_addresses(tmp_path: Path) -> None:
    """The error names jar, kind of failure and remedy; an address may hold a password and is left out."""
    repository = Repository(failing=frozenset({"http://user:secret@mirror"}))
    with pytest.raises(ConfigurationError, match=r"thing:1\.0 cannot be downloaded \(ConnectionError\)") as caught:
        fetch_jars(
            [JAR], cache_directory=tmp_path, repositories=("http://user:secret@mirror",), download=repository.download
        )

    assert "secret" not in str(caught.value)
    assert not list((tmp_path / "kafka-jars").iterdir())


def test_unusable_cache_is_a_clear_error(tmp_path: Path) -> None:
    """A cache that cannot be written names the folder and the variable that moves it."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError, match=r"cannot be used: Not a directory; .*XDG_CACHE_HOME"):
        fetch_jars([JAR], cache_directory=tmp_path / "file", repositories=())


def test_starts_at_the_same_time_download_once(tmp_path: Path) -> None:
    """Of several starts on an empty cache one downloads; the others wait and find the file."""
    repository = Repository()
    results: list[list[Path]] = []

    def start() -> None:
        results.append(fetch_jars([JAR], cache_directory=tmp_path, repositories=(), download=repository.download))

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert len(results) == 6
    assert len(repository.asked) == 1


def test_cache_follows_the_base_directory_specification() -> None:
    """An absolute XDG_CACHE_HOME counts; a relative one is ignored."""
    assert default_cache_directory({"XDG_CACHE_HOME": "/srv/cache"}) == Path("/srv/cache/lienthong")
    assert default_cache_directory({"XDG_CACHE_HOME": "cache"}) == Path.home() / ".cache" / "lienthong"
    assert default_cache_directory({}) == Path.home() / ".cache" / "lienthong"


def test_repositories_come_from_the_environment() -> None:
    """A province names its mirrors in one variable."""
    assert configured_repositories({"LIENTHONG_MAVEN_REPOSITORIES": "https://a/maven, https://b ,"}) == (
        "https://a/maven",
        "https://b",
    )
    assert configured_repositories({}) == ()


def test_remains_of_a_killed_download_are_removed(tmp_path: Path) -> None:
    """A process that was killed while it downloaded leaves nothing for long."""
    remains = tmp_path / "kafka-jars" / ".download-killed"
    remains.mkdir(parents=True)
    fetch_jars([JAR], cache_directory=tmp_path, repositories=(), download=Repository().download)

    assert not remains.exists()
