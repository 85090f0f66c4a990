"""What may stand in the declaration of a recipient, and what follows from it."""

from typing import Any

import pytest
from pydantic import ValidationError

from lienthong_connectors.life_events import CONNECTOR
from lienthong_connectors.life_events.config import LifeEventsConfig
from lienthong_connectors.life_events.fields import chosen, expand

RECIPIENT = {
    "url": "https://y-te.example.vn/su-kien",
    "api_key": "rat-bi-mat",
    "agreement": {"number": "07/TT-SYT", "valid_until": "2099-01-01"},
    "purpose": "Cấp thẻ bảo hiểm y tế",
    "legal_basis": "NĐ 63/2024/NĐ-CP",
    "events": {"person.created": ["full_name", "registration"]},
}


def _config(**changes: Any) -> LifeEventsConfig:
    return LifeEventsConfig.model_validate({"recipients": {"health": {**RECIPIENT, **changes}}})


@pytest.mark.parametrize(
    "changes",
    [
        {"agreement": None},
        {"agreement": {"number": "", "valid_until": "2099-01-01"}},
        {"purpose": ""},
        {"legal_basis": ""},
        {"events": {}},
        {"events": {"person.created": []}},
        {"events": {"person.created": ["fullname"]}},
        {"events": {"person.deceased": ["parents"]}},
        {"events": {"dossier.snapshot": ["status"]}},
        {"api_key": None},
        {"api_key_files": ["/etc/key"]},
        {"url": "http://y-te.example.vn"},
        {"fields": ["full_name"]},
    ],
)
def test_an_incomplete_declaration_is_refused(changes: dict[str, Any]) -> None:
    """Without agreement, purpose, legal basis, real fields and a private way nobody is told of anything."""
    with pytest.raises(ValidationError) as caught:
        _config(**changes)

    assert "rat-bi-mat" not in str(caught.value)


def test_a_wrong_field_is_named() -> None:
    """Whoever writes the declaration learns which path is wrong."""
    with pytest.raises(ValidationError, match=r"fullname is no field of person\.created"):
        _config(events={"person.created": ["full_name", "fullname"]})


def test_subscribers_are_the_declared_recipients() -> None:
    """Copies are made for them alone."""
    assert CONNECTOR.subscribers is not None
    assert tuple(CONNECTOR.subscribers(_config())) == ("health",)


def test_a_group_stands_for_its_fields() -> None:
    """A group is every field that it has in this version, nested ones too; the key is not shown."""
    assert expand("person.created", ["registration.place", "full_name"]) == {
        "full_name",
        "registration.place.code_system",
        "registration.place.code",
        "registration.place.as_of",
    }
    assert "parents.address.unit.code" in expand("person.created", ["parents"])
    assert "rat-bi-mat" not in repr(_config())


def test_only_allowed_fields_are_chosen() -> None:
    """Absent fields stay absent, null stays null, and lists are cut item by item."""
    document = {"a": 1, "b": None, "c": [{"x": 1, "y": 2}, {"y": 3}], "d": {"x": 1}}

    assert chosen(document, ["b", "c.x", "e"]) == {"b": None, "c": [{"x": 1}, {}]}
