"""``lienthong demo``."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from lienthong_connectors.demo.result import Options

_LEAST_RECORDS = 100
_WIDTH_WITHOUT_TERMINAL = 140
_EXIT_INTERRUPTED = 130
_SABOTAGES = ("lose", "repeat", "reorder", "leak")


@click.command(short_help="Run the whole hub on a generated week and check every number.")
@click.option(
    "--records", type=click.IntRange(_LEAST_RECORDS), default=20_000, show_default=True, help="Events to publish."
)
@click.option("--seed", type=int, default=1, show_default=True, help="What the generated week follows from.")
@click.option(
    "--profile",
    type=click.Choice(["week", "day"]),
    default="week",
    show_default=True,
    help="A week as fast as it goes, or a day of 26 hours with its peaks and its night.",
)
@click.option("--full", is_flag=True, help="Besides the dossiers run every other flow, both ways, each with its truth.")
@click.option("--report", "report_file", type=click.Path(path_type=Path, dir_okay=False), help="Write JSON here.")
@click.option("--sabotage", type=click.Choice(_SABOTAGES), help="Do one thing wrong, to see that it is noticed.")
@click.option(
    "--window",
    type=click.IntRange(0),
    default=0,
    metavar="SECONDS",
    help="Close the portal for maintenance so long, soon after the start; instead of the bad weather.",
)
@click.option(
    "--quota",
    type=click.IntRange(0),
    default=0,
    metavar="REQUESTS",
    help="Requests in a second that the portal allows, and the hub keeps to; instead of the bad weather.",
)
@click.option("--keep", is_flag=True, help="Leave the work directory with all logs, for a look afterwards.")
@click.option(
    "--work-directory", type=click.Path(path_type=Path, file_okay=False), help="New or empty; default a temporary one."
)
@click.option("--no-progress", is_flag=True, help="Show no progress.")
def demo(
    records: int,
    seed: int,
    profile: str,
    full: bool,
    report_file: Path | None,
    sabotage: str | None,
    window: int,
    quota: int,
    keep: bool,
    work_directory: Path | None,
    no_progress: bool,
) -> None:
    """Chạy toàn bộ trục liên thông với một tuần hồ sơ giả lập và đối chiếu mọi con số.

    Starts a real Kafka, both simulated national platforms and every process of the hub, publishes a generated week
    with known defects, and compares what came out with what was written down beforehand. Exit 0 only if every number
    agrees.

    \f

    Args:
        records: Events to publish.
        seed: What the generated week follows from.
        profile: What kind of time is generated.
        full: Whether every flow runs.
        report_file: Where the result is written as JSON.
        sabotage: What goes wrong on purpose.
        window: Length of the portal's maintenance in seconds.
        quota: Requests in a second that the portal allows.
        keep: Whether the work directory stays.
        work_directory: Where everything happens.
        no_progress: Whether progress is hidden.

    Raises:
        LienthongError: If a process ends by itself or cannot be started.
    """  # noqa: D301 - click ends the help text at the form feed
    if profile == "day" and (window or quota):
        raise click.UsageError("the day has its own window and quota; leave --window and --quota out")
    if full and (profile == "day" or window or quota):
        raise click.UsageError("--full runs in the week and with its bad weather; leave the other options out")
    try:
        # Loading takes its time too, and Ctrl-C may come in the middle of it.
        from rich.console import Console

        from lienthong_connectors.demo.result import Options

        console = Console()
        if not console.is_terminal:
            console = Console(width=_WIDTH_WITHOUT_TERMINAL)
        # In this order: once the run has let go of Ctrl-C, nothing interrupts the removal of its files.
        with _interruptible(), _directory(work_directory, keep=keep) as directory:
            options = Options(
                records, seed, sabotage or "", directory, not no_progress, window, quota, "full" if full else profile
            )
            agrees = _run(options, console, report_file)
            if keep:
                click.echo(f"{directory}")
    except KeyboardInterrupt:
        click.echo("\nĐã dừng / stopped", err=True)
        raise click.exceptions.Exit(_EXIT_INTERRUPTED) from None
    if not agrees:
        raise click.exceptions.Exit(1)


def _run(options: "Options", console: "Console", report_file: Path | None) -> bool:
    import orjson

    from lienthong.clock import SystemClock
    from lienthong.errors import FatalError
    from lienthong_connectors.demo.day import DayDemonstration
    from lienthong_connectors.demo.full import FullDemonstration
    from lienthong_connectors.demo.report import document_of, show
    from lienthong_connectors.demo.run import Demonstration

    try:
        kinds = {"week": Demonstration, "day": DayDemonstration, "full": FullDemonstration}
        result = kinds[options.profile](options, console, SystemClock()).run()
    except FatalError as error:
        click.echo(f"lienthong: {error}", err=True)
        return False
    show(result, console)
    if report_file is not None:
        report_file.parent.mkdir(parents=True, exist_ok=True)
        report_file.write_bytes(orjson.dumps(document_of(result), option=orjson.OPT_INDENT_2))
    return result.agrees


@contextmanager
def _directory(given: Path | None, *, keep: bool) -> Iterator[Path]:
    from lienthong.errors import ConfigurationError

    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        if any(given.iterdir()):
            raise ConfigurationError(f"{given} is not empty; give a new directory, the demonstration removes it")
    directory = (given or Path(tempfile.mkdtemp(prefix="lienthong-demo-"))).absolute()
    try:
        yield directory
    finally:
        if not keep:
            shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM end the demonstration as Ctrl-C does, and give the signals back afterwards."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
