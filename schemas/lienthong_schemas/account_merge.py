"""Merging two persons who turn out to be one, so that it can be undone exactly.

Source:
    ``national-specs.md`` 4.4: a merge is reversible and audited, old user names stay as aliases.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated

from lienthong.errors import ValidationFailedError
from lienthong_schemas.account_states import AccountState
from lienthong_schemas.base import Line200, RecordModel, Timestamp, Token, meta


class SubjectMergedV1(RecordModel):
    """That two ids of the hub are the same person; from here on everything goes under the one that stays."""

    subject_reference: Annotated[Token, meta("Mã tham chiếu", "The id that stays.")]
    merged_reference: Annotated[Token, meta("Mã bị gộp", "The id that becomes an alias.")]
    merge_id: Annotated[Token, meta("Mã lần gộp", "Names the merge, for its undo.")]
    decided_at: Annotated[Timestamp, meta("Thời điểm quyết định", "When an official decided.")]
    decided_by: Annotated[Token, meta("Cán bộ quyết định", "Opaque id of the official.")]
    reason: Annotated[Line200, meta("Lý do", "Why; no value of a person.")]


class SubjectUnmergedV1(RecordModel):
    """That a merge was wrong and is undone."""

    subject_reference: Annotated[Token, meta("Mã tham chiếu", "The id that stayed.")]
    merge_id: Annotated[Token, meta("Mã lần gộp", "The merge that is undone.")]
    decided_at: Annotated[Timestamp, meta("Thời điểm quyết định", "When an official decided.")]
    decided_by: Annotated[Token, meta("Cán bộ quyết định", "Opaque id of the official.")]
    reason: Annotated[Line200, meta("Lý do", "Why; no value of a person.")]


@dataclass(frozen=True, slots=True)
class HeldAccount:
    """One account of one system.

    Attributes:
        subject: Person it belongs to.
        state: Where it is on its way.
        aliases: Former persons and user names, the newest last.
    """

    subject: str
    state: AccountState
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountBook:
    """All accounts that are known, by (system, account), and what each merge found before it.

    Attributes:
        accounts: As they are now.
        merges: Merge → the accounts that it changed, as they were.
    """

    accounts: Mapping[tuple[str, str], HeldAccount] = field(default_factory=dict)
    merges: Mapping[str, Mapping[tuple[str, str], HeldAccount]] = field(default_factory=dict)


def merge(book: AccountBook, event: SubjectMergedV1) -> AccountBook:
    """Return the book after a merge; two linked accounts of one system become a conflict for an official.

    Args:
        book: Before.
        event: The merge; one that was made already changes nothing.

    Raises:
        ValidationFailedError: If somebody would be merged with themselves.
    """
    if event.merge_id in book.merges:
        return book
    if event.subject_reference == event.merged_reference:
        raise ValidationFailedError("a person cannot be merged with themselves; name two different references")
    both = {event.subject_reference, event.merged_reference}
    touched = {name: held for name, held in book.accounts.items() if held.subject in both}
    linked = [system for (system, _), held in touched.items() if held.state == "linked"]
    after = {
        (system, account): _moved(held, event, is_double=held.state == "linked" and linked.count(system) > 1)
        for (system, account), held in touched.items()
    }
    changed = {name: held for name, held in touched.items() if after[name] != held}
    return AccountBook({**book.accounts, **after}, {**book.merges, event.merge_id: changed})


def unmerge(book: AccountBook, event: SubjectUnmergedV1) -> AccountBook:
    """Return the book as it was before a merge, for all that the merge changed.

    Args:
        book: After the merge.
        event: The undo; one that was made already changes nothing.

    Raises:
        ValidationFailedError: If a later merge changed the same accounts; undo that one first.
    """
    before = book.merges.get(event.merge_id)
    if before is None:
        return book
    names = list(book.merges)
    later = names[names.index(event.merge_id) + 1 :]
    if any(before.keys() & book.merges[name].keys() for name in later):
        raise ValidationFailedError("a later merge changed the same accounts; undo the later one first")
    merges = {name: held for name, held in book.merges.items() if name != event.merge_id}
    return AccountBook({**book.accounts, **before}, merges)


def _moved(held: HeldAccount, event: SubjectMergedV1, *, is_double: bool) -> HeldAccount:
    moved = replace(held, state="conflict") if is_double else held
    if held.subject == event.subject_reference:
        return moved
    return replace(moved, subject=event.subject_reference, aliases=(*held.aliases, held.subject))
