"""``lienthong simulate``: one simulated national platform as a process."""

from pathlib import Path
from typing import Any

import click

from lienthong.errors import ConfigurationError


@click.command(short_help="Run a simulated national platform.")
@click.argument("name")
@click.option("--port", default=0, show_default="a free one", help="Port to listen on.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--option", "options", multiple=True, metavar="KEY=VALUE", help="Option of the simulator; repeatable.")
@click.option("--ready-file", type=click.Path(path_type=Path), help="Also write the line of readiness to this file.")
def simulate(name: str, port: int, host: str, options: tuple[str, ...], ready_file: Path | None) -> None:
    """Run the simulator NAME until it is stopped; prints one JSON line with its URL when it is ready.

    \f

    Args:
        name: Name of the simulator.
        port: Port to listen on; 0 for a free one.
        host: Address to listen on.
        options: ``key=value`` pairs.
        ready_file: Where the line of readiness is also written.

    Raises:
        ConfigurationError: If an option cannot be read or the address cannot be used.
    """  # noqa: D301 - click ends the help text at the form feed
    import orjson

    from lienthong.connector import SimulatorSpec
    from lienthong.plugins import load_one
    from lienthong.testing.simulator import run

    spec = load_one(SimulatorSpec.group, name)
    if not isinstance(spec, SimulatorSpec):
        raise ConfigurationError(f"the entry point {name!r} of {SimulatorSpec.group} is no SimulatorSpec")
    chosen = parse_options(options)

    def on_ready(url: str) -> None:
        line = orjson.dumps({"name": name, "url": url}).decode()
        if ready_file is not None:
            draft = ready_file.with_name(f"{ready_file.name}.draft")
            draft.write_text(line + "\n", encoding="utf-8")
            draft.replace(ready_file)
        click.echo(line)

    run(lambda: spec.create_application(chosen), host=host, port=port, on_ready=on_ready)


def parse_options(options: tuple[str, ...]) -> dict[str, Any]:
    """Return options as a mapping; values that are JSON objects, arrays or null are decoded, all others stay text.

    Args:
        options: ``key=value`` pairs.

    Raises:
        ConfigurationError: If a pair has no equals sign, or a value is broken JSON.
    """
    import orjson

    chosen: dict[str, Any] = {}
    for pair in options:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise ConfigurationError(f"the option {key!r} needs the form key=value")
        try:
            chosen[key] = orjson.loads(value) if value[:1] in {"{", "["} or value == "null" else value
        except orjson.JSONDecodeError as error:
            raise ConfigurationError(f"the option {key!r} starts like JSON but is none") from error
    return chosen
