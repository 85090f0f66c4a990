"""``lienthong reconcile --probe``: a sample of what was delivered against what the targets hold."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lienthong.config.models import HubSettings
from lienthong.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.table import Table

    from lienthong.kafka.cluster import ClusterView
    from lienthong.ledger.probe import ProbeReport
    from lienthong.ledger.store import LedgerStore
    from lienthong.pipeline.definitions import Pipeline

EXIT_DIFFERS = 1
#: Nothing was found that is wrong, but not everything could be asked for: EX_TEMPFAIL of sysexits.h.
EXIT_UNAVAILABLE = 75
_CLIENT_ID = "lienthong-probe"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for.

    Attributes:
        count: Dossiers of each pipeline.
        seed: What the choice follows from; None for a new one.
        patience_seconds: How long a target may stay silent.
        actor: Opaque id of who asks.
        report_file: Where the result is written as JSON; None for nowhere.
    """

    count: int
    seed: int | None
    patience_seconds: float
    actor: str
    report_file: Path | None


def probe_targets(
    settings: HubSettings,
    question: Question,
    pipelines: "Sequence[Pipeline]",
    store: "LedgerStore",
    view: "ClusterView",
    *,
    are_named: bool,
) -> "list[ProbeReport]":
    """Ask the targets of pipelines what they hold.

    Args:
        settings: The hub's configuration.
        question: What is asked for.
        pipelines: Candidates.
        store: The ledger.
        view: Kafka.
        are_named: Whether the user named them, so that one that cannot be asked is an error.

    Returns:
        One report for each pipeline whose target can be asked.

    Raises:
        ConfigurationError: If a named pipeline has no target that can be asked, or none has.
    """
    return asyncio.run(_probe(settings, question, pipelines, store, view, are_named=are_named))


async def _probe(
    settings: HubSettings,
    question: Question,
    pipelines: "Sequence[Pipeline]",
    store: "LedgerStore",
    view: "ClusterView",
    *,
    are_named: bool,
) -> "list[ProbeReport]":
    from lienthong.clock import SystemClock
    from lienthong.kafka.producer import AcknowledgedProducer
    from lienthong.ledger.probe import ProbeReport, probe
    from lienthong.ledger.probe_sample import read_delivered, sample
    from lienthong.pipeline.compose import record_codec
    from lienthong.pipeline.probing import build_prober
    from lienthong.registry.schemas import SchemaRegistry
    from lienthong.registry.topics import TopicCatalogue

    clock, run = SystemClock(), secrets.token_hex(8)
    seed = question.seed if question.seed is not None else secrets.randbelow(1_000_000)
    producer = AcknowledgedProducer(settings.kafka, client_id=_CLIENT_ID)
    reports = []
    await producer.start()
    try:
        for pipeline in pipelines:
            is_configured = _connector_of(pipeline) in settings.connectors
            prober = (
                build_prober(settings, pipeline, producer, clock, actor=question.actor, run=run)
                if is_configured or are_named
                else None
            )
            if prober is None:
                if are_named:
                    raise ConfigurationError(f"the pipeline {pipeline.name} has no target that can be asked")
                continue
            catalogue = TopicCatalogue.installed(pipeline.names, settings.environment)
            codec = record_codec(settings, catalogue, pipeline.definition.sources[0], clock)
            chosen = sample(store, pipeline.name, question.count, seed)
            read_delivered(chosen, view, pipeline.topics, SchemaRegistry.installed(), codec)
            report = ProbeReport(pipeline.name, seed)
            reports.append(report)
            await prober.open()
            try:
                await probe(
                    report,
                    chosen,
                    prober.ask,
                    partial(store.states_of, pipeline.name),
                    patience_seconds=question.patience_seconds,
                    why_silent=prober.why_silent,
                )
            finally:
                await prober.close()
    finally:
        await producer.stop()
    if not reports:
        raise ConfigurationError("no pipeline has a target that can be asked; configure its connector")
    return reports


def _connector_of(pipeline: "Pipeline") -> str:
    step = pipeline.definition.deliver
    return step.connector if step is not None else ""


def exit_code_of(reports: "Sequence[ProbeReport]") -> int:
    """Return what a script sees: 1 for a finding, 75 when only some could be asked for, 0 when all agree.

    Args:
        reports: What was found.
    """
    if any(report.has_findings for report in reports):
        return EXIT_DIFFERS
    return 0 if all(report.is_answered for report in reports) else EXIT_UNAVAILABLE


def document_of(reports: "Sequence[ProbeReport]") -> dict[str, Any]:
    """Return what was found as a JSON document.

    Args:
        reports: What was found.
    """
    return {
        "agrees": not any(report.has_findings for report in reports),
        "answered": all(report.is_answered for report in reports),
        "pipelines": [report.as_document() for report in reports],
    }


def table_of(reports: "Sequence[ProbeReport]") -> "Table":
    """Return the counts of each pipeline as a table.

    Args:
        reports: What was found.
    """
    from rich.table import Table

    from lienthong.ledger.probe import Verdict

    table = Table(box=None, pad_edge=False)
    for title in ("pipeline", "seed", "sampled", *(verdict.value for verdict in Verdict)):
        table.add_column(title, justify="left" if title == "pipeline" else "right")
    for report in reports:
        counts = (f"{report.count(verdict):,}" for verdict in Verdict)
        table.add_row(report.pipeline, str(report.seed), f"{len(report.probed):,}", *counts)
    return table


def lines_of(reports: "Sequence[ProbeReport]", limit: int) -> list[str]:
    """Return the first dossiers of each kind that do not agree, one a line.

    Args:
        reports: What was found.
        limit: How many of each kind.
    """
    from lienthong.ledger.probe import Verdict

    lines = []
    for report in reports:
        for verdict in (Verdict.MISSING, Verdict.DIFFERS, Verdict.UNAVAILABLE):
            found = [each for each in report.probed if each.verdict is verdict]
            for each in found[:limit]:
                states = f": {each.theirs or '?'} there, {each.ours or '?'} here" if verdict is Verdict.DIFFERS else ""
                lines.append(f"{verdict}: {each.dossier_code}{states} ({', '.join(each.rules)})")
            if len(found) > limit:
                lines.append(f"{verdict}: and {len(found) - limit:,} more")
    return lines


def tell(reports: "Sequence[ProbeReport]", question: Question, limit: int) -> list[str]:
    """Write the report file and return the lines to print below the table.

    Args:
        reports: What was found.
        question: What was asked for.
        limit: How many dossiers of each kind to list.
    """
    import orjson

    if question.report_file is not None:
        question.report_file.parent.mkdir(parents=True, exist_ok=True)
        question.report_file.write_bytes(orjson.dumps(document_of(reports), option=orjson.OPT_INDENT_2))
    lines = lines_of(reports, limit)
    if not all(report.is_answered for report in reports):
        lines.append("not everything could be asked for; that says nothing about what is there (chưa hỏi được)")
    return lines


__all__ = ["Question", "document_of", "exit_code_of", "probe_targets", "table_of", "tell"]
