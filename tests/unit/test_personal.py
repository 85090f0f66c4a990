"""Personal IDs are kept out of attributes without refusing ordinary ids."""

import pytest

from lienthong.personal import holds_personal_id

PERSONAL_ID = "000" + "099" + "012345"
OTHER_ID = "999" + "304" + "012345"
OLD_ID = "999" + "012" + "345"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", PERSONAL_ID),
        ("id", "1" * 12),
        ("id", f"snapshot-{PERSONAL_ID}"),
        ("id", f"CCCD{OTHER_ID}"),
        ("source", f"/hue/people/{OTHER_ID}/cases"),
        ("subject", f"{PERSONAL_ID}:1"),
        ("subject", "000 099 012 345"),
        ("subject", "cccd=000.099.012.345"),
        ("subject", OLD_ID),
        ("actor", OLD_ID),
        ("dossiercode", PERSONAL_ID),
        ("anything", PERSONAL_ID),
    ],
)
def test_personal_ids_are_found(name: str, value: str) -> None:
    """A value that is or contains what has the form of a personal ID is refused."""
    assert holds_personal_id(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "000.00.22.H57-251123-0001"),
        ("id", "00000099-0990-4123-8999-000099012345"),
        ("id", "urn:uuid:00000099-0990-4123-8999-000099012345"),
        ("id", "8f3c000099012345aa99f1e2d3c4b5a6"),
        ("id", "20261123080000"),
        ("id", "export-202611230800"),
        ("id", "counter-000000012345"),
        ("id", "1795395600123"),
        ("id", "123456789"),
        ("id", "H57-251123-000001"),
        ("source", "/hue/one-stop/20261123"),
        ("traceparent", "00-00009901234500000000000000000001-0000990123450000-01"),
        ("time", "2026-11-23T08:00:00.123456789012Z"),
        ("dataschema", "urn:lienthong:schemas:case.changed:000099012345"),
    ],
)
def test_ordinary_ids_pass(name: str, value: str) -> None:
    """Dossier codes, UUIDs, hashes, time stamps and counters are not mistaken for a person."""
    assert not holds_personal_id(name, value)
