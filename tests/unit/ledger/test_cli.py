"""The commands an operator types."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import delete

from lienthong.cli import ledger as module
from lienthong.cli.main import main, root
from lienthong.ledger import models
from lienthong.ledger.probe import Probed, ProbeReport, Verdict
from lienthong.ledger.report import Gap, Listing, Located, PipelineReport, Report


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """A configuration that points to the SQLite ledger of the test."""
    path = tmp_path / "lienthong.yaml"
    path.write_text(f"province: hue\nledger: {{url: 'sqlite:///{tmp_path}/ledger.sqlite3'}}\n", encoding="utf-8")
    return path


def _run(config_file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(root, ["--config", str(config_file), *arguments])


def test_trace_prints_a_readable_timeline(sqlite_feeder: Any, config_file: Path) -> None:
    """Both languages, the time of Viet Nam, and ids that are never cut."""
    long_id = "0190f3a0-7e57-7000-8000-" + "7" * 60
    receipt = sqlite_feeder.receipt(long_id, "dead_lettered", reason="schema.missing", findings=["owner:missing"])
    sqlite_feeder.apply(sqlite_feeder.batch(receipt))

    result = _run(config_file, "trace", sqlite_feeder.dossier)

    assert result.exit_code == 0
    for text in (long_id, "dead_lettered", "tách riêng do lỗi", "05/10/2026 08:00:00", "schema.missing"):
        assert text in result.output


def test_trace_as_json(sqlite_feeder: Any, config_file: Path) -> None:
    """Programs read the same steps."""
    sqlite_feeder.apply(sqlite_feeder.batch(sqlite_feeder.receipt("id-1", "delivered")))

    result = _run(config_file, "trace", "id-1", "--json")

    assert [step["what"] for step in orjson.loads(result.stdout)] == ["accepted", "delivered"]


def test_trace_of_something_unknown_fails(sqlite_feeder: Any, config_file: Path) -> None:
    """A script notices that nothing is known."""
    result = _run(config_file, "trace", "nobody")

    assert result.exit_code == 1
    assert "nothing is known" in result.stderr


def test_the_exit_code_reaches_the_shell(
    sqlite_feeder: Any, config_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The program's own entry point ends with what the command said."""
    sqlite_feeder.apply(sqlite_feeder.batch(sqlite_feeder.receipt("id-1", "delivered")))
    codes = []
    for wanted in ("nobody", "id-1"):
        monkeypatch.setattr("sys.argv", ["lienthong", "--config", str(config_file), "trace", wanted])
        with pytest.raises(SystemExit) as caught:
            main()
        codes.append(caught.value.code)

    assert codes == [1, 0]
    assert "nothing is known" in capsys.readouterr().err


def test_verify_tells_the_heads_and_every_break(sqlite_feeder: Any, config_file: Path) -> None:
    """The head can be noted elsewhere; a broken chain is exit 1."""
    sqlite_feeder.apply(sqlite_feeder.entry("v1"), sqlite_feeder.entry("v2"))
    whole = _run(config_file, "ledger", "verify")
    with sqlite_feeder.store.writing() as connection:
        connection.execute(delete(models.access_log).where(models.access_log.c.record_offset == 0))
    broken = _run(config_file, "ledger", "verify")

    assert whole.exit_code == 0
    assert "hue.access-log[0]: 2 entries, head " in whole.output
    assert broken.exit_code == 1
    assert "hue.access-log[0]@1" in broken.stderr


