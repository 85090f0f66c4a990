"""What happens to a dossier between its first day and its last, in both profiles."""

from typing import Any

import pytest

from lienthong_schemas.findings import of_snapshot

pytestmark = pytest.mark.parametrize("profile", ["adapter", "three-url"], indirect=True)
DAY = "2026-10-{:02}T09:00:00+07:00"


def _round(number: int, *, received: bool) -> dict[str, Any]:
    asked = {
        "supplement_id": f"bo-sung-{number}",
        "requested_by": "Trần Văn Cán Bộ",
        "content": "Bổ sung giấy tờ",
        "requested_at": DAY.format(8 + number),
        "status": "requested",
        "previous_due_at": DAY.format(12 + number),
    }
    answered = {"status": "received", "received_at": DAY.format(9 + number), "new_due_at": DAY.format(13 + number)}
    return {**asked, **answered} if received else asked


async def test_two_rounds_of_supplement(sink: Any, portal: Any, tools: Any) -> None:
    """Each round is one entry with its own id and due dates; every message about it arrives, the second counts late."""
    old = {"attachment_id": "tep-1", "name": "Tờ khai", "replaced_by": "tep-2"}
    new = {"attachment_id": "tep-2", "name": "Tờ khai"}
    first, second = _round(1, received=True), _round(2, received=True)
    asked, asked_again = [_round(1, received=False)], [first, _round(2, received=False)]
    ways = [
        {"status": "accepted"},
        {"status": "supplement", "supplements": asked},
        {"status": "accepted", "supplements": [first], "attachments": [old, new], "due_at": DAY.format(14)},
        {"status": "supplement", "supplements": asked_again, "attachments": [old, new], "due_at": DAY.format(14)},
        {"status": "processing", "supplements": [first, second], "attachments": [old, new], "due_at": DAY.format(15)},
    ]
    snapshots = [tools.snapshot(sequence=number, **way) for number, way in enumerate(ways, 1)]
    outcomes = [await tools.deliver(sink, snapshot) for snapshot in snapshots]
    held = await sink._find(tools.code)

    assert [outcome.reason for outcome in outcomes] == ["created", *["updated"] * 4]
    assert {finding.rule for outcome in outcomes for finding in outcome.findings} == set()
    assert portal.effects() == ["create", *["update"] * 4]
    assert (await portal.dossiers())[tools.code]["DanhSachHoSoBoSung"] == ["bo-sung-1", "bo-sung-2"]
    assert [(each["NgayHenTraTruoc"], each["NgayHenTraMoi"]) for each in held["DanhSachHoSoBoSung"]] == [
        ("20261013090000", "20261014090000"),
        ("20261014090000", "20261015090000"),
    ]
    assert [each["IsDeleted"] for each in held["TaiLieuNop"]] == ["True", "False"]
    assert [[finding.rule for finding in of_snapshot(snapshot)] for snapshot in snapshots[-2:]] == [
        ["second_round_counts_as_late"]
    ] * 2


@pytest.mark.parametrize(
    ("states", "codes", "findings"),
    [
        (["submitted", "refused"], "1 3", []),
        (["submitted", "withdrawn"], "1 7", []),
        (["accepted", "processing", "stopped"], "2 4 8", []),
        (["accepted", "payment", "processing"], "2 6 4", []),
        (["submitted", "accepted", "finished", "returned"], "1 2 9 10", []),
        (["accepted", "supplement", "processing", "supplement", "accepted"], "2 5 4 5 2", []),
        (["processing", "finished"], "4 9", ["joined_late"]),
        (["refused", "processing"], "3 4", ["joined_late", "unusual_transition"]),
        (["accepted", "finished", "processing"], "2 9 4", ["missing_for_reopening"]),
    ],
)
async def test_every_way_through_the_states_arrives(
    sink: Any, portal: Any, tools: Any, states: list[str], codes: str, findings: list[str]
) -> None:
    """Whatever the order, each state arrives once; what is odd about the way is a warning on the receipt."""
    outcomes = [
        await tools.deliver(sink, tools.snapshot(sequence=number, status=state))
        for number, state in enumerate(states, 1)
    ]

    assert " ".join(effect.detail["TrangThaiHoSo"] for effect in portal.ledger.effects) == codes
    assert [finding.rule for outcome in outcomes for finding in outcome.findings] == findings


async def test_a_wrong_result_is_reopened_with_a_reason(sink: Any, tools: Any) -> None:
    """Going back from finished is legal when it is said why, also for a dossier that the worker remembers as linked."""
    await tools.deliver(sink, tools.snapshot())
    await tools.deliver(sink, tools.verified())
    await tools.deliver(sink, tools.snapshot(sequence=2, status="finished"))
    outcome = await tools.deliver(
        sink, tools.snapshot(sequence=3, status="processing", status_reason="Kết quả có sai sót")
    )

    assert (outcome.reason, outcome.findings) == ("updated", ())


async def test_a_changed_due_date_is_a_change(sink: Any, portal: Any, tools: Any) -> None:
    """A new date alone is written, although the state is the same."""
    await tools.deliver(sink, tools.snapshot())
    outcome = await tools.deliver(sink, tools.snapshot(sequence=2, due_at=DAY.format(20)))
    held = await sink._find(tools.code)

    assert (outcome.reason, held["NgayHenTra"]) == ("updated", "20261020090000")


async def test_an_online_dossier_in_the_order_of_the_services(sink: Any, portal: Any, tools: Any) -> None:
    """The account is asked for, then the dossier, then it is written, and only then its step."""
    await tools.deliver(sink, tools.snapshot(channel="online"))
    await tools.deliver(sink, tools.progress())

    assert portal.operations() == ["TraCuuTechID", "TraCuuHoSo", "DongBoHoSoMC", "CapNhatTienDoHoSoMC"]
