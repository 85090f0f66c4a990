"""What a worker does with records in its pipeline's own topics that no worker wrote."""

import pytest

from lienthong.delivery.parked_state import ParkedState
from lienthong.errors import DecodeError
from lienthong.pipeline.durable import _take
from lienthong.pipeline.key_state import KeyStates
from lienthong.record import Record


def record(value, *headers):
    """Return a record of one of the pipeline's own topics."""
    return Record("hue.state.deliver", 0, 7, 0, b"key", value, list(headers))


@pytest.mark.parametrize("value", [b"\xff", b"", b"[" * 5_000, b'{"sequence": 1}', b'"v"'])
def test_noise_keeps_no_worker_from_starting(value):
    """A client with too many rights wrote into the topic: every worker of the pipeline would end at its start."""
    _take(record(value), KeyStates().load)
    _take(record(value), ParkedState().apply)


def test_what_a_newer_worker_wrote_is_never_skipped():
    """A state that this version cannot read says that records were handled: skipping it would repeat them."""
    with pytest.raises(DecodeError):
        _take(record(b'{"v":99}'), KeyStates().load)


def test_a_damaged_parked_record_is_never_skipped():
    """It is a citizen's record that waits; only a person may give it up."""
    with pytest.raises(DecodeError):
        _take(record(b"{}", ("lt-parked-state", b"parked")), ParkedState().apply)
