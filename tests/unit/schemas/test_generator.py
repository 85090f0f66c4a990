"""The generator: the same seed gives the same bytes, people who cannot exist, and the defects that were asked for."""

import json
import re
import unicodedata
from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from lienthong.envelope import Event, check_attributes, from_json, to_json
from lienthong.errors import ConfigurationError, RecordError
from lienthong.registry.schemas import SchemaRegistry
from lienthong.text import normalise
from lienthong.validation import validate
from lienthong_schemas import SCHEMAS
from lienthong_schemas.findings import of_snapshot
from lienthong_schemas.generator import DefectRates, Scenario, generate
from lienthong_schemas.generator.defects import INVALID, KINDS
from lienthong_schemas.identifiers import GENERATED_PARTS, personal_id_discrepancies
from lienthong_schemas.names import name_key

RECORDS = 2_000
REGISTRY = SchemaRegistry(SCHEMAS)


@pytest.fixture(scope="module")
def scenario():
    """Give one scenario to all tests of this module."""
    return Scenario(RECORDS, seed=7)


@pytest.fixture(scope="module")
def events(scenario):
    """Give its events in order of publication."""
    return list(scenario.events())


def test_the_same_seed_gives_the_same_bytes(scenario, events):
    """The truth can be written before publishing, because nothing changes afterwards."""
    assert list(Scenario(RECORDS, seed=7).events()) == events
    assert list(generate(RECORDS, seed=8)) != events
    assert list(scenario.population()) == list(Scenario(RECORDS, seed=7).population())


def test_the_numbers_are_exactly_those_asked_for(scenario, events):
    """Shares are kept to the event, so that expectations can be stated as numbers."""
    defects = Counter("invalid" if each.defect.startswith(INVALID) else each.defect for each in events)

    assert len(events) == RECORDS
    assert len({each.key for each in events}) == RECORDS // 4
    assert defects["invalid"] == RECORDS * 2 // 100
    assert defects["repeated"] == RECORDS // 100
    assert defects["late"] == RECORDS // 100
    verifications = Counter(each.verification for each in scenario.each_dossier())
    assert verifications["mismatch"] + verifications["no_match"] == RECORDS // 4 * 3 // 100


def _accepts(event):
    spec = REGISTRY.find(event.attributes["type"], event.attributes.get("dataschema", ""))
    data, findings = normalise(event.data or b"")
    return validate(spec, data), findings


def test_exactly_the_invalid_events_are_refused(events):
    """Every other event passes its schema, every invalid one is refused for the reason that it carries."""
    for event in events:
        check_attributes(event.attributes)
        if event.defect.startswith(INVALID):
            with pytest.raises(RecordError):
                _accepts(event)
        else:
            _accepts(event)


def test_every_kind_of_defect_occurs(events):
    """A demo with fewer kinds would show less than it says."""
    many = generate(3_000, seed=3, defects=DefectRates(invalid=0.1))
    large = {each.defect for each in many if each.defect.startswith(INVALID)}

    assert {kind.removeprefix(INVALID) for kind in large} == set(KINDS)


def test_events_survive_the_structured_mode(events):
    """Bodies that are no JSON, no UTF-8 or missing can be sent through a bulk upload too."""
    for event in events:
        line = to_json(from_json(to_json(Event(dict(event.attributes), event.data))))
        again = from_json(line)
        assert again.data == event.data or json.loads(again.data) == json.loads(event.data)


def test_decomposed_events_are_decomposed(events):
    """NFD events differ from NFC, keep their meaning, and give a finding."""
    decomposed = [each for each in events if each.defect == "nfd"]

    assert decomposed
    for event in decomposed:
        assert not unicodedata.is_normalized("NFC", event.data.decode())
        assert any(finding.rule == "nfd_normalised" for finding in _accepts(event)[1])


def test_generated_people_cannot_exist_and_are_consistent(scenario):
    """No generated number has a real province part, all are unique and agree with sex and birth."""
    rows = list(scenario.population())
    numbers = [row["personal_id"] for row in rows]

    assert {number[:3] for number in numbers} <= GENERATED_PARTS
    assert len(set(numbers)) == len(numbers)
    assert len({row["old_id"] for row in rows}) == len(rows)
    for dossier in scenario.each_dossier():
        owner = dossier.owner
        for identifier in owner["identifiers"]:
            if identifier["type"] == "personal_id":
                assert personal_id_discrepancies(identifier["value"], owner["birth_date"], owner["gender"]) == ()
        assert unicodedata.is_normalized("NFC", owner["full_name"])


