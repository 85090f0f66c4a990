"""Whom a schema change breaks: a matrix of changes in both directions."""

import copy

import pytest

from lienthong.registry.compatibility import OLD_PUBLISHERS, OLD_READERS, Compatibility, compare

BASE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["code", "state"],
    "properties": {
        "code": {"type": "string", "pattern": "^A", "minLength": 2, "maxLength": 10},
        "state": {"enum": ["open", "closed"], "type": "string"},
        "count": {"type": "integer", "minimum": 0, "maximum": 9},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}, "maxItems": 5},
    },
    "$defs": {
        "Part": {
            "type": "object",
            "additionalProperties": False,
            "required": ["id"],
            "properties": {"id": {"type": "string"}, "parent": {"$ref": "#/$defs/Part"}},
        }
    },
}


def _changed(change):
    schema = copy.deepcopy(BASE)
    change(schema)
    return schema


def _set(path, value):
    def change(schema):
        *outer, last = path
        for name in outer:
            schema = schema[name]
        if value is None:
            del schema[last]
        else:
            schema[last] = value

    return change


P = "properties"
# change, what BACKWARD reports, what FORWARD reports (field, rule)
MATRIX = {
    "nothing": (lambda _: None, [], []),
    "optional field added": (_set([P, "new"], {"type": "string"}), [], []),
    "required field added": (
        lambda s: (_set([P, "new"], {"type": "string"})(s), s["required"].append("new")),
        [("new", "required_field_added")],
        [],
    ),
    "optional becomes required": (
        _set(["required"], ["code", "state", "count"]),
        [("count", "required_field_added")],
        [],
    ),
    "required becomes optional": (_set(["required"], ["code"]), [], [("state", "required_field_removed")]),
    "optional field removed": (_set([P, "note"], None), [("note", "field_removed")], []),
    "required field removed": (
        lambda s: (_set([P, "state"], None)(s), s["required"].remove("state")),
        [("state", "field_removed")],
        [("state", "required_field_removed")],
    ),
    "type narrowed": (_set([P, "note"], {"type": "string"}), [("note", "type_narrowed")], []),
    "type widened": (
        _set([P, "count"], {"type": "number", "minimum": 0, "maximum": 9}),
        [],
        [("count", "type_widened")],
    ),
    "type changed": (
        _set([P, "count"], {"type": "string"}),
        [("count", "type_narrowed")],
        [("count", "type_widened")],
    ),
    "made nullable": (
        _set([P, "count"], {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 9}, {"type": "null"}]}),
        [],
        [("count", "type_widened")],
    ),
    "enum shrunk": (_set([P, "state", "enum"], ["open"]), [("state", "enum_shrunk")], []),
    "enum grown": (_set([P, "state", "enum"], ["open", "closed", "lost"]), [], [("state", "enum_grown")]),
    "enum became a constant": (
        _set([P, "state"], {"const": "open", "type": "string"}),
        [("state", "enum_shrunk")],
        [],
    ),
    "enum dropped": (_set([P, "state"], {"type": "string"}), [], [("state", "enum_removed")]),
    "enum put on": (
        _set([P, "code"], {"type": "string", "pattern": "^A", "minLength": 2, "maxLength": 10, "enum": ["AA"]}),
        [("code", "enum_added")],
        [],
    ),
    "pattern changed": (
        _set([P, "code", "pattern"], "^AB"),
        [("code", "pattern_changed")],
        [("code", "pattern_changed")],
    ),
    "pattern dropped": (_set([P, "code", "pattern"], None), [], [("code", "pattern_changed")]),
    "longer allowed": (_set([P, "code", "maxLength"], 20), [], [("code", "maxLength_loosened")]),
    "shorter allowed": (_set([P, "code", "minLength"], 1), [], [("code", "minLength_loosened")]),
    "length tightened": (_set([P, "code", "maxLength"], 5), [("code", "maxLength_tightened")], []),
    "range tightened": (_set([P, "count", "minimum"], 1), [("count", "minimum_tightened")], []),
    "range opened": (_set([P, "count", "maximum"], None), [], [("count", "maximum_loosened")]),
    "fewer items": (_set([P, "parts", "maxItems"], 2), [("parts", "maxItems_tightened")], []),
    "nested field removed": (
        _set(["$defs", "Part", P, "parent"], None),
        [("parts[].parent", "field_removed")],
        [],
    ),
    "nested field required": (
        _set(["$defs", "Part", "required"], ["id", "parent"]),
        [("parts[].parent", "required_field_added")],
        [],
    ),
    "content opened": (_set(["additionalProperties"], True), [], []),
    "rule that cannot be compared": (
        _set([P, "code", "not"], {"const": "A0"}),
        [("code", "not_comparable")],
        [],
    ),
}


@pytest.mark.parametrize("name", MATRIX)
def test_each_change_is_reported_for_those_it_breaks(name):
    """BACKWARD speaks for publishers, FORWARD for readers, FULL for both; each names field and rule."""
    change, backward, forward = MATRIX[name]
    new = _changed(change)

    found_backward = compare(BASE, new, Compatibility.BACKWARD)
    found_forward = compare(BASE, new, Compatibility.FORWARD)

    assert [(each.field, each.rule) for each in found_backward if "parent.parent" not in each.field] == backward
    assert [(each.field, each.rule) for each in found_forward if "parent.parent" not in each.field] == forward
    assert {each.who for each in found_backward} <= {OLD_PUBLISHERS}
    assert {each.who for each in found_forward} <= {OLD_READERS}
    assert compare(BASE, new, Compatibility.FULL) == (*found_backward, *found_forward)


def test_a_closed_reader_breaks_on_a_new_field():
    """Where readers are closed too, an added field breaks them."""
    new = _changed(_set([P, "new"], {"type": "string"}))

    found = compare(BASE, new, Compatibility.FORWARD, open_readers=False)

    assert [(each.field, each.rule) for each in found] == [("new", "field_added")]


def test_closing_an_open_schema_breaks_publishers():
    """Who was allowed to send more fields is refused afterwards."""
    old = _changed(_set(["additionalProperties"], True))

    assert [(each.field, each.rule) for each in compare(old, BASE)] == [("", "content_closed")]


def test_a_break_reads_as_one_sentence():
    """The operator sees field, change, both sides and who breaks."""
    (found,) = compare(BASE, _changed(_set([P, "code", "maxLength"], 5)))

    assert str(found) == "code: maxLength_tightened (10 → 5); breaks publishers of the old version"


def test_a_schema_that_refers_to_itself_ends():
    """A recursive type is compared to a depth, not for ever."""
    new = _changed(_set(["$defs", "Part", P, "id"], {"type": "integer"}))

    assert ("parts[].id", "type_narrowed") in {(each.field, each.rule) for each in compare(BASE, new)}
