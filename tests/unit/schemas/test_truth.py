"""The truth file says beforehand what must become of every event; here it is checked against a second reckoning."""

from collections import Counter, defaultdict

import pytest

from lienthong.errors import ConfigurationError
from lienthong_schemas.generator import DossierTruth, EventTruth, Scenario, expect, read_truth

RECORDS = 2_000


@pytest.fixture(scope="module")
def scenario():
    """Give one scenario to all tests of this module."""
    return Scenario(RECORDS, seed=11)


@pytest.fixture
def truth(scenario, tmp_path):
    """Give the lines of its truth file, read back."""
    path = tmp_path / "truth.jsonl"
    scenario.write_truth(path)
    return list(read_truth(path))


def test_the_file_brings_back_what_was_written(scenario, truth):
    """Nothing is lost between writing and reading."""
    expected = []
    for dossier in scenario.each_dossier():
        events, whole = expect(dossier)
        expected += [*events, whole]

    assert truth == expected


def test_every_published_event_is_in_the_truth(scenario, truth):
    """Publishing and truth are made from the same plan, arrival by arrival."""
    published = Counter((e.attributes["source"], e.attributes["id"], e.arrival) for e in scenario.events())
    stated = Counter((e.source, e.id, e.arrival) for e in truth if isinstance(e, EventTruth))

    assert published == stated
    assert set(stated.values()) == {1}


def test_an_independent_replay_of_the_publication_agrees(scenario, truth):
    """Walk the published stream as a hub would and compare outcome by outcome and dossier by dossier."""
    verification = {each.code: each.verification for each in scenario.each_dossier()}
    stated = {(e.source, e.id, e.arrival): e for e in truth if isinstance(e, EventTruth)}
    seen, asked, review = set(), set(), set()
    newest, portal = {}, defaultdict(lambda: {"creates": 0, "updates": 0, "steps": []})
    for event in scenario.events():
        name = (event.attributes["source"], event.attributes["id"])
        line = stated[(*name, event.arrival)]
        code = event.key
        if event.defect.startswith("invalid."):
            refused = ("rejected", None) if event.route == "gateway" else (None, "dead_lettered")
            assert (line.gateway, line.intake, line.verify, line.deliver) == (*refused, None, None)
            continue
        assert (line.gateway, line.intake) == ("accepted" if event.route == "gateway" else None, "delivered")
        snapshot = event.attributes["type"] == "dossier.snapshot"
        if code in review:
            verify = "parked"
        elif snapshot and verification[code] != "none" and code not in asked:
            asked.add(code)
            verify = "delivered"
            if verification[code] != "match":
                review.add(code)
                verify = "review"
        else:
            verify = "filtered"
        assert line.verify == verify
        if name in seen:
            deliver = "duplicate"
        elif snapshot and line.sequence < newest.get(code, 0):
            deliver = "superseded"
        else:
            deliver = "delivered"
            if snapshot:
                portal[code]["updates" if code in newest else "creates"] += 1
                newest[code] = line.sequence
            else:
                portal[code]["steps"].append(line.sequence)
        seen.add(name)
        assert line.deliver == deliver
    for whole in (each for each in truth if isinstance(each, DossierTruth)):
        found = portal[whole.dossier_code]
        assert (whole.creates, whole.updates, list(whole.steps)) == (found["creates"], found["updates"], found["steps"])
        assert whole.last_sequence == newest[whole.dossier_code]
        assert whole.steps == tuple(sorted(whole.steps))
        assert whole.verification_link == (verification[whole.dossier_code] == "match")


def test_every_outcome_occurs(truth):
    """A truth without some outcome would not test it."""
    events = [each for each in truth if isinstance(each, EventTruth)]

    assert {e.gateway for e in events} == {None, "accepted", "rejected"}
    assert {e.intake for e in events} == {None, "delivered", "dead_lettered"}
    assert {e.verify for e in events} == {None, "delivered", "filtered", "review", "parked"}
    assert {e.deliver for e in events} == {None, "delivered", "duplicate", "superseded"}


def test_the_last_state_is_that_of_the_newest_snapshot(scenario, truth):
    """A late snapshot never decides how a dossier ends."""
    last = {each.dossier_code: each for each in truth if isinstance(each, DossierTruth)}
    for dossier in scenario.each_dossier():
        valid = [e for e in dossier.events if e.kind == "snapshot" and not e.is_invalid]
        newest = max(valid, key=lambda each: each.number)
        assert (last[dossier.code].last_sequence, last[dossier.code].last_status) == (newest.number, newest.status)


def test_no_step_comes_before_its_dossier(scenario):
    """The portal takes steps only of a dossier that it has."""
    for dossier in scenario.each_dossier():
        assert dossier.events[0].kind == "snapshot"
        assert not dossier.events[0].is_invalid


def test_the_file_names_nobody(scenario, tmp_path):
    """The truth lies on disk next to reports, so it holds codes only."""
    path = tmp_path / "truth.jsonl"
    scenario.write_truth(path)
    text = path.read_text(encoding="utf-8")

    assert not [d.index for d in scenario.each_dossier() if d.owner["full_name"] in text]
    assert not [i["value"] for d in scenario.each_dossier() for i in d.owner["identifiers"] if i["value"] in text]


@pytest.mark.parametrize("line", ["{", '{"kind":"event"}', '{"kind":"dossier","x":1}', "[]", "{}"])
def test_a_damaged_file_is_named_by_line(tmp_path, line):
    """A truncated truth must not look like agreement."""
    path = tmp_path / "truth.jsonl"
    path.write_text(line + "\n", encoding="utf-8")

    with pytest.raises(ConfigurationError, match="line 1"):
        list(read_truth(path))
