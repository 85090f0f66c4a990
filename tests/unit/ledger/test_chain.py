"""The hash chain shows every change of the sealed access log."""

from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from lienthong.ledger import models
from lienthong.ledger.chain import GENESIS


def _seal_five(feeder: Any) -> None:
    for number in range(5):
        feeder.apply(feeder.entry(f"v{number}", at_seconds=number))


def _breaks(feeder: Any) -> list[tuple[int, str]]:
    return [(item.record_offset, item.problem.split()[1]) for item in feeder.store.verify_chain()]


def test_an_untouched_chain_holds(feeder: Any) -> None:
    """Each entry carries the hash of the one before it; the first one follows the genesis."""
    _seal_five(feeder)

    assert feeder.store.verify_chain() == []
    hashes = [(row["previous_hash"], row["hash"]) for row in feeder.store.accesses_of(feeder.dossier)]
    assert [previous for previous, _ in hashes] == [GENESIS, *(own for _, own in hashes[:-1])]
    (head,) = feeder.store.chain_heads().values()
    assert (head.entries, head.hash) == (5, hashes[-1][1])


def test_the_way_entries_are_cut_into_transactions_does_not_matter(feeder: Any) -> None:
    """A rebuild reads larger pieces and must give the same hashes."""
    _seal_five(feeder)
    before = feeder.dump()
    feeder.store.clear(models.ACCESS_TABLES, [feeder.names.access_log])
    again = type(feeder)(feeder.store)
    again.apply(*feeder.records)

    assert again.dump() == before


@pytest.mark.parametrize("column", ["actor", "purpose", "result", "at_us", "fields", "value_sha256", "key"])
def test_a_changed_entry_is_found(feeder: Any, column: str) -> None:
    """Whoever changes who asked what, when or why is shown up."""
    _seal_five(feeder)
    value = 1 if column == "at_us" else "other"
    with feeder.store.writing() as connection:
        connection.execute(
            update(models.access_log).where(models.access_log.c.record_offset == 2).values({column: value})
        )

    assert _breaks(feeder) == [(2, "entry")]


def test_a_changed_entry_with_a_fresh_hash_is_found(feeder: Any) -> None:
    """Recomputing the hash of one entry breaks the next one."""
    _seal_five(feeder)
    with feeder.store.writing() as connection:
        connection.execute(
            update(models.access_log).where(models.access_log.c.record_offset == 2).values(hash="f" * 64)
        )

    assert [offset for offset, _ in _breaks(feeder)] == [2, 3]


@pytest.mark.parametrize(("offset", "found_at"), [(0, 1), (2, 3), (4, 4)])
def test_a_removed_entry_is_found(feeder: Any, offset: int, found_at: int) -> None:
    """At the beginning, in the middle and at the end."""
    _seal_five(feeder)
    with feeder.store.writing() as connection:
        connection.execute(delete(models.access_log).where(models.access_log.c.record_offset == offset))

    assert found_at in [item for item, _ in _breaks(feeder)]


def test_an_inserted_entry_is_found(feeder: Any) -> None:
    """A copy that is slipped in follows nobody."""
    _seal_five(feeder)
    with feeder.store.writing() as connection:
        row = (
            connection.execute(select(models.access_log).where(models.access_log.c.record_offset == 4)).mappings().one()
        )
        connection.execute(insert(models.access_log).values({**row, "record_offset": 5}))

    assert 5 in [offset for offset, _ in _breaks(feeder)]


def test_an_unreadable_entry_is_sealed_too(feeder: Any) -> None:
    """Damage in the topic leaves a sealed trace with the hash of what was there."""
    feeder.apply(feeder.entry(), feeder.place(feeder.names.access_log, 0, b"damaged"), feeder.entry("v2"))

    assert feeder.store.verify_chain() == []
    (head,) = feeder.store.chain_heads().values()
    assert head.entries == 3
    assert [row["record_offset"] for row in feeder.store.unreadable()] == [1]
