"""Commands about what became of records: ``ledger``, ``trace`` and ``reconcile``."""

import asyncio
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lienthong.cli.probing import Question, document_of, exit_code_of, probe_targets, table_of, tell
from lienthong.config.loader import load
from lienthong.config.models import HubSettings
from lienthong.errors import ConfigurationError
from lienthong.topic_names import TopicNames

if TYPE_CHECKING:
    from rich.console import Console

    from lienthong.kafka.cluster import ClusterView
    from lienthong.ledger.report import PipelineReport, Report
    from lienthong.ledger.store import LedgerStore
    from lienthong.ledger.trace import Step
    from lienthong.pipeline.definitions import Pipeline

_PIPE_COLUMNS = 300
_TIME = "%d/%m/%Y %H:%M:%S"


@contextmanager
def _store(settings: HubSettings) -> "Iterator[LedgerStore]":
    from lienthong.ledger.store import LedgerStore

    store = LedgerStore(settings.ledger.url.get_secret_value())
    try:
        yield store
    finally:
        store.close()


def _view(settings: HubSettings, client_id: str) -> "ClusterView":
    from lienthong.kafka.cluster import ClusterView
    from lienthong.kafka.settings import client_configuration

    return ClusterView(client_configuration(settings.kafka, client_id))


def _print_json(document: Any) -> None:
    import orjson

    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def _console() -> "Console":
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    # Ids must stay whole when another program reads the lines.
    return console if console.is_terminal else Console(highlight=False, markup=False, width=_PIPE_COLUMNS)


@click.group()
def ledger() -> None:
    """Keep the projection of receipts and access log in a database."""


@ledger.command()
@click.pass_obj
def run(config_file: Path | None) -> None:
    """Read receipts and access log into the database until stopped."""
    from lienthong.observability.logs import configure

    settings = load(config_file)
    configure(settings.log)
    with _store(settings) as store:
        asyncio.run(_run(settings, store))


async def _run(settings: HubSettings, store: "LedgerStore") -> None:
    from lienthong.clock import SystemClock
    from lienthong.ledger.consumer import LedgerConsumer
    from lienthong.observability.health import Health
    from lienthong.observability.metrics import Metrics
    from lienthong.observability.server import ObservabilityServer

    clock = SystemClock()
    metrics, health = Metrics(), Health(clock, required=("ledger",))
    view = _view(settings, "lienthong-ledger")
    consumer = LedgerConsumer(view, store, TopicNames(settings.province), clock, metrics=metrics, health=health)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, consumer.stop)
    server = ObservabilityServer(metrics, health)
    if settings.metrics_port:
        server.start(settings.metrics_port)
    try:
        await consumer.run()
    finally:
        server.stop()


@ledger.command()
@click.option("--allow-loss", is_flag=True, help="Give up receipts that Kafka no longer holds.")
@click.pass_obj
def rebuild(config_file: Path | None, *, allow_loss: bool) -> None:
    """Empty the ledger and make it again from Kafka; stop `ledger run` before."""
    from lienthong.ledger.rebuild import rebuild as rebuild_from_kafka

    settings = load(config_file)
    with _store(settings) as store:
        view = _view(settings, "lienthong-ledger-rebuild")
        records = rebuild_from_kafka(view, store, TopicNames(settings.province), allow_loss=allow_loss)
        counts = store.counts()
    click.echo(f"read {records} Kafka records")
    for pipeline, kinds in counts.items():
        click.echo(f"{pipeline}: " + ", ".join(f"{number} {kind}" for kind, number in kinds.items()))


