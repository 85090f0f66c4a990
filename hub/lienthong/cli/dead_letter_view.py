"""How dead letters are printed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lienthong.delivery.dead_letter_selection import StoredLetter

_COLUMNS = ("id", "pipeline", "origin", "dossier or key", "reason", "stage", "deaths", "set aside", "state")
_PIPE_COLUMNS = 300


def document(pipeline: str, stored: "StoredLetter") -> dict[str, Any]:
    """Return what may be shown of a dead letter: everything but the value.

    Args:
        pipeline: Name of the pipeline.
        stored: The dead letter.
    """
    letter = stored.letter
    return {
        "id": letter.id,
        "pipeline": pipeline,
        "origin": f"{letter.topic}[{letter.partition}]@{letter.offset}",
        "key": stored.dossier_code,
        "code": letter.code,
        "reason": letter.reason,
        "detail": letter.detail,
        "stage": letter.stage,
        "connector": letter.connector,
        "attempts": letter.attempts,
        "deaths": stored.deaths,
        "dataschema": letter.dataschema,
        "first_failed_at": letter.first_failed_at,
        "set_aside_at": stored.written_at,
        "state": stored.state.value,
    }


def tell_rest(found: int, shown: int, none: str) -> None:
    """Say when nothing was found, or not all is shown.

    Args:
        found: How many there are.
        shown: How many are shown.
        none: What to say when there are none.
    """
    if not found:
        click.echo(none, err=True)
    elif found > shown:
        click.echo(f"{found - shown} more; raise --limit or run again", err=True)


def print_table(documents: Sequence[dict[str, Any]]) -> None:
    """Print dead letters for people.

    Args:
        documents: As :func:`document` returns them.
    """
    from rich.console import Console
    from rich.table import Table

    from lienthong.clock import to_vietnam

    table = Table(box=None, pad_edge=False)
    for title in _COLUMNS:
        table.add_column(title, overflow="fold")
    for each in documents:
        reason = f"{each['code']}.{each['reason']}" if each["reason"] else each["code"]
        at = f"{to_vietnam(each['set_aside_at']):%d/%m/%Y %H:%M:%S}"
        deaths = str(each["deaths"])
        table.add_row(
            each["id"], each["pipeline"], each["origin"], each["key"], reason, each["stage"], deaths, at, each["state"]
        )
    console = Console(highlight=False, markup=False)
    # Ids must stay whole when another program reads the lines.
    wide = console if console.is_terminal else Console(highlight=False, markup=False, width=_PIPE_COLUMNS)
    wide.print(table)


def print_json(found: Any) -> None:
    """Print anything as JSON.

    Args:
        found: What to print.
    """
    import orjson

    click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
