"""Searches what anybody may read for generated people: raw, decomposed, unaccented, and behind usual encodings.

Instead of searching for every person in every form, what is searched is brought into one form, with every encoding
taken off, and its numbers and word groups are looked up in a set: the cost does not grow with the number of people.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from lienthong_schemas.generator import Dossier

#: Any window of a longer run is looked at: twelve digits are never equal by chance.
_LONG_RUN: Final = re.compile(r"\d{12,}")
#: Telephone numbers, and CMND numbers that are no part of a longer code.
_TEN: Final = re.compile(r"(?<!\d)\d{10}(?!\d)")
_NINE: Final = re.compile(r"(?<![0-9A-Za-z])\d{9}(?![0-9A-Za-z])")
_GROUPED: Final = re.compile(r"(?<!\d)\d{3}(?:[ .]\d{3}){2,3}(?!\d)")
_WORDS: Final = re.compile(r"[A-Z]+(?:[ _+.\-]+[A-Z]+){2,}")
_BETWEEN: Final = re.compile(r"[ _+.\-]+")
_ESCAPED: Final = re.compile(rb"\\u([0-9a-fA-F]{4})")
_ESCAPED_BLANK: Final = re.compile(rb"\\[nrt]")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]{10,}")
_HEXADECIMAL: Final = re.compile(rb"[0-9a-f-]+|[0-9]+")
_MAX_WORDS: Final = 6
_ALIGNMENTS: Final = 4


@dataclass(frozen=True, slots=True)
class Leak:
    """One find; it does not repeat what was found.

    Attributes:
        place: Where it stands.
        kind: ``number`` or ``name``.
        form: Encoding behind which it was found.
    """

    place: str
    kind: str
    form: str

    def __str__(self) -> str:
        return f"{self.place}: {self.kind} ({self.form})"


@dataclass(slots=True)
class Wanted:
    """What must be nowhere.

    Attributes:
        numbers: Personal IDs, CMND and telephone numbers.
        names: Full names in the one form that everything is brought into.
    """

    numbers: set[str] = field(default_factory=set, repr=False)
    names: set[str] = field(default_factory=set, repr=False)

    @property
    def total(self) -> int:
        """How many values are searched for."""
        return len(self.numbers) + len(self.names)


def wanted_of(dossiers: Iterable[Dossier]) -> Wanted:
    """Return what must be nowhere: everything that names a person of a scenario.

    Args:
        dossiers: All dossiers.
    """
    wanted = Wanted()
    for dossier in dossiers:
        owner: Mapping[str, Any] = dossier.owner
        there: Mapping[str, Any] = dossier.registered or {}
        wanted.numbers.update(each["value"] for each in owner["identifiers"])
        wanted.numbers.update(owner[name] for name in ("phone",) if owner.get(name))
        wanted.numbers.update(there[name] for name in ("personal_id", "old_id") if there.get(name))
        wanted.names.add(" ".join(fold(owner["full_name"]).split()))
        if there:
            wanted.names.add(" ".join(fold(there["full_name"]).split()))
    return wanted


def fold(text: str) -> str:
    """Return a text in upper case without accents; ``đ`` becomes ``D``.

    Args:
        text: Any text.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
        text = text.encode("ascii", "ignore").decode()
    return text.upper()


class LeakScanner:
    """Searches pieces of evidence.

    Args:
        wanted: What must be nowhere.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        #: Bytes that were looked at, before encodings were taken off.
        self.bytes_total = 0

    def scan(self, place: str, data: bytes) -> list[Leak]:
        """Return what is found in a piece of evidence.

        Args:
            place: Where it comes from, for the report.
            data: The evidence.
        """
        self.bytes_total += len(data)
        found: dict[tuple[str, str], Leak] = {}
        for form, plain in forms_of(data):
            text = plain.decode("utf-8", "replace")
            if self._has_number(text):
                found.setdefault((place, "number"), Leak(place, "number", form))
            if self._has_name(fold(text)):
                found.setdefault((place, "name"), Leak(place, "name", form))
        return list(found.values())

    def _has_number(self, text: str) -> bool:
        numbers = self._wanted.numbers
        for match in _LONG_RUN.finditer(text):
            run = match[0]
            if any(run[start : start + 12] in numbers for start in range(len(run) - 11)):
                return True
        if any(match[0] in numbers for pattern in (_TEN, _NINE) for match in pattern.finditer(text)):
            return True
        return any(re.sub(r"\D", "", match[0]) in numbers for match in _GROUPED.finditer(text))

    def _has_name(self, folded: str) -> bool:
        names = self._wanted.names
        for match in _WORDS.finditer(folded):
            words = _BETWEEN.split(match[0])
            for start in range(len(words) - 2):
                for length in range(3, min(_MAX_WORDS, len(words) - start) + 1):
                    if " ".join(words[start : start + length]) in names:
                        return True
        return False


def forms_of(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the evidence as it is and with each encoding taken off.

    Args:
        data: The evidence.
    """
    yield "raw", data
    if b"\\" in data:
        yield "json", _ESCAPED_BLANK.sub(b" ", _ESCAPED.sub(_character, data))
    if b"%" in data:
        yield "url", unquote_to_bytes(data)
    decoded = _from_base64(data)
    if decoded:
        yield "base64", decoded


def _character(match: re.Match[bytes]) -> bytes:
    return chr(int(match[1], 16)).encode("utf-8", "replace")


def _from_base64(data: bytes) -> bytes:
    """Return every run that could be base64, decoded from each of four places: it may begin inside a longer run."""
    runs = {match[0] for match in _BASE64.finditer(data)}
    parts = []
    for run in runs:
        if _HEXADECIMAL.fullmatch(run):
            continue
        standard = run.replace(b"-", b"+").replace(b"_", b"/")
        for start in range(_ALIGNMENTS):
            piece = standard[start:]
            piece = piece[: len(piece) - (len(piece) % 4 == 1)]
            try:
                parts.append(base64.b64decode(piece + b"=" * (-len(piece) % 4)))
            except binascii.Error:
                continue
    return b"\n".join(parts)


def search(wanted: Wanted, pieces: Iterable[tuple[str, bytes]]) -> tuple[list[Leak], int]:
    """Return all finds, one for each place and kind, and how many bytes were looked at.

    Args:
        wanted: What must be nowhere.
        pieces: Place and evidence.
    """
    scanner = LeakScanner(wanted)
    found: dict[tuple[str, str], Leak] = {}
    for place, data in pieces:
        for leak in scanner.scan(place, data):
            found.setdefault((leak.place, leak.kind), leak)
    return list(found.values()), scanner.bytes_total
