"""The step that delivers records to a sink, each snapshot once and never an older one after a newer one."""

import hashlib
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import orjson

from lienthong.connector import CallContext, Effect, Sink
from lienthong.delivery.effect import effect_key
from lienthong.delivery.parking import SCOPE
from lienthong.errors import OutcomeUnknownError, RecordError, ScopeError
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.outcome import Outcome, OutcomeKind
from lienthong.pipeline.definitions import DeliverStep, Pipeline
from lienthong.pipeline.delivering import Delivering
from lienthong.pipeline.item import Handled, Item
from lienthong.pipeline.key_state import KeyState, encode_call, mark_of
from lienthong.pipeline.step import ReviewRequired, ScopeBlocked, call_context
from lienthong.pipeline.target import Target

#: Fields that differ in every re-export although nothing happened.
_VOLATILE = ("sequence", "occurred_at")


class Deliver:
    """Handles records for one sink connector.

    Args:
        pipeline: Which pipeline.
        step: Its declaration.
        sink: The connector, not yet open.
        target: Calls to it.
        accepts: Record types that the connector understands.
        effect_of: Record type → what a repeated delivery would do.
        producer: Notes calls that must not be repeated unnoticed; None to note none.

    Delivery:
        The same (source, id) again is a ``duplicate``; equal content under a new id too; an older sequence than the
        last delivered is ``superseded``. Records without a sequence, such as progress, are always sent, each once.
        When nobody knows whether a call arrived, the effect that the connector declares decides: the call is made
        again, the target is asked first, or a person decides. A call that a crash may repeat is noted before it.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        step: DeliverStep,
        sink: Sink[Any],
        target: Target,
        accepts: frozenset[str],
        effect_of: Callable[[str], Effect] = lambda _: Effect.NONE,
        producer: AcknowledgedProducer | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._step = step
        self._sink = sink
        self._target = target
        # There are few types, and every record asks.
        self._effect_of = cache(effect_of)
        self._producer = producer
        self._state_topic = pipeline.names.of_pipeline("state", pipeline.name)
        self.types = accepts

    async def open(self) -> None:
        """Prepare the connector."""
        await self._sink.open()
        await self._target.open()

    async def close(self) -> None:
        """Release the connector."""
        await self._sink.close()
        await self._target.close()

    async def handle(self, item: Item, state: KeyState) -> Handled:
        """Deliver one record, unless that was done or something newer was.

        Args:
            item: The record, decoded.
            state: What is known of its key.

        Raises:
            RecordError: The record is set aside.
            ReviewRequired: If nobody can know whether the effect happened.
            ScopeBlocked: If the target does not allow the procedure or the officer.
        """
        event = item.event
        if event is not None and event.type not in self.types:
            return Handled(Outcome.filtered("other_type", attempts=0))
        event, spec, data = item.decoded()
        mark = mark_of(event.source, event.id)
        if mark in state.recent:
            return Handled(Outcome(OutcomeKind.DUPLICATE, "same_id", attempts=0))
        sequence = spec.sequence(data) if spec.sequence is not None else None
        digest = ""
        if sequence is not None:
            if sequence < state.sequence:
                ended = state.with_record(mark)
                return Handled(Outcome(OutcomeKind.SUPERSEDED, "older_sequence", attempts=0), state=ended)
            digest = _digest(event.data or b"")
            if digest == state.digest:
                ended = state.with_record(mark).with_delivery(sequence, digest)
                return Handled(Outcome(OutcomeKind.DUPLICATE, "same_content", attempts=0), state=ended)
        handled = await self._send(item, state, mark)
        ended = state.with_record(mark)
        handled.state = ended if sequence is None else ended.with_delivery(sequence, digest)
        return handled

    async def approve(self, item: Item, state: KeyState) -> Handled:
        """Take an official's word that the effect is at the target.

        Args:
            item: The record, decoded.
            state: What is known of its key.
        """
        event, _, _ = item.decoded()
        return Handled(
            Outcome.delivered("approved", attempts=0), state=state.with_record(mark_of(event.source, event.id))
        )

    def scopes(self, item: Item) -> tuple[tuple[str, str], ...]:
        """Return the scopes that the connector says a call needs.

        Args:
            item: The record, decoded.
        """
        event, _, data = item.decoded()
        needed: tuple[tuple[str, str], ...] = tuple(self._sink.scopes(event, data)) if event.type in self.types else ()
        return needed

    async def _send(self, item: Item, state: KeyState, mark: str) -> Handled:
        event, _, data = item.decoded()
        delivery = Delivering(self._sink, self._effect_of(event.type), is_repeat=mark == state.begun)
        effect = effect_key(self._pipeline.name, self._step.connector, event.source, event.id)
        context = call_context(self._pipeline, self._step, item, effect)
        attempts = item.attempts

        once = partial(delivery.once, event, data)

        async def noted(mine: CallContext) -> Outcome:
            if not delivery.is_noted:
                await self._note(item, mark)
                delivery.is_noted = True
                if attempts.interruption is not None:
                    # A process that was frozen meanwhile has written its note too late for the next owner to see it.
                    await attempts.interruption.check()
            return await once(mine)

        call = noted if delivery.must_be_noted else once
        try:
            outcome, made = await self._target.call(context, call, attempts, is_bulk=item.is_bulk)
        except ScopeError as error:
            blocked = Outcome(OutcomeKind.PARKED, SCOPE, attempts.made)
            if delivery.is_noted:
                await self._note(item, "")
            raise ScopeBlocked(error, Handled(blocked, effect_key=effect)) from error
        except OutcomeUnknownError as error:
            waiting = Outcome(
                OutcomeKind.REVIEW,
                f"{error.code}.{error.reason}" if error.reason else error.code,
                attempts=attempts.made,
                repeat_possible=True,
            )
            # Whoever lets the record go on by another call must know that this one may have arrived.
            begun = state._replace(begun=mark)
            raise ReviewRequired(waiting.reason, Handled(waiting, state=begun, effect_key=effect)) from error
        except RecordError as error:
            error.attempts = attempts.made
            if delivery.is_noted:
                await self._note(item, "")
            raise
        complete = Outcome(
            outcome.kind,
            outcome.reason,
            attempts.made,
            outcome.repeat_possible or delivery.may_be_repeated,
            outcome.findings,
            tuple(made),
            outcome.target_reference,
        )
        return Handled(complete, effect_key=effect)

    async def _note(self, item: Item, mark: str) -> None:
        if self._producer is not None:
            record = item.record
            note = encode_call(self._state_topic, record.partition, record.key or b"", mark)
            await self._producer.send([note])


def _digest(value: bytes) -> str:
    """Return what is equal for equal content, whatever the order of its fields."""
    document = orjson.loads(value)
    for name in _VOLATILE:
        document.pop(name, None)
    return hashlib.blake2b(orjson.dumps(document, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()
