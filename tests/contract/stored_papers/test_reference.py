"""The reference page against the code."""

from pathlib import Path

import pytest

from lienthong.agreement import Agreement
from lienthong_connectors.stored_papers import CONNECTOR
from lienthong_connectors.stored_papers.config import Requester, StoredPapersConfig
from lienthong_connectors.stored_papers.simulator import SimulatedPaper, SimulatorOptions
from lienthong_schemas.stored_papers import StoredPaper, StoredPapersQuery

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "connectors" / "stored-papers.md"
MODELS = (StoredPapersConfig, Requester, Agreement, SimulatorOptions, SimulatedPaper, StoredPapersQuery, StoredPaper)
NAMES = sorted(
    {
        *(name for model in MODELS for name in model.model_fields),
        *CONNECTOR.effects,
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
