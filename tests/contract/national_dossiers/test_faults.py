"""Lists that move, answers that break, dossiers that are wrong: nothing is missed, and nothing holds up the rest."""

from datetime import timedelta
from typing import Any

import pytest
import structlog.testing

from lienthong.errors import (
    ConfigurationError,
    RetriableError,
    TargetConfigurationError,
    TargetUnavailableError,
    TokenExpiredError,
)


async def test_equal_timestamps_over_many_pages_are_all_found(nation: Any, make_source: Any, poller: Any) -> None:
    """A hundred dossiers of one second on pages of seven come down, each once."""
    codes = await nation.add("portal", 100)
    await poller.poll(await make_source("portal", portal={"page_size": 7}, batch_size=9))

    assert sorted(poller.keys) == sorted(codes)


async def test_a_dossier_of_the_newest_second_that_shows_late_is_found(
    nation: Any, make_source: Any, poller: Any
) -> None:
    """The cursor is read again from that very second on, and from the overlap before it."""
    source = await make_source("portal")
    await nation.add("portal", minutes=3)
    await poller.poll(source)
    late = await nation.add("portal", minutes=3) + await nation.add("portal", minutes=12)
    await poller.poll(source)

    assert set(late) <= set(poller.keys)
    assert len(poller.keys) == 3


async def test_a_line_that_moves_between_two_pages_is_found_by_the_next_poll(
    nation: Any, make_source: Any, poller: Any
) -> None:
    """A list that moved while its pages were read leaves the cursor where it was, so that nothing is skipped."""
    codes = await nation.add("portal", 4, minutes=30)
    await nation.set_options(moves_lines=True)
    source = await make_source("portal", portal={"page_size": 2})
    await poller.poll(source)
    seen, cursor = set(poller.keys), poller.cursor
    poller.now += timedelta(hours=1)
    await poller.poll(source)

    assert seen < set(codes), "the quirk must hide a dossier, otherwise the test shows nothing"
    assert "portal" not in cursor
    assert set(poller.keys) == set(codes)
    assert "portal" in poller.cursor


async def test_a_page_that_comes_twice_loses_nothing(nation: Any, make_source: Any, poller: Any) -> None:
    """What the second page hid comes with the next poll; nothing is written twice."""
    codes = await nation.add("portal", 4)
    await nation.set_options(repeats_page=True)
    source = await make_source("portal", portal={"page_size": 2})
    await poller.poll(source)
    assert len(set(poller.keys)) == 2
    assert "portal" not in poller.cursor
    await nation.set_options(repeats_page=False)
    await poller.poll(source)

    assert sorted(poller.keys) == sorted(codes)


async def test_a_session_that_ends_in_mid_list_is_renewed(nation: Any, make_source: Any, poller: Any) -> None:
    """A session of three calls costs logins, not dossiers, on both platforms."""
    codes = await nation.add("portal", 9) + await nation.add("linked", 9)
    await nation.set_options(session_calls=3)
    source = await make_source(portal={"page_size": 2}, linked={"page_size": 2}, batch_size=2)
    await poller.poll(source)

    assert sorted(poller.keys) == sorted(codes)
    assert nation.count("login") > 6


async def test_a_fresh_session_that_is_refused_is_left_to_the_engine(
    nation: Any, make_source: Any, poller: Any
) -> None:
    """There is one renewal, not a loop of logins."""
    await nation.add("portal")
    source = await make_source("portal")
    await nation.control.delete("/_control/sessions")
    source._feeds[0]._session._login = _worthless
    with pytest.raises(TokenExpiredError):
        await poller.poll(source)

    assert nation.count("portal.LayDanhSachHoSo") == 2


async def _worthless() -> str:
    return "het-han"


@pytest.mark.parametrize("platform", ["portal", "linked"])
async def test_a_wrong_password_pauses_the_pipeline(nation: Any, make_source: Any, poller: Any, platform: str) -> None:
    """A refused login is about the configuration, the password stays unsaid."""
    source = await make_source(platform, **{platform: {"password": "sai-mat-khau-nay"}})
    with pytest.raises(TargetConfigurationError) as caught:
        await poller.poll(source)

    assert "sai-mat-khau-nay" not in str(caught.value)


