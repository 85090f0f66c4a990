"""A sample of what was delivered, asked for over real HTTP: planted faults are found, an outage is no fault."""

from types import SimpleNamespace

import pytest

from lienthong.access_log import AccessPhase, decode
from lienthong.envelope import Event
from lienthong.ledger.probe import ProbeReport, Verdict, probe
from lienthong.ledger.probe_sample import Chosen
from lienthong.observability.metrics import Metrics
from lienthong.pipeline.definitions import DeliverStep, PipelinePolicy
from lienthong.pipeline.probing import Prober
from lienthong.pipeline.target import Target
from lienthong.targets.access_trail import AccessTrail
from lienthong_connectors.portal.answers import Judgement, Meaning
from lienthong_connectors.portal.client import ServiceAnswer

CODES = [f"H57.01.12-261008-{number:04}" for number in range(1, 5)]
STATES = {("s", "1"): "delivered"}
EVENT = Event({"id": "1", "source": "s", "type": "dossier.snapshot", "specversion": "1.0"}, None)
STEP = DeliverStep(connector="portal", purpose="Đồng bộ hồ sơ", legal_basis="Nghị định 118/2025/NĐ-CP")


@pytest.fixture
async def run_probe(sink, clock):
    """Give a function that probes dossiers as the command does; it returns report and access log."""
    policy = PipelinePolicy.model_validate({"retry": {"initial_interval": "10ms", "max_interval": "20ms"}})
    pipeline = SimpleNamespace(name="deliver-dossier")

    async def run(records_of, *, patience_seconds=5.0):
        written = []

        async def write(records):
            written.extend(decode(record.value) for record in records)

        trail = AccessTrail("portal", "reconcile", "hue.access-log", write, clock, b"secret")
        target = Target(pipeline, "portal", policy, clock, Metrics())
        prober = Prober("deliver-dossier", STEP, sink, target, trail, "reconcile", "run-1")
        chosen = [Chosen(code, STATES, [(EVENT, data) for data in records]) for code, records in records_of.items()]
        report = ProbeReport("deliver-dossier", 1)
        await probe(report, chosen, prober.ask, lambda _: STATES, patience_seconds=patience_seconds)
        return report, written

    return run


async def test_planted_faults_are_found_and_nothing_is_written(portal, sink, tools, run_probe):
    """One dossier that never arrived and one that the portal shows in an older state, among others that agree."""
    same, older, never, linked = CODES
    delivered = {code: [tools.snapshot(code)] for code in (same, older, linked)}
    for records in delivered.values():
        await tools.deliver(sink, records[0])
    delivered[linked].append(tools.verified(linked))
    await tools.deliver(sink, tools.verified(linked))
    before = portal.effects()
    delivered[older].append(tools.snapshot(older, sequence=2, status="returned"))
    delivered[never] = [tools.snapshot(never)]

    report, log = await run_probe(delivered)

    found = {each.dossier_code: each for each in report.probed}
    assert {code: each.verdict for code, each in found.items()} == {
        same: Verdict.AGREES,
        linked: Verdict.AGREES,
        older: Verdict.DIFFERS,
        never: Verdict.MISSING,
    }
    assert (found[older].theirs, found[older].ours) == ("accepted", "returned")
    assert found[older].rules == ("TrangThaiHoSo",)
    assert portal.effects() == before
    assert [entry.phase for entry in log] == [AccessPhase.INTENT, AccessPhase.RESULT] * 4
    assert {entry.result for entry in log if entry.phase is AccessPhase.RESULT} == {"held", "not_held"}
    assert "ChuHoSo" in log[1].fields
    shown = repr(report) + repr(log)
    assert not [value for value in tools.personal_values if value in shown]


async def test_a_lost_link_is_a_difference(sink, tools, run_probe):
    """The state is right, but what verification added is not there."""
    await tools.deliver(sink, tools.snapshot())
    report, _ = await run_probe({tools.code: [tools.snapshot(), tools.verified()]})
    assert report.probed[0].rules == ("DSKetNoiCSDL",)


async def test_an_account_that_was_looked_up_is_not_compared(portal, sink, tools, run_probe):
    """Asking for somebody's account again would be one more use of their data, for nothing."""
    online = tools.snapshot(channel="online")
    await tools.deliver(sink, online)
    report, _ = await run_probe({tools.code: [online]})
    assert report.probed[0].verdict is Verdict.AGREES
    assert portal.operations().count("TraCuuTechID") == 1


@pytest.mark.parametrize(
    "fault", [{"outage": "reset"}, {"outage": "unavailable"}, {"maintenance": True}, {"hang": True}]
)
async def test_a_portal_that_is_away_holds_nobody_knows_what(portal, run_probe, tools, fault):
    """Not one dossier is called missing because of a night's maintenance, and questions stop after the first."""
    await portal.behave(**fault)
    report, log = await run_probe({code: [tools.snapshot(code)] for code in CODES}, patience_seconds=0.2)
    await portal.behave(**{name: None if name == "outage" else False for name in fault})
    assert {each.verdict for each in report.probed} == {Verdict.UNAVAILABLE}
    assert not report.has_findings
    assert {entry.key for entry in log} == {CODES[0]}


async def test_a_dossier_whose_records_are_gone_can_still_be_missing(sink, tools, run_probe):
    """Existence can be asked for without anything to compare with."""
    await tools.deliver(sink, tools.snapshot(CODES[0]))
    report, _ = await run_probe({CODES[0]: [], CODES[1]: []})
    assert [each.verdict for each in report.probed] == [Verdict.FORGOTTEN, Verdict.MISSING]


async def test_an_answer_without_a_result_says_nothing(sink, tools, run_probe, monkeypatch):
    """A portal that leaves the list out has not said that the dossier is not there."""
    answer = ServiceAnswer(Judgement(Meaning.SUCCESS, "code"), {"error_code": 0, "message": ""})

    async def call(*_):
        return answer

    monkeypatch.setattr(sink._client, "call", call)
    report, _ = await run_probe({tools.code: [tools.snapshot()]})
    assert (report.probed[0].verdict, report.probed[0].rules) == (Verdict.UNAVAILABLE, ("no_result",))
