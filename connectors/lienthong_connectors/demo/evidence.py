"""Everything of a demonstration that others than the officials in charge can read."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from lienthong_connectors.demo.observe import Topics

_CHUNK_BYTES = 4 * 1024 * 1024
#: More than the longest value that is searched for, in its longest encoding.
_OVERLAP_BYTES = 1024
#: Parts of the work directory that hold records, which are personal in development, where nothing is encrypted; whom
#: the simulated population database knows; and secrets, such as who an official is.
_PERSONAL = ("kafka/records", "people.jsonl", "secrets/")


def evidence(directory: Path, topics: Topics, pages: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield pieces of evidence with the place where each stands.

    Args:
        directory: The work directory with the logs of all processes.
        topics: Keys, headers and open values of all topics.
        pages: Process → its metrics page.
    """
    for name, page in pages.items():
        yield f"metrics of {name}", page
    for topic, metadata in topics.metadata.items():
        yield from _joined(f"keys and headers of {topic}", metadata)
    for topic, values in topics.open_values.items():
        yield from _joined(f"values of {topic}", values)
    names = []
    for path in _files(directory):
        names.append(str(path.relative_to(directory)))
        yield from _pieces(f"file {names[-1]}", path)
    yield "names of files", "\n".join(names).encode()


def _joined(place: str, values: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    batch: list[bytes] = []
    size = 0
    for value in values:
        batch.append(value)
        size += len(value)
        if size >= _CHUNK_BYTES:
            yield place, b"\n".join(batch)
            batch, size = [], 0
    if batch:
        yield place, b"\n".join(batch)


def _files(directory: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(directory):
        for name in sorted(names):
            path = Path(folder) / name
            relative = str(path.relative_to(directory))
            if not relative.startswith(_PERSONAL):
                yield path


def _pieces(place: str, path: Path) -> Iterator[tuple[str, bytes]]:
    rest = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield place, rest + chunk
            rest = chunk[-_OVERLAP_BYTES:]
