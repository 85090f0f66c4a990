"""Commands that pages print exist, with these options."""

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest

from lienthong.cli.main import root as top

_PROMPT = re.compile(r"^\$ ")
_ASSIGNMENT = re.compile(r"^[A-Z_][A-Z0-9_]*=")
_INNER = re.compile(r"\$\(([^)]*)\)")
_ELLIPSES = {"…", "..."}


def calls(text: str, program: str) -> list[list[str]]:
    """Return the words behind a program in every line that calls it."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        plain = _PROMPT.sub("", line.strip())
        for piece in [*_INNER.findall(plain), *re.split(r" [|;&]+ | && ", _INNER.sub("X", plain))]:
            words = shlex.split(piece, comments=True) if program in piece else []
            words = words[next((at for at, word in enumerate(words) if not _ASSIGNMENT.match(word)), 0) :]
            if words and words[0].rpartition("/")[2] == program:
                found.append(words[1:])
    return found


def parse(words: list[str]) -> None:
    """Parse a call to the end without running it.

    Raises:
        click.UsageError: If there is no such command, option or argument.
    """
    command: click.Command = top
    context = click.Context(top, info_name="lienthong")
    rest = words
    while isinstance(command, click.Group):
        context = command.make_context("lienthong", list(rest), parent=context, resilient_parsing=False)
        rest = [*context._protected_args, *context.args]
        name, found, rest = command.resolve_command(context, rest)
        if found is None:
            raise click.UsageError(f"no command {name}")
        command = found
    try:
        command.make_context("lienthong", [word for word in rest if word not in _ELLIPSES], parent=context)
    except click.exceptions.Exit:
        return
    except click.BadParameter as error:
        if "does not exist" not in error.message:
            raise


def test_printed_commands_exist(page: Any) -> None:
    """What a reader copies from a page is understood by the command line."""
    wrong = []
    for block in page.blocks("sh", "console", "bash"):
        for words in calls(block, "lienthong"):
            try:
                parse(words)
            except click.UsageError as error:
                wrong.append(f"lienthong {' '.join(words)}: {error.format_message()}")

    assert wrong == []


def test_commands_in_running_text_exist(page: Any) -> None:
    """A sentence never names a command or option that is not there; alternatives stand between bars."""
    wrong = []
    for span in page.spans:
        if not span.startswith("lienthong "):
            continue
        first, *others = span.replace("\\|", "|").split(" | ")
        words = first.split()[1:]
        for call in [words, *([*words[:-1], other] for other in others)]:
            wrong += [f"{span}: {problem}" for problem in problems(call)]

    assert wrong == []


def problems(words: list[str]) -> list[str]:
    """Return what is wrong with a call that may be incomplete."""
    command: click.Command = top
    context = click.Context(top, info_name="lienthong")
    known = {option for parameter in top.params for option in parameter.opts} | {"--help"}
    skip = False
    for word in words:
        if skip or word in _ELLIPSES:
            skip = False
        elif word.startswith("--"):
            if word.partition("=")[0] not in known:
                return [f"no option {word}"]
            skip = word == "--config"
        elif isinstance(command, click.Group) and word != "COMMAND":
            found = command.get_command(context, word)
            if found is None:
                return [f"no command {word}"]
            command = found
            known |= {option for parameter in command.params for option in parameter.opts}
    return []


def test_make_targets_exist(root: Path, page: Any) -> None:
    """What a reader is told to make can be made."""
    targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text("utf-8"), re.MULTILINE))
    blocks = "\n".join(page.blocks("sh", "console", "bash"))
    named = [words[0] for words in calls(blocks, "make") if words]
    named += [span.split()[1] for span in page.spans if span.startswith("make ")]

    assert sorted(set(named) - targets) == []


@pytest.mark.parametrize(
    "call",
    ["no-such-command", "topics no-such-command", "kafka start --no-such-option", "demo --sabotage nothing", "trace"],
)
def test_a_wrong_command_would_be_found(call: str) -> None:
    """The check itself notices unknown commands, options and values, and missing arguments."""
    with pytest.raises(click.UsageError):
        parse(call.split())
