"""The reference page against the code."""

from pathlib import Path

import pytest

from lienthong_connectors.one_stop.config import OneStopConfig
from lienthong_connectors.one_stop.connector import EFFECTS
from lienthong_connectors.one_stop.simulator import SimulatorOptions

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "connectors" / "one-stop.md"
NAMES = sorted({*OneStopConfig.model_fields, *SimulatorOptions.model_fields, *EFFECTS})


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_on_the_reference_page(name: str) -> None:
    """A setting or operation that is added without a word of documentation fails here."""
    if not PAGE.exists():
        pytest.skip("the documentation is not beside these tests")

    assert f"`{name}`" in PAGE.read_text(encoding="utf-8")