@ledger.command()
@click.pass_obj
def verify(config_file: Path | None) -> None:
    """Check the hash chain of the access log; exit 1 if it does not hold."""
    settings = load(config_file)
    with _store(settings) as store:
        store.prepare()
        breaks = store.verify_chain()
        heads = store.chain_heads()
    for place, head in sorted(heads.items()):
        click.echo(f"{place.topic}[{place.partition}]: {head.entries} entries, head {head.hash}")
    for item in breaks:
        click.echo(f"{item.place.topic}[{item.place.partition}]@{item.record_offset}: {item.problem}", err=True)
    if breaks:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("wanted", metavar="EVENT_ID_OR_DOSSIER_CODE")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def trace(config_file: Path | None, *, wanted: str, as_json: bool) -> None:
    """Show what became of one record or one dossier; exit 1 if nothing is known."""
    from lienthong.ledger.trace import trace as trace_in

    with _store(load(config_file)) as store:
        store.prepare()
        steps = trace_in(store, wanted)
    if as_json:
        _print_json([step.as_document() for step in steps])
    elif steps:
        _print_steps(steps)
    if not steps:
        click.echo("nothing is known of this id or dossier code (chưa có thông tin)", err=True)
        raise click.exceptions.Exit(1)


def _print_steps(steps: "Sequence[Step]") -> None:
    from rich.table import Table

    from lienthong.clock import to_vietnam

    table = Table(box=None, pad_edge=False)
    for title in ("time (+07:00)", "where", "what", "vi", "reason", "attempts", "id", "findings"):
        table.add_column(title, overflow="fold")
    for step in steps:
        attempts = str(step.attempts) if step.attempts else ""
        at = to_vietnam(step.at).strftime(_TIME)
        cells = (at, step.where, step.what, step.what_vi, step.reason, attempts, step.id, " ".join(step.findings))
        table.add_row(*cells)
    _console().print(table)


@click.command()
@click.option("--pipeline", "names", multiple=True, help="Only this pipeline; may be given more than once.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--limit", default=20, show_default=True, help="How many records to list of each kind.")
@click.option("--wait-seconds", default=10.0, show_default=True, help="How long the ledger may take to catch up.")
@click.option(
    "--source",
    "source_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="CSV or NDJSON with codes and states as the one-stop system has them; only these are compared.",
)
@click.option("--domain", default="dossier", show_default=True, help="Domain of --source.")
@click.option(
    "--probe",
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="Ask the targets for N delivered dossiers of each pipeline; only these are compared.",
)
@click.option("--seed", type=click.IntRange(0), help="What the choice of --probe follows from; default a new one.")
@click.option("--actor", default="reconcile", show_default=True, help="Who asks, for the access log of --probe.")
@click.option(
    "--patience-seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="How long a target may leave one question of --probe without an answer.",
)
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write the result of --probe as JSON.")
@click.pass_obj
def reconcile(
    config_file: Path | None,
    *,
    names: tuple[str, ...],
    as_json: bool,
    limit: int,
    wait_seconds: float,
    source_file: Path | None,
    domain: str,
    probe: int | None,
    seed: int | None,
    actor: str,
    patience_seconds: float,
    report: Path | None,
) -> None:
    """Prove that accepted = ends + open for every pipeline; exit 1 if anything is lost or unexplained.

    With --source: find what a provincial system holds and never sent, and what it knows differently.
    With --probe: find what a target does not hold though it was delivered, and what it shows differently; exit 75 if
    nothing is wrong but a target could not be asked.
    """
    settings = load(config_file)
    if probe is not None and source_file is not None:
        raise click.UsageError("--source and --probe are two comparisons; give one of them")
    if source_file is not None:
        _compare_source(settings, source_file, domain, limit, as_json=as_json)
    elif probe is not None:
        question = Question(probe, seed, patience_seconds, actor, report)
        _compare_targets(settings, question, names, limit, as_json=as_json)
    else:
        _prove(settings, names, wait_seconds, limit, as_json=as_json)


def _prove(settings: HubSettings, names: Sequence[str], wait_seconds: float, limit: int, *, as_json: bool) -> None:
    from lienthong.clock import SystemClock
    from lienthong.ledger.reconcile import reconcile as reconcile_with

    topic_names = TopicNames(settings.province)
    sources = _sources(settings, names)
    with _store(settings) as store:
        store.prepare()
        view = _view(settings, "lienthong-reconcile")
        question = reconcile_with(
            sources, view, store, topic_names.receipts, SystemClock(), wait_seconds=wait_seconds, limit=limit
        )
        report = asyncio.run(question)
    if as_json:
        _print_json(report.as_document())
    else:
        _print_report(report)
    if not report.is_balanced:
        raise click.exceptions.Exit(1)


