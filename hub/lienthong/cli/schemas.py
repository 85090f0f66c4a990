"""``lienthong schemas``: list, export and check the record types."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from lienthong.errors import ConfigurationError
from lienthong.schema import SchemaSpec

MODES = ("BACKWARD", "FORWARD", "FULL")


@click.group()
def schemas() -> None:
    """Record types: list them, export their JSON Schemas, check that a change breaks nobody."""


@schemas.command("list")
def list_schemas() -> None:
    """Show every record type and version that is installed."""
    from lienthong.registry.schemas import SchemaRegistry

    rows = [("TYPE", "VERSION", "DOMAIN", "PERSONAL", "TÊN")]
    rows += [
        (spec.type, str(spec.version), spec.domain, spec.classification, spec.title_vi)
        for spec in sorted(SchemaRegistry.installed(), key=lambda each: (each.type, each.version))
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@schemas.command()
@click.option("--to", "directory", type=click.Path(path_type=Path, file_okay=False), help="Folder for all files.")
@click.option(
    "--docs",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("docs/reference/schemas.md"),
    show_default=True,
    help="Reference page; written where its folder exists.",
)
def export(directory: Path | None, docs: Path) -> None:
    """Write JSON Schema 2020-12 files beside the packages that offer the types, and the reference page."""
    from lienthong.registry import exports
    from lienthong.registry.schemas import SchemaRegistry

    specs = list(SchemaRegistry.installed())
    for spec in specs:
        folder = directory or exports.folder(spec)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / exports.file_name(spec)
        path.write_text(exports.as_text(exports.json_schema(spec)), encoding="utf-8")
        click.echo(f"wrote {path}")
    if directory is None and docs.parent.is_dir():
        docs.write_text(exports.page(specs), encoding="utf-8")
        click.echo(f"wrote {docs}")


@schemas.command()
@click.option("--against", help="Folder of exported files, or a git commit, tag or branch, to compare with.")
@click.option(
    "--mode", type=click.Choice(MODES), default="BACKWARD", show_default=True, help="What must stay possible."
)
def check(against: str | None, mode: str) -> None:
    """Compare exported files with the models and versions with their predecessors; exit 1 if anything would break."""
    from lienthong.registry.schemas import SchemaRegistry

    specs = list(SchemaRegistry.installed())
    problems = list(_stale(specs)) + list(_successors(specs, mode))
    if against is not None:
        problems += _against(specs, against, mode)
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        sys.exit(1)
    click.echo(f"{len(specs)} record types: exported files are up to date and {mode} compatible")


def _stale(specs: Iterable[SchemaSpec]) -> Iterator[str]:
    from lienthong.registry import exports

    for spec in specs:
        path = exports.folder(spec) / exports.file_name(spec)
        if not path.is_file() or path.read_text(encoding="utf-8") != exports.as_text(exports.json_schema(spec)):
            yield f"{path.name} differs from its model; run 'lienthong schemas export' and look at the difference"


def _successors(specs: Iterable[SchemaSpec], mode: str) -> Iterator[str]:
    by_version = {(spec.type, spec.version): spec for spec in specs}
    from lienthong.registry.exports import json_schema

    for (type_name, version), spec in sorted(by_version.items()):
        previous = by_version.get((type_name, version - 1))
        if previous is not None:
            name = f"{type_name} version {version} against version {version - 1}"
            yield from _breaks(name, json_schema(previous), json_schema(spec), mode)


def _against(specs: Iterable[SchemaSpec], against: str, mode: str) -> Iterator[str]:
    from lienthong.registry import exports

    current = {exports.file_name(spec): spec for spec in specs}
    folders = sorted({exports.folder(spec) for spec in current.values()})
    before = _of_folder(Path(against)) if Path(against).is_dir() else _of_commit(folders, against)
    for name, old in sorted(before.items()):
        if name not in current:
            yield f"{name}: the version is gone, but records of it are stored; keep it"
            continue
        yield from _breaks(f"{name} against {against}", old, exports.json_schema(current[name]), mode)


def _breaks(name: str, old: dict[str, Any], new: dict[str, Any], mode: str) -> Iterator[str]:
    from lienthong.registry.compatibility import Compatibility, compare

    for each in compare(old, new, Compatibility(mode)):
        yield f"{name}: {each}"


def _of_folder(folder: Path) -> dict[str, dict[str, Any]]:
    from lienthong.registry.exports import SUFFIX

    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob(f"*{SUFFIX}")}


def _of_commit(folders: Iterable[Path], commit: str) -> dict[str, dict[str, Any]]:
    from lienthong.registry.exports import SUFFIX

    found: dict[str, dict[str, Any]] = {}
    for folder in folders:
        names = _git(folder, "ls-tree", "--name-only", "--end-of-options", commit, "./").split("\n")
        for name in names:
            if name.endswith(SUFFIX):
                found[name] = json.loads(_git(folder, "show", "--end-of-options", f"{commit}:./{name}"))
    return found


def _git(folder: Path, *arguments: str) -> str:
    git = shutil.which("git")
    if git is None:
        raise ConfigurationError("comparing with a commit needs git; install it, or give a folder to --against")
    done = subprocess.run([git, "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ConfigurationError(f"git knows no exported schemas at that commit: {done.stderr.strip()[:200]}")
    return done.stdout
