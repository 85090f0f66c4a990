"""``lienthong dlq``: operators see what was set aside, and put it back or give it up."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lienthong.cli.dead_letter_view import document, print_json, print_table, tell_rest
from lienthong.cli.topic_access import read_spans, read_topics, send
from lienthong.config.loader import load
from lienthong.config.models import HubSettings
from lienthong.errors import ConfigurationError, LienthongError, TopicDriftError

if TYPE_CHECKING:
    from lienthong.delivery.command import Action
    from lienthong.delivery.dead_letter_desk import DeadLetterDesk
    from lienthong.delivery.dead_letter_selection import Selection, StoredLetter
    from lienthong.topic_names import TopicNames

_CLIENT_ID = "lienthong-dlq"
_DEFAULT_LIMIT = 1_000
CommandT = TypeVar("CommandT", bound=Callable[..., Any])


@click.group()
def dlq() -> None:
    """Dead letters: list, show, replay or discard them."""


def _selection(command: CommandT) -> CommandT:
    for decorate in (
        click.option(
            "--limit",
            type=click.IntRange(1),
            default=_DEFAULT_LIMIT,
            show_default=True,
            help="At most so many, in the order of the source.",
        ),
        click.option("--until", help="Set aside before this time; forms as for --since."),
        click.option("--since", help="Set aside then or later: 2026-10-05, 2026-10-05T08:00+07:00, or 2h for ago."),
        click.option("--connector", default="", help="Connector that the record failed in."),
        click.option("--reason-code", default="", help="Code of the error, its detail, or code.detail."),
        click.option("--key", "--dossier", "key", default="", help="Key of the record, or its dossier code."),
        click.option("--id", "identifier", default="", help="Id, or at least 6 characters that it begins with."),
    ):
        command = decorate(command)
    return command


@dlq.command("list")
@click.option("--pipeline", default="", help="Only this pipeline; all without it.")
@_selection
@click.option("--all", "is_all", is_flag=True, help="Also those that were replayed or discarded.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_letters(
    config_file: Path | None, /, *, pipeline: str, limit: int, is_all: bool, as_json: bool, **by: str
) -> None:
    """Show dead letters without any value of a record."""
    settings = load(config_file)
    selection = replace(_selected(**by), is_open_only=not is_all)
    found: list[tuple[str, StoredLetter]] = []
    unreadable = 0
    for desk in _desks(settings, pipeline):
        unreadable += desk.unreadable
        found += [(desk.pipeline, stored) for stored in desk.select(selection)]
    if unreadable:
        click.echo(f"{unreadable} record(s) of these topics cannot be read", err=True)
    shown = [document(name, stored) for name, stored in found[:limit]]
    if as_json:
        print_json(shown)
    elif shown:
        print_table(shown)
    tell_rest(len(found), len(shown), "no dead letter")


@dlq.command()
@click.argument("identifier", metavar="ID")
@click.option("--pipeline", default="", help="Only this pipeline; all without it.")
@click.option("--with-value", is_flag=True, help="Also the value, which may hold personal data; is logged.")
@click.option("--actor", default="", help="Opaque id of the operator, with --with-value.")
@click.option("--purpose", default="", help="Why the value must be seen, with --with-value.")
@click.option("--legal-basis", default="", help="The law that allows it; the record's own without it.")
@click.pass_obj
def show(
    config_file: Path | None,
    *,
    identifier: str,
    pipeline: str,
    with_value: bool,
    actor: str,
    purpose: str,
    legal_basis: str,
) -> None:
    """Show headers and place of one dead letter."""
    settings = load(config_file)
    desk, stored = _one(settings, pipeline, identifier)
    value = _reveal(settings, desk, stored, actor, purpose, legal_basis) if with_value else None
    for name, text in document(desk.pipeline, stored).items():
        click.echo(f"{name}: {text}")
    letter = stored.letter
    for name, raw in letter.headers:
        click.echo(f"header {name}: {raw.decode(errors='replace')}")
    if not with_value:
        click.echo("(the value is hidden; --with-value --actor ID --purpose WHY shows it and is logged)")
    elif letter.truncated:
        click.echo(f"(the value of {letter.value_bytes} bytes was not kept; sha256 {letter.value_sha256})")
    else:
        click.echo((value or b"").decode(errors="replace"))


def _decision(command: CommandT) -> CommandT:
    for decorate in (
        click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing."),
        click.option("--reason", required=True, help="Why; recorded with the decision."),
        click.option("--actor", required=True, help="Opaque id of the operator; recorded with the decision."),
        click.option("--all", "is_all", is_flag=True, help="Every open dead letter of the pipeline."),
        _selection,
        click.option("--pipeline", required=True, help="The one pipeline that this is about."),
    ):
        command = decorate(command)
    return command


@dlq.command()
@_decision
@click.pass_obj
def replay(config_file: Path | None, /, *, pipeline: str, **options: Any) -> None:
    """Put records back into their pipeline, in the order of each key; no other pipeline sees them."""
    from lienthong.delivery.command import Action

    _decide(load(config_file), Action.REPLAY, pipeline, **options)


@dlq.command()
@_decision
@click.pass_obj
def discard(config_file: Path | None, /, *, pipeline: str, **options: Any) -> None:
    """End records as cancelled in their pipeline; what waits behind them goes on."""
    from lienthong.delivery.command import Action

    _decide(load(config_file), Action.DISCARD, pipeline, **options)


def _decide(
    settings: HubSettings,
    action: "Action",
    pipeline: str,
    *,
    is_all: bool,
    limit: int,
    actor: str,
    reason: str,
    dry_run: bool,
    **by: str,
) -> None:
    from lienthong.delivery.command import Action
    from lienthong.delivery.dead_letter_desk import check, in_portions

    check(actor=actor, reason=reason)
    if not is_all and not any(by.values()):
        raise click.UsageError("choose dead letters by --id, --key, --reason-code, --since …, or say --all")
    selection = _selected(**by)
    (name,) = _pipelines(pipeline)
    desk = _desk(settings, name)
    wanted = desk.select(selection)
    found = [stored for stored in wanted if stored.state.value == "open"]
    for stored in wanted:
        if stored not in found:
            click.echo(f"skipped {stored.letter.id}: {stored.state.value} already", err=True)
    chosen = found[:limit]
    written = refused = 0
    for part in in_portions(chosen):
        records = []
        values = _values(settings, desk, part) if action is Action.REPLAY else {}
        for stored in part:
            try:
                value = values.get((stored.partition, stored.offset))
                records.append(desk.outgoing(desk.command(stored, action, value, actor=actor, reason=reason)))
            except LienthongError as error:
                refused += 1
                click.echo(f"skipped {stored.letter.id}: {error}", err=True)
                continue
            topic, partition, offset = stored.origin
            click.echo(f"{'would ' if dry_run else ''}{action.value} {stored.letter.id} {topic}[{partition}]@{offset}")
        if not dry_run and records:
            send(settings, _CLIENT_ID, records)
        written += len(records)
    verb = "would be written" if dry_run else "written"
    click.echo(f"{written} command(s) {verb} for {pipeline}; its worker carries them out")
    tell_rest(len(found), len(chosen), "no open dead letter of this selection")
    if refused:
        raise click.exceptions.Exit(1)


def _one(settings: HubSettings, pipeline: str, identifier: str) -> "tuple[DeadLetterDesk, StoredLetter]":
    from lienthong.delivery.dead_letter_selection import Selection

    found = [(desk, stored) for desk in _desks(settings, pipeline) for stored in desk.select(Selection(id=identifier))]
    if len({stored.letter.id for _, stored in found}) != 1:
        raise LienthongError(
            f"{'no' if not found else 'more than one'} dead letter has an id that begins so; see `lienthong dlq list`"
        )
    # The same record published twice and set aside twice has one id; the newer one is shown.
    return max(found, key=lambda item: item[1].written_at)


def _reveal(
    settings: HubSettings, desk: "DeadLetterDesk", stored: "StoredLetter", actor: str, purpose: str, legal_basis: str
) -> bytes:
    from lienthong.access_log import encode
    from lienthong.clock import SystemClock
    from lienthong.codec import RecordCodec
    from lienthong.delivery.looking import seen
    from lienthong.keys import FileKeyProvider
    from lienthong.record import Record
    from lienthong.targets.hash_key import hash_key

    clock = SystemClock()
    intent = desk.access(stored, actor=actor, purpose=purpose, legal_basis=legal_basis, secret=hash_key(settings))
    topic = _names(settings).access_log
    # Both are acknowledged before anything is shown: no entry, no look.
    send(settings, _CLIENT_ID, [encode(intent, topic)])
    path = settings.secrets.subject_keys_file
    codec = RecordCodec(FileKeyProvider(path, clock) if path is not None else None, enabled=False)
    letter = stored.letter
    raw = _values(settings, desk, [stored]).get((stored.partition, stored.offset))
    record = Record(letter.topic, letter.partition, letter.offset, letter.timestamp_ms, None, raw, letter.headers)
    value = b"" if letter.truncated else codec.decrypt(record) or b""
    send(settings, _CLIENT_ID, [encode(seen(intent, value, clock.now()), topic)])
    return value


def _values(
    settings: HubSettings, desk: "DeadLetterDesk", letters: "Sequence[StoredLetter]"
) -> dict[tuple[int, int], bytes | None]:
    from lienthong.delivery.dead_letter_desk import wanted_values
    from lienthong.record import Place

    topic = _names(settings).of_pipeline("deadletters", desk.pipeline)
    wanted = {(stored.partition, stored.offset) for stored in letters}
    spans = {Place(topic, partition): span for partition, span in wanted_values(letters).items()}
    found = {
        (record.partition, record.offset): record.value
        for record in read_spans(settings, _CLIENT_ID, spans)
        if (record.partition, record.offset) in wanted
    }
    if wanted - found.keys():
        raise LienthongError("a dead letter expired while it was being read; list them again")
    return found


def _desks(settings: HubSettings, pipeline: str) -> "Iterator[DeadLetterDesk]":
    for name in _pipelines(pipeline):
        try:
            yield _desk(settings, name)
        except TopicDriftError as error:
            # Not every installed pipeline is in use everywhere; one that was named must be.
            if pipeline:
                raise
            click.echo(f"left out {name}: {error}", err=True)


def _desk(settings: HubSettings, pipeline: str) -> "DeadLetterDesk":
    from lienthong.clock import SystemClock
    from lienthong.delivery.dead_letter_desk import DeadLetterDesk
    from lienthong.registry.topics import TopicCatalogue

    names = _names(settings)
    catalogue = TopicCatalogue.installed(names, settings.environment)
    return DeadLetterDesk(
        pipeline,
        read_topics(settings, _CLIENT_ID, names.of_pipeline("deadletters", pipeline)),
        read_topics(settings, _CLIENT_ID, names.of_pipeline("replay", pipeline)),
        names,
        SystemClock(),
        catalogue.get(f"replay.{pipeline}").max_message_bytes,
    )


def _pipelines(name: str) -> list[str]:
    from lienthong.pipeline.definitions import installed_definitions

    known = sorted(installed_definitions())
    if name and name not in known:
        raise ConfigurationError(f"there is no pipeline {name!r}; there is: {', '.join(known)}")
    return [name] if name else known


def _names(settings: HubSettings) -> "TopicNames":
    from lienthong.topic_names import TopicNames

    return TopicNames(settings.province)


def _selected(
    *, identifier: str, key: str, reason_code: str, connector: str, since: str | None, until: str | None
) -> "Selection":
    from lienthong.delivery.dead_letter_selection import Selection

    return Selection(identifier, key, reason_code, connector, _moment(since, "since"), _moment(until, "until"))


def _moment(text: str | None, option: str) -> datetime | None:
    from datetime import timedelta

    from lienthong.clock import VIETNAM, SystemClock
    from lienthong.delivery.policy import is_duration, parse_duration

    if not text:
        return None
    try:
        if is_duration(text):
            return SystemClock().now() - timedelta(seconds=parse_duration(text))
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            "write a time such as 2026-10-05T08:00+07:00, or 2h for ago", param_hint=option
        ) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=VIETNAM)
