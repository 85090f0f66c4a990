"""What comes down from the platforms, and what they are told."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lienthong.errors import TargetConfigurationError
from lienthong_connectors.national_dossiers.simulator_dossiers import file_of, portal_paper
from lienthong_schemas.findings import of_snapshot


async def test_dossiers_of_both_platforms_come_down_and_are_marked(nation: Any, make_source: Any, poller: Any) -> None:
    """Each dossier becomes one valid snapshot of national origin and is marked as arrived once."""
    codes = await nation.add("portal", 3) + await nation.add("linked", 4)
    await poller.poll(await make_source())

    assert sorted(poller.keys) == sorted(codes)
    assert {poller.snapshot(index).origin for index in range(7)} == {"national_portal"}
    assert sorted(nation.marked()) == sorted(codes)
    assert all(each["fetched"] == each["marked"] == 1 for each in (await nation.truth()).values())


async def test_a_portal_dossier_is_whole(nation: Any, make_source: Any, poller: Any) -> None:
    """Every field of the portal's record is where the hub expects it, and raises no finding."""
    [code] = await nation.add("portal")
    await poller.poll(await make_source("portal"))
    snapshot, event = poller.snapshot(), poller.events[0].event

    assert snapshot.dossier_code == code
    assert (snapshot.status, snapshot.channel, snapshot.subject_kind) == ("submitted", "online", "citizen")
    assert snapshot.handling_unit.code == code.split("-")[0]
    assert snapshot.sequence == int(snapshot.occurred_at.timestamp())
    assert snapshot.tech_id == "TECH-00000001"
    assert of_snapshot(snapshot) == ()
    assert event.get("dossiercode") == code
    assert event.get("time") == "2026-10-08T09:55:00+07:00"
    assert (event.get("purpose"), event.get("legalbasis"), event.get("actor")) == ("purpose", "basis", "officer")


async def test_a_birth_and_a_death_are_whole(nation: Any, make_source: Any, poller: Any) -> None:
    """A newborn has no number and says why; a death is about the deceased; both name who asked."""
    await nation.add("linked", 2)
    await poller.poll(await make_source("linked"))
    birth, death = poller.snapshot(0), poller.snapshot(1)

    assert (birth.owner.identifiers, birth.owner.no_identifier_reason) == ((), "newborn")
    assert birth.owner.birth_date == "2026-10-08"
    assert death.owner.identifiers[0].type == "personal_id"
    assert all(each.submitter and each.submitter.identifiers for each in (birth, death))
    assert birth.due_at.isoformat() == "2026-10-13T17:00:00+07:00"  # Three working days over a weekend.
    assert of_snapshot(birth) == of_snapshot(death) == ()


async def test_files_go_to_the_store_and_records_hold_references(
    nation: Any, make_source: Any, poller: Any, tmp_path: Path
) -> None:
    """No base64 reaches Kafka; the reference leads to the very file, and ends when it was promised to."""
    [code] = await nation.add("portal")
    await nation.add("linked")
    await poller.poll(await make_source(keep_files_days=30))
    for index, expected in ((0, file_of(f"/tep/{code}/1.pdf")), (1, file_of(poller.keys[1]))):
        snapshot = poller.snapshot(index)
        reference = snapshot.attachments[0].reference
        assert (tmp_path / "files" / reference.path).read_bytes() == expected
        assert (reference.store, reference.size_bytes, reference.media_type) == (
            "hub",
            len(expected),
            "application/pdf",
        )
        assert reference.signature_status == "unchecked"
        assert reference.expires_at == snapshot.submitted_at + timedelta(days=30)


@pytest.mark.parametrize("problem", ["not_found", "too_large"])
async def test_a_file_that_cannot_be_kept_holds_up_no_dossier(
    nation: Any, make_source: Any, poller: Any, problem: str
) -> None:
    """The legal term runs: the dossier goes on, and says which paper is missing and why."""
    [code] = await nation.add("portal")
    await nation.set_options(lost_files=[f"/tep/{code}/1.pdf"] if problem == "not_found" else [])
    store = {"kind": "folder", "folder": "unused", "max_file_bytes": 10}
    source = await make_source("portal", **({"store": store} if problem == "too_large" else {}))
    await poller.poll(source)
    paper = poller.snapshot().attachments[0]

    assert (paper.reference, paper.file_problem) == (None, problem)
    assert [(each.field, each.rule) for each in of_snapshot(poller.snapshot())] == [
        ("attachments.0.reference", "file_missing")
    ]
    assert nation.marked() == [code]


