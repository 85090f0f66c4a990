"""Runs a campaign in this process: signals, progress, and what a failure becomes."""

import asyncio
import signal
from collections.abc import Callable

import click
import uvloop

from lienthong.clock import Clock
from lienthong.config.models import HubSettings
from lienthong.errors import ConfigurationError, LienthongError
from lienthong.pipeline.definitions import Pipeline, load_pipelines
from lienthong.targets.connectors import limits_of
from lienthong.topic_names import TopicNames
from lienthong_connectors.campaign.asking import Order, lookup_of
from lienthong_connectors.campaign.journal import Journal
from lienthong_connectors.campaign.progress import Pace, line_of, seconds_left, show
from lienthong_connectors.campaign.publish import Stamp
from lienthong_connectors.campaign.runner import Run

PIPELINE = "link-account"
_SHOW_SECONDS = 1.0
_TELL_SECONDS = 10.0


def stamp_of(settings: HubSettings, name: str, system: str, journal: Journal) -> Stamp:
    """Return what all results of a campaign have in common.

    Args:
        settings: The hub's configuration.
        name: Name of the campaign.
        system: System that holds the accounts.
        journal: Knows the file.

    Raises:
        ConfigurationError: If the campaign was begun for another system.
    """
    known = journal.fact("system")
    if known and known != system:
        raise ConfigurationError(f"the campaign was begun for the system {known}; its results are for no other one")
    if not known:
        journal.note(system=system)
    pipeline = _pipeline(settings)
    step = lookup_of(pipeline)
    return Stamp(name, journal.fact("digest"), pipeline.names.full(step.topic), system, step.purpose, step.legal_basis)


def operate(
    settings: HubSettings,
    order: Order,
    stamp: Stamp,
    journal: Journal,
    secret: bytes,
    clock: Clock,
    *,
    has_progress: bool,
) -> bool:
    """Work until everything is published, a signal comes or something fails.

    Args:
        settings: The hub's configuration.
        order: What to do.
        stamp: Of the results.
        journal: What was done.
        secret: Keys references and hashes.
        clock: Where to read the time.
        has_progress: Whether progress is shown.

    Returns:
        Whether everything is published.

    Raises:
        LienthongError: Why the campaign cannot go on.
    """
    pipeline = _pipeline(settings)
    limits = limits_of(settings, lookup_of(pipeline).connector)

    async def main() -> None:
        work = Run(settings, pipeline, order, stamp, journal, secret, clock)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, work.stop)
        pace = Pace()

        def line() -> str:
            counts = journal.counts()
            per_second = pace.observe(clock.monotonic(), work.finished)
            return line_of(counts, per_second, seconds_left(counts.open, per_second, limits), work.pause_reason)

        showing = asyncio.create_task(_show(line, clock)) if has_progress else None
        try:
            await work.work()
        finally:
            if showing is not None:
                showing.cancel()
                await asyncio.wait([showing])

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())
    except* LienthongError as group:
        raise _first(group) from None
    counts = journal.counts()
    if has_progress:
        from rich.console import Console

        show(counts, Console(highlight=False))
    return counts.open == counts.decided == 0


async def _show(line: Callable[[], str], clock: Clock) -> None:
    is_terminal = click.get_text_stream("stderr").isatty()
    while True:
        await clock.sleep(_SHOW_SECONDS if is_terminal else _TELL_SECONDS)
        text = await asyncio.to_thread(line)
        click.echo(f"\r{text}\x1b[K" if is_terminal else text, nl=not is_terminal, err=True)


def _pipeline(settings: HubSettings) -> Pipeline:
    return load_pipelines(TopicNames(settings.province), settings.environment)[PIPELINE]


def _first(group: BaseExceptionGroup[LienthongError]) -> LienthongError:
    first = group.exceptions[0]
    return first if isinstance(first, LienthongError) else _first(first)
