"""The reference page against the code."""

from pathlib import Path

import pytest

from lienthong_connectors.portal.answers import Meaning
from lienthong_connectors.portal.config import PortalAgreement, PortalConfig
from lienthong_connectors.portal.connector import EFFECTS
from lienthong_connectors.portal.simulator import SimulatorOptions
from lienthong_connectors.portal.status import TO_PORTAL

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "connectors" / "portal.md"

NAMES = sorted(
    {
        *PortalConfig.model_fields,
        *PortalAgreement.model_fields,
        *SimulatorOptions.model_fields,
        *EFFECTS,
        *(meaning.value for meaning in Meaning),
        *TO_PORTAL,
    }
)


@pytest.fixture(scope="module")
def page() -> str:
    """Read the page, where the tests lie beside the documentation."""
    if not PAGE.exists():
        pytest.skip("the documentation is not beside these tests")
    return PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_on_the_reference_page(page: str, name: str) -> None:
    """A setting, operation, meaning or state that is added without a word of documentation fails here."""
    assert f"`{name}`" in page
