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

#: Keeps letters and digits, digits alone, or letters and what stands between the words of a name; the rest parts texts.
_ALPHANUMERIC: Final = bytes(code if chr(code).isalnum() and code < 128 else 32 for code in range(256))
_DIGITS: Final = bytes(code if 48 <= code <= 57 else 32 for code in range(256))
_BETWEEN_WORDS: Final = b" _+.-"
_WORDS: Final = bytes(
    ord(chr(code).upper()) if code < 128 and chr(code).isalpha() else 32 if code in _BETWEEN_WORDS else 10
    for code in range(256)
)
_GROUPS: Final = bytes(code if 48 <= code <= 57 else 32 if code in b" .-" else 10 for code in range(256))
_GROUPED: Final = re.compile(rb"(?<!\d)\d{3}(?: \d{3}){2,3}(?!\d)")
_LEAST_GROUPED: Final = 11
_AROUND_BYTES: Final = 512
_ESCAPED: Final = re.compile(rb"\\u([0-9a-fA-F]{4})")
_ESCAPED_BLANK: Final = re.compile(rb"\\[nrt]")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]{10,}")
_HEXADECIMAL: Final = re.compile(rb"[0-9a-f-]+|[0-9]+")
_ID_DIGITS: Final = 12
_PHONE_DIGITS: Final = 10
_LEAST_WORDS: Final = 3
_MOST_WORDS: Final = 6
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

    numbers: set[bytes] = field(default_factory=set, repr=False)
    names: set[bytes] = field(default_factory=set, repr=False)

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
        numbers = [each["value"] for each in owner["identifiers"]]
        numbers += [owner.get("phone"), there.get("personal_id"), there.get("old_id")]
        wanted.numbers.update(number.encode() for number in numbers if number)
        wanted.names.update(words_of(known["full_name"]) for known in (owner, there) if known)
    return wanted


def fold(data: bytes) -> bytes:
    """Return a text without accents in ASCII; ``đ`` becomes ``d``.

    Args:
        data: UTF-8; what is none is left out.
    """
    if data.isascii():
        return data
    text = unicodedata.normalize("NFD", data.decode("utf-8", "ignore").replace("đ", "d").replace("Đ", "D"))
    return text.encode("ascii", "ignore")


def words_of(name: str) -> bytes:
    """Return a name in the one form in which names are compared.

    Args:
        name: A full name.
    """
    return b" ".join(fold(name.encode()).translate(_WORDS).split())


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
            if self._has_number(plain):
                found.setdefault((place, "number"), Leak(place, "number", form))
            if self._has_name(plain):
                found.setdefault((place, "name"), Leak(place, "name", form))
        return list(found.values())

    def _has_number(self, data: bytes) -> bool:
        numbers = self._wanted.numbers
        # A CMND must stand alone: nine digits inside a longer code are equal by chance now and then.
        codes = set(data.translate(_ALPHANUMERIC).split())
        if not numbers.isdisjoint(codes):
            return True
        long = b" ".join(code for code in codes if len(code) > _PHONE_DIGITS)
        for run in set(long.translate(_DIGITS).split()):
            if len(run) == _PHONE_DIGITS and run in numbers:
                return True
            # Twelve digits are never equal by chance, wherever they stand.
            if len(run) >= _ID_DIGITS and any(
                run[start : start + _ID_DIGITS] in numbers for start in range(len(run) - _ID_DIGITS + 1)
            ):
                return True
        return any(self._has_grouped_number(line) for line in set(data.translate(_GROUPS).split(b"\n")))

    def _has_grouped_number(self, line: bytes) -> bool:
        if len(line) < _LEAST_GROUPED or line.count(b" ") < 2:
            return False
        return any(match[0].replace(b" ", b"") in self._wanted.numbers for match in _GROUPED.finditer(line))

    def _has_name(self, data: bytes) -> bool:
        names = self._wanted.names
        for line in set(fold(data).translate(_WORDS).split(b"\n")):
            if line.count(b" ") < _LEAST_WORDS - 1:
                continue
            words = line.split()
            for start in range(len(words) - _LEAST_WORDS + 1):
                for length in range(_LEAST_WORDS, min(_MOST_WORDS, len(words) - start) + 1):
                    if b" ".join(words[start : start + length]) in names:
                        return True
        return False


def forms_of(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the evidence as it is and with each encoding taken off.

    Args:
        data: The evidence.
    """
    yield "raw", data
    escaped = _around(b"\\", data)
    if escaped:
        yield "json", _ESCAPED_BLANK.sub(b" ", _ESCAPED.sub(_character, escaped))
    quoted = _around(b"%", data)
    if quoted:
        yield "url", unquote_to_bytes(quoted)
    decoded = _from_base64(data)
    if decoded:
        yield "base64", decoded


def _around(mark: bytes, data: bytes) -> bytes:
    """Return what stands around every mark: enough for any name or number."""
    parts = []
    done, place = 0, data.find(mark)
    while place >= 0:
        start, end = max(done, place - _AROUND_BYTES), place + _AROUND_BYTES
        if start > done:
            parts.append(b"\n")
        parts.append(data[start:end])
        done = end
        # The last mark inside decides how far the next part must go.
        inside = data.rfind(mark, place + 1, end)
        place = inside if inside >= 0 else data.find(mark, end)
    return b"".join(parts)


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
