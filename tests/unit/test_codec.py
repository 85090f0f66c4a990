"""Encryption of whole values: bound to the record, gone with the key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.codec import ERASED, RecordCodec
from lienthong.errors import ConfigurationError, DecodeError, RecordError
from lienthong.keys import FileKeyProvider
from lienthong.record import Record
from lienthong.testing.clock import FakeClock

HEADERS = [("ce_id", b"e-1"), ("ce_source", b"/hue/one-stop"), ("ce_type", b"dossier.snapshot")]
VALUE = '{"full_name":"Nguyễn Văn Thử"}'.encode()


class MemoryKeys:
    """Keys in memory, with a count of questions."""

    def __init__(self):
        self.keys = {}
        self.subjects = {}
        self.destroyed = 0
        self.questions = 0

    def keys_for(self, subjects):
        """Make what is missing."""
        from lienthong.keys import SubjectKey

        self.questions += 1
        for subject in subjects:
            if subject not in self.subjects:
                key_id = f"{len(self.keys):04x}"
                self.subjects[subject] = key_id
                self.keys[key_id] = bytes([len(self.keys) + 1]) * 32
        return {subject: SubjectKey(self.subjects[subject], self.keys[self.subjects[subject]]) for subject in subjects}

    def by_id(self, key_id):
        """Find a key."""
        self.questions += 1
        if key_id not in self.keys:
            raise ConfigurationError("unknown key")
        return self.keys[key_id]

    def destroy(self, subject):
        """Forget a key."""
        self.keys[self.subjects.pop(subject)] = None
        self.destroyed += 1
        return True

    def destructions(self):
        """Count."""
        return self.destroyed


@pytest.fixture
def keys():
    """Return keys in memory."""
    return MemoryKeys()


@pytest.fixture
def codec(keys):
    """Return a codec that encrypts."""
    return RecordCodec(keys, enabled=True)


def _stored(codec, value=VALUE, headers=None, subject="s-1"):
    new_headers, new_value = codec.encrypt(subject, headers or HEADERS, value)
    return Record("t", 0, 0, 0, b"k", new_value, new_headers)


@given(st.binary(max_size=3000), st.text(min_size=1, max_size=20))
def test_any_value_comes_back(value, subject):
    """What goes in comes out, for every person and every value."""
    codec = RecordCodec(MemoryKeys(), enabled=True)
    record = _stored(codec, value, subject=subject)

    assert codec.decrypt(record) == value
    assert len(record.value) == len(value) + 28


def test_the_stored_value_tells_nothing(codec):
    """No part of a name is in the stored bytes, and the same value never looks the same twice."""
    one, other = _stored(codec), _stored(codec)

    assert "Nguyễn".encode() not in one.value
    assert one.value != other.value
    assert one.headers[:-1] == HEADERS
    assert one.headers[-1] == ("lt-key-id", b"0000")


def test_switched_off_nothing_changes(keys):
    """Without the catalogue's switch records stay as they are, and encrypted ones are still read."""
    record = _stored(RecordCodec(keys, enabled=True))
    off = RecordCodec(keys, enabled=False)

    assert off.encrypt("s-1", HEADERS, VALUE) == (HEADERS, VALUE)
    assert off.decrypt(record) == VALUE
    assert RecordCodec(None, enabled=False).decrypt(record._replace(headers=HEADERS, value=VALUE)) == VALUE


def test_a_tombstone_stays_one(codec):
    """Deleting needs no key."""
    assert codec.encrypt("s-1", HEADERS, None) == (HEADERS, None)
    assert codec.decrypt(Record("t", 0, 0, 0, b"k", None, [("lt-key-id", b"0000")])) is None


def test_an_erased_person_can_never_be_read(codec, keys):
    """After the key is destroyed the record is at fault, in this process and in every other one."""
    record = _stored(codec)
    assert codec.decrypt(record) == VALUE
    keys.destroy("s-1")
    codec.begin_batch()

    for reader in (codec, RecordCodec(keys, enabled=False)):
        with pytest.raises(RecordError) as caught:
            reader.decrypt(record)
        assert caught.value.reason == ERASED


