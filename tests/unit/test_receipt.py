"""Receipts: packed by slice, read back the same."""

from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.errors import DecodeError
from lienthong.outcome import OutcomeKind
from lienthong.receipt import Receipt, ReceiptBatch, decode, encode, kind_of

AT = datetime(2026, 10, 5, 8, 0, tzinfo=timezone(timedelta(hours=7)))
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
RECEIPTS = st.builds(
    Receipt,
    offset=st.integers(0, 2**62),
    source=TEXT,
    id=TEXT,
    type=TEXT,
    key=TEXT,
    kind=st.sampled_from([kind.value for kind in OutcomeKind]),
    reason=TEXT,
    attempts=st.integers(1, 10_000),
    repeat_possible=st.booleans(),
    effect_key=TEXT,
    attempt_ids=st.lists(TEXT, max_size=3),
    findings=st.lists(TEXT, max_size=3),
    target_reference=TEXT,
)


def _same(receipt):
    return receipt._replace(attempt_ids=list(receipt.attempt_ids), findings=list(receipt.findings))


@given(st.lists(RECEIPTS, max_size=5), TEXT, st.integers(0, 1000))
def test_a_batch_comes_back_unchanged(receipts, pipeline, partition):
    """What a worker says of a slice is what the ledger reads."""
    batch = ReceiptBatch(pipeline, "hue.records.dossier", partition, AT, receipts)
    outgoing = encode(batch, "hue.receipts")
    found = decode(outgoing.value)

    assert (found.pipeline, found.topic, found.partition, found.at) == (pipeline, "hue.records.dossier", partition, AT)
    assert [_same(receipt) for receipt in found.receipts] == [_same(receipt) for receipt in receipts]
    assert outgoing.key == f"{pipeline}|hue.records.dossier|{partition}".encode()


def test_the_usual_receipt_is_small():
    """A delivered record costs six fields, because there are millions of them."""
    receipt = Receipt(7, "/hue/one-stop", "e-1", "dossier.snapshot", "H57.12-250101-0001", OutcomeKind.DELIVERED)
    value = encode(ReceiptBatch("x", "t", 0, AT, [receipt]), "r").value

    assert orjson.loads(value)["rows"] == [[7, "/hue/one-stop", "e-1", "dossier.snapshot", receipt.key, "delivered"]]
    assert kind_of(decode(value).receipts[0]) is OutcomeKind.DELIVERED


@pytest.mark.parametrize(
    "change",
    [{"v": 2}, {"v": None}, {"at": "yesterday"}, {"at": 5}, {"rows": None}, {"rows": [1]}, {"rows": [[]]},
     {"rows": [[1] * 14]}, {"rows": ["abcdef"]}, {"pipeline": ...}, {"rows": ...}],
)  # fmt: skip
def test_what_is_no_batch_is_refused(change):
    """A reader says so instead of counting something else."""
    batch = ReceiptBatch("x", "t", 0, AT.astimezone(UTC), [])
    document = orjson.loads(encode(batch, "r").value) | change
    document = {name: value for name, value in document.items() if value is not ...}

    with pytest.raises(DecodeError):
        decode(orjson.dumps(document))


@given(st.binary(max_size=100))
def test_any_bytes_are_a_batch_or_a_clear_error(value):
    """No value, however broken, ends in another exception."""
    with pytest.raises(DecodeError):
        decode(value)
