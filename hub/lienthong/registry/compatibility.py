"""Whether a changed schema breaks those who publish or those who read.

One question is asked in both directions: is every record that one schema allows allowed by the other? What cannot be
compared counts as a break, because a wrong "compatible" costs records.

Source:
    JSON Schema 2020-12; the names BACKWARD, FORWARD and FULL are those of the schema registries of the Kafka world.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

Schema = Mapping[str, Any]

OLD_PUBLISHERS: Final = "publishers of the old version"
OLD_READERS: Final = "readers of the old version"
# Keyword, whether the reader's bound must not be larger (a lower bound) and what no bound means.
_LOWER: Final = ("minLength", "minItems", "minimum", "exclusiveMinimum", "minProperties")
_UPPER: Final = ("maxLength", "maxItems", "maximum", "exclusiveMaximum", "maxProperties")
_EXACT: Final = ("pattern", "format", "multipleOf", "uniqueItems")
_COMBINED: Final = ("allOf", "oneOf", "not", "if", "then", "else", "patternProperties", "prefixItems", "contains")
_MAX_DEPTH: Final = 40
# What the change is called when the new schema writes and the old one reads.
_REVERSED: Final = {
    "type_narrowed": "type_widened",
    "required_field_added": "required_field_removed",
    "field_removed": "field_added",
    "content_closed": "content_opened",
    "enum_added": "enum_removed",
    "enum_shrunk": "enum_grown",
}


class Compatibility(StrEnum):
    """Which change is allowed."""

    BACKWARD = "BACKWARD"
    FORWARD = "FORWARD"
    FULL = "FULL"


@dataclass(frozen=True, slots=True)
class Break:
    """One thing that stops working.

    Attributes:
        field: Path of the field; ``[]`` stands for the items of an array, an empty path for the whole record.
        rule: What changed, such as ``field_removed``.
        who: Who breaks.
        detail: Both sides of the change.
    """

    field: str
    rule: str
    who: str
    detail: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.field or 'the record'}: {self.rule} ({self.detail}); breaks {self.who}"


@dataclass(frozen=True, slots=True)
class _Gap:
    field: str
    rule: str
    written: object
    read: object


def compare(
    old: Schema, new: Schema, mode: Compatibility = Compatibility.BACKWARD, *, open_readers: bool = True
) -> tuple[Break, ...]:
    """Return what a change breaks.

    Args:
        old: JSON Schema before.
        new: JSON Schema after.
        mode: BACKWARD: the new schema takes what old publishers write. FORWARD: old readers take what is written by the
            new schema. FULL: both.
        open_readers: Whether readers ignore unknown fields although the published schema is closed.

    Returns:
        Nothing when the change is compatible.
    """
    found: list[Break] = []
    if mode in {Compatibility.BACKWARD, Compatibility.FULL}:
        gaps = _Comparison(old, new, reader_is_open=False).run()
        found += [Break(gap.field, gap.rule, OLD_PUBLISHERS, f"{gap.written} → {gap.read}") for gap in gaps]
    if mode in {Compatibility.FORWARD, Compatibility.FULL}:
        gaps = _Comparison(new, old, reader_is_open=open_readers).run()
        found += [Break(gap.field, _reversed(gap.rule), OLD_READERS, f"{gap.read} → {gap.written}") for gap in gaps]
    return tuple(dict.fromkeys(found))


def _reversed(rule: str) -> str:
    return _REVERSED.get(rule) or rule.replace("_tightened", "_loosened")


class _Comparison:
    """Whether everything that the writer's schema allows is allowed by the reader's."""

    def __init__(self, writer: Schema, reader: Schema, *, reader_is_open: bool) -> None:
        self._writer = writer
        self._reader = reader
        self._reader_is_open = reader_is_open

    def run(self) -> list[_Gap]:
        return list(self._compare(self._writer, self._reader, "", 0))

    def _compare(self, writer: Schema, reader: Schema, path: str, depth: int) -> Iterator[_Gap]:
        if depth > _MAX_DEPTH:
            return
        choices = list(_alternatives(reader, self._reader))
        for choice in _alternatives(writer, self._writer):
            results = [list(self._single(choice, other, path, depth)) for other in choices]
            if not results or all(results):
                # The nearest alternative explains best what is missing.
                yield from min(results, key=_distance, default=[_Gap(path, "type_narrowed", "something", "nothing")])

    def _single(self, writer: Schema, reader: Schema, path: str, depth: int) -> Iterator[_Gap]:
        if not _type_fits(writer.get("type"), reader.get("type")):
            yield _Gap(path, "type_narrowed", writer.get("type", "any"), reader.get("type", "any"))
            return
        yield from _values(writer, reader, path)
        yield from _bounds(writer, reader, path)
        if "items" in reader and reader["items"] is not True:
            yield from self._compare(writer.get("items", {}), reader["items"], f"{path}[]", depth + 1)
        if "properties" in reader or "properties" in writer or "additionalProperties" in reader:
            yield from self._object(writer, reader, path, depth)

    def _object(self, writer: Schema, reader: Schema, path: str, depth: int) -> Iterator[_Gap]:
        written = writer.get("properties", {})
        read = reader.get("properties", {})
        always = set(writer.get("required", ()))
        for name in sorted(set(reader.get("required", ())) - always):
            yield _Gap(_join(path, name), "required_field_added", "may be missing", "required")
        closed = reader.get("additionalProperties") is False and not self._reader_is_open
        for name, schema in written.items():
            if name in read:
                yield from self._compare(schema, read[name], _join(path, name), depth + 1)
            elif closed:
                yield _Gap(_join(path, name), "field_removed", "known", "refused as unknown")
        if closed and writer.get("additionalProperties", True) is not False:
            yield _Gap(path, "content_closed", "unknown fields allowed", "refused")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _distance(gaps: list[_Gap]) -> tuple[bool, int]:
    return (any(gap.rule == "type_narrowed" for gap in gaps), len(gaps))


def _alternatives(schema: Any, root: Schema) -> Iterator[Schema]:
    """Yield what a schema allows, one plain schema for each alternative."""
    if schema is True:
        schema = {}
    if schema is False:
        return
    schema = _resolved(schema, root)
    if "anyOf" in schema:
        for part in schema["anyOf"]:
            yield from _alternatives(part, root)
        return
    types = schema.get("type")
    if isinstance(types, list):
        for each in types:
            yield {**schema, "type": each}
        return
    yield schema


def _resolved(schema: Schema, root: Schema) -> Schema:
    for _ in range(_MAX_DEPTH):
        reference = schema.get("$ref")
        if reference is None:
            break
        target: Any = root
        for part in str(reference).removeprefix("#/").split("/"):
            target = target[part]
        schema = {**target, **{name: value for name, value in schema.items() if name != "$ref"}}
    return schema


def _type_fits(writer: str | None, reader: str | None) -> bool:
    return reader is None or writer == reader or (writer == "integer" and reader == "number")


def _allowed(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    values = schema.get("enum")
    return list(values) if values is not None else None


def _values(writer: Schema, reader: Schema, path: str) -> Iterator[_Gap]:
    read = _allowed(reader)
    if read is None:
        return
    written = _allowed(writer)
    if written is None:
        yield _Gap(path, "enum_added", "anything", f"one of {len(read)} values")
        return
    missing = [value for value in written if value not in read]
    if missing:
        yield _Gap(path, "enum_shrunk", ", ".join(map(str, missing)), "not allowed")


def _bounds(writer: Schema, reader: Schema, path: str) -> Iterator[_Gap]:
    for keyword in _LOWER:
        if keyword in reader and (keyword not in writer or writer[keyword] < reader[keyword]):
            yield _Gap(path, f"{keyword}_tightened", writer.get(keyword, "none"), reader[keyword])
    for keyword in _UPPER:
        if keyword in reader and (keyword not in writer or writer[keyword] > reader[keyword]):
            yield _Gap(path, f"{keyword}_tightened", writer.get(keyword, "none"), reader[keyword])
    for keyword in _EXACT:
        if reader.get(keyword, False) is not False and writer.get(keyword) != reader[keyword]:
            yield _Gap(path, f"{keyword}_changed", writer.get(keyword, "none"), reader[keyword])
    for keyword in _COMBINED:
        if keyword in reader and writer.get(keyword) != reader[keyword]:
            yield _Gap(path, "not_comparable", keyword, "differs; compare by hand")
