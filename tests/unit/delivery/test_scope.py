"""Names of scopes: the same for all workers and operators, and telling nobody who is meant."""

from datetime import UTC, datetime

import pytest

from lienthong.delivery.parking import BEHIND, SCOPE, to_closed, to_parked
from lienthong.delivery.scope import parse_scope, scope_of
from lienthong.delivery.scope_desk import ScopeDesk
from lienthong.errors import DecodeError, LienthongError
from lienthong.record import Record
from lienthong.testing.clock import FakeClock
from lienthong.topic_names import TopicNames

SECRET = b"s" * 32
NOW = datetime(2026, 10, 5, tzinfo=UTC)
PROCEDURE = scope_of("portal", "procedure", "1.004194", SECRET)


def test_a_scope_is_hashed_with_all_that_makes_it_up() -> None:
    """Two targets with one officer are two scopes, and without the hub's key nobody can try values."""
    same = scope_of("portal", "procedure", "1.004194", SECRET)
    others = [
        scope_of("population", "procedure", "1.004194", SECRET),
        scope_of("portal", "officer", "1.004194", SECRET),
        scope_of("portal", "procedure", "1.004195", SECRET),
        scope_of("portal", "procedure", "1.004194", b"t" * 32),
    ]
    assert same == PROCEDURE
    assert len({each.hash for each in [PROCEDURE, *others]}) == 5
    assert parse_scope(str(PROCEDURE)) == PROCEDURE
    assert "1.004194" not in str(PROCEDURE)


@pytest.mark.parametrize(
    "text", ["", "portal|procedure", "portal|procedure|1.004194", f"Portal|x|{'0' * 32}", "a|b|c|d"]
)
def test_another_form_names_no_scope(text: str) -> None:
    """A raw value in a command is a defect, not a scope."""
    with pytest.raises(DecodeError):
        parse_scope(text)


def _record(number: int, key: bytes) -> Record:
    return Record("hue.records.dossier", 0, number, 5, key, b"secret", [])


def _read(out: object) -> Record:
    return Record(out.topic, out.partition, 0, 1, out.key, out.value, out.headers)


@pytest.fixture
def desk() -> ScopeDesk:
    """Give a desk with one blocked procedure: two dossiers, one with a later record, and one that went on."""
    made = ScopeDesk(TopicNames("hue"), FakeClock())
    parked = [
        to_parked(_record(1, b"a"), topic="p", reason=SCOPE, parked_at=NOW, scope=PROCEDURE),
        to_parked(_record(2, b"a"), topic="p", reason=BEHIND, parked_at=NOW),
        to_parked(_record(3, b"b"), topic="p", reason=SCOPE, parked_at=NOW, scope=PROCEDURE),
        to_parked(_record(4, b"c"), topic="p", reason=SCOPE, parked_at=NOW, scope=PROCEDURE),
        to_closed(_record(4, b"c"), topic="p"),
    ]
    made.add("deliver-x", [*map(_read, parked), Record("p", 0, 9, 1, b"", b"", [])])
    return made


def test_what_waits_is_counted_by_scope(desk: ScopeDesk) -> None:
    """One line tells how much a missing permission costs; what went on and foreign records do not count."""
    (waiting,) = desk.all()
    assert (waiting.scope, waiting.records, waiting.behind, waiting.oldest) == (PROCEDURE, 2, 1, NOW)
    assert desk.unreadable == 1
    assert desk.pipelines(PROCEDURE) == ["deliver-x"]


def test_only_what_waits_can_be_released_and_only_by_somebody(desk: ScopeDesk) -> None:
    """A slip in the value must not pass for a release."""
    assert desk.find("portal", "procedure", PROCEDURE.hash[:6]) == PROCEDURE
    for target, kind, beginning in [
        ("portal", "procedure", PROCEDURE.hash[:5]),
        ("portal", "officer", PROCEDURE.hash),
        ("population", "procedure", PROCEDURE.hash),
        ("portal", "procedure", "0" * 32),
    ]:
        with pytest.raises(LienthongError, match="no single scope"):
            desk.find(target, kind, beginning)
    with pytest.raises(LienthongError, match="--reason"):
        desk.release(PROCEDURE, "deliver-x", [0], actor="operator-3", reason="")
    assert [each.partition for each in desk.release(PROCEDURE, "deliver-x", [0, 1], actor="o", reason="r")] == [0, 1]