def _compare_targets(
    settings: HubSettings, question: Question, names: Sequence[str], limit: int, *, as_json: bool
) -> None:
    with _store(settings) as store:
        store.prepare()
        view = _view(settings, "lienthong-probe")
        pipelines = _sources(settings, names)
        reports = probe_targets(settings, question, pipelines, store, view, are_named=bool(names))
    lines = tell(reports, question, limit)
    if as_json:
        _print_json(document_of(reports))
    else:
        _console().print(table_of(reports))
        for line in lines:
            click.echo(line)
    code = exit_code_of(reports)
    if code:
        raise click.exceptions.Exit(code)


def _compare_source(settings: HubSettings, path: Path, domain: str, limit: int, *, as_json: bool) -> None:
    from lienthong.clock import SystemClock
    from lienthong.ledger.source_check import check_source
    from lienthong.ledger.source_list import read_list
    from lienthong.pipeline.compose import record_codec
    from lienthong.registry.topics import TopicCatalogue

    names = TopicNames(settings.province)
    catalogue = TopicCatalogue.installed(names, settings.environment)
    codec = record_codec(settings, catalogue, "records.{domain}", SystemClock())
    with _store(settings) as store:
        store.prepare()
        view = _view(settings, "lienthong-reconcile")
        report = check_source(
            read_list(path), view, names.records(domain), lambda code: bool(store.by_key(code)), codec, limit=limit
        )
    if as_json:
        _print_json(report.as_document())
    else:
        click.echo(
            f"{report.listed:,} dossiers listed: {report.agreeing:,} agree, {report.never_sent.total:,} never sent "
            f"(chưa gửi), {report.differing.total:,} differ (khác trạng thái), "
            f"{report.forgotten:,} no longer comparable"
        )
        for each in report.never_sent.listed:
            click.echo(f"never sent: {each.dossier_code} (line {each.line})")
        for each in report.differing.listed:
            click.echo(f"differs: {each.dossier_code} (line {each.line}): {each.theirs} there, {each.ours} here")
    if not report.is_complete:
        raise click.exceptions.Exit(1)


def _sources(settings: HubSettings, names: Sequence[str]) -> "list[Pipeline]":
    from lienthong.pipeline.definitions import load_pipelines

    installed = load_pipelines(TopicNames(settings.province), settings.environment)
    unknown = sorted(set(names) - installed.keys())
    if unknown:
        raise ConfigurationError(f"no such pipeline: {', '.join(unknown)}; there is: {', '.join(sorted(installed))}")
    return [installed[name] for name in (names or sorted(installed))]


def _print_report(report: "Report") -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("pipeline", "accepted", "ends", "in flight", "parked", "review", "lost", "unknown", "result"):
        table.add_column(title, justify="left" if title in {"pipeline", "result"} else "right")
    for item in report.pipelines:
        opened = [item.open[kind].total for kind in ("in_flight", "parked", "review")]
        numbers = (item.accepted, sum(item.ends.values()), *opened, item.lost.total, item.unknown.total)
        result = "balanced" if item.is_balanced else "NOT BALANCED"
        table.add_row(item.pipeline, *(f"{number:,}" for number in numbers), result)
    _console().print(table)
    for item in report.pipelines:
        _print_listings(item)
    if not report.is_ledger_current:
        click.echo("the ledger has not read all receipts yet, so nothing is proved; check `lienthong ledger run`")
    if report.unreadable:
        click.echo(f"{report.unreadable} Kafka record(s) of the ledger's topics could not be read")


def _print_listings(item: "PipelineReport") -> None:
    for title, listing in (*item.open.items(), ("lost", item.lost), ("unknown", item.unknown)):
        for row in listing.listed:
            click.echo(f"{item.pipeline} {title}: {row.source} {row.id} {row.topic}[{row.partition}]@{row.offset}")
        if listing.total > len(listing.listed):
            click.echo(f"{item.pipeline} {title}: and {listing.total - len(listing.listed)} more")
    for gap in item.expired:
        click.echo(f"{item.pipeline} expired unsettled: {gap.topic}[{gap.partition}] {gap.first}..{gap.last}")
