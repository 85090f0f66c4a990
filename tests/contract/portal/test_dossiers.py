"""Snapshots, steps and verifications, over real HTTP."""

from typing import Any

import pytest

from lienthong.errors import RejectedByTargetError, RetriableError, TransformError, ValidationFailedError
from lienthong.outcome import OutcomeKind
from lienthong_connectors.portal.mapping import snapshot_to_wire
from lienthong_connectors.portal.simulator_state import tech_id_of
from lienthong_schemas.party import Party

LINKED = ["1"]
BOTH = ("adapter", "three-url")
pytestmark = pytest.mark.parametrize("profile", BOTH, indirect=True)


@pytest.mark.parametrize("strict", [True, False])
async def test_create_then_the_same_again_then_a_change(sink: Any, portal: Any, tools: Any, strict: bool) -> None:
    """The first snapshot creates, a repeat writes nothing and a change updates: one dossier, every arrival shown."""
    await portal.behave(strict=strict)
    first = await tools.deliver(sink, tools.snapshot())
    again = await tools.deliver(sink, tools.snapshot())
    changed = await tools.deliver(sink, tools.snapshot(status="finished"))

    assert [(item.kind, item.reason, item.target_reference) for item in (first, again, changed)] == [
        (OutcomeKind.DELIVERED, "created", tools.code),
        (OutcomeKind.DELIVERED, "unchanged", tools.code),
        (OutcomeKind.DELIVERED, "updated", tools.code),
    ]
    assert portal.effects() == ["create", "update"]
    assert (await portal.dossiers())[tools.code]["TrangThaiHoSo"] == "9"


async def test_effects_tell_arrival_status_and_fingerprint(sink: Any, portal: Any, tools: Any) -> None:
    """A repeat has the fingerprint of the first, a change another; arrivals count up."""
    await tools.deliver(sink, tools.snapshot())
    await sink._sync(snapshot_to_wire(tools.snapshot(), tech_id=""), (), is_update=True)
    await tools.deliver(sink, tools.snapshot(status="processing"))
    details = [effect.detail for effect in portal.ledger.effects]

    assert [detail["arrival"] for detail in details] == [1, 2, 3]
    assert [detail["TrangThaiHoSo"] for detail in details] == ["2", "2", "4"]
    assert details[0]["fingerprint"] == details[1]["fingerprint"] != details[2]["fingerprint"]
    assert [row[:3] for row in (await portal.dossiers())[tools.code]["arrivals"]] == [
        [1, "create", "2"],
        [2, "update", "2"],
        [3, "update", "4"],
    ]


@pytest.mark.parametrize("strict", [True, False])
async def test_already_exists_becomes_an_update(sink: Any, portal: Any, tools: Any, strict: bool) -> None:
    """A dossier that appears between the query and the write is updated, not refused."""
    await portal.behave(strict=strict)
    await tools.deliver(sink, tools.snapshot())
    await tools.deliver(sink, tools.verified())
    sink._linked.clear()
    real, blind = sink._find, [None]

    async def find_nothing_once(code: str) -> Any:
        """Miss the dossier at the first query."""
        return blind.pop() if blind else await real(code)

    sink._find = find_nothing_once
    outcome = await tools.deliver(sink, tools.snapshot(status="finished"))

    held = (await portal.dossiers())[tools.code]

    assert outcome.reason == "updated"
    assert portal.effects() == ["create", "link", "update"]
    assert (held["TrangThaiHoSo"], held["DSKetNoiCSDL"]) == ("9", LINKED)


async def test_progress_after_the_dossier(sink: Any, portal: Any, tools: Any) -> None:
    """A step is written to a dossier that the portal holds; the same step again is one more effect."""
    await tools.deliver(sink, tools.snapshot())
    outcome = await tools.deliver(sink, tools.progress())
    await tools.deliver(sink, tools.progress())

    assert (outcome.reason, outcome.target_reference) == ("progress", tools.code)
    assert portal.effects() == ["create", "progress", "progress"]
    assert portal.ledger.effects[1].detail["ThoiDiemXuLy"] == "20261008100000"


@pytest.mark.parametrize("strict", [True, False])
async def test_progress_before_the_dossier_is_refused(sink: Any, portal: Any, tools: Any, strict: bool) -> None:
    """A step of a dossier that the portal does not hold goes no further than here."""
    await portal.behave(strict=strict)
    with pytest.raises(RejectedByTargetError) as caught:
        await tools.deliver(sink, tools.progress())

    assert caught.value.reason == "dossier_unknown"
    assert portal.effects() == []


