"""The connector over real HTTP against its simulator."""

import pytest

from lienthong.errors import (
    ConfigurationError,
    RateLimitedError,
    RejectedByTargetError,
    ScopeError,
    TargetConfigurationError,
    TargetUnavailableError,
)
from lienthong.outcome import AnswerStatus, Finding
from lienthong.testing.behaviour import Behaviour
from lienthong_connectors.stored_papers import CONNECTOR
from lienthong_connectors.stored_papers.simulator import SIMULATOR

WELL = Behaviour().model_dump()
MATCH = AnswerStatus.MATCH


async def test_stored_papers_are_found_and_missing_ones_named(start):
    """What is stored need not be brought again; what is not stored is a finding at its place in the question."""
    asked = [{"result_code": "KQ.G15.000007"}, {"result_code": "KQ.G15.000001", "number": "01/2026"}]
    async with start() as warehouse:
        answer = await warehouse.ask(papers=asked)
    shown = CONNECTOR.question.disclosed(answer)
    assert (answer.status, answer.findings) == (MATCH, (Finding("papers.0", "not_stored"),))
    assert shown == {
        "papers": [
            {
                "result_code": "KQ.G15.000001",
                "name": "Giấy khai sinh",
                "number": "01/2026",
                "issuer": "H57",
                "files": [{"name": "giay-khai-sinh.pdf", "reference": "/H57/0/giay-khai-sinh.pdf"}],
            }
        ]
    }
    assert answer.fields == ("MaKetQua", "TenGiayTo", "SoKyHieu", "CoQuanChuQuan", "DanhSachTepDinhKem")
    assert [call.operation for call in warehouse.ledger.calls] == ["token", "DanhSachGiayToKetQua"]


@pytest.mark.parametrize(
    "changes",
    [{"owner": "000190000002"}, {"papers": [{"result_code": "KQ.G15.000001", "number": "02/2026"}]}],
)
async def test_nothing_stored_is_no_match(start, changes):
    """An empty list is an answer."""
    async with start() as warehouse:
        answer = await warehouse.ask(**changes)
    assert (answer.status, CONNECTOR.question.disclosed(answer)) == (AnswerStatus.NO_MATCH, None)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("401", TargetConfigurationError),
        ("403", ScopeError),
        ("500", TargetUnavailableError),
        ("503", TargetUnavailableError),
        ("400", RejectedByTargetError),
        ("777", RejectedByTargetError),
        ("-1", RejectedByTargetError),
        ("Trần Thị Hòa", TargetUnavailableError),
    ],
)
async def test_every_other_code_is_refused(start, code, kind):
    """Only success answers; a code that nobody knows is refused under its number."""
    async with start({"code": code}) as warehouse:
        with pytest.raises(kind) as caught:
            await warehouse.ask()
        assert warehouse.leaks(caught.value) == []
    assert type(caught.value) is kind
    assert "Hòa" not in f"{caught.value} {caught.value.reason}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "no_object"),
        ('{"errorCode": 0}', "no_list"),
        ('{"errorCode": 0, "result": {"DanhSachGiayToKetQua": null}}', "no_list"),
        ('{"errorCode": 0, "result": {"DanhSachGiayToKetQua": ["01/2026"]}}', "no_list"),
        ('{"errorCode": 0, "result": {"DanhSachGiayToKetQua": [{"SoKyHieu": "01/2026"}]}}', "bad_paper"),
        ('{"errorCode": 0, "result": {"DanhSachGiayToKetQua": [{"MaKetQua": "KQ.X"}]}}', "other_papers"),
        ("<!DOCTYPE html><html>01/2026</html>", "html_instead_of_json"),
    ],
)
async def test_success_without_a_list_is_an_outage(start, owner, text, reason):
    """What says nothing is never taken for "nothing stored"."""
    async with start({"verbatim": {owner: text}}) as warehouse:
        with pytest.raises(TargetUnavailableError) as caught:
            await warehouse.ask()
        assert warehouse.leaks(caught.value) == []
    assert caught.value.reason == reason


