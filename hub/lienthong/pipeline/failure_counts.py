"""Counters of failing records, kept where a restart finds them."""

from collections.abc import Awaitable, Callable
from functools import partial

from lienthong.delivery.retry import Attempts
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.outcome import OutcomeKind
from lienthong.pipeline.item import Handled, Item
from lienthong.pipeline.key_state import Failing, KeyState, KeyStates, encode, mark_of


class FailureCounts:
    """Notes in ``state.<pipeline>`` how often and since when the calls for a record failed.

    Args:
        topic: Full name of ``state.<pipeline>``.
        states: What is known of each key.
        producer: Writes states.
        wait_written: Waits until the outcomes so far are durable: a state must not run ahead of them.

    Delivery:
        A counted failure is acknowledged by Kafka before the wait for the next call begins, so a restart at any moment
        takes no attempt and no second back. After a crash one call more is made at most.
    """

    def __init__(
        self,
        topic: str,
        states: KeyStates,
        producer: AcknowledgedProducer,
        wait_written: Callable[[], Awaitable[None]],
    ) -> None:
        self._topic = topic
        self._states = states
        self._producer = producer
        self._wait_written = wait_written

    def attach(self, item: Item) -> None:
        """Give a record the counters that an earlier worker left, and a way to keep them.

        Args:
            item: The record, about to be handled.
        """
        known = self._known(item)
        attempts = Attempts()
        if known is not None and known.mark == _mark(item):
            attempts = Attempts(known.made, known.counted, known.first_failed_at)
        attempts.save = partial(self._save, item)
        item.attempts = attempts

    def after(self, item: Item, handled: Handled) -> KeyState | None:
        """Return the state of the key after a record was handled, or None if nothing changed.

        Args:
            item: The record.
            handled: What became of it. The counters of a record that is parked stay, because it will be tried again.
        """
        known = self._known(item)
        left = known
        if known is not None and handled.outcome.kind is not OutcomeKind.PARKED and known.mark == _mark(item):
            left = None
        # Records without key run side by side, so what one of them knows of "their key" says nothing of the others.
        state = handled.state if item.record.key is not None else None
        if state is not None:
            return state.with_failing(left)
        return self._state(item).with_failing(left) if left is not known else None

    async def _save(self, item: Item, attempts: Attempts) -> None:
        if attempts.first_failed_at is None or item.assignment.is_over:
            return
        failing = Failing(_mark(item), attempts.made, attempts.counted_failures, attempts.first_failed_at)
        await self._wait_written()
        state = self._state(item).with_failing(failing)
        partition, key = item.record.partition, item.record.key or b""
        self._states.put(partition, key, state)
        await self._producer.send([encode(self._topic, partition, key, state)])

    def _state(self, item: Item) -> KeyState:
        return self._states.get(item.record.partition, item.record.key or b"")

    def _known(self, item: Item) -> Failing | None:
        return self._states.failing(item.record.partition, item.record.key or b"")


def _mark(item: Item) -> str:
    event = item.event
    return mark_of(event.source, event.id) if event is not None else ""
