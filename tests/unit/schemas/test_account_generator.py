"""The made-up accounts: as many as asked, the same every time, and nobody real."""

from collections import Counter

from lienthong_schemas.generator.accounts import CONVERTED_OF_FULL_SIZE, FULL_SIZE, accounts


def test_the_same_seed_gives_the_same_rows_and_exactly_as_many():
    """A truth that changed between two runs would prove nothing."""
    first = [(row.cells, row.state) for row in accounts(3_000, 7, has_defects=True)]

    assert len(first) == 3_000
    assert first == [(row.cells, row.state) for row in accounts(3_000, 7, has_defects=True)]


def test_nobody_can_be_real():
    """Personal IDs begin with 000 or 999, which no province has."""
    for row in accounts(3_000, 1):
        assert row.cells[1][:3] in {"", "000", "999"}
        assert row.cells[2][:3] in {"", "999"}


def test_every_state_occurs_and_a_quarter_was_linked_before():
    """The scenario's share of converted accounts, and every reason for an official."""
    rows = list(accounts(20_000, 1, has_defects=True))
    states = Counter(row.state for row in rows)

    assert set(states) == {
        "linked", "not_found", "mismatch", "deceased", "id_changed", "minor_guardian", "no_id", "conflict", "set_aside",
    }  # fmt: skip
    assert sum(row.is_converted for row in rows) == CONVERTED_OF_FULL_SIZE * 20_000 // FULL_SIZE
