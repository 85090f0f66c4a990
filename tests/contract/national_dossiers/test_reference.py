"""The reference page against the code."""

from pathlib import Path

import pytest

from lienthong.attachments import FolderSettings, S3Settings
from lienthong_connectors.national_dossiers.config import (
    LinkedProcedure,
    LinkedPullSettings,
    LinkedUnit,
    NationalDossiersConfig,
    PortalPullSettings,
    PullAgreement,
)
from lienthong_connectors.national_dossiers.simulator import Addition, SimulatorOptions

DOCS = Path(__file__).parents[3] / "docs"
PAGES = {
    "reference/connectors/national-dossiers.md": (
        NationalDossiersConfig,
        PortalPullSettings,
        LinkedPullSettings,
        LinkedProcedure,
        LinkedUnit,
        PullAgreement,
        SimulatorOptions,
        Addition,
    ),
    "explanation/attachments.md": (FolderSettings, S3Settings),
}
NAMES = sorted({(page, name) for page, models in PAGES.items() for model in models for name in model.model_fields})


@pytest.mark.parametrize(("page", "name"), NAMES)
def test_every_name_is_on_its_page(page: str, name: str) -> None:
    """A setting that is added without a word of documentation fails here."""
    if not DOCS.exists():
        pytest.skip("the documentation is not beside these tests")
    text = (DOCS / page).read_text(encoding="utf-8")

    assert f"`{name}`" in text or f"  {name}:" in text
