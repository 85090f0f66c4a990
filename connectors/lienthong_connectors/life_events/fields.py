"""Which fields a life event has, and a copy of one with nothing but those that were declared."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, get_args

from pydantic import BaseModel

from lienthong_schemas.life_event import PersonCreatedV1, PersonDeceasedV1

#: Types of life events, with what they are made of.
MODELS: Mapping[str, type[BaseModel]] = MappingProxyType(
    {"person.created": PersonCreatedV1, "person.deceased": PersonDeceasedV1}
)


def expand(event_type: str, declared: Iterable[str]) -> frozenset[str]:
    """Return the single fields that declared paths stand for.

    A field of a later version below a declared one is not among them: nobody has agreed on it.

    Args:
        event_type: Such as ``person.created``.
        declared: Paths such as ``full_name``, ``parents.full_name`` or ``registration`` for all below it.

    Raises:
        ValueError: If a path names no field; it is named.
    """
    known = tuple(_leaves(MODELS[event_type]))
    found: set[str] = set()
    for path in declared:
        below = {leaf for leaf in known if leaf == path or leaf.startswith(f"{path}.")}
        if not below:
            raise ValueError(f"{path} is no field of {event_type}")
        found |= below
    return frozenset(found)


def chosen(document: Mapping[str, Any], allowed: Iterable[str]) -> dict[str, Any]:
    """Return a document with nothing but the allowed fields.

    Args:
        document: The data of an event.
        allowed: Single fields, from :func:`expand`.
    """
    tree: dict[str, Any] = {}
    for path in allowed:
        node = tree
        for name in path.split("."):
            node = node.setdefault(name, {})
    cut: dict[str, Any] = _cut(document, tree)
    return cut


def _cut(value: Any, node: Mapping[str, Any]) -> Any:
    if not node or value is None:
        return value
    if isinstance(value, list):
        return [_cut(each, node) for each in value]
    return {name: _cut(value[name], below) for name, below in node.items() if name in value}


def _leaves(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, info in model.model_fields.items():
        nested = _model_in(info.annotation)
        if nested is None:
            yield f"{prefix}{name}"
        else:
            yield from _leaves(nested, f"{prefix}{name}.")


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation if issubclass(annotation, BaseModel) else None
    return next((found for part in get_args(annotation) if (found := _model_in(part)) is not None), None)
