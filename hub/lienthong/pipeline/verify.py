"""The step that asks a lookup about each record once, with the access log around every question."""

from typing import Any

from lienthong.clock import Clock, to_vietnam
from lienthong.connector import CallContext, Lookup
from lienthong.delivery.effect import effect_key
from lienthong.delivery.parking import SCOPE
from lienthong.envelope import JSON_TYPE, SPEC_VERSION, Event, to_kafka
from lienthong.errors import LienthongError, RecordError, ScopeError
from lienthong.kafka.producer import AcknowledgedProducer
from lienthong.outcome import Answer, AnswerStatus, Outcome, OutcomeKind
from lienthong.pipeline.definitions import LookupStep, Pipeline
from lienthong.pipeline.item import Handled, Item
from lienthong.pipeline.key_state import KeyState, mark_of
from lienthong.pipeline.step import ReviewRequired, ScopeBlocked, call_context
from lienthong.pipeline.target import Target
from lienthong.record import BULK, LANE_HEADER, OutgoingRecord
from lienthong.schema import LookupBinding, dataschema
from lienthong.targets.access_trail import AccessTrail

#: Of a mark in the state of a key, be it of a question or of what the key is tied to.
_MARK_DIGITS = 16


class Verify:
    """Handles records for one lookup connector.

    Args:
        pipeline: Which pipeline.
        step: Its declaration.
        lookup: The connector, not yet open.
        target: Calls to it.
        producer: Writes the access log.
        clock: Where to read the time.
        secret: Keys the hashes of questions, in state and access log.

    Delivery:
        One question is asked once for each key. Its intent is acknowledged by Kafka before the call and its result
        before the answer is used; without them there is no question. The result record has its own id, derived from the
        record that asked, so that asking again after a crash repeats the same record.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        step: LookupStep,
        lookup: Lookup[Any],
        target: Target,
        producer: AcknowledgedProducer,
        clock: Clock,
        secret: bytes,
    ) -> None:
        self._pipeline = pipeline
        self._step = step
        self._lookup = lookup
        self._target = target
        self._clock = clock
        log_topic = pipeline.names.access_log
        self._trail = AccessTrail(step.connector, step.query, log_topic, producer.send, clock, secret)
        self._topic = pipeline.names.full(step.topic)
        self.types = frozenset(pipeline.definition.types)

    async def open(self) -> None:
        """Prepare the connector."""
        await self._lookup.open()
        await self._target.open()

    async def close(self) -> None:
        """Release the connector."""
        await self._lookup.close()
        await self._target.close()

    async def handle(self, item: Item, state: KeyState) -> Handled:
        """Ask about one record, unless that was done.

        Args:
            item: The record, decoded.
            state: What is known of its key.

        Raises:
            RecordError: The record is set aside.
            ReviewRequired: If the answer is anything but a match, or the record type says that an official decides.
            ScopeBlocked: If the target does not allow the procedure or the officer.
        """
        event = item.event
        if event is not None and self.types and event.type not in self.types:
            return Handled(Outcome.filtered("other_type", attempts=0))
        event, spec, data = item.decoded()
        binding = spec.lookups.get(self._step.query)
        if binding is None:
            return Handled(Outcome.filtered("nothing_to_ask", attempts=0))
        if mark_of(event.source, event.id) in state.recent:
            return Handled(Outcome.filtered("already_decided", attempts=0))
        effect = effect_key(self._pipeline.name, self._step.query, event.source, event.id)
        claim = self._claim(binding, data)
        reason = "conflict" if _is_claimed(claim, state) else binding.before(data) if binding.before else ""
        if reason:
            waiting = Outcome(OutcomeKind.REVIEW, reason, attempts=0)
            raise ReviewRequired(reason, Handled(waiting, effect_key=effect))
        query = binding.query(data)
        if query is None:
            return Handled(Outcome.filtered("nothing_to_ask", attempts=0))
        mark = self._trail.mark_of(binding.fingerprint(query))
        if mark[:_MARK_DIGITS] in state.asked:
            return Handled(Outcome.filtered("already_asked", attempts=0))
        asked = state.with_question(mark[:_MARK_DIGITS])
        answer, attempts, made = await self._ask(item, query, effect, mark)
        reason = self._reason(binding, data, answer)
        if reason:
            waiting = Outcome(OutcomeKind.REVIEW, reason, attempts, False, answer.findings, tuple(made))
            raise ReviewRequired(reason, Handled(waiting, state=asked, effect_key=effect))
        outcome = Outcome.delivered(
            answer.status.value, attempts=attempts, findings=answer.findings, attempt_ids=tuple(made)
        )
        return Handled(outcome, [self._result(item, binding, answer)], _claimed(claim, asked), effect)

    async def approve(self, item: Item, state: KeyState) -> Handled:
        """Publish an official's decision as the result.

        Args:
            item: The record, decoded.
            state: What is known of its key.
        """
        event, spec, data = item.decoded()
        binding = spec.lookups[self._step.query]
        query = binding.query(data)
        effect = effect_key(self._pipeline.name, self._step.query, event.source, event.id)
        mark = self._trail.mark_of(binding.fingerprint(query)) if query is not None else ""
        short = mark[:_MARK_DIGITS]
        known = state if not short or short in state.asked else state.with_question(short)
        known = _claimed(self._claim(binding, data), known)
        answer = Answer(AnswerStatus.APPROVED)
        return Handled(Outcome.delivered("approved", attempts=0), [self._result(item, binding, answer)], known, effect)

    def scopes(self, item: Item) -> tuple[tuple[str, str], ...]:
        """Return the scopes that the connector says a question needs.

        Args:
            item: The record, decoded.
        """
        event, spec, data = item.decoded()
        if self._step.query not in spec.lookups:
            return ()
        needed: tuple[tuple[str, str], ...] = tuple(self._lookup.scopes(event, data))
        return needed

    async def _ask(self, item: Item, query: Any, effect: str, mark: str) -> tuple[Answer, int, list[str]]:
        context = call_context(self._pipeline, self._step, item, effect)
        attempts = item.attempts

        async def once(mine: CallContext) -> Answer:
            await self._trail.intend(mine, mark)
            try:
                answer = await self._lookup.lookup(query, mine)
            except LienthongError as error:
                await self._trail.conclude(mine, mark, error.code)
                raise
            await self._trail.conclude(mine, mark, answer.status.value, answer.fields)
            return answer

        try:
            answer, made = await self._target.call(context, once, attempts, is_bulk=item.is_bulk)
        except ScopeError as error:
            blocked = Outcome(OutcomeKind.PARKED, SCOPE, attempts.made)
            raise ScopeBlocked(error, Handled(blocked, effect_key=effect)) from error
        except RecordError as error:
            error.attempts = attempts.made
            raise
        return answer, attempts.made, made

    def _reason(self, binding: LookupBinding, data: Any, answer: Answer) -> str:
        """Return why an official must decide; empty for no reason."""
        if binding.after is not None:
            return binding.after(data, answer, to_vietnam(self._clock.now()).date())
        return "" if answer.status is AnswerStatus.MATCH else answer.status.value

    def _claim(self, binding: LookupBinding, data: Any) -> str:
        """Return a mark of what the key is tied to: half is its kind, half its name; empty for nothing."""
        if binding.claim is None:
            return ""
        half = _MARK_DIGITS // 2
        kind, name = (self._trail.mark_of(b"claim:" + part.encode())[:half] for part in binding.claim(data))
        return kind + name

    def _result(self, item: Item, binding: LookupBinding, answer: Answer) -> OutgoingRecord:
        event, _, data = item.decoded()
        attributes = {
            "specversion": SPEC_VERSION,
            "id": mark_of(event.source, event.id) + f"-{self._step.query.replace('_', '-')}",
            "source": f"/lienthong/{self._pipeline.name}",
            "type": binding.result_type,
            "time": self._clock.now().isoformat(),
            "dataschema": dataschema(binding.result_type, binding.result_version),
            "datacontenttype": JSON_TYPE,
            binding.key_attribute: item.key,
            "purpose": self._step.purpose,
            "legalbasis": self._step.legal_basis,
        }
        body = binding.result(data, answer).model_dump_json().encode()
        headers, value = to_kafka(Event(attributes, body))
        if item.is_bulk:
            headers.append((LANE_HEADER, BULK))
        return OutgoingRecord(self._topic, item.record.key, value, headers)


def _is_claimed(claim: str, state: KeyState) -> bool:
    """Return whether the key is tied to something else of the same kind."""
    kind = claim[: _MARK_DIGITS // 2]
    return bool(claim) and any(each.startswith(kind) and each != claim for each in state.asked)


def _claimed(claim: str, state: KeyState) -> KeyState:
    return state.with_question(claim) if claim and claim not in state.asked else state
