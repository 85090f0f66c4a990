"""The fast look at attributes lets nothing through that the exact look refuses, and is fast for ordinary ids."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.personal import holds_personal_id
from lienthong.pipeline.attributes import HeaderMemory, are_usual, usual

_TOPIC = "hue.inbound.dossier.one-stop"
_PIECES = st.one_of(
    st.sampled_from(
        ["000190123456", "012.345.678.901", "012 345 678 901", "000123456", "CCCD", "a", "-", ".", " ", "/"]
    ),
    st.text("0123456789", max_size=13),
    st.text("0123456789abcXYZ .-_/:=", max_size=12),
)
_PERSON_ATTRIBUTES = ("id", "source", "subject", "subjectref", "actor", "onbehalfof", "dossiercode")


def _headers(**changes):
    plain = {
        "ce_specversion": b"1.0",
        "ce_id": b"e-1",
        "ce_source": b"/hue/one-stop",
        "ce_type": b"dossier.progress",
        "ce_dataschema": b"urn:lienthong:schemas:dossier.progress:1",
        "content-type": b"application/json",
    }
    return list((plain | changes).items())


@given(name=st.sampled_from(_PERSON_ATTRIBUTES), value=st.lists(_PIECES, min_size=1, max_size=5).map("".join))
def test_nothing_that_names_a_person_is_usual(name, value):
    """Whatever the exact look refuses is left to it."""
    if holds_personal_id(name, value):
        assert usual(_headers(**{f"ce_{name}": value.encode()})) is None
        assert not are_usual([b"e-1", value.encode(), b"e-2"])


@pytest.mark.parametrize(
    "event_id",
    [
        uuid.UUID(int=0x65F23A5A_E87F_4636_8423_67620F899F90).hex,
        "65f23a5a-e87f-4636-8423-67620f899f90",
        "20261123080000",
        "000.00.22.H57-251123-0001",
        "1795395600123",
        "H57-251123-000001",
    ],
)
def test_ordinary_ids_are_usual(event_id):
    """Long runs of digits in hashes, time stamps and counters do not send a publisher's records the slow way."""
    assert usual(_headers(ce_id=event_id.encode())) is not None


def test_one_suspicious_id_leaves_its_neighbours_usual():
    """One UUID in three hundred ends with digits alone; the records beside it keep the fast way."""
    memory = HeaderMemory()
    memory.learn(_TOPIC, _headers(), "known")
    odd = b"65f23a5a-e87f-4636-8423-123456789012"
    known, ids = memory.look(_TOPIC, [_headers(ce_id=b"e-1"), _headers(ce_id=odd), _headers(ce_id=b"e-3")])
    assert known == ["known", None, "known"]
    assert ids == [b"e-1", b"", b"e-3"]
