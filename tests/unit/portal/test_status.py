"""States in both directions."""

import pytest

from lienthong.errors import TransformError
from lienthong_connectors.portal.status import FROM_PORTAL, TO_PORTAL, status_from_portal, status_to_portal
from lienthong_schemas.dossier import DossierSnapshotV1


def states_of_the_schema() -> tuple[str, ...]:
    """Return every status that the snapshot schema allows."""
    schema = DossierSnapshotV1.model_json_schema()
    node = schema["properties"]["status"]
    node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node
    return tuple(node["enum"])


def test_every_status_of_the_schema_has_a_portal_code() -> None:
    """A state that publishers may send is never without a code."""
    assert set(TO_PORTAL) == set(states_of_the_schema())
    assert [status_to_portal(status) for status in TO_PORTAL] == [str(code) for code in range(1, 11)]


@pytest.mark.parametrize("code", [str(code) for code in range(11)])
def test_every_portal_code_has_a_status_of_the_schema(code: str) -> None:
    """Codes 0 to 10 all have an answer, which the schema knows."""
    assert status_from_portal(code) in states_of_the_schema()


def test_the_tables_are_inverse_where_both_have_an_answer() -> None:
    """A state that goes to the portal and comes back is the same state."""
    assert {FROM_PORTAL[code]: code for code in TO_PORTAL.values()} == dict(TO_PORTAL)


@pytest.mark.parametrize("code", ["11", "-1", "", "01", "x"])
def test_a_code_outside_the_table_is_refused(code: str) -> None:
    """An unmapped code is an error with its own reason, not a guess."""
    with pytest.raises(TransformError) as caught:
        status_from_portal(code)

    assert caught.value.reason == "portal_status_unmapped"


def test_a_state_without_a_code_is_refused() -> None:
    """A state that a later schema adds stops here until it is mapped."""
    with pytest.raises(TransformError) as caught:
        status_to_portal("archived")

    assert caught.value.reason == "status_unmapped"
