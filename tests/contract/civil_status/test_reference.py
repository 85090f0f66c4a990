"""The reference page against the code."""

from pathlib import Path

import pytest

from lienthong_connectors.civil_status.config import CivilStatusAgreement, CivilStatusConfig, RegistryConfig
from lienthong_connectors.civil_status.connector import TYPES
from lienthong_connectors.civil_status.registry import EFFECTS, OPERATIONS
from lienthong_connectors.civil_status.simulator import SimulatorOptions
from lienthong_connectors.civil_status.wire import MODULES, STATES

PAGES = Path(__file__).parents[3] / "docs" / "reference" / "connectors"
NAMES = {
    *CivilStatusConfig.model_fields,
    *CivilStatusAgreement.model_fields,
    *SimulatorOptions.model_fields,
    *TYPES,
    *MODULES,
    *STATES.values(),
}


REGISTRY_NAMES = {
    *RegistryConfig.model_fields,
    *OPERATIONS,
    *(str(effect) for effect in EFFECTS.values()),
}


@pytest.mark.parametrize(("page", "names"), [("civil-status", NAMES), ("civil-status-registry", REGISTRY_NAMES)])
def test_every_name_is_on_the_reference_page(page: str, names: set[str]) -> None:
    """A setting, type, kind or state that is added without a word of documentation fails here."""
    path = PAGES / f"{page}.md"
    if not path.exists():
        pytest.skip("the documentation is not beside these tests")
    text = path.read_text(encoding="utf-8")

    assert [name for name in sorted(names) if f"`{name}`" not in text] == []
