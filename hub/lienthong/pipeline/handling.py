"""What becomes of one record of a remote pipeline, whether it comes from its source or waited."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from lienthong.clock import Clock
from lienthong.codec import RecordCodec
from lienthong.delivery.dead_letter import to_dead_letter
from lienthong.delivery.hygiene import identity
from lienthong.delivery.interruption import Interrupted, Interruption
from lienthong.delivery.parking import QUARANTINE, SCOPE, WINDOW, ParkedEntry
from lienthong.delivery.scope import Scope
from lienthong.delivery.upcast import upcast
from lienthong.errors import DecodeError, FatalError, LienthongError, RecordError
from lienthong.outcome import Outcome, OutcomeKind
from lienthong.pipeline.crash_guard import CrashGuard, condemned_error
from lienthong.pipeline.definitions import Pipeline
from lienthong.pipeline.failure_counts import FailureCounts
from lienthong.pipeline.item import Handled, Item, decode
from lienthong.pipeline.key_state import KeyState, KeyStates, encode, mark_of
from lienthong.pipeline.review_flow import ReviewFlow
from lienthong.pipeline.scopes import BlockedScopes
from lienthong.pipeline.settler import Settler
from lienthong.pipeline.step import RemoteStep, ReviewRequired, ScopeBlocked
from lienthong.receipt import Receipt
from lienthong.record import OutgoingRecord, Place, Record
from lienthong.registry.schemas import SchemaRegistry
from lienthong.transport.assignment import Assignment
from lienthong.transport.membership import confirmed

_TYPE = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
Work = Callable[[Item, KeyState], Awaitable[Handled]]


class Handling:
    """Runs a step on one record and turns what comes out into records, a state and a receipt.

    Args:
        pipeline: Which pipeline.
        step: What happens to a record.
        registry: All record types.
        states: What is known of each key.
        counts: Keeps the counters of failing records.
        guard: Knows which records end their worker.
        flow: Parks.
        scopes: Knows what the target does not allow.
        settler: Makes outcomes durable.
        clock: Where to read the time.
        codec: Decrypts values; None if nothing is encrypted.
        max_dead_letter_bytes: Largest dead letter.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        step: RemoteStep,
        registry: SchemaRegistry,
        states: KeyStates,
        counts: FailureCounts,
        guard: CrashGuard,
        flow: ReviewFlow,
        scopes: BlockedScopes,
        settler: Settler,
        clock: Clock,
        codec: RecordCodec | None = None,
        max_dead_letter_bytes: int | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._step = step
        self._registry = registry
        self._states = states
        self._counts = counts
        self._guard = guard
        self._flow = flow
        self._scopes = scopes
        self._settler = settler
        self._clock = clock
        self._codec = codec
        self._max_dead_letter_bytes = max_dead_letter_bytes
        self._at_work: dict[int, Item] = {}
        self._errors = pipeline.definition.policy.errors
        self._dead_letters = pipeline.names.of_pipeline("deadletters", pipeline.name)
        self._state_topic = pipeline.names.of_pipeline("state", pipeline.name)

    async def approach(self, entry: ParkedEntry) -> None:
        """Write down that a record is tried again which ended workers before, so that it is blamed at once.

        Args:
            entry: Where the record waited, before anything is done with it.
        """
        if entry.reason == QUARANTINE:
            await self._guard.before(entry.record)

    def begin_batch(self) -> None:
        """Let keys of encryption be fetched once for the records that follow."""
        if self._codec is not None:
            self._codec.begin_batch()

    def decode_replayed(self, record: Record, assignment: Assignment) -> Item:
        """Return a record that an operator puts back, decoded as one of the newest version of its type.

        Args:
            record: At its place in the source topic.
            assignment: Its partition.
        """
        if self._guard.is_condemned(record):
            return Item(record, assignment)
        try:
            return self.decode(upcast(record, self._registry, self._codec), assignment)
        except RecordError as error:
            return Item(record, assignment, error=error)
        except LienthongError:
            raise
        except Exception as error:  # noqa: BLE001 - raised when the record is handled
            return Item(record, assignment, defect=error)

    def decode(self, record: Record, assignment: Assignment) -> Item:
        """Return a record decoded as a reader.

        Args:
            record: At its place in the source topic.
            assignment: Its partition.

        Delivery:
            What is unknown ends the worker in :meth:`run`, where it is known which record it was. A record that must
            not be tried again is not even decoded.
        """
        if self._guard.is_condemned(record):
            return Item(record, assignment)
        try:
            plain = record.value if self._codec is None else self._codec.decrypt(record)
            return decode(record, assignment, self._registry, plain, self._step.types)
        except RecordError as error:
            return Item(record, assignment, error=error)
        except LienthongError:
            raise
        except Exception as error:  # noqa: BLE001 - raised when the record is handled
            return Item(record, assignment, defect=error)

    def state_of(self, item: Item) -> KeyState:
        """Return what is known of a record's key.

        Args:
            item: The record.
        """
        return self._states.get(item.record.partition, item.record.key or b"")

    async def run(self, item: Item, work: Work, entry: ParkedEntry | None = None) -> Handled:
        """Do the work on a record and park or set aside what cannot be done.

        Args:
            item: The record.
            work: Such as the step's ``handle``.
            entry: Where the record waited until now; None if it did not.

        Raises:
            Interrupted: If :meth:`interrupt` ended its wait for a call; nothing was decided.
            FatalError: If the record failed and the pipeline tolerates none.
            Exception: What nobody knows; a crash marker is written before.
        """
        record = item.record
        if self._guard.is_condemned(record) and not item.assignment.is_over:
            handled = self._flow.quarantine(item, entry)
            handled.records = [self._letter(item, condemned_error()), *handled.records, self._guard.quarantined(record)]
            return handled
        try:
            handled = await self._run(item, work, entry)
        except (LienthongError, Interrupted):
            raise
        except Exception:
            await self._guard.crashed(record)
            raise
        if entry is not None and entry.reason == QUARANTINE:
            await self._guard.after(record)
        return handled

    def give_way(self, item: Item) -> Handled:
        """Park a record whose wait was given up because it holds its partition up.

        Args:
            item: The record.
        """
        attempts = item.attempts
        handled = Handled(Outcome(OutcomeKind.PARKED, WINDOW, attempts.made))
        if attempts.interruption is not None and attempts.interruption.may_have_arrived and item.event is not None:
            # The next try, in whichever process, asks the target first.
            handled.state = self.state_of(item)._replace(begun=mark_of(item.event.source, item.event.id))
        return self._flow.park_window(item, handled)

    def interrupt(self, predicate: Callable[[Item], bool]) -> None:
        """Give up the wait of records for their next call; a call under way goes on.

        Args:
            predicate: Which records.
        """
        for item in list(self._at_work.values()):
            if item.attempts.interruption is not None and predicate(item):
                item.attempts.interruption.request()

    def finish(self, item: Item, handled: Handled, closing: Sequence[OutgoingRecord] = ()) -> "asyncio.Future[None]":
        """Make an outcome durable.

        Args:
            item: The record.
            handled: What became of it.
            closing: Written after the receipt.

        Returns:
            Done when everything is durable.
        """
        record = item.record
        if not handled.is_parked:
            self._guard.ended(record)
        state = self._counts.after(item, handled)
        stored: OutgoingRecord | None = None
        if state is not None:
            key = record.key or b""
            self._states.put(record.partition, key, state)
            stored = encode(self._state_topic, record.partition, key, state)
        if stored is not None and item.is_settled:
            # The ledger has the record as waiting, which a "duplicate" does not end: so the state that makes one of it
            # must not survive a crash without the receipt.
            closing, stored = [stored, *closing], None
        return self._settler.add(
            Place(record.topic, record.partition),
            _receipt(item, handled),
            handled.records,
            item.assignment,
            record.timestamp_ms,
            state=stored,
            closing=closing,
            was_settled=item.is_settled,
        )

    def finish_late(self, item: Item, handled: Handled) -> None:
        """Tell of an effect that happened after the partition had left; all else is the next owner's to write.

        Args:
            item: The record.
            handled: What became of it.
        """
        outcome = handled.outcome
        if outcome.kind is OutcomeKind.DELIVERED and outcome.attempts:
            told = Handled(outcome._replace(repeat_possible=True), effect_key=handled.effect_key)
            self._settler.add(Place(item.record.topic, item.record.partition), _receipt(item, told))

    async def _run(self, item: Item, work: Work, entry: ParkedEntry | None) -> Handled:
        if item.defect is not None:
            raise item.defect
        self._counts.attach(item)
        blocked = self._blocked_scope(item)
        if blocked is not None:
            waiting = Handled(Outcome(OutcomeKind.PARKED, SCOPE, attempts=0))
            return self._flow.park_scope(item, blocked, waiting, entry)
        interruption = Interruption(partial(confirmed, item.assignment), item.assignment.is_sure)
        item.attempts.interruption = interruption
        self._at_work[id(item)] = item
        try:
            with interruption:
                return await work(item, self.state_of(item))
        except (ReviewRequired, ScopeBlocked) as signal:
            return self._wait(item, signal, entry)
        except RecordError as error:
            return self._set_aside(item, error, entry)
        finally:
            del self._at_work[id(item)]

    def _wait(self, item: Item, signal: ReviewRequired | ScopeBlocked, entry: ParkedEntry | None) -> Handled:
        if item.assignment.is_over:
            return signal.handled
        if isinstance(signal, ReviewRequired):
            return self._flow.open_review(item, signal.reason, signal.handled, entry)
        scope = self._scopes.block(item.record.partition, signal.error)
        return self._flow.park_scope(item, scope, signal.handled, entry)

    def _blocked_scope(self, item: Item) -> Scope | None:
        partition = item.record.partition
        if item.data is None or not self._scopes.is_blocked(partition):
            return None
        return self._scopes.find(partition, self._step.scopes(item))

    def _set_aside(self, item: Item, error: RecordError, entry: ParkedEntry | None) -> Handled:
        if self._errors.tolerance == "stop":
            raise FatalError(f"a record failed ({error.code}) and the pipeline tolerates none") from error
        letter = self._letter(item, error)
        reason = f"{error.code}.{error.reason}" if error.reason else error.code
        handled = Handled(Outcome(OutcomeKind.DEAD_LETTERED, reason, error.attempts), [letter])
        if self._errors.sequenced and item.record.key is not None and not item.assignment.is_over:
            return self._flow.park_dead_letter(item, handled, entry)
        return handled

    def _letter(self, item: Item, error: RecordError) -> OutgoingRecord:
        step = self._pipeline.definition.step
        undecoded = item.data is None and item.error is not None
        return to_dead_letter(
            item.record,
            topic=self._dead_letters,
            pipeline=self._pipeline.name,
            stage=("decode" if isinstance(error, DecodeError) else "validate") if undecoded else "sink_write",
            error=error,
            first_failed_at=item.attempts.first_failed_at or self._clock.now(),
            attempts=error.attempts,
            connector=getattr(step, "connector", ""),
            max_bytes=self._max_dead_letter_bytes,
        )


def _type_of(record: Record) -> str:
    """Return the type of a record that was not decoded, such as one that is given up without its value."""
    text = (record.header("ce_type") or b"").decode(errors="replace")
    return text if _TYPE.fullmatch(text) else ""


def _receipt(item: Item, handled: Handled) -> Receipt:
    event = item.event
    source, event_id = identity(item.record) if event is None else (event.source, event.id)
    outcome = handled.outcome
    return Receipt(
        item.record.offset,
        source,
        event_id,
        event.type if event is not None else _type_of(item.record),
        item.key,
        outcome.kind.value,
        outcome.reason,
        outcome.attempts,
        outcome.repeat_possible,
        handled.effect_key,
        outcome.attempt_ids,
        tuple([f"{finding.field}:{finding.rule}" for finding in outcome.findings]) if outcome.findings else (),
        outcome.target_reference,
    )
