"""What a target's answers mean, and that silence means nothing."""

import asyncio

import orjson
import pytest

from lienthong.errors import ConfigurationError, FatalError, RejectedByTargetError, ScopeError
from lienthong.holding import Holding
from lienthong.ledger.probe import ProbeReport, Verdict, probe
from lienthong.ledger.probe_sample import Chosen

STATES = {("s", "1"): "delivered"}
RECORDS = [("event", "data")]


@pytest.fixture
def ask_all():
    """Return a function that probes dossiers with given answers and returns the report."""

    async def run(answers, *, states=STATES, records=RECORDS, is_moving=False, patience_seconds=5.0):
        chosen = [Chosen(key, STATES, list(records), is_moving) for key in answers]
        asked = []

        async def ask(key, given):
            asked.append(key)
            assert list(given) == list(records)
            answer = answers[key]
            if isinstance(answer, Exception):
                raise answer
            return await answer() if callable(answer) else answer

        report = ProbeReport("deliver-dossier", 3)
        await probe(
            report, chosen, ask, lambda _: states, patience_seconds=patience_seconds, why_silent=lambda: "outage"
        )
        return report, asked

    return run


async def _never():
    await asyncio.Event().wait()


async def test_missing_and_different_are_found_and_named(ask_all):
    """The two things that no receipt can show."""
    report, _ = await ask_all(
        {
            "H1": Holding("returned", "returned"),
            "H2": None,
            "H3": Holding("processing", "returned", ("TrangThaiHoSo",)),
        }
    )
    assert [each.verdict for each in report.probed] == [Verdict.AGREES, Verdict.MISSING, Verdict.DIFFERS]
    assert report.has_findings
    document = orjson.loads(orjson.dumps(report.as_document()))
    assert (document["sampled"], document["agrees"], document["missing"], document["differs"]) == (3, 1, 1, 1)
    assert document["dossiers"][1] == {
        "dossier_code": "H3",
        "verdict": "differs",
        "rules": ["TrangThaiHoSo"],
        "theirs": "processing",
        "ours": "returned",
    }


async def test_a_target_that_is_away_is_missing_nothing(ask_all):
    """Nobody is sent looking for dossiers because a line was down, and a dead target is not asked a thousand times."""
    report, asked = await ask_all({"H1": Holding(), "H2": _never, "H3": None, "H4": None}, patience_seconds=0.05)
    assert [each.verdict for each in report.probed[1:]] == [Verdict.UNAVAILABLE] * 3
    assert {each.rules for each in report.probed[1:]} == {("outage",)}
    assert asked == ["H1", "H2"]
    assert (report.has_findings, report.is_answered) == (False, False)


async def test_a_refused_question_is_no_answer(ask_all):
    """A target that refuses one dossier's procedure says nothing about whether it holds it; the others are asked."""
    report, asked = await ask_all(
        {
            "H1": ScopeError("no", scope_kind="procedure", scope="1", reason="agreement"),
            "H2": RejectedByTargetError("no"),
            "H3": None,
        }
    )
    assert [each.verdict for each in report.probed] == [Verdict.UNAVAILABLE, Verdict.UNAVAILABLE, Verdict.MISSING]
    assert [each.rules for each in report.probed[:2]] == [("agreement",), ("rejected_by_target",)]
    assert len(asked) == 3


@pytest.mark.parametrize("error", [FatalError("x"), ConfigurationError("x"), KeyError("x")])
async def test_what_is_wrong_here_is_told_as_such(ask_all, error):
    """A fault of the hub is no answer of the target."""
    with pytest.raises(type(error)):
        await ask_all({"H1": error})


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.DIFFERS),
        ({"is_moving": True}, Verdict.MOVING),
        ({"states": {**STATES, ("s", "2"): "delivered"}}, Verdict.MOVING),
        ({"records": []}, Verdict.FORGOTTEN),
    ],
)
async def test_a_difference_counts_only_for_a_dossier_that_stands_still(ask_all, changes, verdict):
    """While a newer record is delivered, the target is right and the comparison is late."""
    report, _ = await ask_all({"H1": Holding("a", "b", ("TrangThaiHoSo",))}, **changes)
    assert report.probed[0].verdict is verdict


async def test_what_is_not_there_is_missing_also_when_nothing_is_left_to_compare(ask_all):
    """Existence needs no record."""
    report, _ = await ask_all({"H1": None}, records=[], is_moving=True)
    assert report.probed[0].verdict is Verdict.MISSING