async def test_an_owner_without_identifier_is_delivered(sink: Any, portal: Any, tools: Any) -> None:
    """A newborn's dossier reaches the portal with empty slots."""
    owner = {"full_name": "Trẻ Mới Sinh", "no_identifier_reason": "newborn"}
    outcome = await tools.deliver(sink, tools.snapshot(owner=owner))

    assert outcome.reason == "created"


async def test_code_0_with_a_failing_text_is_a_refusal(sink: Any, portal: Any, tools: Any) -> None:
    """In quirks mode the portal refuses with code 0: that is no success."""
    await portal.behave(strict=False)
    broken = tools.snapshot().model_copy(update={"summary": ""})
    with pytest.raises(RejectedByTargetError) as caught:
        await tools.deliver(sink, broken)

    assert caught.value.reason == "rejected:0"
    assert portal.effects() == []


@pytest.mark.parametrize("status", ["match", "approved"])
async def test_a_verification_links_the_population_database(sink: Any, portal: Any, tools: Any, status: str) -> None:
    """A verified owner shows up as a link; saying it again changes nothing."""
    await tools.deliver(sink, tools.snapshot())
    outcome = await tools.deliver(sink, tools.verified(status=status))
    again = await tools.deliver(sink, tools.verified(status=status))

    assert (outcome.kind, outcome.reason) == (OutcomeKind.DELIVERED, "linked")
    assert (again.kind, again.reason) == (OutcomeKind.FILTERED, "already_linked")
    assert portal.effects() == ["create", "link"]
    assert (await portal.dossiers())[tools.code]["DSKetNoiCSDL"] == LINKED


@pytest.mark.parametrize("status", ["mismatch", "no_match"])
async def test_a_failed_verification_links_nothing(sink: Any, portal: Any, tools: Any, status: str) -> None:
    """Without a match there is no link and no call."""
    outcome = await tools.deliver(sink, tools.verified(status=status))

    assert (outcome.kind, outcome.reason) == (OutcomeKind.FILTERED, f"not_linked_{status}")
    assert portal.operations() == []


async def test_a_verification_before_its_dossier_waits(sink: Any, portal: Any, tools: Any) -> None:
    """Verification runs beside delivery and may be faster: its record is for later, not for the dead letters."""
    with pytest.raises(RetriableError) as caught:
        await tools.deliver(sink, tools.verified())
    await tools.deliver(sink, tools.snapshot())

    assert caught.value.reason == "dossier_unknown"
    assert type(caught.value) is RetriableError
    assert (await tools.deliver(sink, tools.verified())).reason == "linked"


@pytest.mark.parametrize("known_dossiers", [0, 1000])
async def test_a_link_survives_later_snapshots(make_sink: Any, portal: Any, tools: Any, known_dossiers: int) -> None:
    """An update carries the links on, with and without the memory of a worker."""
    sink = await make_sink(known_dossiers=known_dossiers)
    await tools.deliver(sink, tools.snapshot())
    await tools.deliver(sink, tools.verified())
    await tools.deliver(sink, tools.snapshot(status="finished"))
    held = (await portal.dossiers())[tools.code]

    assert (held["TrangThaiHoSo"], held["DSKetNoiCSDL"], held["lost_links"]) == ("9", LINKED, [])


async def test_a_link_made_by_another_worker_survives(make_sink: Any, portal: Any, tools: Any) -> None:
    """After a partition went away and came back, an old memory must not undo what the other worker did."""
    first, second = await make_sink(), await make_sink()
    await tools.deliver(first, tools.snapshot())
    await tools.deliver(first, tools.snapshot(status="processing"))
    await tools.deliver(second, tools.verified())
    await tools.deliver(first, tools.snapshot(status="finished"))

    assert (await portal.dossiers())[tools.code]["DSKetNoiCSDL"] == LINKED


async def test_a_link_to_another_database_survives(sink: Any, portal: Any, tools: Any) -> None:
    """Links that somebody else made are carried on too."""
    await tools.deliver(sink, tools.snapshot())
    held = await sink._find(tools.code)
    await sink._sync(held, ("7",), is_update=True)
    await tools.deliver(sink, tools.verified())
    await tools.deliver(sink, tools.snapshot(status="finished"))
    state = (await portal.dossiers())[tools.code]

    assert (state["DSKetNoiCSDL"], state["lost_links"]) == (["7", "1"], [])


