"""Dead letters as operators choose them, without any value of a record."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lienthong.delivery.dead_letter import DeadLetter
from lienthong.errors import LienthongError

_MIN_PREFIX_CHARACTERS = 6


class LetterState(StrEnum):
    """What was decided on a dead letter."""

    OPEN = "open"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


#: Topic, partition and offset of a record in its source.
Origin = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """The newest dead letter of one record, without its value.

    Attributes:
        letter: What it says.
        partition: Where it is in ``deadletters.<pipeline>``.
        offset: Its place there.
        written_at: When it was set aside.
        deaths: How often the record was set aside, as far as Kafka still knows.
        state: What was decided since.
    """

    letter: DeadLetter
    partition: int
    offset: int
    written_at: datetime
    deaths: int = 1
    state: LetterState = LetterState.OPEN

    @property
    def origin(self) -> Origin:
        """Where the record itself is."""
        return self.letter.topic, self.letter.partition, self.letter.offset

    @property
    def dossier_code(self) -> str:
        """The dossier code, or the record's key without one."""
        found = next((raw for name, raw in self.letter.headers if name == "ce_dossiercode"), None)
        return (found or self.letter.record_key or b"").decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which dead letters are meant; what is empty does not restrict.

    Attributes:
        id: Id of the dead letter, or at least 6 characters that it begins with.
        key: Key of the record or its dossier code.
        reason: Code of the error, its detail, or both as ``code.detail``.
        connector: Connector that the record failed in.
        since: Set aside at this time or later.
        until: Set aside before this time.
        is_open_only: Leave out what was decided on and did not die again.
    """

    id: str = ""
    key: str = ""
    reason: str = ""
    connector: str = ""
    since: datetime | None = None
    until: datetime | None = None
    is_open_only: bool = False

    def __post_init__(self) -> None:
        if self.id and len(self.id) < _MIN_PREFIX_CHARACTERS:
            raise LienthongError(f"give at least {_MIN_PREFIX_CHARACTERS} characters of the dead letter's id")

    def holds(self, stored: StoredLetter) -> bool:
        """Return whether a dead letter is meant.

        Args:
            stored: The dead letter.
        """
        letter = stored.letter
        reasons = (letter.code, letter.reason, f"{letter.code}.{letter.reason}")
        key = (letter.record_key or b"").decode(errors="replace")
        return (
            letter.id.startswith(self.id)
            and (not self.key or self.key in (key, stored.dossier_code))
            and (not self.reason or self.reason in reasons)
            and (not self.connector or self.connector == letter.connector)
            and (self.since is None or stored.written_at >= self.since)
            and (self.until is None or stored.written_at < self.until)
            and not (self.is_open_only and stored.state is not LetterState.OPEN)
        )
