"""``lienthong campaign``."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lienthong.errors import ConfigurationError

if TYPE_CHECKING:
    from lienthong.config.models import HubSettings

CAMPAIGN = "vneid-accounts"
_NAME = click.argument("name", type=click.Choice([CAMPAIGN]))


@click.group()
def campaign() -> None:
    """Chiến dịch chuyển đổi (work off a whole file of the province; it can be resumed at any time)."""


@campaign.command()
@click.option("--records", type=click.IntRange(1, 1_000_000), default=944_620, show_default=True, help="Rows.")
@click.option("--seed", type=int, default=1, show_default=True, help="What everything follows from.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the files.")
@click.option("--with-defects", is_flag=True, help="Damage one row in two hundred as spreadsheets do.")
def generate(records: int, seed: int, output: Path, with_defects: bool) -> None:
    """Sinh tệp tài khoản giả lập (write made-up accounts, the people behind them, and the truth beside them)."""
    from lienthong_schemas.generator.accounts import write_accounts

    for path in write_accounts(output, records, seed, has_defects=with_defects):
        click.echo(f"{path}")


@campaign.command()
@_NAME
@click.option(
    "--input", "file", type=click.Path(path_type=Path, dir_okay=False), required=True, help="CSV of accounts."
)
@click.option("--system", required=True, help="System that holds the accounts; results are for it only.")
@click.option("--unit-code", required=True, help="Unit that answers for the accounts, such as H57.")
@click.option("--actor", required=True, help="Opaque id of the automatic account that asks.")
@click.option("--in-flight", type=click.IntRange(1, 1_000), default=100, show_default=True, help="Questions at once.")
@click.option("--accept-findings", is_flag=True, help="Set rows with findings aside instead of refusing the file.")
@click.option("--no-progress", is_flag=True, help="Show no progress.")
@click.pass_obj
def run(
    config_file: Path | None,
    name: str,
    file: Path,
    system: str,
    unit_code: str,
    actor: str,
    in_flight: int,
    accept_findings: bool,
    no_progress: bool,
) -> None:
    """Chạy hoặc chạy tiếp chiến dịch (run or resume; the same command after any interruption)."""
    from lienthong.clock import SystemClock, to_vietnam
    from lienthong.config.loader import load
    from lienthong.targets.hash_key import hash_key
    from lienthong_connectors.campaign.asking import Order
    from lienthong_connectors.campaign.journal import Journal
    from lienthong_connectors.campaign.loading import FileRefusedError, describe, digest_of
    from lienthong_connectors.campaign.loading import load as load_file
    from lienthong_connectors.campaign.operate import operate, stamp_of

    settings = load(config_file)
    clock = SystemClock()
    secret = hash_key(settings)
    with _alone(settings, name), Journal(_journal(settings, name)) as journal:
        known = journal.fact("digest")
        if not known:
            try:
                now = to_vietnam(clock.now()).isoformat()
                load_file(journal, file, secret, now, is_accepted=accept_findings)
            except FileRefusedError as error:
                for finding in error.findings:
                    click.echo(describe(finding), err=True)
                raise ConfigurationError(
                    f"tệp có {error.total:,} lỗi, chưa nhận dòng nào; sửa tệp, hoặc chạy lại với --accept-findings để "
                    f"xử lý các dòng đúng ({error.total:,} findings, nothing was taken in; mend the file, or set those "
                    "rows aside with --accept-findings)"
                ) from None
        elif known != digest_of(file):
            raise ConfigurationError(
                f"the campaign {name} was begun with another file; give that one, or move "
                f"{_journal(settings, name)} away to begin anew"
            )
        order = Order(file, actor, unit_code, in_flight)
        stamp = stamp_of(settings, name, system, journal)
        is_finished = operate(settings, order, stamp, journal, secret, clock, has_progress=not no_progress)
    if not is_finished:
        click.echo("đã dừng; chạy lại cùng lệnh để tiếp tục (stopped; the same command goes on)", err=True)
        raise click.exceptions.Exit(1)


@campaign.command()
@_NAME
@click.option("--json", "is_json", is_flag=True, help="As JSON.")
@click.pass_obj
def status(config_file: Path | None, name: str, is_json: bool) -> None:
    """Xem tiến độ (how far a campaign is; also while it runs)."""
    import orjson
    from rich.console import Console

    from lienthong.config.loader import load
    from lienthong_connectors.campaign.journal import Journal
    from lienthong_connectors.campaign.progress import document_of, show

    settings = load(config_file)
    _must_exist(settings, name)
    with Journal(_journal(settings, name)) as journal:
        counts = journal.counts()
    if is_json:
        click.echo(orjson.dumps(document_of(counts), option=orjson.OPT_INDENT_2).decode())
    else:
        show(counts, Console(highlight=False))


@campaign.command()
@_NAME
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the two files."
)
@click.pass_obj
def report(config_file: Path | None, name: str, output: Path) -> None:
    """Xuất kết quả (write results.csv, by line and account, and findings.csv with remedies; no personal value)."""
    import csv

    from lienthong.config.loader import load
    from lienthong_connectors.campaign.journal import Journal
    from lienthong_connectors.campaign.remedies import REMEDIES

    settings = load(config_file)
    _must_exist(settings, name)
    output.mkdir(parents=True, exist_ok=True)
    with (
        Journal(_journal(settings, name)) as journal,
        (output / "results.csv").open("w", encoding="utf-8-sig", newline="") as results,
        (output / "findings.csv").open("w", encoding="utf-8-sig", newline="") as findings,
    ):
        rows = csv.writer(results)
        rows.writerow(("line", "account", "state", "findings"))
        rows.writerows(journal.results())
        rows = csv.writer(findings)
        rows.writerow(("line", "field", "rule", "remedy"))
        rows.writerows((*each, REMEDIES.get(each.rule, "")) for each in journal.findings())
    click.echo(f"{output / 'results.csv'}\n{output / 'findings.csv'}")


def _journal(settings: "HubSettings", name: str) -> Path:
    return settings.state_directory / "campaigns" / f"{name}.sqlite3"


def _must_exist(settings: "HubSettings", name: str) -> None:
    if not _journal(settings, name).exists():
        raise ConfigurationError(f"chiến dịch {name} chưa bắt đầu (the campaign was not begun here)")


@contextmanager
def _alone(settings: "HubSettings", name: str) -> Iterator[None]:
    """Let one process at a time work on a campaign; the lock dies with its process."""
    path = _journal(settings, name).with_suffix(".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"the campaign {name} is running already; see `lienthong campaign status`"
            ) from None
        yield
