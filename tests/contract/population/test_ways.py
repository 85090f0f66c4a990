"""What the ways to the database refuse by themselves."""

import pytest

from lienthong.errors import TargetConfigurationError, TargetUnavailableError
from lienthong.outcome import AnswerStatus
from lienthong_connectors.population.simulator import DATABASE


@pytest.mark.parametrize(
    ("start", "config"),
    [
        ("direct", {"secret": "wr0ng-s3cret"}),
        ("x-road", {"secret": "wr0ng-s3cret"}),
        ("lgspaccesstoken", {"token": {"url": "{url}/token", "client_id": "hub", "client_secret": "wr0ng-t0ken"}}),
        ("ndop", {"token": {"url": "{url}/token", "client_id": "hub", "client_secret": "wr0ng-t0ken"}}),
        ("lgspaccesstoken", {"officers": {"automatic": {"officer_code": "000000000009", "key_pass": "wr0ng-p4ss"}}}),
    ],
    indirect=["start"],
)
async def test_wrong_credentials_pause_the_pipeline_and_are_not_shown(start, config):
    """No retry mends them, and retrying may lock the account."""
    async with start(config=config) as database:
        with pytest.raises(TargetConfigurationError) as caught:
            await database.ask()
        assert database.leaks(caught.value) == []


@pytest.mark.parametrize("start", ["x-road"], indirect=True)
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("Server.ServerProxy.NetworkError", TargetUnavailableError),
        ("Server.ClientProxy.NetworkError", TargetUnavailableError),
        ("Server.ServerProxy.AccessDenied", TargetConfigurationError),
        ("Client.BadRequest", TargetConfigurationError),
    ],
)
async def test_a_fault_of_the_bus_is_told_from_a_refusal_of_the_database(start, fault, kind):
    """The header says who speaks; without it everything is the database's own word."""
    async with start() as database:
        database.application[DATABASE].bus_fault = fault
        with pytest.raises(kind) as caught:
            await database.ask()
        database.application[DATABASE].bus_fault = ""
        assert (await database.ask()).status is AnswerStatus.MATCH
    assert caught.value.reason == f"x_road.{fault}"


@pytest.mark.parametrize("start", ["x-road"], indirect=True)
async def test_a_member_that_the_bus_does_not_know_is_not_served(start):
    """A wrong member is said to be one, and is never somebody who is not found."""
    async with start(config={"x_road": {"client": "VN/GOV/H99/HUB", "service": "VN/GOV/C06/DANCU/TraCuu"}}) as database:
        with pytest.raises(TargetConfigurationError) as caught:
            await database.ask()
    assert caught.value.reason == "x_road.Server.ClientProxy.UnknownMember"
