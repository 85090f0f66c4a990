"""Reviews: what an official is asked, and that it is closed."""

from datetime import UTC, datetime, timedelta

import pytest

from lienthong.delivery.review_record import OpenReviews, parse_review, review_id, to_closed_review, to_review
from lienthong.errors import DecodeError
from lienthong.outcome import Finding
from lienthong.record import Record

AT = datetime(2026, 10, 5, 1, 2, 3, tzinfo=UTC)
TOPIC = "hue.review"
HEADERS = [("ce_id", b"e-1"), ("ce_source", b"/hue/one-stop"), ("ce_type", b"dossier.snapshot")]


def _record(event_id=b"e-1", key=b"H57.12-250101-0001"):
    headers = [("ce_id", event_id), *HEADERS[1:]]
    return Record("hue.records.dossier", 2, 77, 5, key, b'{"owner":"?"}', headers)


def _review(record=None, opened_at=AT):
    return to_review(
        record or _record(),
        topic=TOPIC,
        pipeline="verify-dossier",
        reason="identity_mismatch",
        opened_at=opened_at,
        findings=[Finding("owner.full_name", "mismatch"), Finding("owner.birth_date", "year_only")],
    )


def _read(outgoing):
    return Record(outgoing.topic, 0, 0, 1, outgoing.key, outgoing.value, outgoing.headers)


@pytest.mark.parametrize("key", [b"H57.12-250101-0001", None])
def test_a_review_holds_the_record_and_why(key):
    """An official finds the record at its place, the reason and the fields."""
    review = parse_review(_read(_review(_record(key=key))))

    assert review.record == _record(key=key)
    assert (review.pipeline, review.reason, review.opened_at) == ("verify-dossier", "identity_mismatch", AT)
    assert review.findings == ("owner.full_name:mismatch", "owner.birth_date:year_only")
    assert review.id == review_id("verify-dossier", _record())
    assert "owner" not in repr(review.record)
    assert "record=" not in repr(review)


def test_the_key_is_the_reviews_own():
    """A compacted topic keeps each open review, even two of one dossier in two pipelines."""
    assert _review().key == review_id("verify-dossier", _record()).encode()
    assert review_id("verify-dossier", _record()) != review_id("deliver-dossier", _record())


def test_what_is_open_is_known_from_the_topic():
    """Reviews opened twice count once, closed ones are gone, the oldest comes first."""
    reviews = OpenReviews()
    late = _review(_record(b"e-2"), AT + timedelta(hours=1))
    for outgoing in (late, _review(), _review(), _review(_record(b"e-3"))):
        reviews.apply(_read(outgoing))
    reviews.apply(_read(to_closed_review(review_id("verify-dossier", _record(b"e-3")), TOPIC)))
    reviews.apply(_read(to_closed_review("never-opened", TOPIC)))

    assert [review.record.header("ce_id") for review in reviews.all()] == [b"e-1", b"e-2"]
    assert reviews.find(review_id("verify-dossier", _record())) is not None
    assert reviews.find(review_id("verify-dossier", _record(b"e-3"))) is None


def test_a_foreign_record_is_refused():
    """What is no review is named, not shown as one."""
    with pytest.raises(DecodeError):
        OpenReviews().apply(Record(TOPIC, 0, 0, 0, b"k", b"{}", []))
