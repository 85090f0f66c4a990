"""Which record keeps ending its worker, told from what dead workers left behind."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lienthong.errors import DecodeError

#: Crashes at one record, or deaths at one watermark, that are not taken for chance any more.
LIMIT = 3
#: Records with crashes that are remembered of one partition; more would be a defect of the worker, not of records.
_MOST = 64
_NONE = -1


@dataclass(frozen=True, slots=True)
class Journal:
    """What the owners of one partition left behind, one after the other.

    An owner that ends by an exception says which record it was. One that is killed says nothing: then only its
    watermark is known. After :data:`LIMIT` such deaths at one watermark owners become careful: they take one record at
    a time and write down which before they begin, so the next death names its record.

    Attributes:
        start: Watermark at which the last owner began; -1 for none.
        deaths: Owners in a row that began there and did not end well.
        is_open: Whether the last owner began and has not said that it ended.
        is_careful: Whether records are taken one at a time.
        at_work: Offset that a careful owner was working on; -1 for none.
        crashes: Offset → crashes.
    """

    start: int = _NONE
    deaths: int = 0
    is_open: bool = False
    is_careful: bool = False
    at_work: int = _NONE
    crashes: Mapping[int, int] = field(default_factory=dict)

    def begun(self, start: int) -> "Journal":
        """Return the journal of the next owner.

        Args:
            start: Watermark at which it begins.
        """
        if not self.is_open:
            return replace(self, start=start, deaths=0, is_open=True, at_work=_NONE)
        if self.at_work != _NONE:
            blamed = self._blame(self.at_work)
            found = blamed.is_condemned(self.at_work)
            return replace(blamed, start=start, deaths=0, at_work=_NONE, is_careful=self.is_careful and not found)
        deaths = self.deaths + 1 if start == self.start else 1
        return replace(self, start=start, deaths=deaths, is_careful=self.is_careful or deaths >= LIMIT)

    def working(self, offset: int) -> "Journal":
        """Return the journal before an owner begins a record that may end it.

        Args:
            offset: Of the record; -1 when it is done.
        """
        return replace(self, at_work=offset)

    def crashed(self, offset: int) -> "Journal":
        """Return the journal of an owner that ends because of an exception at one record.

        Args:
            offset: Of the record.
        """
        return self._blame(offset).closed()

    def closed(self) -> "Journal":
        """Return the journal of an owner that ends and knows why; the next one need not wonder."""
        return replace(self, is_open=False, deaths=0, at_work=_NONE)

    def relaxed(self) -> "Journal":
        """Return the journal after being careful has found nothing."""
        return replace(self, is_careful=False, deaths=0, at_work=_NONE)

    def without(self, offset: int) -> "Journal":
        """Return the journal after a record ended or was parked.

        Args:
            offset: Of the record.
        """
        left = {each: count for each, count in self.crashes.items() if each != offset}
        return replace(self, crashes=left, at_work=_NONE if self.at_work == offset else self.at_work)

    def is_condemned(self, offset: int) -> bool:
        """Return whether a record must not be tried again.

        Args:
            offset: Of the record.
        """
        return self.crashes.get(offset, 0) >= LIMIT

    def _blame(self, offset: int) -> "Journal":
        counts = {**self.crashes, offset: self.crashes.get(offset, 0) + 1}
        newest = sorted(counts)[-_MOST:]
        return replace(self, crashes={each: counts[each] for each in newest})


def encode(journal: Journal) -> dict[str, Any]:
    """Return a journal as a JSON document.

    Args:
        journal: The journal.
    """
    return {
        "start": journal.start,
        "deaths": journal.deaths,
        "open": journal.is_open,
        "careful": journal.is_careful,
        "at_work": journal.at_work,
        "crashes": sorted(journal.crashes.items()),
    }


def decode(document: Any) -> Journal:
    """Return the journal in a JSON document; fields that are missing or unknown are of another version.

    Args:
        document: What :func:`encode` returned.

    Raises:
        DecodeError: If it is no journal.
    """
    try:
        return Journal(
            int(document.get("start", _NONE)),
            int(document.get("deaths", 0)),
            bool(document.get("open", False)),
            bool(document.get("careful", False)),
            int(document.get("at_work", _NONE)),
            {int(offset): int(count) for offset, count in document.get("crashes", ())},
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise DecodeError("the document is no journal of crashes", reason="journal") from error
