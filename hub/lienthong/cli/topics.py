"""``lienthong topics``: compare the topic catalogue with itself and with the cluster."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lienthong.config.loader import load

if TYPE_CHECKING:
    from lienthong.registry.topics import TopicCatalogue

EXIT_FINDINGS = 1
EXIT_PENDING = 2
_ENVIRONMENTS = click.Choice(["development", "production"])


@click.group()
def topics() -> None:
    """Plan, apply and check the topic catalogue."""


@topics.command()
@click.pass_context
def plan(ctx: click.Context) -> None:
    """Show what differs between catalogue and cluster; exit 0 nothing to do, 2 pending, 1 refused."""
    from lienthong.kafka.admin import connect

    settings = load(ctx.obj)
    catalogue = _catalogue(settings.province, settings.environment)
    with connect(settings.kafka) as admin:
        found = admin.plan(catalogue)
    for change in found.changes:
        click.echo(str(change))
    for name in found.unmanaged:
        click.echo(f"unmanaged {name}  (in no catalogue; left alone)")
    click.echo(
        f"{len(found.pending)} to do, {len(found.drift)} drifted, {len(found.refused)} refused, "
        f"{len(found.unmanaged)} unmanaged"
    )
    if found.refused:
        ctx.exit(EXIT_FINDINGS)
    ctx.exit(EXIT_PENDING if found.pending else 0)


@topics.command()
@click.pass_context
def apply(ctx: click.Context) -> None:
    """Create what is missing and change what may be changed; deletes nothing, can be run twice."""
    from lienthong.kafka.admin import connect

    settings = load(ctx.obj)
    catalogue = _catalogue(settings.province, settings.environment)
    if _print_findings(catalogue):
        click.echo("nothing was changed: mend the catalogue first", err=True)
        ctx.exit(EXIT_FINDINGS)
    with connect(settings.kafka) as admin:
        found = admin.plan(catalogue)
        applied = admin.apply(found)
    for change in (*applied.done, *found.drift):
        click.echo(str(change))
    for name in applied.raced:
        click.echo(f"checked   {name}  (another process was changing it)")
    click.echo(f"{len(applied.done)} done, {len(found.drift)} drifted and left alone")


@topics.command()
@click.option("--environment", type=_ENVIRONMENTS, help="Profile to check instead of the configured one.")
@click.pass_context
def lint(ctx: click.Context, environment: str | None) -> None:
    """Check the catalogue without a cluster; exit 1 on findings."""
    settings = load(ctx.obj)
    catalogue = _catalogue(settings.province, environment or settings.environment)
    count = _print_findings(catalogue)
    click.echo(f"{len(catalogue.topics)} topics, {count} finding(s)")
    ctx.exit(EXIT_FINDINGS if count else 0)


@topics.command()
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write instead of printing.")
def describe(output: Path | None) -> None:
    """Print the reference page of all topics as Markdown."""
    from lienthong.registry.topic_reference import reference

    page = reference(_catalogue("", "development"), _catalogue("", "production"))
    if output is None:
        click.echo(page, nl=False)
    else:
        output.write_text(page, encoding="utf-8")


def _catalogue(province: str, environment: str) -> "TopicCatalogue":
    from lienthong.registry.topics import TopicCatalogue
    from lienthong.topic_names import TopicNames

    return TopicCatalogue.installed(TopicNames(province), environment)


def _print_findings(catalogue: "TopicCatalogue") -> int:
    from lienthong.registry.schemas import SchemaRegistry
    from lienthong.registry.topic_lint import lint as find

    findings = find(catalogue, SchemaRegistry.installed())
    for finding in findings:
        click.echo(str(finding))
    return len(findings)