@pytest.mark.parametrize("how", ["html", "truncated", "charset", "code"])
async def test_a_list_that_cannot_be_read_is_asked_for_again(
    nation: Any, make_source: Any, poller: Any, how: str
) -> None:
    """HTML with 200, half a JSON, another charset, an unknown code: the poll ends; nothing passes for an empty list."""
    codes = await nation.add("portal", 2)
    await nation.set_options(spoils=how, spoilt_operation="LayDanhSachHoSo")
    source = await make_source("portal")
    with pytest.raises(TargetUnavailableError):
        await poller.poll(source)
    assert (poller.events, poller.cursor) == ([], "")
    await nation.set_options(spoils="")
    await poller.poll(source)

    assert sorted(poller.keys) == sorted(codes)


@pytest.mark.parametrize("how", ["html", "truncated", "charset", "code"])
async def test_one_dossier_that_cannot_be_read_holds_up_no_other(
    nation: Any, make_source: Any, poller: Any, how: str
) -> None:
    """All others are written; the bad one is asked for again, and the cursor does not pass it."""
    codes = await nation.add("portal", 7)
    await nation.set_options(spoils=how, spoilt_operation="LayChiTietHoSo", spoilt_code=codes[0])
    source = await make_source("portal", batch_size=2)
    with pytest.raises(RetriableError):
        await poller.poll(source)
    assert sorted(poller.keys) == sorted(codes[1:])
    assert "portal" not in poller.cursor
    await nation.set_options(spoils="")
    await poller.poll(source)

    assert sorted(poller.keys) == sorted(codes)
    assert sorted(nation.marked()) == sorted(codes)


async def test_one_platform_that_is_away_does_not_keep_the_other_from_being_read(
    nation: Any, make_source: Any, poller: Any
) -> None:
    """Births come down while the portal shows its maintenance page."""
    await nation.add("portal")
    [birth] = await nation.add("linked")
    await nation.set_options(spoils="html", spoilt_operation="LayDanhSachHoSo", spoilt_code="none")
    source = await make_source(portal={"base_url": "http://127.0.0.1:1"})
    with pytest.raises(TargetUnavailableError):
        await poller.poll(source)

    assert poller.keys == [birth]


@pytest.mark.parametrize(
    "switches", [{"maintenance": True}, {"outage": "unavailable"}, {"outage": "reset"}, {"half_answer_rate": 1}]
)
async def test_platforms_that_are_away_are_asked_again_later(
    nation: Any, make_source: Any, poller: Any, switches: Any
) -> None:
    """Whatever an outage looks like, the poll ends retriable and nothing is written or marked."""
    await nation.add("portal")
    await nation.add("linked")
    await nation.behave(**switches)
    with pytest.raises(RetriableError):
        await poller.poll(await make_source())

    assert (poller.events, nation.marked()) == ([], [])


async def test_a_mark_that_fails_is_repeated(nation: Any, make_source: Any, poller: Any) -> None:
    """The dossier is listed again and is the same record; the platform is told once more."""
    [code] = await nation.add("linked")
    source = await make_source("linked")
    await nation.set_options(spoils="html", spoilt_operation="CapNhatDaNhan")
    with pytest.raises(RetriableError):
        await poller.poll(source)
    await nation.set_options(spoils="")
    await poller.poll(source)

    assert poller.ids[0] == poller.ids[1]
    assert nation.marked() == [code]


