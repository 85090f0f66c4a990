"""The life of an account: usual ways are silent, unusual ones are told, nothing is refused."""

from datetime import date

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lienthong.outcome import Answer, AnswerStatus, Finding
from lienthong_schemas.account_states import REVIEWED, STATES, USUAL_NEXT, is_minor, of_transition, state_of

TODAY = date(2026, 10, 8)
RULES = ("deceased", "several_found", "reissued", "accents", "differs", "year_only")


class AccountLife(RuleBasedStateMachine):
    """Walks an account through its life as a system does that follows the rules, and as one that does not."""

    @initialize()
    def start(self):
        """Begin with an account that nobody has looked at."""
        self.state = "unlinked"

    @rule(data=st.data())
    def follow_the_rules(self, data):
        """A usual step never warns."""
        following = data.draw(st.sampled_from(sorted(USUAL_NEXT[self.state])))
        assert of_transition(self.state, following) == ()
        self.state = following

    @rule(state=st.sampled_from(STATES))
    def do_anything(self, state):
        """Any other step warns with a field and a rule, and happens all the same."""
        found = of_transition(self.state, state)
        usual = state == self.state or state in USUAL_NEXT[self.state]
        assert (found == ()) is usual
        assert all(each == Finding("state", "unusual_transition") for each in found)
        self.state = state

    @rule()
    def repeat(self):
        """The same state told again is no step."""
        assert of_transition(self.state, self.state) == ()

    @invariant()
    def can_go_on(self):
        """From every state there is a usual way to a linked account, because every decision may have been wrong."""
        if not hasattr(self, "state"):
            return
        seen, frontier = {self.state}, [self.state]
        while frontier:
            frontier = [each for state in frontier for each in USUAL_NEXT[state] if each not in seen]
            seen.update(frontier)
        assert "linked" in seen


AccountLife.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestAccountLife = AccountLife.TestCase


def test_every_state_has_a_way_in_and_out():
    """A state that nothing leads to, or away from, would be a dead end for an official."""
    assert set(USUAL_NEXT) == set(STATES)
    assert set().union(*USUAL_NEXT.values()) == set(STATES)
    assert all(USUAL_NEXT.values())


def test_only_the_way_through_a_check_leads_to_linked_silently():
    """Nothing but a verified account or an official's decision is linked without a warning."""
    silent = {state for state in STATES if "linked" in USUAL_NEXT[state]}
    assert silent - REVIEWED == {"verified"}


@pytest.mark.parametrize(("state", "rules"), [("unlinked", []), ("candidate", []), ("linked", ["joined_late"])])
def test_the_first_sight_may_be_any_state(state, rules):
    """A province joins with accounts that are linked already."""
    assert [each.rule for each in of_transition(None, state)] == rules


@pytest.mark.parametrize(
    ("birth", "minor"),
    [
        ("2012-10-08", False),
        ("2012-10-09", True),
        ("2012", True),
        ("2011", False),
        (None, False),
        ("2012-02-29", False),
    ],
)
def test_a_guardian_consents_until_the_fourteenth_birthday(birth, minor):
    """A year alone counts as its last day: nobody is linked without a guardian for want of a day."""
    assert is_minor(birth, TODAY) is minor


@pytest.mark.parametrize(
    ("status", "rules", "birth", "state"),
    [
        (AnswerStatus.MATCH, [], "1990-01-01", "linked"),
        (AnswerStatus.MATCH, ["accents", "year_only"], "1990", "linked"),
        (AnswerStatus.MATCH, ["reissued"], "1990-01-01", "id_changed"),
        (AnswerStatus.MATCH, ["several_found", "reissued"], "1990-01-01", "conflict"),
        (AnswerStatus.MATCH, ["deceased", "reissued"], "1990-01-01", "deceased"),
        (AnswerStatus.MISMATCH, ["deceased", "differs"], "1990-01-01", "deceased"),
        (AnswerStatus.MISMATCH, ["differs"], "1990-01-01", "mismatch"),
        (AnswerStatus.NO_MATCH, [], "2020-01-01", "not_found"),
        (AnswerStatus.MATCH, [], "2020-01-01", "minor_guardian"),
        (AnswerStatus.APPROVED, ["differs"], "2020-01-01", "linked"),
    ],
)
def test_an_answer_decides_where_an_account_goes(status, rules, birth, state):
    """Each reason has a state of its own, and the weightiest one counts."""
    answer = Answer(status, tuple(Finding("x", rule) for rule in rules))

    assert state_of(answer, birth, TODAY) == state
