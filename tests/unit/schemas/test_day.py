"""The generated day is one that a province would know again, and its truth holds for it too."""

from collections import Counter, defaultdict

import pytest

from lienthong_schemas.dossier import DossierSnapshotV1
from lienthong_schemas.generator import expect
from lienthong_schemas.generator.day import HOURS, NEW_OFFICER, NEW_PROCEDURE, NIGHT_HOURS, make_day


@pytest.fixture(scope="module")
def day():
    """Give one day to all tests of this module."""
    return make_day(4_000, 7)


def test_a_day_follows_from_its_seed(day):
    """A run that failed can be repeated."""
    again = make_day(4_000, 7)
    assert list(again.events()) == list(day.events())
    assert list(make_day(4_000, 8).events()) != list(day.events())
    assert len({dossier.code for dossier in day.kept}) == len(day.kept) == 1_000


def test_events_come_at_their_time_and_dossiers_keep_their_order(day):
    """A publisher that follows the timetable publishes what the truth was written for."""
    timetable = day.timetable()
    assert timetable == sorted(timetable)
    assert 0 < timetable[0] < timetable[-1] < HOURS + 0.1
    planned, published = defaultdict(list), defaultdict(list)
    for dossier in day.kept:
        planned[dossier.code] = [(event.event_id, event.arrival) for event in dossier.events]
    for event in day.events():
        published[event.key].append((event.attributes["id"], event.arrival))
    assert published == planned
    assert len(timetable) == 4_000


def test_people_come_in_the_morning_and_the_afternoon_and_online_at_night(day):
    """Two peaks at the counters; what comes in while the population database is closed is online."""
    hours = Counter(int(hour) + 6 for hour in day.timetable())
    peaks, others = [hours[hour] for hour in (8, 9, 14, 15)], [hours[hour] for hour in (7, 12, 18, 23)]
    assert min(peaks) > 2 * max(others)
    begin, end = NIGHT_HOURS
    midnight = day.kept[0].received.replace(hour=0, minute=0, second=0)
    for dossier in day.kept:
        hour = (dossier.received - midnight).total_seconds() / 3600 - 6
        if begin <= hour < end:
            assert dossier.channel == "online"
    assert sum(dossier.channel == "counter" for dossier in day.kept) > len(day.kept) / 2


def test_the_day_has_what_a_province_meets(day):
    """Each kind that the rules name is there, and each is rare."""
    kept = day.kept
    found = {
        "re-issued": sum(bool(each.registered and each.registered.get("superseded_ids")) for each in kept),
        "old address": sum(each.owner["address"]["unit"]["code_system"] == "GSO-63" for each in kept),
        "without paper": sum(not each.owner["identifiers"] for each in kept),
        "CMND": sum(each.owner["identifiers"][:1] != [] and each.owner["identifiers"][0]["type"] == "cmnd"
                    for each in kept),
        "year only": sum(len(each.owner.get("birth_date", "")) == 4 for each in kept),
        "005": sum(each.officer == NEW_OFFICER for each in kept),
        "004": sum(each.procedure is NEW_PROCEDURE for each in kept),
        "other accents": sum(bool(each.registered) and each.registered["full_name"] != each.owner["full_name"]
                             for each in kept),
        "closed the same day": sum(each.events[-1].status in {"finished", "returned"} for each in kept),
        "supplement": sum(any(event.status == "supplement" for event in each.events) for each in kept),
    }  # fmt: skip
    assert all(found.values()), found
    assert max(found["005"], found["004"], found["re-issued"]) < len(kept) / 10


def test_who_may_not_ask_waits_with_all_records_and_is_delivered(day):
    """004 and 005 stop verification of a dossier, and nothing else."""
    refused = [dossier for dossier in day.kept if dossier.verification == "not_allowed"]
    for dossier in refused:
        events, whole = expect(dossier)
        valid = [event for event in events if event.intake == "delivered"]
        assert {event.verify for event in valid} == {"parked"}
        assert not whole.verification_link
        assert whole.creates == 1
    assert {dossier.officer for dossier in refused} == {NEW_OFFICER, ""}
    actors = {event.attributes["actor"] for event in day.events() if event.key == refused[0].code}
    assert len(actors) == 1


def test_good_snapshots_of_a_day_are_records(day):
    """What the day changes after the fact still keeps the schema."""
    snapshots = [event for event in day.events() if not event.defect and event.attributes["type"] == "dossier.snapshot"]
    for event in snapshots[:200]:
        DossierSnapshotV1.model_validate_json(event.data)
