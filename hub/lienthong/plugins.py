"""Finds what packages offer: connectors, schemas, topics, simulators and commands."""

from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from lienthong.errors import PluginError


def load_all(group: str, points: Iterable[EntryPoint] | None = None) -> dict[str, Any]:
    """Return every object that is offered under an entry-point group.

    Args:
        group: Such as ``lienthong.connectors``.
        points: Entry points to use instead of the installed ones.

    Raises:
        PluginError: Naming every entry point that cannot be loaded and every name offered twice.
    """
    found: dict[str, Any] = {}
    problems: list[str] = []
    for point in entry_points(group=group) if points is None else points:
        if point.name in found:
            problems.append(f"{point.name!r} is offered twice, the second time by {point.value}")
            continue
        try:
            found[point.name] = point.load()
        except Exception as error:  # noqa: BLE001 - foreign code; every failure is reported by name
            problems.append(f"{point.name!r} ({point.value}) cannot be loaded: {type(error).__name__}: {error}")
    if problems:
        raise PluginError(f"entry points of {group}: " + "; ".join(problems))
    return found


@cache
def load_one(group: str, name: str) -> Any:
    """Return one offered object without importing the others.

    Args:
        group: Such as ``lienthong.connectors``.
        name: Name of the entry point.

    Raises:
        PluginError: If nothing of that name is offered.
    """
    points = entry_points(group=group)
    chosen = [point for point in points if point.name == name]
    if not chosen:
        offered = ", ".join(sorted({point.name for point in points})) or "nothing"
        raise PluginError(f"nothing named {name!r} is offered under {group}; there is: {offered}")
    return load_all(group, chosen)[name]
