"""The command tree; every command is imported only when it is used."""

import importlib
import sys
import traceback
from importlib.metadata import entry_points
from pathlib import Path

import click

from lienthong.errors import ConfigurationError, FatalError, LienthongError

EXIT_FAILED = 1
EXIT_FATAL = 70
EXIT_CONFIGURATION = 78
#: Command → module and object; each module may import what it needs, because it is loaded on use.
COMMANDS = {
    "kafka": "lienthong.cli.kafka:kafka",
    "topics": "lienthong.cli.topics:topics",
    "schemas": "lienthong.cli.schemas:schemas",
    "pipelines": "lienthong.cli.pipelines:pipelines",
    "review": "lienthong.cli.review:review",
    "dlq": "lienthong.cli.dead_letters:dlq",
    "scope": "lienthong.cli.scopes:scope",
    "simulate": "lienthong.cli.simulate:simulate",
    "gateway": "lienthong.cli.gateway:gateway",
    "issuer": "lienthong.cli.gateway:issuer",
    "ledger": "lienthong.cli.ledger:ledger",
    "trace": "lienthong.cli.ledger:trace",
    "reconcile": "lienthong.cli.ledger:reconcile",
    "reference": "lienthong.cli.reference:reference",
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return built-in commands and those of installed packages.

        Args:
            ctx: Click's context.
        """
        del ctx
        return sorted({*COMMANDS, *(point.name for point in entry_points(group="lienthong.commands"))})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command.

        Args:
            ctx: Click's context.
            cmd_name: Name of the command.
        """
        del ctx
        target = COMMANDS.get(cmd_name)
        if target is None:
            points = entry_points(group="lienthong.commands", name=cmd_name)
            target = next((point.value for point in points), None)
        if target is None:
            return None
        module, _, name = target.partition(":")
        command = getattr(importlib.import_module(module), name)
        if not isinstance(command, click.Command):
            raise ConfigurationError(f"{target} is no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them.

        Args:
            ctx: Click's context.
            formatter: Click's formatter.
        """
        with formatter.section("Commands"):
            formatter.write_dl([(name, "") for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="Configuration file (lienthong.yaml).")
@click.version_option(package_name="lienthong")
@click.pass_context
def root(ctx: click.Context, config_file: Path | None) -> None:
    """Lienthong (liên thông): a province's hub to the national platforms."""
    ctx.obj = config_file


def main() -> None:
    """Run the command line and end with its exit code: 0 done, 1 failed, 2 usage, 70 fatal, 78 configuration."""
    try:
        # Without standalone mode click returns the code of an exit instead of raising it.
        code = root(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except LienthongError as error:
        click.echo(f"lienthong: {error}", err=True)
        sys.exit(_exit_code(error))
    except Exception as error:  # noqa: BLE001 - the text of a foreign error may hold values of a record
        click.echo("".join(traceback.format_tb(error.__traceback__)), err=True, nl=False)
        click.echo(f"lienthong: {type(error).__name__}, an error from outside the hub; its text is not shown", err=True)
        sys.exit(EXIT_FATAL)


def _exit_code(error: LienthongError) -> int:
    if isinstance(error, ConfigurationError):
        return EXIT_CONFIGURATION
    return EXIT_FATAL if isinstance(error, FatalError) else EXIT_FAILED
