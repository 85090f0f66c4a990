"""The journal: a file is in it whole or not at all, and nothing is decided twice."""

import sqlite3

import pytest

from lienthong.errors import ConfigurationError
from lienthong_connectors.campaign.decisions import Decision
from lienthong_connectors.campaign.journal import Journal
from lienthong_connectors.campaign.loading import FileRefusedError, load, open_rows
from lienthong_connectors.campaign.table import Finding

HEADER = "Mã tài khoản,Số CCCD,Họ và tên,Ngày sinh,Tình trạng chuyển đổi\n"
AT = "2026-10-08T08:30:00+07:00"


def _row(account, number, name="Nguyễn Thị Thuận", converted=""):
    return f"{account},{number},{name},1990,{converted}\n"


@pytest.fixture
def journal(tmp_path):
    """Give an empty journal."""
    with Journal(tmp_path / "state" / "journal.sqlite3") as made:
        yield made


@pytest.fixture
def take_in(tmp_path, journal):
    """Give a function that writes a file and takes it in."""

    def take(*rows, is_accepted=True):
        path = tmp_path / "accounts.csv"
        path.write_text(HEADER + "".join(rows), encoding="utf-8")
        load(journal, path, b"secret", AT, is_accepted=is_accepted)
        return path

    return take


def _states(journal):
    return {line: state for line, _, state, _ in journal.results()}


def test_a_file_with_findings_is_refused_and_nothing_of_it_is_left(journal, take_in):
    """Nobody has to guess what was taken in: nothing was, also not that the campaign was begun."""
    with pytest.raises(FileRefusedError) as caught:
        take_in(_row("a", "000190000001"), _row("b", "190000002"[:8]), is_accepted=False)

    assert caught.value.findings == [Finding(3, "personal_id", "leading_zero_lost")]
    assert list(journal.open_lines()) == []
    assert journal.findings() == []
    assert journal.fact("digest") == ""


def test_accepted_findings_are_set_aside_and_the_rest_is_open(journal, take_in):
    """The rows that are right are worked on, the others stay named."""
    take_in(_row("a", "000190000001"), _row("b", "19000000"), _row("", "000190000003"))

    assert list(journal.open_lines()) == [2]
    assert [each.rule for each in journal.findings()] == ["leading_zero_lost", "merged_cell"]


def test_conflicts_inside_the_file_are_decided_without_a_question(journal, take_in):
    """One person with two accounts, one account with two persons: an official decides, whatever the register says."""
    take_in(
        _row("a", "000190000001"),
        _row("b", "000190000001"),
        _row("c", "000190000003"),
        _row("c", "000190000004"),
        _row("d", ""),
        _row("e", "000190000005"),
    )

    assert _states(journal) == {2: "conflict", 3: "conflict", 4: "conflict", 5: "conflict", 6: "no_id"}
    assert list(journal.open_lines()) == [7]


def test_an_account_that_was_linked_before_stays_linked_and_makes_another_one_a_conflict(journal, take_in):
    """Who was first stays; the second account of the person waits for an official."""
    take_in(_row("b", "000190000001"), _row("a", "000190000001", converted="Đã chuyển đổi"))

    assert _states(journal) == {2: "conflict", 3: "linked"}
    assert journal.counts().converted_before == 1


def test_of_equal_rows_only_the_first_is_worked_on(journal, take_in):
    """A line that was pasted twice is a finding, not a second effect and no conflict."""
    take_in(_row("a", "000190000001"), _row("a", "000190000001"))

    assert list(journal.open_lines()) == [2]
    assert journal.findings() == [Finding(3, "account", "duplicate_row")]


def test_open_rows_come_again_from_the_file(journal, take_in):
    """What was decided is not read out again; the journal itself holds no person."""
    path = take_in(_row("a", "000190000001"), _row("b", "000190000002"), _row("c", "000190000003"))
    journal.decide([Decision(3, "b", "p-2", "linked", (), AT)])

    assert [each.account for each in open_rows(journal, path)] == ["a", "c"]


def test_a_decision_stays_as_it_was_first_made(journal, take_in):
    """A question that was asked again after a kill changes nothing that is decided or published."""
    take_in(_row("a", "000190000001"))
    first = Decision(2, "a", "", "linked", ("full_name:accents",), AT)
    journal.decide([first])
    journal.decide([first._replace(state="deceased")])
    (waiting,) = journal.decided(10)
    assert (waiting.state, waiting.findings) == ("linked", ("full_name:accents",))
    journal.published([2])
    journal.decide([first._replace(state="deceased")])

    assert _states(journal) == {2: "linked"}
    assert journal.decided(10) == []


def test_what_kafka_holds_is_done_also_when_the_journal_lost_it(journal, take_in):
    """After a power failure the journal may be behind; the published state is taken over, not made anew."""
    path = take_in(_row("a", "000190000001"), _row("b", "000190000002"))
    journal.restore([Decision(2, "a", "p-1", "deceased", ("vital_status:deceased",), AT)])

    assert _states(journal) == {2: "deceased"}
    assert [each.account for each in open_rows(journal, path)] == ["b"]


def test_questions_and_repeats_are_counted(journal, take_in):
    """An operator sees what a kill has cost."""
    take_in(_row("a", "000190000001"), _row("b", "000190000002"))
    journal.begin([2, 3])
    journal.begin([3])

    assert (journal.counts().lookups, journal.counts().repeated) == (3, 1)


def test_no_personal_value_is_in_the_file(tmp_path, journal, take_in):
    """The journal lies in a state directory for years."""
    take_in(_row("a", "000190000001"))
    journal.decide([Decision(2, "a", "p-1", "linked", (), AT)])
    journal.__exit__(None, None, None)
    data = b"".join(each.read_bytes() for each in (tmp_path / "state").iterdir())

    assert b"000190000001" not in data
    assert "Thuận".encode() not in data
    assert b"Nguy" not in data


def test_a_file_that_is_no_journal_is_refused(tmp_path):
    """Somebody else's file is not written over."""
    path = tmp_path / "other.sqlite3"
    path.write_bytes(b"this is no database, whatever its name says" * 100)

    with pytest.raises(ConfigurationError, match="no journal"):
        Journal(path)


def test_another_process_can_look_while_one_writes(tmp_path, journal, take_in):
    """``status`` works during a run."""
    take_in(_row("a", "000190000001"))
    other = sqlite3.connect(f"file:{tmp_path / 'state' / 'journal.sqlite3'}?mode=ro", uri=True)
    try:
        assert other.execute("SELECT count(*) FROM accounts").fetchone() == (1,)
    finally:
        other.close()