async def test_officials_who_may_not_ask_are_scopes(start, context):
    """A refused official, a stranger and a procedure outside the agreement concern nobody else."""
    agreement = {"number": "7/QC", "procedures": ["2.000488"], "valid_until": "2999-12-31"}
    async with start({"denied_officers": ["000000000003"]}, {"agreement": agreement}) as warehouse:
        with pytest.raises(ScopeError) as caught:
            await warehouse.ask(actor="officer-2")
        assert (caught.value.scope_kind, caught.value.scope, caught.value.reason) == ("officer", "officer-2", "403")
        calls = len(warehouse.ledger.calls)
        for actor, procedure in (("stranger", "2.000488"), ("officer-1", "1.001193")):
            asked = warehouse.question(procedure_code=procedure)
            with pytest.raises(ScopeError):
                warehouse.connector.check(asked, context._replace(actor=actor))
            with pytest.raises(ScopeError):
                await warehouse.ask(actor=actor, procedure_code=procedure)
        assert len(warehouse.ledger.calls) == calls
        assert warehouse.connector.scopes_of(warehouse.question(), context) == (
            ("officer", "officer-1"),
            ("procedure", "2.000488"),
        )
        assert (await warehouse.ask()).status is MATCH


@pytest.mark.parametrize(
    ("behaviour", "kind", "reason"),
    [
        ({"maintenance": True}, TargetUnavailableError, "html_instead_of_json"),
        ({"outage": "reset"}, TargetUnavailableError, "connection_broken"),
        ({"outage": "unavailable"}, TargetUnavailableError, "http_503"),
        ({"error_rate": 1}, TargetUnavailableError, "http_503"),
        ({"hang": True}, TargetUnavailableError, "read_timeout"),
        ({"lost_answer_rate": 1}, TargetUnavailableError, "connection_broken"),
        ({"half_answer_rate": 1}, TargetUnavailableError, "protocol connection_broken"),
        ({"too_many_requests": {"retry_after_seconds": 9}}, RateLimitedError, "http_429"),
    ],
)
async def test_trouble_of_the_warehouse_is_retriable(start, behaviour, kind, reason):
    """A question changes nothing, so every trouble may be asked again, and it works again afterwards."""
    # Only a call that hangs waits for its limit; the others must not meet it on a busy machine.
    limit = 1.0 if "hang" in behaviour else 5.0
    async with start(config={"timeout_seconds": limit}) as warehouse:
        await warehouse.ask()
        warehouse.behave(**behaviour)
        with pytest.raises(kind) as caught:
            await warehouse.ask()
        warehouse.behave(**{switch: WELL[switch] for switch in behaviour})
        assert (await warehouse.ask()).status is MATCH
        assert warehouse.leaks(caught.value) == []
    # How a connection that broke in the middle looks is a matter of time.
    assert caught.value.reason in reason.split()


async def test_a_refused_account_is_about_the_configuration(start):
    """A warehouse that wants a token and gets none pauses the callers."""
    async with start(config={"token": None}) as warehouse:
        with pytest.raises(TargetConfigurationError):
            await warehouse.ask()


async def test_a_connector_that_is_not_open_or_asked_something_else_says_so(start, context):
    """A defect of the caller is named."""
    async with start() as warehouse:
        with pytest.raises(ConfigurationError):
            await warehouse.connector.lookup(warehouse.connector.config, context)
    with pytest.raises(ConfigurationError):
        await warehouse.ask()


def test_a_real_warehouse_needs_an_agreement():
    """What would call the nation without an agreement does not start; nor does a simulator with a typing error."""
    with pytest.raises(ValueError, match="agreement"):
        CONNECTOR.config.model_validate({"base_url": "https://warehouse.example", "officers": {}})
    with pytest.raises(ConfigurationError, match="paper"):
        SIMULATOR.create_application({"paper": []})
