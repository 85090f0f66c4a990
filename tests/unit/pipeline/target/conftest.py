"""A target with a policy and a gate, and what it calls."""

from datetime import timedelta

import pytest

from lienthong.limits.gate import Gate
from lienthong.limits.policy import TargetLimits
from lienthong.limits.store import MemoryStore
from lienthong.pipeline.target import Target
from lienthong.testing.clock import START


async def _inline(exchange, request, terms):
    return exchange(request, terms)


@pytest.fixture
def make_closed_gate(clock):
    """Give a function that makes a gate with one window, from one second of the test to another."""

    def make(start_seconds, end_seconds):
        starts, ends = (START + timedelta(seconds=each) for each in (start_seconds, end_seconds))
        limits = TargetLimits.model_validate({"maintenance": [{"starts": starts, "ends": ends}]})
        return Gate("portal", limits, MemoryStore(clock), clock, worker="w", runner=_inline)

    return make


class Remote:
    """A target that answers what the test says, then well."""

    def __init__(self, clock, *answers):
        self.clock = clock
        self.answers = list(answers)
        self.times = []
        self.contexts = []

    async def __call__(self, context):
        """Answer one call."""
        self.times.append(self.clock.monotonic())
        self.contexts.append(context)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, BaseException):
            raise answer
        return "done"


@pytest.fixture
def make_remote(clock):
    """Give a function that makes what is called, from its first answers."""
    return lambda *answers: Remote(clock, *answers)


@pytest.fixture
def make_target(make_pipeline, clock, metrics):
    """Give a function that makes a target with a policy and a gate."""

    def make(gate=None, chance=None, **policy):
        pipeline = make_pipeline(
            name="deliver",
            sources=["records.dossier"],
            deliver={"connector": "portal", "purpose": "p", "legal_basis": "l"},
            policy={"retry": {"initial_interval": "1s", "jitter": "0ms"}, **policy},
        )
        return Target(pipeline, "portal", pipeline.definition.policy, clock, metrics, chance, gate=gate)

    return make
