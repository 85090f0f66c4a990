"""The reference page against the code."""

from pathlib import Path

import pytest

from lienthong.agreement import Agreement
from lienthong_connectors.insurance_card import CONNECTOR
from lienthong_connectors.insurance_card.codes import ANSWERS, OFFICER_REFUSALS, REFUSALS, TROUBLES
from lienthong_connectors.insurance_card.config import CardOfficer, InsuranceCardConfig
from lienthong_connectors.insurance_card.simulator import SimulatedCard, SimulatorOptions
from lienthong_schemas.insurance import InsuranceCardAnswer, InsuranceCardQuery

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "connectors" / "insurance-card.md"
MODELS = (
    InsuranceCardConfig,
    CardOfficer,
    Agreement,
    SimulatorOptions,
    SimulatedCard,
    InsuranceCardQuery,
    InsuranceCardAnswer,
)
NAMES = sorted(
    {
        *(name for model in MODELS for name in model.model_fields),
        *CONNECTOR.effects,
        *ANSWERS,
        *REFUSALS,
        *OFFICER_REFUSALS,
        *TROUBLES,
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
    """A setting, operation, code or field that is added without a word of documentation fails here."""
    assert f"`{name}`" in page
