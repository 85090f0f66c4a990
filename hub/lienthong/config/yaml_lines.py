"""Where in a YAML file a setting is, so that what is wrong is told with file, line and what may stand there."""

import typing
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from lienthong.errors import ConfigurationError

Path = tuple[str | int, ...]


class YamlLines:
    """The lines of one YAML document.

    Args:
        text: The document.
        origin: The file, for the reader.

    Raises:
        ConfigurationError: If the text is no YAML, or names a key twice: YAML would keep the last one silently.
    """

    def __init__(self, text: str, origin: str) -> None:
        self.origin = origin
        try:
            self._root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f":{mark.line + 1}" if mark else ""
            # Not chained: the library's error quotes the line, which may hold a secret.
            raise ConfigurationError(f"{origin}{line}: no valid YAML") from None
        twice = list(_twice(self._root))
        if twice:
            told = [f"{origin}:{line}: the key {key} stands here twice" for key, line in twice]
            raise ConfigurationError("\n".join(told))

    def document(self) -> Any:
        """Return what the text says: mappings, lists, text, numbers.

        Raises:
            ConfigurationError: If it uses a YAML tag that means nothing here.
        """
        if self._root is None:
            return None
        loader = yaml.SafeLoader("")
        try:
            return loader.construct_document(self._root)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = f":{mark.line + 1}" if mark else ""
            raise ConfigurationError(f"{self.origin}{line}: no valid YAML") from None
        finally:
            loader.dispose()

    def line(self, path: Sequence[str | int]) -> int:
        """Return the line of a setting, from 1; of the nearest setting around it when it is not there.

        Args:
            path: Keys and indexes from the top; parts that are not in the file, such as the name of an alternative, are
                passed over.
        """
        node, found = self._root, 1
        for part in path:
            for key, child in _children(node):
                if key == part:
                    node, found = child[1], child[0].start_mark.line + 1
                    break
        return found


def explain(
    error: ValidationError,
    model: type[BaseModel],
    lines: YamlLines,
    above: Path = (),
    *,
    further: Sequence[str] = (),
    elsewhere: Collection[Path] = (),
) -> list[str]:
    """Return what is wrong in a file, one sentence each, with line and allowed values and without any value.

    Args:
        error: What pydantic found.
        model: What it was checked against.
        lines: The file.
        above: Where in the file the checked part is.
        further: Keys that may stand at its top besides the model's own.
        elsewhere: Settings that environment variables gave, so that they are in no file.
    """
    told = []
    for item in error.errors(include_input=False, include_url=False):
        path: Path = (*above, *item["loc"])
        text = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            inner = item["loc"][:-1]
            known = sorted({*_allowed(model, inner), *(() if inner else further)})
            text = f"unknown key; allowed are: {', '.join(known)}"
        elif item["type"] == "missing":
            text = "is missing"
        is_elsewhere = any(path[: len(given)] == given for given in elsewhere)
        origin = "environment" if is_elsewhere else f"{lines.origin}:{lines.line(path)}"
        told.append(": ".join(part for part in (origin, ".".join(map(str, path)), text) if part))
    return told


def _children(node: Any) -> Iterator[tuple[str | int, tuple[Any, Any]]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield str(key.value), (key, value)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield index, (value, value)


def _twice(node: Any) -> Iterator[tuple[str, int]]:
    seen: set[str | int] = set()
    for key, (named, child) in _children(node):
        if key in seen:
            yield str(key), named.start_mark.line + 1
        seen.add(key)
        yield from _twice(child)


def _allowed(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Return the keys that may stand at a place."""
    models = [model]
    for part in path:
        annotations = [each.model_fields[part].annotation for each in models if part in each.model_fields]
        # An index, or the name of an alternative, is no key of a model.
        models = [found for annotation in annotations for found in _models(annotation)] or models
    return [field.alias or name for each in models for name, field in each.model_fields.items()]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type):
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for argument in typing.get_args(annotation):
        yield from _models(argument)