def test_the_register_agrees_with_the_verification_stated(scenario):
    """Who is stated as a match is registered with the same number, name and year; who is not, differs."""
    for dossier in scenario.each_dossier():
        row = dossier.registered
        owner = dossier.owner
        if dossier.verification == "no_match":
            assert row is None
        elif dossier.verification in {"match", "mismatch"}:
            value = owner["identifiers"][0]["value"]
            assert value in {row["personal_id"], row["old_id"]}
            ours, theirs = (name_key(name).replace("Y", "I") for name in (owner["full_name"], row["full_name"]))
            birth = owner["birth_date"].replace("-", "")
            length = min(len(birth), len(row["birth"]))
            same_birth = birth[:length] == row["birth"][:length]
            assert (ours == theirs and same_birth) == (dossier.verification == "match")


def test_harmless_variety_occurs(scenario):
    """Unusual but right dossiers are there: they must not be mistaken for defects."""
    owners = [each.owner for each in scenario.each_dossier()]
    rows = {row["personal_id"]: row for row in scenario.population()}

    assert any(owner.get("no_identifier_reason") for owner in owners)
    kinds = Counter(identifier["type"] for owner in owners for identifier in owner["identifiers"])
    assert {"personal_id", "cmnd", "tax_code"} <= set(kinds)
    assert any(len(owner.get("birth_date", "")) == 4 for owner in owners)
    assert any(len(row["birth"]) == 4 for row in rows.values())


def test_repeats_follow_their_original_with_the_same_bytes(events):
    """The second arrival has the same id, source and body, before anything newer of the dossier."""
    by_dossier = defaultdict(list)
    for event in events:
        by_dossier[event.key].append(event)
    pairs = [(first, second) for each in by_dossier.values() for first, second in pairwise(each) if second.arrival == 2]

    assert len(pairs) == RECORDS // 100
    for first, second in pairs:
        assert (first.attributes, first.data) == (second.attributes, second.data)


def test_every_dossier_comes_from_one_system_over_one_route(events):
    """One publisher uses one route per key, otherwise no order could be promised."""
    ways = defaultdict(set)
    for event in events:
        ways[event.key].add((event.system, event.route, event.attributes["source"]))

    assert {len(way) for way in ways.values()} == {1}
    assert {event.route for event in events} == {"gateway", "kafka"}


def test_ordinary_snapshots_have_no_findings_but_the_count_as_online(events):
    """The generated week looks like good work, not like a heap of warnings."""
    rules = Counter(
        finding.rule
        for event in events
        if not event.defect and event.attributes["type"] == "dossier.snapshot"
        for finding in of_snapshot(_accepts(event)[0])
    )

    assert set(rules) <= {"not_counted_as_online"}


def test_all_communes_take_part(events):
    """Forty communes publish."""
    assert len({event.attributes["actor"] for event in events}) == 40


def test_no_attribute_or_repr_holds_a_person(scenario, events):
    """What ends up in headers and logs names nobody."""
    names = {dossier.owner["full_name"] for dossier in scenario.each_dossier()}
    numbers = {number["value"] for each in scenario.each_dossier() for number in each.owner["identifiers"]}
    shown = "\n".join(f"{event!r} {event.attributes}" for event in events)
    shown += "".join(map(repr, scenario.each_dossier()))

    assert not [secret for secret in names | numbers if secret in shown]
    assert not re.search(r"(?<![0-9])[0-9]{12}(?![0-9])", shown)


@pytest.mark.parametrize(("records", "dossiers"), [(3, 5), (10, 0)])
def test_an_impossible_scenario_is_refused(records, dossiers):
    """More dossiers than events, or none at all, cannot be generated."""
    with pytest.raises(ConfigurationError):
        list(generate(records, dossiers))


@pytest.mark.parametrize(("records", "dossiers"), [(1, 1), (7, 7), (50, 3), (200, 150), (99, None)])
def test_small_and_odd_scenarios_work(records, dossiers):
    """Any size gives exactly as many events as asked for, and valid ones stay valid."""
    events = list(generate(records, dossiers, seed=5, defects=DefectRates(invalid=0.1, repeated=0.1, late=0.1)))

    assert len(events) == records
    for event in events:
        if not event.defect.startswith(INVALID):
            _accepts(event)


def test_without_defects_everything_is_good():
    """Rates of zero give a clean week."""
    clean = DefectRates(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

    assert {event.defect for event in generate(400, seed=2, defects=clean)} == {""}
