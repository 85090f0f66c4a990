"""Settled offsets above the watermark, as text in the commit of a partition.

A restart then repeats only what was not settled. The text is ``1.<crc32>.<base64 of varint deltas>`` and at most 3,500
ASCII characters; when it would be longer the lowest ranges stay, because they are reached first.

Source:
    Kafka's ``offset.metadata.max.bytes`` is 4,096 and a longer text fails the commit.
"""

import base64
import binascii
import zlib
from collections.abc import Sequence

MAX_CHARACTERS = 3_500
_VERSION = "1"
# Version, two dots and eight hexadecimal digits stand before the payload; base64 turns 3 bytes into 4 characters.
_MAX_PAYLOAD_BYTES = (MAX_CHARACTERS - 11) // 4 * 3


def encode(base: int, ranges: Sequence[tuple[int, int]]) -> str:
    """Return the text for a commit.

    Args:
        base: The committed offset.
        ranges: Inclusive ranges of settled offsets above it, lowest first.
    """
    payload = bytearray(_varint(base))
    last = base
    for first, end in ranges:
        item = _varint(first - last) + _varint(end - first)
        if len(payload) + len(item) > _MAX_PAYLOAD_BYTES:
            break
        payload += item
        last = end
    checksum = zlib.crc32(payload)
    return f"{_VERSION}.{checksum:08x}.{base64.urlsafe_b64encode(payload).decode()}"


def decode(base: int, text: str | None) -> list[tuple[int, int]]:
    """Return the settled ranges in a commit.

    Args:
        base: The committed offset that the text came with.
        text: The text; anything that is damaged or of another offset means "nothing known above the watermark".
    """
    version, _, rest = (text or "").partition(".")
    checksum, _, encoded = rest.partition(".")
    if version != _VERSION:
        return []
    try:
        payload = base64.b64decode(encoded, altchars=b"-_", validate=True)
        if int(checksum, 16) != zlib.crc32(payload):
            return []
        numbers = _numbers(payload)
    except (binascii.Error, ValueError):
        return []
    if not numbers or numbers[0] != base or len(numbers) % 2 == 0:
        return []
    ranges = []
    last = base
    for index in range(1, len(numbers), 2):
        first = last + numbers[index]
        last = first + numbers[index + 1]
        ranges.append((first, last))
    return ranges


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _numbers(payload: bytes) -> list[int]:
    numbers = []
    number = shift = 0
    for byte in payload:
        number |= (byte & 0x7F) << shift
        if byte & 0x80:
            shift += 7
        else:
            numbers.append(number)
            number = shift = 0
    if shift:
        raise ValueError("the text ends inside a number")
    return numbers
