"""Builds the records that make a key wait and let it go on; what is parked is kept in step with them."""

from collections.abc import Iterable

from lienthong.clock import Clock
from lienthong.delivery.command import Command
from lienthong.delivery.parked_state import ParkedState
from lienthong.delivery.parking import (
    BEHIND,
    DEAD_LETTER,
    QUARANTINE,
    REVIEW,
    SCOPE,
    WINDOW,
    ParkedEntry,
    entry_id,
    lane_of,
    to_closed,
    to_done,
    to_parked,
)
from lienthong.delivery.review_record import review_id, to_closed_review, to_review
from lienthong.delivery.scope import Scope
from lienthong.outcome import Outcome, OutcomeKind
from lienthong.pipeline.definitions import Pipeline
from lienthong.pipeline.item import Handled, Item
from lienthong.record import OutgoingRecord, Record

_KINDS = {REVIEW: OutcomeKind.REVIEW, DEAD_LETTER: OutcomeKind.DEAD_LETTERED}


class ReviewFlow:
    """Parks records and closes what was parked.

    Args:
        pipeline: Which pipeline.
        parked: What is parked in the partitions that this worker owns.
        clock: Where to read the time.

    Delivery:
        The records that a method returns or adds to an outcome must be written before the receipt, those of
        :meth:`closing` after it.
    """

    def __init__(self, pipeline: Pipeline, parked: ParkedState, clock: Clock) -> None:
        self._pipeline = pipeline
        self._parked = parked
        self._clock = clock
        self._topic = pipeline.names.of_pipeline("parked", pipeline.name)

    def is_parked(self, item: Item) -> bool:
        """Return whether a record must wait behind another one of its key, or waits already.

        Args:
            item: The record.
        """
        return self._parked.is_parked(lane_of(item.record))

    def known(self, item: Item) -> Handled | None:
        """Return where a record waits already, because it was parked before a crash, or None.

        Args:
            item: The record.
        """
        entry = self._parked.find(lane_of(item.record), entry_id(item.record))
        if entry is None:
            return None
        kind = _KINDS.get(entry.reason, OutcomeKind.PARKED)
        return Handled(Outcome(kind, entry.reason, attempts=0), is_parked=True)

    def park_behind(self, item: Item) -> Handled:
        """Let a record wait behind the parked ones of its key.

        Args:
            item: The record.
        """
        return self._park(item, BEHIND, Handled(Outcome(OutcomeKind.PARKED, BEHIND, attempts=0)))

    def open_review(self, item: Item, reason: str, handled: Handled, entry: ParkedEntry | None = None) -> Handled:
        """Ask a person to decide, and let the key wait.

        Args:
            item: The record.
            reason: Machine-readable.
            handled: What is known so far.
            entry: Where the record waited until now; None if it did not.

        Delivery:
            A review that is open stays as it is: then the decision changed nothing that the target accepts.
        """
        if entry is not None and entry.review_id:
            handled.is_parked = True
            return handled
        identifier = review_id(self._pipeline.name, item.record)
        self._park(item, REVIEW, handled, identifier=identifier, asked=reason)
        opened = self._parked.find_review(identifier)
        handled.records += self.reviews_of([opened] if opened is not None else [])
        return handled

    def reviews_of(self, entries: Iterable[ParkedEntry]) -> list[OutgoingRecord]:
        """Return the reviews of entries that wait for a person, as they were opened.

        Args:
            entries: Open entries; those that wait for something else are left out.
        """
        return [
            to_review(
                entry.record,
                topic=self._pipeline.names.review,
                pipeline=self._pipeline.name,
                reason=entry.asked or entry.reason,
                opened_at=entry.parked_at,
                findings=entry.findings,
            )
            for entry in entries
            if entry.review_id
        ]

    def park_dead_letter(self, item: Item, handled: Handled, entry: ParkedEntry | None = None) -> Handled:
        """Let a key wait behind a record that was set aside.

        Args:
            item: The record.
            handled: Its end as a dead letter.
            entry: Where the record waited until now; None if it did not.
        """
        return self._park(item, DEAD_LETTER, handled, entry)

    def park_scope(self, item: Item, scope: Scope, handled: Handled, entry: ParkedEntry | None = None) -> Handled:
        """Let a key wait until its target allows a scope.

        Args:
            item: The record.
            scope: What is not allowed.
            handled: What is known so far.
            entry: Where the record waited until now; None if it did not.
        """
        return self._park(item, SCOPE, handled, entry, scope=scope)

    def park_window(self, item: Item, handled: Handled | None = None) -> Handled:
        """Let a key wait that holds up its partition; it is tried again without an operator.

        Args:
            item: The record.
            handled: What is known so far.
        """
        return self._park(item, WINDOW, handled or Handled(Outcome(OutcomeKind.PARKED, WINDOW, attempts=0)))

    def quarantine(self, item: Item, entry: ParkedEntry | None = None) -> Handled:
        """Let a key wait because handling its record ends the process; ``replay`` or ``discard`` releases it.

        Args:
            item: The record.
            entry: Where the record waited until now; None if it did not.
        """
        handled = Handled(Outcome(OutcomeKind.PARKED, QUARANTINE, attempts=0))
        return self._park(item, QUARANTINE, handled, entry)

    def closing(self, entry: ParkedEntry) -> list[OutgoingRecord]:
        """Return the records that say that an entry has ended; write them after its receipt.

        Args:
            entry: The entry.
        """
        closed = to_closed(entry.record, topic=self._topic)
        self._parked.apply(closed)
        return [closed, *self.closing_review(entry.review_id)]

    def closing_review(self, identifier: str) -> list[OutgoingRecord]:
        """Return the record that takes a review from the list.

        Args:
            identifier: Its id; empty for none.
        """
        return [to_closed_review(identifier, self._pipeline.names.review)] if identifier else []

    def done(self, key: bytes | None, partition: int, offset: int) -> list[OutgoingRecord]:
        """Return the record that keeps a command from being carried out again.

        Args:
            key: Key of the command.
            partition: Partition of the command.
            offset: Its place in ``replay.<pipeline>``.
        """
        record = to_done(key, partition, offset, topic=self._topic)
        self._parked.apply(record)
        return [record]

    def _park(
        self,
        item: Item,
        reason: str,
        handled: Handled,
        entry: ParkedEntry | None = None,
        *,
        identifier: str = "",
        scope: Scope | None = None,
        asked: str = "",
    ) -> Handled:
        record = to_parked(
            item.record,
            topic=self._topic,
            reason=reason,
            parked_at=self._clock.now(),
            review_id=identifier,
            scope=scope,
            asked=asked,
            findings=handled.outcome.findings if identifier else (),
        )
        self._parked.apply(record)
        handled.records.append(record)
        handled.is_parked = True
        if entry is not None:
            handled.records += self.closing_review(entry.review_id)
        return handled


def corrected(record: Record, command: Command) -> Record:
    """Return a record with the value of a correction.

    Args:
        record: The record that waits.
        command: The correction.
    """
    return record._replace(value=command.value)


def replayed(command: Command, waiting: Record | None) -> Record | None:
    """Return the record that a command puts back, at its old place and with its old name.

    Args:
        command: A ``replay`` or ``discard``.
        waiting: The record as it waits; None if it does not.

    Returns:
        What waits, with the replayed value; otherwise what the command carries; None if that is nothing either.
    """
    if waiting is not None:
        return waiting if command.value is None else waiting._replace(value=command.value)
    if not command.headers:
        return None
    place = command.topic, command.partition, command.offset, command.timestamp_ms
    return Record(*place, command.key, command.value, list(command.headers))