def test_a_person_who_comes_back_gets_a_new_key(codec, keys):
    """A new dossier after an erasure is readable, the old one is not."""
    old = _stored(codec)
    keys.destroy("s-1")
    codec.begin_batch()
    new = _stored(codec)

    assert codec.decrypt(new) == VALUE
    with pytest.raises(RecordError):
        codec.decrypt(old)


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r._replace(value=r.value[:-1] + bytes([r.value[-1] ^ 1])),
        lambda r: r._replace(value=bytes([r.value[0] ^ 1]) + r.value[1:]),
        lambda r: r._replace(value=r.value[:20]),
        lambda r: r._replace(value=b""),
        lambda r: r._replace(headers=[("ce_id", b"e-2"), *r.headers[1:]]),
        lambda r: r._replace(headers=[*r.headers[:2], ("ce_type", b"person"), r.headers[3]]),
    ],
    ids=["tag", "nonce", "cut", "empty", "other-id", "other-type"],
)
def test_a_changed_or_moved_value_is_refused(codec, change):
    """Nobody can put one person's data under another record's name unnoticed."""
    with pytest.raises(DecodeError) as caught:
        codec.decrypt(change(_stored(codec)))
    assert caught.value.reason == "encryption"


def test_a_correction_uses_the_records_own_key(codec, keys):
    """A corrected value is erased together with the record it corrects."""
    record = _stored(codec)

    corrected = record._replace(value=codec.encrypt_like(record, b"{}"))

    assert codec.decrypt(corrected) == b"{}"
    assert codec.encrypt_like(record._replace(headers=HEADERS), b"{}") == b"{}"
    keys.destroy("s-1")
    codec.begin_batch()
    with pytest.raises(RecordError):
        codec.encrypt_like(record, b"{}")


def test_missing_keys_are_a_fault_of_the_configuration(codec):
    """A hub without its key file must stop, not set every record aside."""
    record = _stored(codec)
    with pytest.raises(ConfigurationError, match="subject_keys_file"):
        RecordCodec(None, enabled=False).decrypt(record)
    with pytest.raises(ConfigurationError, match="subject_keys_file"):
        RecordCodec(None, enabled=True)
    with pytest.raises(ConfigurationError):
        RecordCodec(MemoryKeys(), enabled=False).decrypt(record)


def test_keys_are_asked_for_once_a_batch(codec, keys):
    """A batch of records costs one question, not one for each record."""
    codec.begin_batch(f"s-{number}" for number in range(100))
    records = [_stored(codec, subject=f"s-{number}") for number in range(100)]
    codec.begin_batch(f"s-{number}" for number in range(100))
    for record in records:
        codec.decrypt(record)

    assert keys.questions == 1


def test_it_works_with_the_key_file(tmp_path):
    """Two processes with the same file understand each other, and both forget an erased person."""
    one = FileKeyProvider(tmp_path / "keys", FakeClock())
    other = FileKeyProvider(tmp_path / "keys", FakeClock())
    writer, reader = RecordCodec(one, enabled=True), RecordCodec(other, enabled=False)
    record = _stored(writer)
    assert reader.decrypt(record) == VALUE

    one.destroy("s-1")
    reader.begin_batch()

    with pytest.raises(RecordError):
        reader.decrypt(record)
    one.close()
    other.close()


def test_a_forked_process_draws_its_own_nonces(monkeypatch):
    """The same nonce under the same key twice would break the encryption of both records."""
    from lienthong import codec

    nonces = codec._Nonces()
    nonces.next()
    expected = next(nonces._drawn)
    nonces._drawn = iter([expected])
    monkeypatch.setattr(codec.os, "getpid", lambda: -1)

    assert nonces.next() != expected
