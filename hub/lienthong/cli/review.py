"""The command ``review``: officials see what waits for a decision, and decide."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lienthong.cli.topic_access import read_topics, send
from lienthong.config.loader import load
from lienthong.config.models import HubSettings

if TYPE_CHECKING:
    from lienthong.delivery.command import Action
    from lienthong.delivery.review_desk import ReviewDesk
    from lienthong.delivery.review_record import Review

_CLIENT_ID = "lienthong-review"
_PIPE_COLUMNS = 300
_TIME = "%d/%m/%Y %H:%M:%S"
_REASONS_VI = {
    "mismatch": "thông tin công dân không khớp",
    "no_match": "không tìm thấy công dân",
    "scope.procedure": "thủ tục chưa được phép khai thác",
    "scope.officer": "cán bộ chưa được phép khai thác",
    "outcome_unknown": "chưa rõ hệ thống đích đã nhận hay chưa",
}
CommandT = TypeVar("CommandT", bound=Callable[..., Any])


@click.group()
def review() -> None:
    """Hồ sơ chờ cán bộ xét duyệt (records that wait for an official's decision)."""


@review.command("list")
@click.option("--json", "as_json", is_flag=True, help="In dạng JSON (print JSON).")
@click.pass_obj
def list_reviews(config_file: Path | None, *, as_json: bool) -> None:
    """Liệt kê hồ sơ chờ xét duyệt, cũ nhất trước; không có dữ liệu cá nhân (list open reviews)."""
    desk = _desk(load(config_file))
    reviews = desk.all()
    if desk.unreadable:
        click.echo(f"{desk.unreadable} bản ghi không đọc được (record(s) of the topic cannot be read)", err=True)
    if as_json:
        _print_json([_document(desk, each) for each in reviews])
    elif reviews:
        _print_table(desk, reviews)
    else:
        click.echo("không có hồ sơ nào chờ xét duyệt (no open review)")


@review.command()
@click.argument("identifier", metavar="ID")
@click.option("--reveal", is_flag=True, help="Hiện cả dữ liệu cá nhân; được ghi nhật ký (show the value; is logged).")
@click.option("--actor", default="", help="Mã cán bộ (opaque id of the official), with --reveal.")
@click.option("--purpose", default="", help="Mục đích xem (why), with --reveal.")
@click.option("--legal-basis", default="", help="Căn cứ pháp lý; mặc định lấy từ bản ghi (default: the record's).")
@click.pass_obj
def show(
    config_file: Path | None, *, identifier: str, reveal: bool, actor: str, purpose: str, legal_basis: str
) -> None:
    """Xem một hồ sơ chờ xét duyệt; dữ liệu cá nhân chỉ hiện với --reveal (show one review)."""
    settings = load(config_file)
    desk = _desk(settings)
    found = desk.find(identifier)
    value = _reveal(settings, desk, found, actor, purpose, legal_basis) if reveal else None
    for title, text in _lines(desk, found):
        click.echo(f"{title}: {text}")
    if value is not None:
        click.echo(value.decode(errors="replace"))
    else:
        click.echo("(dữ liệu cá nhân được ẩn; dùng --reveal --actor MÃ --purpose MỤC-ĐÍCH để xem, có ghi nhật ký)")


def _decision(command: CommandT) -> CommandT:
    for decorate in (
        click.option("--reason", required=True, help="Lý do (why)."),
        click.option("--actor", required=True, help="Mã cán bộ (opaque id of the official)."),
        click.argument("identifier", metavar="ID"),
    ):
        command = decorate(command)
    return command


@review.command()
@_decision
@click.pass_obj
def approve(config_file: Path | None, *, identifier: str, actor: str, reason: str) -> None:
    """Chấp thuận hồ sơ như hiện có (let the record go on as it is)."""
    from lienthong.delivery.command import Action

    _decide(config_file, identifier, Action.APPROVE, actor, reason)


@review.command()
@_decision
@click.option(
    "--file",
    "corrected",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Toàn bộ bản ghi đã sửa, dạng JSON (the whole corrected record).",
)
@click.pass_obj
def correct(config_file: Path | None, *, identifier: str, actor: str, reason: str, corrected: Path) -> None:
    """Thay bản ghi bằng bản đã sửa rồi xử lý tiếp (replace the record and go on)."""
    from lienthong.delivery.command import Action

    _decide(config_file, identifier, Action.CORRECT, actor, reason, corrected.read_bytes())


@review.command()
@_decision
@click.pass_obj
def cancel(config_file: Path | None, *, identifier: str, actor: str, reason: str) -> None:
    """Hủy bản ghi trong luồng này (end the record in this pipeline)."""
    from lienthong.delivery.command import Action

    _decide(config_file, identifier, Action.CANCEL, actor, reason)


def _decide(
    config_file: Path | None,
    identifier: str,
    action: "Action",
    actor: str,
    reason: str,
    corrected: bytes | None = None,
) -> None:
    settings = load(config_file)
    desk = _desk(settings)
    found = desk.find(identifier)
    command = desk.decide(found, action, actor=actor, reason=reason, corrected=corrected)
    send(settings, _CLIENT_ID, [command])
    click.echo(
        f"đã ghi quyết định cho {found.id}; luồng {found.pipeline} sẽ thực hiện (decision {action.value} written)"
    )


def _reveal(
    settings: HubSettings, desk: "ReviewDesk", found: "Review", actor: str, purpose: str, legal_basis: str
) -> bytes:
    from lienthong.targets.hash_key import hash_key

    intent = desk.access(found, actor=actor, purpose=purpose, legal_basis=legal_basis, secret=hash_key(settings))
    # Both are acknowledged before anything is shown: no entry, no look.
    send(settings, _CLIENT_ID, [desk.access_record(intent)])
    value = desk.reveal(found)
    send(settings, _CLIENT_ID, [desk.access_record(desk.seen(intent, value))])
    return value


def _desk(settings: HubSettings) -> "ReviewDesk":
    from lienthong.clock import SystemClock
    from lienthong.codec import RecordCodec
    from lienthong.delivery.review_desk import ReviewDesk
    from lienthong.keys import FileKeyProvider
    from lienthong.registry.schemas import SchemaRegistry
    from lienthong.topic_names import TopicNames

    clock = SystemClock()
    names = TopicNames(settings.province)
    path = settings.secrets.subject_keys_file
    codec = RecordCodec(FileKeyProvider(path, clock) if path is not None else None, enabled=False)
    return ReviewDesk(read_topics(settings, _CLIENT_ID, names.review), names, codec, SchemaRegistry.installed(), clock)


def _reason_text(reason: str) -> str:
    known = _REASONS_VI.get(reason)
    return f"{known} ({reason})" if known else reason


def _age_text(age: timedelta) -> str:
    hours, rest = divmod(max(0, int(age.total_seconds())), 3600)
    days, hours = divmod(hours, 24)
    return f"{days} ngày {hours} giờ" if days else f"{hours} giờ {rest // 60} phút"


def _document(desk: "ReviewDesk", each: "Review") -> dict[str, Any]:
    from lienthong.delivery.review_desk import dossier_code

    return {
        "id": each.id,
        "pipeline": each.pipeline,
        "dossier_code": dossier_code(each),
        "reason": each.reason,
        "findings": each.findings,
        "opened_at": each.opened_at,
        "age_seconds": int(desk.age(each).total_seconds()),
    }


def _lines(desk: "ReviewDesk", each: "Review") -> list[tuple[str, str]]:
    from lienthong.clock import to_vietnam
    from lienthong.delivery.review_desk import dossier_code

    record = each.record
    return [
        ("Mã xét duyệt (id)", each.id),
        ("Luồng (pipeline)", each.pipeline),
        ("Mã hồ sơ (dossier)", dossier_code(each)),
        ("Lý do (reason)", _reason_text(each.reason)),
        ("Phát hiện (findings)", ", ".join(each.findings) or "-"),
        ("Chờ từ (open since)", f"{to_vietnam(each.opened_at):{_TIME}} - {_age_text(desk.age(each))}"),
        ("Bản ghi (record)", f"{record.topic}[{record.partition}]@{record.offset}"),
        ("Loại (type)", (record.header("ce_type") or b"").decode(errors="replace")),
        ("Nguồn (source)", (record.header("ce_source") or b"").decode(errors="replace")),
        ("Mã sự kiện (event id)", (record.header("ce_id") or b"").decode(errors="replace")),
    ]


def _print_table(desk: "ReviewDesk", reviews: "Sequence[Review]") -> None:
    from rich.console import Console
    from rich.table import Table

    from lienthong.delivery.review_desk import dossier_code

    table = Table(box=None, pad_edge=False)
    for title in ("mã xét duyệt (id)", "luồng", "mã hồ sơ", "lý do", "phát hiện", "đã chờ"):
        table.add_column(title, overflow="fold")
    for each in reviews:
        age = _age_text(desk.age(each))
        findings = " ".join(each.findings)
        table.add_row(each.id, each.pipeline, dossier_code(each), _reason_text(each.reason), findings, age)
    console = Console(highlight=False, markup=False)
    # Ids must stay whole when another program reads the lines.
    wide = console if console.is_terminal else Console(highlight=False, markup=False, width=_PIPE_COLUMNS)
    wide.print(table)


def _print_json(document: Any) -> None:
    import orjson

    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
