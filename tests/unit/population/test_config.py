"""Configuration, secrets and the agreement."""

from datetime import date, timedelta

import pytest
from pydantic import ValidationError

from lienthong.agreement import Agreement, check_agreement
from lienthong.connector import CallContext
from lienthong.errors import ScopeError, TargetConfigurationError
from lienthong_connectors.population.config import PopulationConfig

BASE = {
    "base_url": "https://population.example/dc",
    "authentication_path": "/dc/tracuu",
    "user_name": "hub",
    "secret": "s3cret-of-the-province",
    "api_key": "key-of-the-province",
    "officers": {"automatic": {"officer_code": "000000000009", "account": "hub.auto"}},
}
TODAY = date(2026, 10, 5)


def context(**changes):
    """Return a call of an officer."""
    call = {
        "pipeline": "verify-dossier",
        "effect_key": "e",
        "attempt": 1,
        "attempt_id": "a" * 32,
        "purpose": "dossier-verification",
        "legal_basis": "x",
        "actor": "automatic",
        "on_behalf_of": "",
        "key": "H57.01-261005-0001",
    }
    return CallContext(**{**call, **changes})


def agreement(**changes):
    """Return an agreement that covers the call."""
    agreed = {
        "number": "12/QC",
        "integration_codes": ["037"],
        "procedures": ["2.000488"],
        "officers": ["automatic"],
        "purpose": "dossier-verification",
        "valid_until": "2026-12-31",
    }
    return Agreement.model_validate({**agreed, **changes})


def test_real_endpoint_needs_an_agreement():
    """No province calls the nation's database without papers."""
    with pytest.raises(ValidationError, match="agreement"):
        PopulationConfig.model_validate(BASE)
    assert PopulationConfig.model_validate({**BASE, "simulator": True}).agreement is None


def test_service_must_be_agreed_on():
    """A service that the agreement does not name is refused at start."""
    with pytest.raises(ValidationError, match="integration_code"):
        PopulationConfig.model_validate({**BASE, "agreement": agreement().model_dump(), "integration_code": "003"})


def test_unknown_setting_is_refused():
    """A typing error is found at start."""
    with pytest.raises(ValidationError):
        PopulationConfig.model_validate({**BASE, "simulator": True, "time_out": 3})


def test_secrets_and_officers_are_not_shown():
    """Neither credentials nor an officer's number appear in logs of the configuration or in its errors."""
    config = PopulationConfig.model_validate({**BASE, "simulator": True})
    with pytest.raises(ValidationError) as caught:
        PopulationConfig.model_validate(BASE)
    shown = f"{config!r} {config} {caught.value}"
    for secret in ("s3cret-of-the-province", "key-of-the-province", "000000000009", "hub.auto"):
        assert secret not in shown


def test_covered_call_passes():
    """A call inside the agreement is made, on its last day too."""
    check_agreement(agreement(), "2.000488", context(), TODAY)
    check_agreement(agreement(valid_until=TODAY.isoformat()), "2.000488", context(), TODAY)


@pytest.mark.parametrize(
    ("changes", "kind", "reason"),
    [
        ({"valid_until": (TODAY - timedelta(days=1)).isoformat()}, TargetConfigurationError, "agreement_expired"),
        ({"purpose": "statistics"}, TargetConfigurationError, "agreement_purpose"),
        ({"procedures": ["1.001193"]}, ScopeError, "agreement"),
        ({"officers": ["somebody"]}, ScopeError, "agreement"),
    ],
)
def test_call_outside_the_agreement_is_refused_here(changes, kind, reason):
    """What was not agreed on never leaves the province."""
    with pytest.raises(kind) as caught:
        check_agreement(agreement(**changes), "2.000488", context(), TODAY)
    assert caught.value.reason == reason
