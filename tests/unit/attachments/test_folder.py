"""Files in a folder."""

import hashlib
from pathlib import Path

import pytest

from lienthong.attachments.folder import FolderStore
from lienthong.errors import (
    RecordTooLargeError,
    RejectedByTargetError,
    TargetUnavailableError,
    ValidationFailedError,
)

CONTENT = b"%PDF-1.7 giay khai sinh"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """Give a store of small files."""
    return FolderStore("hub", tmp_path / "files", max_bytes=1_000)


async def test_a_file_is_found_again_by_what_is_in_it(store: FolderStore, tmp_path: Path) -> None:
    """Name, digest, size and type follow from the content alone; the mode keeps others out."""
    stored = await store.put(CONTENT)
    digest = hashlib.sha256(CONTENT).hexdigest()

    assert stored == ("hub", f"{digest[:2]}/{digest}", digest, len(CONTENT), "application/pdf")
    assert await store.get(stored.path) == CONTENT
    assert (tmp_path / "files" / stored.path).stat().st_mode & 0o077 == 0


async def test_the_same_file_again_is_the_same_object(store: FolderStore, tmp_path: Path) -> None:
    """A repeated put writes nothing and leaves nothing beside it."""
    first = await store.put(CONTENT)
    written = (tmp_path / "files" / first.path).stat().st_mtime_ns
    second = await store.put(CONTENT, expected_sha256=first.sha256.upper())

    assert second == first
    assert (tmp_path / "files" / first.path).stat().st_mtime_ns == written
    assert [path.name for path in (tmp_path / "files").rglob("*") if path.is_file()] == [first.sha256]


async def test_half_a_file_of_a_broken_disk_is_written_again(store: FolderStore, tmp_path: Path) -> None:
    """What lies under a name with another size is not taken for the file."""
    stored = await store.put(CONTENT)
    (tmp_path / "files" / stored.path).write_bytes(CONTENT[:5])
    await store.put(CONTENT)

    assert await store.get(stored.path) == CONTENT


async def test_a_changed_file_is_never_handed_out(store: FolderStore, tmp_path: Path) -> None:
    """Somebody who writes into the folder cannot slip another paper into a dossier."""
    stored = await store.put(CONTENT)
    (tmp_path / "files" / stored.path).write_bytes(b"%PDF-1.7 giay khai tu!!")
    with pytest.raises(RejectedByTargetError) as caught:
        await store.get(stored.path)

    assert caught.value.reason == "hash_mismatch"


async def test_a_file_at_the_limit_passes_and_one_beyond_does_not(store: FolderStore) -> None:
    """The limit is a number of bytes, counted exactly."""
    assert (await store.put(b"a" * 1_000)).size_bytes == 1_000
    with pytest.raises(RecordTooLargeError):
        await store.put(b"a" * 1_001)


async def test_a_file_that_is_not_what_was_announced_is_refused(store: FolderStore, tmp_path: Path) -> None:
    """Nothing is stored under a digest that its sender did not mean."""
    with pytest.raises(ValidationFailedError) as caught:
        await store.put(CONTENT, expected_sha256="0" * 64)

    assert caught.value.reason == "hash_mismatch"
    assert not (tmp_path / "files").exists()


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "aa/" + "b" * 64, "aa/" + "a" * 63, ""])
async def test_a_path_that_leads_elsewhere_is_refused(store: FolderStore, path: str) -> None:
    """A reference can only name what the store itself has named."""
    with pytest.raises(RejectedByTargetError) as caught:
        await store.get(path)

    assert caught.value.reason == "foreign_path"


async def test_a_file_that_is_not_there_is_told_apart_from_a_disk_that_is_away(store: FolderStore) -> None:
    """A missing file is no reason to wait."""
    with pytest.raises(RejectedByTargetError) as caught:
        await store.get("aa/" + "a" * 64)

    assert caught.value.reason == "file_unknown"


async def test_a_folder_that_cannot_be_written_is_waited_for(tmp_path: Path) -> None:
    """A full or missing disk is about the moment; nothing half-written is left."""
    (tmp_path / "files").write_text("no folder")
    store = FolderStore("hub", tmp_path / "files", max_bytes=1_000)
    with pytest.raises(TargetUnavailableError) as caught:
        await store.put(CONTENT)

    assert caught.value.reason == "store_unwritable"