async def test_a_linked_dossier_is_updated_without_a_query(sink: Any, portal: Any, tools: Any) -> None:
    """The memory of a worker spares one call for each later snapshot."""
    await tools.deliver(sink, tools.snapshot())
    await tools.deliver(sink, tools.verified())
    before = len(portal.operations())
    await tools.deliver(sink, tools.snapshot(status="finished"))

    assert portal.operations()[before:] == ["DongBoHoSoMC"]


async def test_a_wrong_memory_is_corrected_by_the_portal(sink: Any, portal: Any, tools: Any) -> None:
    """When the portal no longer holds what the worker remembers, the dossier is created, still linked."""
    sink._remember(tools.code, ("1",), "2")
    outcome = await tools.deliver(sink, tools.snapshot())

    assert outcome.reason == "created"
    assert (await portal.dossiers())[tools.code]["DSKetNoiCSDL"] == LINKED


async def test_the_memory_is_bounded(make_sink: Any, tools: Any) -> None:
    """A worker that runs for months does not grow with every dossier."""
    sink = await make_sink(known_dossiers=2)
    for number in range(5):
        sink._remember(f"H57-261008-000{number}", ("1",), "2")

    assert list(sink._linked) == ["H57-261008-0003", "H57-261008-0004"]


async def test_a_partial_national_record_is_not_written_back(sink: Any, portal: Any, tools: Any) -> None:
    """If the query returns a summary only, linking would erase the rest: it is refused instead."""
    await tools.deliver(sink, tools.snapshot())
    full = await sink._find(tools.code)

    async def find_summary(code: str) -> Any:
        """Return less than was written."""
        return {name: full[name] for name in ("MaHoSo", "TrangThaiHoSo")}

    sink._find = find_summary
    with pytest.raises(RejectedByTargetError) as caught:
        await tools.deliver(sink, tools.verified())

    assert caught.value.reason == "record_incomplete"
    assert portal.effects() == ["create"]


async def test_an_online_dossier_is_sent_with_the_submitters_account(sink: Any, portal: Any, tools: Any) -> None:
    """Without a TechID the account of the submitter, not of the owner, is asked for first."""
    submitter = {"full_name": "Người Nộp Thay", "identifiers": [{"type": "personal_id", "value": "999190000018"}]}
    await tools.deliver(sink, tools.snapshot(channel="online", submitter=submitter))
    held = await sink._find(tools.code)

    assert portal.operations()[:3] == ["TraCuuTechID", "TraCuuHoSo", "DongBoHoSoMC"]
    assert held["MaDoiTuong"] == tech_id_of("999190000018")


async def test_a_given_tech_id_is_used_as_it_is(sink: Any, portal: Any, tools: Any) -> None:
    """A dossier pulled from the portal brings its account along."""
    await tools.deliver(sink, tools.snapshot(channel="online", tech_id="tai-khoan-1"))

    assert portal.operations() == ["TraCuuHoSo", "DongBoHoSoMC"]
    assert (await sink._find(tools.code))["MaDoiTuong"] == "tai-khoan-1"


async def test_a_submitter_without_account_is_refused(sink: Any, portal: Any, tools: Any) -> None:
    """An online dossier of somebody whom the portal does not know is set aside."""
    await portal.set_options(no_account_suffix="17")
    with pytest.raises(RejectedByTargetError) as caught:
        await tools.deliver(sink, tools.snapshot(channel="online"))

    assert caught.value.reason == "tech_id_unknown"
    assert portal.effects() == []


async def test_an_online_dossier_without_any_account_clue_is_refused(sink: Any, portal: Any, tools: Any) -> None:
    """Neither TechID nor identifier: nothing is asked and nothing is made up."""
    owner = {"full_name": "Người Nước Ngoài", "no_identifier_reason": "foreigner"}
    with pytest.raises(ValidationFailedError) as caught:
        await tools.deliver(sink, tools.snapshot(channel="online", owner=owner))

    assert caught.value.violations[0].field == "tech_id"
    assert portal.operations() == []


async def test_findings_about_results_are_reported(sink: Any, tools: Any) -> None:
    """A result without a code is delivered and flagged."""
    outcome = await tools.deliver(sink, tools.snapshot(results=[{"name": "Kết quả", "document_id": "d1"}]))

    assert [(finding.field, finding.rule) for finding in outcome.findings] == [
        ("results.0", "result_not_counted_online")
    ]


async def test_a_record_of_another_type_is_refused(sink: Any, portal: Any, tools: Any) -> None:
    """A pipeline that is wired wrongly fails clearly."""
    with pytest.raises(TransformError) as caught:
        await tools.deliver(sink, Party(full_name="Ai Đó"))

    assert caught.value.reason == "type_not_accepted"
