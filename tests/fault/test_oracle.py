"""The oracle of the fault suite sees what it is there for."""

import pytest
from scripts.fault.evidence import Evidence
from scripts.fault.oracle import DELIVER, judge

from lienthong.ledger.report import Listing, Located, PipelineReport, Report
from lienthong.receipt import Receipt
from lienthong_connectors.demo.week import PIPELINES, Expectation
from lienthong_schemas.generator import DossierTruth, EventTruth

CODE = "H57.1-261005-0001"


def event(number, kind="snapshot", status="accepted", deliver="delivered"):
    """Return what must become of one event."""
    return EventTruth(
        source="/hue/one-stop",
        id=f"e-{number}",
        arrival=1,
        dossier_code=CODE,
        type=f"dossier.{kind}",
        sequence=number,
        defect="",
        route="kafka",
        gateway=None,
        intake="delivered",
        verify="filtered",
        deliver=deliver,
        status=status,
        occurred_at="2026-10-05T08:00:00+07:00",
    )


class World:
    """Three records of one dossier: created, one step, updated; everything went well until a test spoils it."""

    def __init__(self):
        self.events = [event(1), event(2, "progress", "processing"), event(3, status="finished")]
        self.evidence = Evidence()
        for offset, each in enumerate(self.events):
            for pipeline, kind in (("intake", "delivered"), ("verify-dossier", "filtered"), (DELIVER, "delivered")):
                self.receipt(pipeline, offset, each, kind)
        self.arrivals = [
            [1, "create", "2", "", "a"],
            [2, "progress", "4", "20261005080000", "p"],
            [3, "update", "9", "", "b"],
        ]
        self.reports = [
            PipelineReport(name, open={"in_flight": Listing(), "parked": Listing(), "review": Listing()})
            for name in PIPELINES
        ]

    def receipt(self, pipeline, offset, each, kind, **more):
        """Write the receipt of a record."""
        row = Receipt(offset, each.source, each.id, each.type, CODE, kind, **more)
        self.evidence.receipts[pipeline][each.source, each.id]["records", 0, offset] = row

    def judge(self):
        """Return the verdict."""
        truth = DossierTruth(CODE, "none", 1, 1, 3, "finished", (1, 3), (2,), verification_link=False)
        expected = Expectation(events=self.events, dossiers={CODE: truth})
        held = {CODE: {"arrivals": self.arrivals, "counts": {"create": 1}, "lost_links": []}}
        return judge(expected, len(self.events), self.evidence, held, Report(self.reports))


@pytest.fixture
def world():
    """Give a world in order."""
    return World()


def test_nothing_is_found_when_all_is_well(world):
    """A judge who always finds something is none."""
    found = world.judge()
    assert (found.settled, found.open, found.lost, found.inversions, found.effects_repeated) == (3, 0, 0, 0, 0)
    assert found.problems == []


def test_a_receipt_without_its_effect_is_a_loss(world):
    """The hub may not say that it delivered what the portal does not hold."""
    del world.arrivals[2]
    assert world.judge().lost == 1


def test_a_record_without_a_receipt_is_a_loss_unless_it_is_listed_as_in_flight(world):
    """Open is only what the reconciler lists."""
    del world.evidence.receipts[DELIVER]["/hue/one-stop", "e-3"]
    assert world.judge().lost == 1
    world.reports[3].accepted = 1
    world.reports[3].open["in_flight"] = Listing(1, [Located("/hue/one-stop", "e-3", "records", 0, 2)])
    found = world.judge()
    assert (found.lost, found.open) == (0, 1)


def test_effects_in_another_order_are_inversions(world):
    """The portal must see a dossier as the province did."""
    world.arrivals[1], world.arrivals[2] = world.arrivals[2], world.arrivals[1]
    assert world.judge().inversions == 1


def test_the_same_state_twice_is_one_effect_and_an_old_state_again_is_none(world):
    """An upsert may be repeated at once; an older state over a newer one tells the citizen what is no longer true."""
    world.arrivals.append([4, "update", "9", "", "b"])
    assert (world.judge().inversions, world.judge().effects_repeated) == (0, 0)
    world.arrivals.append([5, "update", "2", "", "a"])
    assert world.judge().inversions == 1


def test_a_repeated_step_must_be_shown_by_its_receipt(world):
    """The portal cannot undo a step, so the officer must be able to see which one may be there twice."""
    world.arrivals.insert(2, [4, "progress", "4", "20261005080000", "p"])
    found = world.judge()
    assert (found.steps_repeated, found.repeats_unshown) == (1, 1)
    world.receipt(DELIVER, 1, world.events[1], "delivered", repeat_possible=True)
    assert world.judge().repeats_unshown == 0


def test_a_record_that_overtakes_a_waiting_one_is_an_inversion(world):
    """What an officer decides about the first must not come after what followed it."""
    world.receipt(DELIVER, 1, world.events[1], "review")
    assert world.judge().inversions == 1


def test_a_dead_letter_that_the_truth_does_not_know_is_unexpected(world):
    """An outage must not turn a good record into a dead letter."""
    world.receipt(DELIVER, 2, world.events[2], "dead_lettered")
    del world.arrivals[2]
    assert world.judge().unexpected == 1
