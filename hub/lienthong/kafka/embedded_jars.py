"""Fetches the jars of the embedded broker: only those that are locked, each checked by its SHA-256."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from lienthong.errors import ConfigurationError

REPOSITORIES_VARIABLE = "LIENTHONG_MAVEN_REPOSITORIES"
DOWNLOAD_THREADS = 8
DOWNLOAD_TIMEOUT_SECONDS = 30
_STAGING_PREFIX = ".download-"


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked jar.

    Attributes:
        coordinate: Maven's ``group:artifact:version``.
        sha256: Hexadecimal digest of the file.
    """

    coordinate: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Name in the cache; the group is part of it, so two groups never share a file."""
        return f"{self.coordinate.replace(':', '_')}.jar"


#: Downloads one jar: coordinate, repository (None for the default) and folder → file inside the folder.
Download = Callable[[str, str | None, Path], Path]


def locked_jars(text: str | None = None) -> tuple[Jar, ...]:
    """Return the jars that the broker runs from.

    Args:
        text: Lock file; None for the one that is part of the package.

    Raises:
        ConfigurationError: If a line is not ``group:artifact:version sha256``.
    """
    if text is None:
        text = resources.files("lienthong.kafka").joinpath("broker-jars.lock").read_text(encoding="utf-8")
    jars = []
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        coordinate, _, digest = line.partition(" ")
        if coordinate.count(":") != 2 or len(digest) != 64:
            raise ConfigurationError("broker-jars.lock is damaged; write it anew with scripts/lock_broker_jars.py")
        jars.append(Jar(coordinate, digest))
    return tuple(jars)


def default_cache_directory(environment: Mapping[str, str] | None = None) -> Path:
    """Return the user's cache of the hub.

    Args:
        environment: Variables; None for the process's own.

    Source:
        XDG Base Directory Specification: ``XDG_CACHE_HOME`` counts only when it is absolute.
    """
    variables = os.environ if environment is None else environment
    base = Path(variables.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "lienthong"


def configured_repositories(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the Maven repositories that the environment names; none means jgo's default.

    Args:
        environment: Variables; None for the process's own.
    """
    variables = os.environ if environment is None else environment
    urls = (url.strip() for url in variables.get(REPOSITORIES_VARIABLE, "").split(","))
    return tuple(url for url in urls if url)


def fetch_jars(
    jars: Sequence[Jar],
    *,
    cache_directory: Path | None = None,
    repositories: Sequence[str] | None = None,
    download: Download | None = None,
) -> list[Path]:
    """Return the files of the jars, downloading those that the cache lacks.

    Every file is hashed on every call (43 MB take 0.1 s), so what was changed on the disk never runs. Any number of
    processes may call this at once.

    Args:
        jars: What is needed.
        cache_directory: Where the hub keeps downloads; None for the user's cache.
        repositories: URLs that are tried in this order; None for those of the environment, else jgo's default.
        download: How one jar is fetched; None for jgo.

    Raises:
        ConfigurationError: If a jar cannot be had, is not the locked one, or the cache cannot be written.
    """
    folder = (cache_directory or default_cache_directory()) / "kafka-jars"
    sources: Sequence[str | None] = (configured_repositories() if repositories is None else repositories) or (None,)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        missing = _missing(jars, folder)
        if missing:
            with _locked(folder):
                _download_all(_missing(jars, folder), folder, sources, download or _download_with_jgo)
    except OSError as error:
        raise ConfigurationError(
            f"the cache {folder} cannot be used: {error.strerror or type(error).__name__}; "
            "free space there or set XDG_CACHE_HOME"
        ) from error
    return [folder / jar.file_name for jar in jars]


def _missing(jars: Sequence[Jar], folder: Path) -> list[Jar]:
    """Return the jars that are not in the cache; refuse those that are there but changed."""
    missing = []
    for jar in jars:
        path = folder / jar.file_name
        if path.exists():
            _verify(jar, path)
        else:
            missing.append(jar)
    return missing


def _verify(jar: Jar, path: Path) -> None:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != jar.sha256:
        path.unlink(missing_ok=True)
        raise ConfigurationError(
            f"{jar.coordinate} has SHA-256 {digest} but {jar.sha256} is locked; the file was removed. "
            f"Try again; if it stays, the repository ({REPOSITORIES_VARIABLE}) serves another file: do not use it"
        )


def _download_all(missing: Sequence[Jar], folder: Path, sources: Sequence[str | None], download: Download) -> None:
    # The lock is ours, so these belong to a process that was killed.
    for abandoned in folder.glob(f"{_STAGING_PREFIX}*"):
        shutil.rmtree(abandoned)
    staging = Path(tempfile.mkdtemp(prefix=_STAGING_PREFIX, dir=folder))
    try:
        with ThreadPoolExecutor(DOWNLOAD_THREADS, "jar-download") as pool:
            for jar, path in zip(
                missing, pool.map(lambda jar: _download_one(jar, sources, staging, download), missing), strict=True
            ):
                _verify(jar, path)
                path.replace(folder / jar.file_name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _download_one(jar: Jar, sources: Sequence[str | None], staging: Path, download: Download) -> Path:
    failures = []
    for number, repository in enumerate(sources):
        try:
            return download(jar.coordinate, repository, staging / str(number))
        # jgo raises RuntimeError for a missing file; requests' errors are OSErrors.
        except (OSError, RuntimeError) as error:
            failures.append(error)
    kinds = ", ".join(sorted({type(error).__name__ for error in failures}))
    raise ConfigurationError(
        f"{jar.coordinate} cannot be downloaded ({kinds}); check the network, or name a Maven repository or mirror "
        f"in {REPOSITORIES_VARIABLE} (comma-separated URLs)"
    ) from failures[-1]


def _download_with_jgo(coordinate: str, repository: str | None, folder: Path) -> Path:
    try:
        from jgo.maven import MavenContext
    except ImportError as error:
        raise ConfigurationError(
            "the embedded Kafka needs the extra 'embedded': install lienthong[embedded]"
        ) from error
    remotes = None if repository is None else {"configured": repository.rstrip("/")}
    context = MavenContext(repo_cache=folder, remote_repos=remotes, timeout=DOWNLOAD_TIMEOUT_SECONDS)
    return Path(context.create_dependency(coordinate).artifact.resolve())


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder against other processes; locking the folder itself leaves no lock file behind."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
