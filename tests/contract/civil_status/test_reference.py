"""The reference page against the code."""

from pathlib import Path

import pytest

from lienthong_connectors.civil_status.config import CivilStatusAgreement, CivilStatusConfig
from lienthong_connectors.civil_status.connector import TYPES
from lienthong_connectors.civil_status.simulator import SimulatorOptions
from lienthong_connectors.civil_status.wire import MODULES, STATES

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "connectors" / "civil-status.md"
NAMES = {
    *CivilStatusConfig.model_fields,
    *CivilStatusAgreement.model_fields,
    *SimulatorOptions.model_fields,
    *TYPES,
    *MODULES,
    *STATES.values(),
}


def test_every_name_is_on_the_reference_page() -> None:
    """A setting, type, kind or state that is added without a word of documentation fails here."""
    if not PAGE.exists():
        pytest.skip("the documentation is not beside these tests")
    page = PAGE.read_text(encoding="utf-8")

    assert [name for name in sorted(NAMES) if f"`{name}`" not in page] == []
