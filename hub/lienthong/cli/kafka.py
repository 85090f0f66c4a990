"""``lienthong kafka``: the embedded broker from the command line."""

import sys
from datetime import timedelta
from pathlib import Path

import click

EXIT_NOT_RUNNING = 3
DEFAULT_DIRECTORY = Path(".lienthong/kafka")

_directory = click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_DIRECTORY,
    show_default=True,
    help="Where the broker keeps records, configuration and logs.",
)


@click.group()
def kafka() -> None:
    """Run a real Kafka broker on this machine, without Docker and without root."""


@kafka.command()
@_directory
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="0: that of the last run, else a free one.")
@click.option(
    "--heap-megabytes", type=click.IntRange(128), default=256, show_default=True, help="Limit of Java's heap."
)
def start(directory: Path, port: int, heap_megabytes: int) -> None:
    """Start the broker, print its address and leave it running."""
    from lienthong.kafka.embedded import EmbeddedKafka

    broker = EmbeddedKafka(directory, port=port, heap_megabytes=heap_megabytes)
    broker.start()
    click.echo(broker.bootstrap_servers)


@kafka.command()
@_directory
@click.option("--remove-data", is_flag=True, help="Remove the directory with all records too.")
def stop(directory: Path, remove_data: bool) -> None:
    """Stop the broker; its records stay for the next start."""
    from lienthong.kafka.embedded import EmbeddedKafka

    broker = EmbeddedKafka(directory)
    was_running = broker.is_running
    broker.stop(remove_data=remove_data)
    click.echo("stopped" if was_running else "was not running")


@kafka.command()
@_directory
def status(directory: Path) -> None:
    """Show the broker; exit 0 when it runs and 3 when it does not."""
    from lienthong.kafka.embedded import EmbeddedKafka

    broker = EmbeddedKafka(directory)
    pid, uptime_seconds = broker.pid, broker.uptime_seconds
    if pid is None or uptime_seconds is None:
        click.echo(f"not running ({broker.data_directory})")
        sys.exit(EXIT_NOT_RUNNING)
    click.echo(f"bootstrap servers  {broker.bootstrap_servers}")
    click.echo(f"process            {pid}")
    click.echo(f"uptime             {timedelta(seconds=int(uptime_seconds))}")
    click.echo(f"data               {broker.data_bytes / 2**20:.1f} MiB in {broker.data_directory}")
    click.echo(f"log                {broker.log_file}")
