"""The reference page against the code."""

from pathlib import Path

import pytest

from lienthong_connectors.life_events.config import LifeEventsConfig, Recipient, RecipientAgreement
from lienthong_connectors.life_events.connector import EFFECTS, OPERATIONS
from lienthong_connectors.life_events.simulator import SimulatorOptions

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "connectors" / "life-events.md"
NAMES = {
    *LifeEventsConfig.model_fields,
    *Recipient.model_fields,
    *RecipientAgreement.model_fields,
    *SimulatorOptions.model_fields,
    *EFFECTS,
    *OPERATIONS,
}


def test_every_name_is_on_the_reference_page() -> None:
    """A setting or operation that is added without a word of documentation fails here."""
    if not PAGE.exists():
        pytest.skip("the documentation is not beside these tests")
    page = PAGE.read_text(encoding="utf-8")

    assert [name for name in sorted(NAMES) if f"`{name}`" not in page] == []