async def test_reading_the_same_state_again_is_the_same_record(nation: Any, make_source: Any, make_poller: Any) -> None:
    """Two workers, or one after a crash, give equal ids and bytes; no mark keeps a state from coming again."""
    await nation.add("portal", 3)
    await nation.add("linked", 2)
    first, second = make_poller(acknowledges=False), make_poller(acknowledges=False)
    await first.poll(await make_source())
    await second.poll(await make_source())

    assert first.ids == second.ids
    assert [each.event.data for each in first.events] == [each.event.data for each in second.events]


async def test_a_state_that_comes_back_is_a_record_of_its_own(nation: Any, make_source: Any, poller: Any) -> None:
    """Taken back and handed in again: three changes are three records with rising sequence, though two are equal."""
    [code] = await nation.add("portal", minutes=9)
    source = await make_source("portal")
    await poller.poll(source)
    await nation.change(code, minutes=6, TrangThaiHoSo="7")
    await poller.poll(source)
    await nation.change(code, minutes=3, TrangThaiHoSo="1")
    await poller.poll(source)

    assert len(set(poller.ids)) == 3
    assert [poller.snapshot(index).status for index in range(3)] == ["submitted", "withdrawn", "submitted"]
    assert [poller.snapshot(index).sequence for index in range(3)] == sorted(
        poller.snapshot(index).sequence for index in range(3)
    )


async def test_a_supplement_comes_down_under_the_same_code(nation: Any, make_source: Any, poller: Any) -> None:
    """An answered request brings new papers; the replaced one stays with its id, no longer counting."""
    [code] = await nation.add("portal", minutes=9)
    source = await make_source("portal")
    await poller.poll(source)
    papers = [{**portal_paper(code, 1), "IsDeleted": "True", "MaKetQuaThayThe": f"{code}-2"}, portal_paper(code, 2)]
    answered = {
        "HoSoBoSungId": "bs-1",
        "NguoiYeuCauBoSung": "Cán bộ",
        "NoiDungBoSung": "Bổ sung giấy tờ",
        "NgayBoSung": "20261008090000",
        "NgayTiepNhanBoSung": "20261008093000",
        "TrangThaiBoSung": "1",
        "NgayHenTraTruoc": "20261010170000",
        "NgayHenTraMoi": "20261012170000",
    }
    await nation.change(code, minutes=2, TaiLieuNop=papers, DanhSachHoSoBoSung=[answered])
    await poller.poll(source)
    snapshot = poller.snapshot()

    assert poller.keys == [code, code]
    assert [(each.deleted, each.reference is None) for each in snapshot.attachments] == [(True, True), (False, False)]
    assert (snapshot.supplements[0].supplement_id, snapshot.supplements[0].status) == ("bs-1", "received")


async def test_the_provinces_own_dossiers_are_not_fetched(nation: Any, make_source: Any, poller: Any) -> None:
    """``NoiNopHoSo`` 2 says that the province sent it up itself: it is neither read nor marked."""
    await nation.add("portal", NoiNopHoSo="2")
    [code] = await nation.add("portal")
    await poller.poll(await make_source("portal"))

    assert poller.keys == [code]
    assert nation.count("portal.LayChiTietHoSo") == 1


async def test_the_overlap_fetches_nothing_twice(nation: Any, make_source: Any, poller: Any) -> None:
    """What has arrived and stands in the overlap costs a line of a list, not a call of its own."""
    await nation.add("portal", 20)
    source = await make_source("portal")
    for _ in range(3):
        await poller.poll(source)

    assert nation.count("portal.LayChiTietHoSo") == 20
    assert nation.count("portal.LayDanhSachHoSo") == 3


async def test_an_expired_agreement_asks_nobody(nation: Any, make_source: Any, poller: Any) -> None:
    """Without an agreement that covers it, the pipeline pauses before any call; the other platform is read."""
    await nation.add("linked")
    agreement = {"number": "01/TT", "valid_until": "2026-10-07"}
    source = await make_source(portal={"agreement": agreement})
    with pytest.raises(TargetConfigurationError) as caught:
        await poller.poll(source)

    assert caught.value.reason == "agreement_expired"
    assert nation.count("portal.LayDanhSachHoSo") == 0
    assert len(poller.events) == 1


async def test_another_purpose_than_agreed_asks_nobody(nation: Any, make_source: Any, poller: Any) -> None:
    """An agreement binds the purpose, too."""
    agreement = {"number": "01/TT", "purpose": "khác", "valid_until": "2027-10-07"}
    with pytest.raises(TargetConfigurationError) as caught:
        await poller.poll(await make_source("portal", portal={"agreement": agreement}))

    assert caught.value.reason == "agreement_purpose"
