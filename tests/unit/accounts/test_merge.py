"""Merging two persons can be undone exactly."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.errors import ValidationFailedError
from lienthong_schemas.account_merge import (
    AccountBook,
    HeldAccount,
    SubjectMergedV1,
    SubjectUnmergedV1,
    merge,
    unmerge,
)
from lienthong_schemas.account_states import STATES

WHEN = datetime(2026, 10, 8, tzinfo=UTC)
SUBJECTS = ("p1", "p2", "p3")
names = st.tuples(st.sampled_from(("portal", "hue-s")), st.sampled_from("abcdef"))
held = st.builds(
    HeldAccount,
    subject=st.sampled_from(SUBJECTS),
    state=st.sampled_from(STATES),
    aliases=st.lists(st.sampled_from(("old-1", "old-2")), max_size=2).map(tuple),
)
books = st.dictionaries(names, held).map(AccountBook)


def _merged(stays, goes, merge_id="m1"):
    return SubjectMergedV1(
        subject_reference=stays,
        merged_reference=goes,
        merge_id=merge_id,
        decided_at=WHEN,
        decided_by="officer-7",
        reason="two registrations of one person",
    )


def _undone(stays, merge_id="m1"):
    return SubjectUnmergedV1(
        subject_reference=stays, merge_id=merge_id, decided_at=WHEN, decided_by="officer-7", reason="wrong person"
    )


@given(books)
def test_an_undo_restores_everything_exactly(book):
    """State, person and aliases of every account are what they were before the merge."""
    after = merge(book, _merged("p1", "p2"))

    assert unmerge(after, _undone("p1")) == book


@given(books)
def test_after_a_merge_nothing_belongs_to_the_alias(book):
    """All accounts are under the person that stays, and those that moved remember from where."""
    after = merge(book, _merged("p1", "p2"))

    assert all(each.subject != "p2" for each in after.accounts.values())
    for name, before in book.accounts.items():
        if before.subject == "p2":
            assert after.accounts[name].aliases == (*before.aliases, "p2")
        elif before.subject == "p3":
            assert after.accounts[name] == before


@given(books)
def test_merges_undone_in_reverse_restore_everything(book):
    """A chain of merges comes apart in the order in which it was made, and in no other."""
    one = merge(book, _merged("p1", "p2", "m1"))
    two = merge(one, _merged("p3", "p1", "m2"))
    if two.merges["m1"].keys() & two.merges["m2"].keys():
        with pytest.raises(ValidationFailedError, match="later"):
            unmerge(two, _undone("p1", "m1"))

    assert unmerge(unmerge(two, _undone("p3", "m2")), _undone("p1", "m1")) == book


def test_two_linked_accounts_of_one_system_become_a_conflict():
    """A person has one linked account in a system; an official decides which."""
    book = AccountBook(
        {
            ("portal", "a"): HeldAccount("p1", "linked"),
            ("portal", "b"): HeldAccount("p2", "linked"),
            ("hue-s", "c"): HeldAccount("p2", "linked"),
        }
    )

    after = merge(book, _merged("p1", "p2"))

    assert {name: each.state for name, each in after.accounts.items()} == {
        ("portal", "a"): "conflict",
        ("portal", "b"): "conflict",
        ("hue-s", "c"): "linked",
    }


def test_the_same_merge_or_undo_twice_changes_nothing():
    """Records come at least once."""
    book = AccountBook({("portal", "a"): HeldAccount("p2", "linked")})
    once = merge(book, _merged("p1", "p2"))

    assert merge(once, _merged("p1", "p2")) == once
    assert unmerge(unmerge(once, _undone("p1")), _undone("p1")) == book


def test_nobody_is_merged_with_themselves():
    """It would make a person their own alias."""
    with pytest.raises(ValidationFailedError, match="themselves"):
        merge(AccountBook(), _merged("p1", "p1"))
