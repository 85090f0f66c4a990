"""Parking, review and what follows an official's decision, within one lane."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from lienthong.clock import Clock
from lienthong.delivery.command import Action, Command
from lienthong.delivery.parking import BEHIND, ParkedEntry, ParkedState, entry_id, to_closed, to_parked
from lienthong.delivery.review_record import review_id, to_closed_review, to_review
from lienthong.outcome import Outcome, OutcomeKind
from lienthong.pipeline.definitions import Pipeline
from lienthong.pipeline.item import Handled, Item
from lienthong.record import OutgoingRecord, Record


@dataclass(frozen=True, slots=True)
class Decided:
    """A record that an official decided on, or one that waited behind it.

    Attributes:
        entry: The parked entry.
        item: The record, decoded again, with the corrected value if there is one.
        action: The decision; None for a record that only waited.
    """

    entry: ParkedEntry
    item: Item
    action: Action | None


class ReviewFlow:
    """Builds the records that park a key and release it again.

    Args:
        pipeline: Which pipeline.
        parked: What is parked in the partitions that this worker owns.
        clock: Where to read the time.
    """

    def __init__(self, pipeline: Pipeline, parked: ParkedState, clock: Clock) -> None:
        self._pipeline = pipeline
        self._parked = parked
        self._clock = clock
        self._parked_topic = pipeline.names.of_pipeline("parked", pipeline.name)

    def is_parked(self, item: Item) -> bool:
        """Return whether a record must wait behind another one of its key.

        Args:
            item: The record.
        """
        return self._parked.is_parked(item.record.key)

    def known(self, item: Item) -> Handled | None:
        """Return where a record waits already, because it was parked before a crash, or None.

        Args:
            item: The record.
        """
        for entry in self._parked.entries(item.record.key):
            if entry.id == entry_id(item.record):
                kind = OutcomeKind.REVIEW if entry.review_id else OutcomeKind.PARKED
                return Handled(Outcome(kind, entry.reason, attempts=0))
        return None

    def park_behind(self, item: Item) -> Handled:
        """Let a record wait behind the parked ones of its key.

        Args:
            item: The record.
        """
        record = to_parked(item.record, topic=self._parked_topic, reason=BEHIND, parked_at=self._clock.now())
        self._parked.apply(record)
        return Handled(Outcome(OutcomeKind.PARKED, BEHIND, attempts=0), [record])

    def open_review(self, item: Item, reason: str, handled: Handled) -> Handled:
        """Ask a person to decide, and let the key wait.

        Args:
            item: The record.
            reason: Machine-readable.
            handled: What is known so far.
        """
        now = self._clock.now()
        identifier = review_id(self._pipeline.name, item.record)
        parked = to_parked(item.record, topic=self._parked_topic, reason="review", parked_at=now, review_id=identifier)
        asked = to_review(
            item.record,
            topic=self._pipeline.names.review,
            pipeline=self._pipeline.name,
            reason=reason,
            opened_at=now,
            findings=handled.outcome.findings,
        )
        self._parked.apply(parked)
        handled.records += [parked, asked]
        return handled

    def take_decision(self, command: Command, decode: Callable[[Record], Item]) -> list[Decided]:
        """Return what may go on after a decision: the record, then those that waited behind it.

        Args:
            command: The decision.
            decode: Record → decoded item.

        Returns:
            Nothing when the review is not open here any more.
        """
        blocker = self._parked.find_review(command.review_id)
        if blocker is None:
            return []
        decided: list[Decided] = []
        for entry in self._parked.entries(blocker.record.key):
            mine = entry.id == blocker.id
            record = self._corrected(entry.record, command) if mine else entry.record
            decided.append(Decided(entry, decode(record), command.action if mine else None))
        return decided

    def closing(self, decided: Decided) -> list[OutgoingRecord]:
        """Return the records that say that an entry has ended; write them after its receipt.

        Args:
            decided: The entry.
        """
        closed = to_closed(decided.entry.record, topic=self._parked_topic)
        self._parked.apply(closed)
        records = [closed]
        if decided.entry.review_id:
            records.append(to_closed_review(decided.entry.review_id, self._pipeline.names.review))
        return records

    def wait_again(self, decided: Decided, reason: str, handled: Handled) -> Handled:
        """Open a review for a record that waited; those behind it keep their places and wait on.

        Args:
            decided: The record that needs a decision now.
            reason: Machine-readable.
            handled: What is known so far.
        """
        if decided.entry.review_id:
            # The review stays as it is: the decision changed nothing that the target accepts.
            return handled
        return self.open_review(decided.item, reason, handled)

    def _corrected(self, record: Record, command: Command) -> Record:
        if command.action is not Action.CORRECT or command.value is None:
            return record
        return record._replace(value=command.value)


def cancelled(handled: Handled | None = None) -> Handled:
    """Return the outcome of a record that an official cancelled.

    Args:
        handled: What is known so far.
    """
    outcome = Outcome(OutcomeKind.CANCELLED, "by_official", attempts=0)
    return Handled(outcome) if handled is None else replace(handled, outcome=outcome)
