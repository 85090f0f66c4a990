"""The command refuses what it cannot finish, and says what to do."""

import json

import pytest
from click.testing import CliRunner

from lienthong.errors import ConfigurationError
from lienthong_connectors.campaign.command import campaign
from lienthong_connectors.campaign.journal import Journal

HEADER = "Mã tài khoản,Số CCCD,Họ và tên,Ngày sinh\n"
AS_USUAL = ("--system", "citizen-portal", "--unit-code", "H57", "--actor", "campaign")


@pytest.fixture
def hub(tmp_path):
    """Give the configuration of a hub whose broker nobody asks."""
    path = tmp_path / "hub.yaml"
    path.write_text(json.dumps({"province": "hue", "state_directory": str(tmp_path / "state")}), encoding="utf-8")
    return path


@pytest.fixture
def call(hub):
    """Give a function that calls a command of the group."""

    def run(*arguments):
        return CliRunner().invoke(campaign, arguments, obj=hub)

    return run


def test_a_file_with_findings_is_refused_with_line_field_and_remedy(call, tmp_path):
    """Nothing is taken in, no value is shown, and the operator reads both ways out."""
    file = tmp_path / "accounts.csv"
    file.write_text(HEADER + "tk-1,00190123456,Nguyễn Thị Thuận,1990\n", encoding="utf-8")

    result = call("run", "vneid-accounts", "--input", str(file), *AS_USUAL)

    assert isinstance(result.exception, ConfigurationError)
    assert "--accept-findings" in str(result.exception)
    assert "2: personal_id: leading_zero_lost" in result.output
    assert "00190123456" not in result.output
    with Journal(tmp_path / "state" / "campaigns" / "vneid-accounts.sqlite3") as journal:
        assert (journal.fact("digest"), journal.counts().open) == ("", 0)


def test_a_campaign_goes_on_only_with_its_own_file(call, tmp_path):
    """Lines of another file are other people."""
    with Journal(tmp_path / "state" / "campaigns" / "vneid-accounts.sqlite3") as journal:
        journal.note(digest="0" * 64)
    file = tmp_path / "accounts.csv"
    file.write_text(HEADER, encoding="utf-8")

    result = call("run", "vneid-accounts", "--input", str(file), *AS_USUAL)

    assert isinstance(result.exception, ConfigurationError)
    assert "another file" in str(result.exception)


def test_status_and_report_tell_of_rows_without_persons(call, tmp_path):
    """A script reads JSON, an official reads two tables."""
    with Journal(tmp_path / "state" / "campaigns" / "vneid-accounts.sqlite3") as journal:
        journal.take_in([(2, "tk-1", "p-1", False), (3, "tk-2", "p-2", True), (4, "tk-3", "", False)], lambda: None)
        journal.decide_at_sight("2026-10-08T08:30:00+07:00")

    counts = json.loads(call("status", "vneid-accounts", "--json").output)
    assert (counts["open"], counts["decided"], counts["converted_before"], counts["states"]) == (1, 1, 1, {"no_id": 1})

    assert call("report", "vneid-accounts", "--output", str(tmp_path / "report")).exit_code == 0
    lines = (tmp_path / "report" / "results.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines == ["line,account,state,findings", "3,tk-2,linked,", "4,tk-3,no_id,"]


def test_a_campaign_that_was_not_begun_has_no_status(call):
    """An empty table would look like a campaign that is done."""
    assert isinstance(call("status", "vneid-accounts").exception, ConfigurationError)
