"""The comparison agrees with a faultless hub and sees every kind of difference, also one that leaves sums alone."""

import pytest

from lienthong_connectors.demo.compare import Check, compare


def wrong(expected, observed):
    """Return the checks that do not agree."""
    checks = compare(expected, observed.published, observed.topics, observed.platforms)
    return [check for check in checks if not check.agrees]


def a_dossier(observed, *, rows=3, linked=None):
    """Return what the portal holds of a dossier with some arrivals."""
    for held in observed.platforms.dossiers.values():
        kinds = [row[1] for row in held["arrivals"]]
        if kinds.count("update") >= rows - 1 and linked in {None, bool(held["DSKetNoiCSDL"])}:
            return held
    raise AssertionError("the scenario has no such dossier")


def updates_of(held):
    """Return the places of updates among the arrivals."""
    return [place for place, row in enumerate(held["arrivals"]) if row[1] == "update"]


def test_a_faultless_hub_agrees_in_every_number(expected, observed):
    """Nothing differs when everything came out as the truth file says."""
    assert wrong(expected, observed) == []


def test_the_week_has_every_kind_of_defect(expected, observed):
    """A check of zero against zero would prove nothing."""
    checks = compare(expected, observed.published, observed.topics, observed.platforms)

    assert all(check.expected > 0 for check in checks if check.group.startswith("Lỗi cố ý"))


def test_swapped_snapshots_are_seen_although_all_sums_agree(expected, observed):
    """Order is compared dossier by dossier in order of arrival."""
    held = a_dossier(observed)
    first, second = updates_of(held)[:2]
    rows = held["arrivals"]
    rows[first], rows[second] = rows[second], rows[first]

    assert [check.title for check in wrong(expected, observed)] == ["Thứ tự từng hồ sơ / order within each dossier"]


def test_a_lost_update_is_seen(expected, observed):
    """An update that the hub thinks delivered and the portal never saw is named by its dossier."""
    held = a_dossier(observed)
    del held["arrivals"][updates_of(held)[0]]

    assert len(wrong(expected, observed)[0].differing) == 1


def test_a_repeated_update_is_seen(expected, observed):
    """One effect too many of one dossier is a difference."""
    held = a_dossier(observed)
    held["arrivals"].append(held["arrivals"][-1])

    assert wrong(expected, observed)


@pytest.mark.parametrize(
    ("field", "value"),
    [("TrangThaiHoSo", "0"), ("DSKetNoiCSDL", []), ("DSKetNoiCSDL", ["1", "7"]), ("lost_links", ["1"])],
)
def test_a_wrong_last_state_of_a_dossier_is_seen(expected, observed, field, value):
    """State and links of each dossier are compared at the end."""
    held = a_dossier(observed, linked=True)
    held[field] = value

    assert len(wrong(expected, observed)) == 1


def test_a_dossier_that_nobody_sent_is_seen(expected, observed):
    """The portal may hold nothing else."""
    observed.platforms.dossiers["H57.21-000000-9999"] = a_dossier(observed)

    assert wrong(expected, observed)[0].differing == ["H57.21-000000-9999"]


@pytest.mark.parametrize("pipeline", ["intake", "verify-dossier", "link-verification", "deliver-dossier"])
def test_a_missing_receipt_is_seen_in_every_pipeline(expected, observed, pipeline):
    """A record without an outcome is named."""
    receipts = observed.topics.receipts[pipeline]
    del receipts[next(iter(receipts))]

    assert any(pipeline in check.title and check.differing for check in wrong(expected, observed))


def test_outcomes_that_are_exchanged_are_seen_although_their_sums_agree(expected, observed):
    """Outcomes are compared record by record."""
    receipts = observed.topics.receipts["deliver-dossier"]
    late = next(name for name, places in receipts.items() if list(places.values()) == ["superseded"])
    good = next(name for name, places in receipts.items() if list(places.values()) == ["delivered"])
    receipts[late], receipts[good] = receipts[good], receipts[late]

    assert wrong(expected, observed)


def test_an_invalid_event_that_the_gateway_lets_in_is_seen(expected, observed):
    """A rejection that did not happen is a difference, and so is one too many."""
    name, code = observed.published.rejected.popitem()
    assert wrong(expected, observed)

    observed.published.rejected.update({name: code, ("/hue/citizen-portal", "x"): "malformed"})
    assert wrong(expected, observed)


def test_a_question_asked_twice_or_without_log_is_seen(expected, observed):
    """Questions, people and the access log are counted apart."""
    observed.platforms.people_asked[0] = 2
    observed.topics.answered.pop()

    assert len(wrong(expected, observed)) == 2


def test_an_outage_that_never_came_is_seen(expected, observed):
    """A run without its faults does not count as passed."""
    observed.platforms.portal["raw_calls"]["refused"] = {}

    assert len(wrong(expected, observed)) == 2


def test_a_check_shows_few_ids_in_json():
    """A report of thousands of differences stays readable."""
    check = Check("g", "t", "o", 100, 0, [str(number) for number in range(100)])

    assert len(check.as_document()["differing"]) == 10
