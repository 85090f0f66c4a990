"""Configuration of the connector and what its entry points offer."""

from typing import Any

import pytest
from pydantic import ValidationError

from lienthong.connector import ConnectorKind
from lienthong.plugins import load_one
from lienthong_connectors.portal import CONNECTOR
from lienthong_connectors.portal.config import PortalConfig

VALID = {
    "base_url": "https://adapter.example.vn",
    "user_name": "tinh",
    "password": "rat-bi-mat",
    "destination_code": "VN:DVCQG",
    "unit_code": "H57",
    "simulator": True,
}


def test_entry_points_offer_connector_and_simulator() -> None:
    """The framework finds both by name."""
    assert load_one("lienthong.connectors", "portal") is CONNECTOR
    assert load_one("lienthong.simulators", "portal").title_vi == CONNECTOR.title_vi == "Cổng Dịch vụ công quốc gia"


def test_the_connector_says_what_it_takes() -> None:
    """A pipeline lint can tell which records fit."""
    assert CONNECTOR.kind is ConnectorKind.SINK
    assert CONNECTOR.accepts == {"dossier.snapshot", "dossier.progress", "dossier.verified"}
    assert not CONNECTOR.has_version_check


def test_a_minimal_configuration_has_the_known_clients_timeout() -> None:
    """Sixty seconds is what public clients wait."""
    assert PortalConfig.model_validate(VALID).timeout_seconds == 60


@pytest.mark.parametrize(
    "change",
    [
        {"pasword": "x"},
        {"profile": "two-url"},
        {"profile": "three-url"},
        {"user_name": ""},
        {"unit_code": ""},
        {"max_progress_calls": 0},
        {"timeout_seconds": 0},
        {"known_dossiers": -1},
        {"agreement": {"number": "1"}},
        {"simulator": False},
    ],
)
def test_a_wrong_configuration_is_refused_without_showing_values(change: dict[str, Any]) -> None:
    """A misspelt field is named; neither it nor the password is shown."""
    with pytest.raises(ValidationError) as caught:
        PortalConfig.model_validate({**VALID, **change})

    assert "rat-bi-mat" not in str(caught.value)


def test_the_password_is_not_shown() -> None:
    """Printing a configuration gives no secret away."""
    assert "rat-bi-mat" not in repr(PortalConfig.model_validate(VALID))


def test_three_urls_need_no_account() -> None:
    """The profile without a login asks for none, so nobody invents one."""
    config = PortalConfig.model_validate(
        {"profile": "three-url", "base_url": "https://truc.example.vn", "simulator": True}
    )

    assert config.max_progress_calls == 4
