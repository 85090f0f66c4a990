"""Exit codes and what a failed command prints."""

import sys

import click
import pytest

from lienthong.cli import main as module
from lienthong.errors import BrokerUnavailableError, ConfigurationError, FatalError, OffsetCommitError


@pytest.fixture
def run(monkeypatch, capsys):
    """Give a function that runs a command line whose one command does what the test says."""

    def make(action, *arguments: str) -> tuple[int, str]:
        command = click.Command("act", callback=action)
        monkeypatch.setattr(
            module.LazyGroup, "get_command", lambda _self, _ctx, name: command if name == "act" else None
        )
        monkeypatch.setattr(sys, "argv", ["lienthong", *(arguments or ("act",))])
        with pytest.raises(SystemExit) as caught:
            module.main()
        printed = capsys.readouterr()
        return int(caught.value.code or 0), printed.out + printed.err

    return make


def _raises(error: BaseException):
    def action() -> None:
        raise error

    return action


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (lambda: None, 0),
        (lambda: click.get_current_context().exit(3), 3),
        (_raises(click.exceptions.Exit(1)), 1),
        (_raises(click.ClickException("no")), 1),
        (_raises(click.UsageError("no")), 2),
        (_raises(click.Abort()), 130),
        (_raises(KeyboardInterrupt()), 130),
        (_raises(BrokerUnavailableError("away")), 1),
        (_raises(FatalError("stop")), 70),
        (_raises(OffsetCommitError("stop")), 70),
        (_raises(ConfigurationError("wrong")), 78),
        (_raises(SystemExit(5)), 5),
    ],
)
def test_every_end_has_its_exit_code(run, action, code) -> None:
    """Scripts, probes and Kubernetes decide by the exit code alone."""
    assert run(action)[0] == code


def test_an_error_of_the_hub_is_one_line(run) -> None:
    """Operators read what happened and what to do, not a stack."""
    assert run(_raises(FatalError("the disk is full; make room")))[1] == "lienthong: the disk is full; make room\n"


def test_an_unknown_error_shows_its_place_and_no_value(run) -> None:
    """The text of a foreign exception may hold a citizen's data; its class and place are enough to find it."""
    code, printed = run(_raises(ValueError("Nguyễn Thị Thuận 000190123456")))
    assert code == 70
    assert "ValueError" in printed
    assert "test_main.py" in printed
    assert "Thuận" not in printed
    assert "000190123456" not in printed


def test_unknown_commands_and_options_are_usage_errors(run) -> None:
    """A typing error ends with 2 and says so."""
    assert run(None, "acts")[0] == 2
    assert run(None, "--configuration", "x")[0] == 2
    assert run(None, "--help")[0] == 0


def test_the_list_of_commands_imports_none_of_them(run) -> None:
    """Help is fast, and one broken package does not hide the others."""
    before = set(sys.modules)
    assert run(None, "--help")[0] == 0
    assert "faust" not in set(sys.modules) - before
