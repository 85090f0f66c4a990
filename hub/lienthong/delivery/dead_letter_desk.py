"""What operators do with dead letters: see them, look at one, put records back or give them up."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from lienthong.access_log import AccessEntry
from lienthong.clock import Clock
from lienthong.delivery.command import Action, Command, parse_command, to_command
from lienthong.delivery.dead_letter import parse
from lienthong.delivery.dead_letter_selection import LetterState, Origin, Selection, StoredLetter
from lienthong.delivery.hygiene import KEY_ID_HEADER
from lienthong.delivery.looking import intent_to_look, may_be_number
from lienthong.errors import DecodeError, LienthongError, RecordTooLargeError
from lienthong.record import OutgoingRecord, Record
from lienthong.topic_names import TopicNames

_OPERATION = "dead_letter.show"
#: What Kafka adds to one record, with room to spare.
_FRAMING_BYTES = 512
_PORTION_BYTES = 64 * 1_048_576


_STATES = {Action.REPLAY: LetterState.REPLAYED, Action.DISCARD: LetterState.DISCARDED}


class DeadLetterDesk:
    """Dead letters of one pipeline and the commands that answer them.

    Args:
        pipeline: Name of the pipeline.
        letters: Everything in ``deadletters.<pipeline>``, in the order of each partition.
        commands: Everything in ``replay.<pipeline>``.
        names: Names of topics.
        clock: Where to read the time.
        max_command_bytes: Largest record that ``replay.<pipeline>`` takes.
    """

    def __init__(
        self,
        pipeline: str,
        letters: Iterable[Record],
        commands: Iterable[Record],
        names: TopicNames,
        clock: Clock,
        max_command_bytes: int,
    ) -> None:
        self.pipeline = pipeline
        self._names = names
        self._clock = clock
        self._max_command_bytes = max_command_bytes
        #: Records of the topics that are neither; one of them must not hide all others.
        self.unreadable = 0
        self._letters: dict[Origin, StoredLetter] = {}
        self._answers: dict[Origin, tuple[int, Action]] = {}
        for record in letters:
            self._add_letter(record)
        for record in commands:
            self._add_command(record)

    def select(self, selection: Selection) -> list[StoredLetter]:
        """Return dead letters in the order of their records in the source.

        Args:
            selection: Which ones.
        """
        known = [self._with_state(self._letters[origin]) for origin in sorted(self._letters)]
        return [stored for stored in known if selection.holds(stored)]

    def command(self, stored: StoredLetter, action: Action, value: bytes | None, *, actor: str, reason: str) -> Command:
        """Return the decision on a dead letter.

        Args:
            stored: The dead letter.
            action: ``replay`` or ``discard``.
            value: The value of the dead letter as it is, encrypted or not; ignored for a discard.
            actor: Opaque id of the operator.
            reason: Why.

        Raises:
            LienthongError: If actor or reason is missing or has the form of a personal ID.
            RecordTooLargeError: If the value was not kept.

        Delivery:
            (source, id) and with them the effect key stay as they were. The same decision twice is harmless: a record
            that was delivered meanwhile is a duplicate.
        """
        check(actor=actor, reason=reason)
        letter = stored.letter
        if action is Action.REPLAY and letter.truncated:
            raise RecordTooLargeError(
                f"dead letter {letter.id}: its value was too large to be kept; publish the record again",
                reason="truncated",
            )
        key_id = next((raw for name, raw in letter.headers if name == KEY_ID_HEADER), b"")
        is_replay = action is Action.REPLAY
        return Command(
            action=action,
            review_id="",
            pipeline=self.pipeline,
            actor=actor,
            reason=reason,
            decided_at=self._clock.now(),
            topic=letter.topic,
            partition=letter.partition,
            offset=letter.offset,
            key=letter.record_key,
            key_id=key_id.decode() if is_replay else "",
            value=value if is_replay else None,
            headers=letter.headers,
            timestamp_ms=letter.timestamp_ms,
            dead_letter_offset=stored.offset,
        )

    def outgoing(self, command: Command) -> OutgoingRecord:
        """Return the Kafka record of a decision.

        Args:
            command: The decision.

        Raises:
            RecordTooLargeError: If it does not fit into ``replay.<pipeline>``.
        """
        topic = self._names.of_pipeline("replay", self.pipeline)
        record = to_command(command, topic)
        size = _FRAMING_BYTES + len(record.key or b"") + len(record.value or b"")
        if size > self._max_command_bytes:
            raise RecordTooLargeError(
                f"the record at {command.topic}[{command.partition}]@{command.offset} is larger than {topic} takes "
                f"({self._max_command_bytes} bytes); raise max_message_bytes in the topic catalogue",
                reason="replay_topic",
            )
        return record

    def access(
        self, stored: StoredLetter, *, actor: str, purpose: str, legal_basis: str, secret: bytes, attempt_id: str = ""
    ) -> AccessEntry:
        """Return the access-log intent of an operator who wants to see the value.

        Args:
            stored: The dead letter.
            actor: Opaque id of the operator.
            purpose: Why.
            legal_basis: The law that allows it; empty for the record's own.
            secret: Keys the hash of the question.
            attempt_id: Id of this look; empty for a new one.

        Raises:
            LienthongError: If something is missing or has the form of a personal ID.
        """
        letter = stored.letter
        own = next((raw.decode() for name, raw in letter.headers if name == "ce_legalbasis"), "")
        basis = legal_basis or own
        check(actor=actor, purpose=purpose, legal_basis=basis)
        return intent_to_look(
            "deadletters",
            letter.id,
            key=stored.dossier_code,
            actor=actor,
            purpose=purpose,
            legal_basis=basis,
            secret=secret,
            at=self._clock.now(),
            operation=_OPERATION,
            attempt_id=attempt_id,
        )

    def _add_letter(self, record: Record) -> None:
        try:
            # Values stay in Kafka: a topic may hold more of them than fit into memory.
            letter = replace(parse(record), value=None)
        except DecodeError:
            self.unreadable += 1
            return
        stored = StoredLetter(
            letter, record.partition, record.offset, datetime.fromtimestamp(max(0, record.timestamp_ms) / 1000, UTC)
        )
        known = self._letters.get(stored.origin)
        self._letters[stored.origin] = stored if known is None else replace(stored, deaths=known.deaths + 1)

    def _add_command(self, record: Record) -> None:
        try:
            command = parse_command(record)
        except DecodeError:
            self.unreadable += 1
            return
        if command.action not in _STATES:
            return
        origin = command.topic, command.partition, command.offset
        if command.dead_letter_offset >= self._answers.get(origin, (-1, command.action))[0]:
            self._answers[origin] = command.dead_letter_offset, command.action

    def _with_state(self, stored: StoredLetter) -> StoredLetter:
        answer = self._answers.get(stored.origin)
        # Dead letters of one record are in one partition, so their offsets tell which was there when it was decided.
        if answer is None or answer[0] < stored.offset:
            return stored
        return replace(stored, state=_STATES[answer[1]])


def in_portions(letters: Sequence[StoredLetter], max_bytes: int = _PORTION_BYTES) -> Iterator[list[StoredLetter]]:
    """Yield dead letters in their order, so many at once that their values fit into memory.

    Args:
        letters: In the order in which they are to be decided on.
        max_bytes: Of values in one portion; a larger one is a portion alone.
    """
    portion: list[StoredLetter] = []
    total = 0
    for stored in letters:
        if portion and total + stored.letter.value_bytes > max_bytes:
            yield portion
            portion, total = [], 0
        portion.append(stored)
        total += stored.letter.value_bytes
    if portion:
        yield portion


def wanted_values(letters: Sequence[StoredLetter]) -> Mapping[int, tuple[int, int]]:
    """Return what must be read of ``deadletters.<pipeline>`` for some values: partition → first offset, end.

    Args:
        letters: Whose values.
    """
    spans: dict[int, tuple[int, int]] = {}
    for stored in letters:
        first, end = spans.get(stored.partition, (stored.offset, stored.offset + 1))
        spans[stored.partition] = min(first, stored.offset), max(end, stored.offset + 1)
    return spans


def check(**texts: str) -> None:
    """Refuse an operator's text that is missing or may be somebody's number.

    Args:
        **texts: Option → text.

    Raises:
        LienthongError: Naming the option.
    """
    for name, text in texts.items():
        option = f"--{name.replace('_', '-')}"
        if not text.strip():
            raise LienthongError(f"{option} is missing: it is recorded with the decision")
        if may_be_number(name, text):
            raise LienthongError(f"{option} has the form of a personal ID; use an opaque id, or describe it otherwise")
