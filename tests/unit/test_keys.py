"""The key file: private, durable, shared and really forgetting."""

import json
import stat
import subprocess
import sys

import pytest

from lienthong.errors import ConfigurationError
from lienthong.keys import KEY_BYTES, FileKeyProvider
from lienthong.testing.clock import FakeClock


@pytest.fixture
def path(tmp_path):
    """Return where the key file will be."""
    return tmp_path / "secrets" / "subject-keys"


@pytest.fixture
def keys(path):
    """Return an open key file."""
    provider = FileKeyProvider(path, FakeClock())
    yield provider
    provider.close()


def test_a_person_keeps_one_key(keys):
    """The same person has the same key, another person another one."""
    one = keys.key_for("s-1")

    assert keys.key_for("s-1") == one
    assert keys.by_id(one.key_id) == one.key
    assert len(one.key) == KEY_BYTES
    assert keys.key_for("s-2").key != one.key


def test_keys_survive_a_restart(path, keys):
    """A record whose key is lost is lost, so a key is on disk before it is used."""
    one = keys.key_for("s-1")
    reopened = FileKeyProvider(path, FakeClock())

    assert reopened.key_for("s-1") == one
    reopened.close()


def test_only_the_owner_can_read_the_file(path, keys):
    """The file and what the database puts beside it are private, whatever the umask is."""
    keys.key_for("s-1")

    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_readable_file_is_refused(path, keys, mode):
    """The hub does not start with keys that others can read."""
    keys.close()
    path.chmod(mode)

    with pytest.raises(ConfigurationError, match="chmod 600"):
        FileKeyProvider(path, FakeClock())


def test_a_destroyed_key_is_in_no_file_any_more(path, keys):
    """Erasing means that the bytes are gone from the file and from its log."""
    kept = keys.keys_for(f"s-{number}" for number in range(50))["s-7"]
    gone = keys.key_for("s-1")
    stored = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert gone.key in stored

    assert keys.destroy("s-1") is True

    stored = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert gone.key not in stored
    assert kept.key in stored
    assert keys.by_id(gone.key_id) is None
    assert keys.destroy("s-1") is False
    assert keys.destructions() == 1


def test_whose_destroyed_key_it_was_is_forgotten(path, keys):
    """An erased person's id is erased too."""
    keys.key_for("subject-to-erase")
    keys.destroy("subject-to-erase")

    assert b"subject-to-erase" not in b"".join(file.read_bytes() for file in path.parent.iterdir())


def test_a_new_key_after_erasure_is_another_one(keys):
    """What was erased does not become readable by a new dossier of the same person."""
    old = keys.key_for("s-1")
    keys.destroy("s-1")
    new = keys.key_for("s-1")

    assert new.key_id != old.key_id
    assert keys.by_id(old.key_id) is None


def test_an_unknown_key_is_a_fault_of_the_configuration(keys):
    """A destroyed key is remembered, so a key that nobody knows means the wrong file."""
    with pytest.raises(ConfigurationError, match="not in the key file"):
        keys.by_id("never-made")


def test_a_foreign_file_is_refused(path):
    """The hub says that it is no key file instead of overwriting it."""
    path.parent.mkdir()
    path.write_bytes(b"this is no database" * 100)
    path.chmod(0o600)

    with pytest.raises(ConfigurationError, match="no key file"):
        FileKeyProvider(path, FakeClock())


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    """The reason is in the message."""
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigurationError, match="cannot use the key file"):
        FileKeyProvider(tmp_path / "file" / "keys", FakeClock())


def test_keys_are_in_no_repr(keys):
    """A key in a traceback or log line would be a leak."""
    one = keys.key_for("s-1")

    assert one.key.hex() not in repr(one)
    assert repr(one.key) not in repr(one)
    assert repr(keys) == "FileKeyProvider()"


WORKER = """
import json, sys
from pathlib import Path
from lienthong.keys import FileKeyProvider
from lienthong.testing.clock import FakeClock

provider = FileKeyProvider(Path(sys.argv[1]), FakeClock())
found = {}
for start in range(0, 200, 20):
    for subject, key in provider.keys_for(f"s-{number}" for number in range(start, start + 20)).items():
        found[subject] = key.key_id
print(json.dumps(found))
"""


def test_processes_agree_on_the_keys(path):
    """Four workers that see the same persons at the same moment use the same keys."""
    command = [sys.executable, "-c", WORKER, str(path)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(4)]
    found = [json.loads(worker.communicate(timeout=60)[0]) for worker in workers]

    assert all(each == found[0] for each in found)
    assert len(set(found[0].values())) == 200


def test_who_is_late_uses_the_other_ones_key(path, keys, monkeypatch):
    """Two workers that look for the same new person at the same moment must not replace each other's key."""
    late = FileKeyProvider(path, FakeClock())
    look, looks = late._find, []
    first = keys.key_for("s-1")

    def find(subjects):
        looks.append(1)
        return look(subjects) if len(looks) > 1 else {}

    monkeypatch.setattr(late, "_find", find)

    assert late.key_for("s-1") == first
    assert keys.key_for("s-1") == first
    late.close()
