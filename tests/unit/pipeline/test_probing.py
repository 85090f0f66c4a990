"""A question about what a target holds is back-fill, and every attempt at it is logged around."""

from types import SimpleNamespace

import pytest

from lienthong.access_log import AccessPhase, decode
from lienthong.config.models import HubSettings
from lienthong.errors import TargetUnavailableError
from lienthong.holding import Holding
from lienthong.pipeline.definitions import DeliverStep
from lienthong.pipeline.probing import Prober, build_prober
from lienthong.targets.access_trail import AccessTrail

STEP = DeliverStep(connector="portal", purpose="Đồng bộ hồ sơ", legal_basis="Nghị định 118/2025/NĐ-CP")


class _Target:
    """Calls twice: the first attempt fails."""

    def __init__(self):
        self.is_bulk = None

    async def call(self, context, function, attempts, *, is_bulk):
        """Call, and once more."""
        del attempts
        self.is_bulk = is_bulk
        with pytest.raises(TargetUnavailableError):
            await function(context.for_attempt(1, "a1"))
        return await function(context.for_attempt(2, "a2")), ["a1", "a2"]


class _Sink:
    """A target that is away once."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = 0

    async def holding(self, _key, _records, _context):
        """Answer the second time."""
        self.asked += 1
        if self.asked == 1:
            raise TargetUnavailableError("away")
        return self.answer


@pytest.mark.parametrize(("answer", "said"), [(None, "not_held"), (Holding(fields=("ChuHoSo",)), "held")])
async def test_a_question_takes_what_others_leave_and_every_attempt_is_logged(clock, answer, said):
    """Nobody at the counter waits for a comparison, and an attempt that may have disclosed something shows up."""
    written = []

    async def write(records):
        written.extend(decode(record.value) for record in records)

    target = _Target()
    trail = AccessTrail("portal", "reconcile", "hue.access-log", write, clock, b"secret")
    prober = Prober("deliver-dossier", STEP, _Sink(answer), target, trail, "operator-3", "run-1")
    assert await prober.ask("H57.21-261008-0001", ()) == answer
    assert target.is_bulk is True
    assert [entry.phase for entry in written] == [AccessPhase.INTENT, AccessPhase.RESULT] * 2
    assert [entry.result for entry in written] == ["", "target_unavailable", "", said]
    assert len({entry.verification_id for entry in written}) == 1
    assert {(entry.actor, entry.purpose, entry.attempt_id) for entry in written} == {
        ("operator-3", STEP.purpose, "a1"),
        ("operator-3", STEP.purpose, "a2"),
    }


def test_a_pipeline_without_a_target_cannot_be_asked(clock):
    """Intake has nobody to ask, and that is no error of its configuration."""
    pipeline = SimpleNamespace(name="intake", definition=SimpleNamespace(deliver=None))
    settings = HubSettings.model_validate({"province": "hue"})
    assert build_prober(settings, pipeline, None, clock, actor="a", run="r") is None