@pytest.mark.parametrize("as_json", [True, False])
def test_reconcile_fails_and_names_what_is_lost(
    sqlite_feeder: Any, config_file: Path, monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    """Exit 1, the ids with their places, and how many more there are."""
    lost = Listing(7, [Located("urn:a", "id-9", "hue.records.dossier", 2, 41)])
    opened = {kind: Listing() for kind in ("in_flight", "parked", "review")}
    gap = Gap("hue.records.dossier", 1, 5, 8)
    item = PipelineReport("deliver-dossier", 10, 0, {"delivered": 3}, opened, lost, expired=[gap])
    _answer(monkeypatch, Report([item], is_ledger_current=False, unreadable=2))

    result = _run(config_file, "reconcile", *(["--json"] if as_json else []))

    assert result.exit_code == 1
    if as_json:
        assert orjson.loads(result.stdout)["pipelines"][0]["lost"]["total"] == 7
        return
    for text in (
        "NOT BALANCED",
        "lost: urn:a id-9 hue.records.dossier[2]@41",
        "lost: and 6 more",
        "expired unsettled: hue.records.dossier[1] 5..8",
        "nothing is proved",
        "2 Kafka record(s)",
    ):
        assert text in result.stdout


def test_reconcile_succeeds_when_everything_balances(
    sqlite_feeder: Any, config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 0 and one line for each pipeline."""
    opened = {"in_flight": Listing(1, [Located("urn:a", "id-9", "t", 0, 1)]), "parked": Listing(), "review": Listing()}
    _answer(monkeypatch, Report([PipelineReport("intake", 4, 0, {"delivered": 3}, opened)]))

    result = _run(config_file, "reconcile")

    assert result.exit_code == 0
    assert "balanced" in result.stdout
    assert "intake in_flight: urn:a id-9 t[0]@1" in result.stdout


def _answer(monkeypatch: pytest.MonkeyPatch, report: Report) -> None:
    async def reconcile(*_arguments: Any, **_options: Any) -> Report:
        return report

    monkeypatch.setattr("lienthong.ledger.reconcile.reconcile", reconcile)
    monkeypatch.setattr(module, "_sources", lambda *_: [])
    monkeypatch.setattr(module, "_view", lambda *_: None)


def test_a_list_of_the_one_stop_system_is_compared(
    sqlite_feeder: Any, config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kafka_of: Any
) -> None:
    """The office learns which dossiers it never sent, and a script sees it in the exit code."""
    sqlite_feeder.apply(sqlite_feeder.batch(sqlite_feeder.receipt("id-1", "delivered")))
    path = tmp_path / "list.csv"
    path.write_text(f"Mã hồ sơ\n{sqlite_feeder.dossier}\nH57.21-261008-0999\n", encoding="utf-8")
    expired = kafka_of()
    monkeypatch.setattr(module, "_view", lambda *_: expired)

    result = _run(config_file, "reconcile", "--source", str(path))
    as_json = _run(config_file, "reconcile", "--source", str(path), "--json")

    assert (result.exit_code, as_json.exit_code) == (1, 1)
    assert "2 dossiers listed: 0 agree, 1 never sent (chưa gửi), 0 differ" in result.output
    assert "never sent: H57.21-261008-0999 (line 3)" in result.output
    assert orjson.loads(as_json.stdout)["forgotten"] == 1
    assert expired.asked == {"hue.records.dossier"}


@pytest.mark.parametrize(
    ("verdicts", "code", "said"),
    [
        ((Verdict.AGREES,), 0, "deliver-dossier"),
        ((Verdict.AGREES, Verdict.DIFFERS), 1, "differs: H1: processing there, returned here (TrangThaiHoSo)"),
        ((Verdict.MISSING, Verdict.UNAVAILABLE), 1, "missing: H0"),
        ((Verdict.AGREES, Verdict.UNAVAILABLE), 75, "not everything could be asked for"),
        ((Verdict.MOVING, Verdict.FORGOTTEN), 0, "deliver-dossier"),
    ],
)
def test_a_probe_tells_what_is_wrong_from_what_nobody_knows(
    sqlite_feeder: Any,
    config_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    verdicts: tuple[Verdict, ...],
    code: int,
    said: str,
) -> None:
    """A script that pages somebody must not do so because the portal is down for the night."""
    rows = [
        Probed(f"H{number}", verdict, ("TrangThaiHoSo",), "processing", "returned")
        for number, verdict in enumerate(verdicts)
    ]
    asked: list[Any] = []

    def probe_targets(_settings: Any, question: Any, *_: Any, are_named: bool) -> list[ProbeReport]:
        asked.append((question.count, question.seed, are_named))
        return [ProbeReport("deliver-dossier", 7, rows)]

    monkeypatch.setattr(module, "probe_targets", probe_targets)
    monkeypatch.setattr(module, "_view", lambda *_: None)
    report_file = tmp_path / "reports" / "probe.json"

    options = ("--pipeline", "deliver-dossier", "--probe", "9", "--seed", "7", "--report", str(report_file))
    result = _run(config_file, "reconcile", *options)
    as_json = _run(config_file, "reconcile", "--probe", "9", "--json")

    assert (result.exit_code, as_json.exit_code) == (code, code), result.output
    assert said in result.output
    assert asked == [(9, 7, True), (9, None, False)]
    document = orjson.loads(report_file.read_bytes())
    assert document == orjson.loads(as_json.stdout)
    assert document["agrees"] is (code != 1)
    assert len(document["pipelines"][0]["dossiers"]) == sum(each is not Verdict.AGREES for each in verdicts)


def test_two_comparisons_at_once_are_refused(config_file: Path) -> None:
    """Each has its own exit code."""
    assert _run(config_file, "reconcile", "--probe", "1", "--source", "x.csv").exit_code == 2
