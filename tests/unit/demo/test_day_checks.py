"""What a day must show, and that each of its checks sees its fault."""

import pytest

from lienthong_connectors.demo.compare import Check
from lienthong_connectors.demo.day_checks import Night, day_checks
from lienthong_connectors.demo.observe import Platforms, Topics
from lienthong_connectors.demo.strain import Drain
from lienthong_connectors.demo.week import read_expectation, write_truth
from lienthong_schemas.generator.day import make_day


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """Give what the truth file of a day says."""
    path = tmp_path_factory.mktemp("day") / "truth.jsonl"
    write_truth(path, make_day(2_000, 1).each_dossier())
    return read_expectation(path)


@pytest.fixture
def faultless(expected):
    """Give topics and platforms as they are when every promise is kept."""
    topics = Topics()
    for name, kinds in expected.outcomes["verify-dossier"].items():
        for offset, kind in enumerate(kinds):
            topics.receipts["verify-dossier"][name]["topic", 0, offset] = kind
    topics.intents = {str(number) for number in range(expected.questions + 3)}
    topics.answered = set(topics.intents)
    population = {"raw_calls": {"lookup": {"200": expected.questions, "500": 3}, "refused": {"429": 1}}}
    return topics, Platforms({}, {"raw_calls": {"refused": {"200": 5}}}, population, None)


def _wrong(expected, topics, platforms, *, logins=4):
    checks = day_checks([], expected, topics, platforms, logins=logins)
    return [check.title for check in checks if not check.agrees]


def test_a_faultless_day_agrees(expected, faultless):
    """No check is wrong by itself."""
    assert _wrong(expected, *faultless) == []


def test_a_record_that_did_not_wait_for_its_right_is_named(expected, faultless):
    """Asking in the name of an officer who may not is the one thing that must never happen."""
    topics, platforms = faultless
    refused = {code for code, each in expected.dossiers.items() if each.verification == "not_allowed"}
    event = next(each for each in expected.events if each.dossier_code in refused and each.verify == "parked")
    topics.receipts["verify-dossier"][event.source, event.id] = {("topic", 0, 0): "delivered"}
    checks = day_checks([], expected, topics, platforms, logins=4)
    (found,) = [check for check in checks if not check.agrees]
    assert set(found.differing) == {event.id}


def test_one_question_too_many_and_one_without_log_are_seen(expected, faultless):
    """The numbers of calls and of entries are exact, not at least."""
    topics, platforms = faultless
    platforms.population["raw_calls"]["lookup"]["200"] += 1
    topics.intents.pop()
    assert len(_wrong(expected, topics, platforms)) == 2


def test_a_day_without_its_troubles_proves_nothing(expected, faultless):
    """If no session ended and no page came, the run did not show what it says."""
    topics, platforms = faultless
    platforms.portal["raw_calls"]["refused"]["200"] = 0
    assert len(_wrong(expected, topics, platforms, logins=1)) == 2


def test_checks_that_a_day_cannot_keep_are_left_out(expected, faultless):
    """A session that ends costs a call that writes nothing."""
    common = [Check("g", "t", "one for each effect", 1, 2), Check("g", "kept", "effects", 1, 1)]
    titles = [check.title for check in day_checks(common, expected, *faultless, logins=4)]
    assert "kept" in titles
    assert "t" not in titles


def test_the_backlog_is_told_in_hours_of_the_day():
    """Whoever plans a quota thinks in the province's hours, not in those of a compressed day."""
    night = Night.of(Drain(120, 6.0, 0.0, 100), 20, 1.5)
    assert (night.hours, night.requests_per_hour) == (4.0, 30.0)
    assert round(night.least_hours, 2) == 3.33
    assert "cleared in 4.0 h" in str(night)
    assert night.as_document()["hours_to_clear"] == 4.0