@pytest.mark.parametrize(
    ("platform", "fields", "path"),
    [
        ("linked", {"maDonVi": 474}, "handling_unit"),
        ("linked", {"maTTHC": "2.999999"}, "procedure"),
        ("linked", {"data": '{"nks": {"HoTen": '}, "owner"),
        ("portal", {"NgayHenTra": "32/13/2026"}, "due_at"),
        ("portal", {"TrangThaiHoSo": "77"}, "status"),
        ("portal", {"TrichYeuHoSo": ""}, "summary"),
        ("portal", {"DinhDanhCHS": [{"LoaiDinhDanh": "1", "SoDinhDanh": "01900000017"}]}, "owner.identifiers"),
    ],
)
async def test_a_dossier_that_breaks_its_schema_is_written_and_not_marked(
    nation: Any, make_source: Any, poller: Any, platform: str, fields: Any, path: str
) -> None:
    """It becomes a dead letter that names the field; once it is mended, there or here, it comes as a new record."""
    [code] = await nation.add(platform, **fields)
    [good] = await nation.add(platform)
    source = await make_source(platform)
    await poller.poll(source)
    await poller.poll(source)
    with pytest.raises(ValueError, match="validation error") as caught:
        poller.snapshot(poller.keys.index(code))

    assert any(".".join(map(str, each["loc"])).startswith(path) for each in caught.value.errors())
    assert nation.marked() == [good]
    assert len({name for name, key in zip(poller.ids, poller.keys, strict=True) if key == code}) == 1


async def test_a_code_that_is_none_becomes_no_key(nation: Any, make_source: Any, poller: Any) -> None:
    """What stands in the place of a dossier code could be a person's number: it enters no key and no attribute."""
    await nation.add("linked", maHoSo="000190000017")
    await poller.poll(await make_source("linked"))

    assert poller.keys == [f"unreadable-{poller.ids[0]}"]
    assert "000190000017" not in repr(poller.events) + repr(poller.events[0].event.attributes)
    assert nation.marked() == []


async def test_no_value_of_a_dossier_is_logged(nation: Any, make_source: Any, poller: Any) -> None:
    """Names and numbers appear in no log and no representation, also when everything fails."""
    codes = await nation.add("portal", 3)
    await nation.set_options(spoils="truncated", spoilt_operation="LayChiTietHoSo", spoilt_code=codes[0])
    source = await make_source("portal")
    with structlog.testing.capture_logs() as logs, pytest.raises(RetriableError) as caught:
        await poller.poll(source)
    shown = repr(logs) + repr(caught.value) + repr(poller.events)
    owner = poller.document()["owner"]

    assert owner["full_name"] not in shown
    assert owner["identifiers"][0]["value"] not in shown


async def test_a_change_between_reading_and_marking_is_found(nation: Any, make_source: Any, poller: Any) -> None:
    """The mark names no state, so it also covers a change in the same second that nobody has read; it is read again."""
    [code] = await nation.add("portal", minutes=0)
    source = await make_source("portal")
    async for batch in source.poll("", poller.context):
        if batch.events:
            await nation.change(code, minutes=0, TrichYeuHoSo="Đính chính trong cùng một giây")
        await source.acknowledge(batch, poller.context)
    assert (await nation.truth())[code]["is_received"]
    await poller.poll(source)

    assert poller.snapshot().summary == "Đính chính trong cùng một giây"


async def test_a_cursor_of_another_connector_stops_the_poll(make_source: Any, poller: Any) -> None:
    """A cursor that cannot be read must not pass for the first start, which would read a month again."""
    poller.cursor = "2026-10-08T10:00:00+07:00"
    with pytest.raises(ConfigurationError):
        await poller.poll(await make_source("portal"))


async def test_a_poll_that_is_begun_again_sees_what_has_come_since(
    nation: Any, make_source: Any, poller: Any, clock: Any
) -> None:
    """While one dossier cannot be read, the engine begins the same poll again: newer ones come down."""
    [bad] = await nation.add("portal")
    await nation.set_options(spoils="truncated", spoilt_operation="LayChiTietHoSo", spoilt_code=bad)
    source = await make_source("portal")
    with pytest.raises(RetriableError):
        await poller.poll(source)
    [newer] = await nation.add("portal", minutes=-30)
    clock.advance((poller.now - clock.now()).total_seconds() + 3_600)
    with pytest.raises(RetriableError):
        await poller.poll(source)

    assert poller.keys == [newer]
