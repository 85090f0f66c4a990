"""The reference page against the code."""

import re
from pathlib import Path

import pytest

from lienthong_connectors.vneid import simulated_broker, simulator
from lienthong_connectors.vneid.config import BrokerConfig, SignInAgreement, VneidConfig
from lienthong_connectors.vneid.simulated_accounts import SimulatedCitizen

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "connectors" / "vneid.md"
CODE = ROOT / "connectors" / "lienthong_connectors" / "vneid"


@pytest.fixture(scope="module")
def page() -> str:
    """Read the page, where the tests lie beside the documentation."""
    if not PAGE.exists():
        pytest.skip("the documentation is not beside these tests")
    return PAGE.read_text(encoding="utf-8")


def test_every_setting_and_fault_is_on_the_reference_page(page: str) -> None:
    """A setting or fault that is added without a word of documentation fails here."""
    names = {
        *VneidConfig.model_fields,
        *BrokerConfig.model_fields,
        *SignInAgreement.model_fields,
        *SimulatedCitizen.__dataclass_fields__,
        *simulator.FAULTS,
        *simulated_broker.FAULTS,
    }

    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


def test_every_reason_is_on_the_reference_page(page: str) -> None:
    """A reason that an operator meets in the log is explained."""
    text = "\n".join(path.read_text("utf-8") for path in CODE.glob("*.py"))
    reasons = set(re.findall(r'reason="(\w+)"', text))

    assert "envelope" in reasons
    assert [reason for reason in sorted(reasons) if f"`{reason}`" not in page] == []
