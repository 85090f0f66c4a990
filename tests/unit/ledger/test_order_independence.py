"""The merge depends neither on how partitions are interleaved nor on repetitions: a rebuild gives the same ledger."""

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lienthong.ledger import models
from lienthong.outcome import OutcomeKind

_RECEIPT = st.tuples(
    st.sampled_from(["id-1", "id-2"]),
    st.sampled_from([kind.value for kind in OutcomeKind]),
    st.integers(0, 2),
    st.booleans(),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(receipts=st.lists(_RECEIPT, min_size=1, max_size=8), seed=st.integers(0, 10**6))
def test_any_order_and_any_repetition_gives_the_same_rows(
    sqlite_feeder: Any, receipts: list[tuple[str, str, int, bool]], seed: int
) -> None:
    """Receipts of one record come from several partitions (source, replay) and in any order between them."""
    dumps = []
    for shuffled in (False, True):
        with sqlite_feeder.store.writing() as connection:
            for table in (*models.PROJECTION_TABLES, models.progress):
                connection.execute(table.delete())
        feeder = type(sqlite_feeder)(sqlite_feeder.store)
        built = [
            (feeder.receipt(name, kind, offset, repeat_possible=flag), second)
            for second, (name, kind, offset, flag) in enumerate(receipts)
        ]
        if shuffled:
            built += built[: len(built) // 2]
            random.Random(seed).shuffle(built)
        for receipt, second in built:
            feeder.apply(feeder.batch(receipt, at_seconds=second, receipts_partition=second))
        dump = feeder.dump()
        dumps.append((dump["receipts"], dump["arrivals"]))

    assert dumps[0] == dumps[1]


@pytest.mark.parametrize("kinds", [("filtered", "filtered"), ("delivered", "duplicate"), ("duplicate", "duplicate")])
def test_two_copies_in_one_slice_give_one_row(sqlite_feeder: Any, kinds: tuple[str, str]) -> None:
    """Receipts of one moment are told apart by the place of their records."""
    first, second = (sqlite_feeder.receipt("id-1", kind, offset) for offset, kind in enumerate(kinds))
    sqlite_feeder.apply(sqlite_feeder.batch(first, second))
    there = sqlite_feeder.dump()["receipts"]
    sqlite_feeder.apply(sqlite_feeder.batch(second, first))

    assert sqlite_feeder.dump()["receipts"] == there
    assert len(there) == 1
