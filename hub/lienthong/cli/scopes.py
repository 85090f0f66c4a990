"""``lienthong scope``: operators see what a target does not allow, and let it go on once it is allowed."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lienthong.cli.topic_access import read_topics, send
from lienthong.config.loader import load
from lienthong.config.models import HubSettings
from lienthong.errors import ConfigurationError, TopicDriftError

if TYPE_CHECKING:
    from lienthong.delivery.scope_desk import ScopeDesk

_CLIENT_ID = "lienthong-scope"
_KINDS = click.Choice(["procedure", "officer", "agreement", "endpoint"])


@click.group()
def scope() -> None:
    """What a target does not allow, such as procedures, officers and endpoints: list what waits, let it go on."""


@scope.command("list")
@click.option("--target", default="", help="Only this connector; all without it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_scopes(config_file: Path | None, *, target: str, as_json: bool) -> None:
    """Show scopes that records wait for, the longest wait first; values are shown as keyed hashes only."""
    import orjson

    desk = _desk(load(config_file), _pipelines(target))
    documents = [
        {
            "target": each.scope.target,
            "kind": each.scope.kind,
            "hash": each.scope.hash,
            "pipeline": each.pipeline,
            "records": each.records,
            "behind": each.behind,
            "oldest": each.oldest,
            "age_seconds": int(desk.age(each).total_seconds()),
        }
        for each in desk.all()
    ]
    if desk.unreadable:
        click.echo(f"{desk.unreadable} record(s) of these topics cannot be read", err=True)
    if as_json:
        click.echo(orjson.dumps(documents, option=orjson.OPT_INDENT_2).decode())
        return
    for each in documents:
        click.echo(
            f"{each['target']} {each['kind']} {each['hash']}  {each['pipeline']}: {each['records']} record(s), "
            f"{each['behind']} behind them, oldest waits {each['age_seconds']} s"
        )
    if not documents:
        click.echo("nothing waits for a scope")


@scope.command()
@click.option("--target", required=True, help="Name of the connector.")
@click.option("--kind", required=True, type=_KINDS, help="What the target did not allow.")
@click.option("--value", default="", help="The procedure's code, the officer's opaque id or the agreement's number.")
@click.option("--hash", "beginning", default="", help="The hash that `scope list` shows, or how it begins.")
@click.option("--actor", required=True, help="Opaque id of the operator; recorded with the decision.")
@click.option("--reason", required=True, help="Why; recorded with the decision.")
@click.option("--dry-run", is_flag=True, help="Show what would go on, and write nothing.")
@click.pass_obj
def allow(
    config_file: Path | None,
    *,
    target: str,
    kind: str,
    value: str,
    beginning: str,
    actor: str,
    reason: str,
    dry_run: bool,
) -> None:
    """Let every record go on that waits for a scope; a target that still refuses parks it again."""
    from lienthong.delivery.scope import scope_of
    from lienthong.kafka.cluster import ClusterView
    from lienthong.kafka.settings import client_configuration
    from lienthong.targets.hash_key import hash_key
    from lienthong.topic_names import TopicNames

    if bool(value) == bool(beginning):
        raise click.UsageError("give either --value or --hash")
    settings = load(config_file)
    names = TopicNames(settings.province)
    desk = _desk(settings, _pipelines(target))
    hashed = scope_of(target, kind, value, hash_key(settings)).hash if value else beginning
    found = desk.find(target, kind, hashed)
    view = ClusterView(client_configuration(settings.kafka, _CLIENT_ID))
    records = []
    for pipeline in desk.pipelines(found):
        places = view.partitions([names.of_pipeline("replay", pipeline)])
        numbers = [place.partition for place in places]
        records += desk.release(found, pipeline, numbers, actor=actor, reason=reason)
    for waiting in desk.all():
        if waiting.scope == found:
            click.echo(f"{waiting.pipeline}: {waiting.records} record(s) and {waiting.behind} behind them")
    if not dry_run:
        send(settings, _CLIENT_ID, records)
    click.echo(f"{len(records)} command(s) {'would be ' if dry_run else ''}written; the workers carry them out")


def _desk(settings: HubSettings, pipelines: list[str]) -> "ScopeDesk":
    from lienthong.clock import SystemClock
    from lienthong.delivery.scope_desk import ScopeDesk
    from lienthong.topic_names import TopicNames

    names = TopicNames(settings.province)
    desk = ScopeDesk(names, SystemClock())
    for pipeline in pipelines:
        try:
            desk.add(pipeline, read_topics(settings, _CLIENT_ID, names.of_pipeline("parked", pipeline)))
        except TopicDriftError as error:
            # Not every installed pipeline is in use everywhere.
            click.echo(f"left out {pipeline}: {error}", err=True)
    return desk


def _pipelines(target: str) -> list[str]:
    from lienthong.pipeline.definitions import installed_definitions

    users = {
        name: connector
        for name, definition in sorted(installed_definitions().items())
        if (connector := getattr(definition.step, "connector", ""))
    }
    if target and target not in users.values():
        known = ", ".join(sorted(set(users.values())))
        raise ConfigurationError(f"no pipeline uses the connector {target!r}; used are: {known}")
    return [name for name, connector in users.items() if not target or connector == target]
