"""What all record models share: strict and frozen fields, tags, and an open view for readers.

A model is written once, closed: an unknown field is an error for its publisher. :func:`open_model` derives the view
that readers use, which keeps unknown fields, also in nested models, and writes them out again.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    create_model,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, core_schema

from lienthong.clock import to_vietnam

PersonalClass = Literal["basic", "sensitive"]

#: ISO 8601 with seconds; the offset may be missing here, so that its absence has a rule of its own.
TIMESTAMP_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})?$"


class RecordModel(BaseModel):
    """Base of all record models: strict, frozen, closed, and silent about values."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=False,
        # Values differ from record to record: remembering them costs more than it saves.
        cache_strings="keys",
    )

    def __repr__(self) -> str:
        """Show the name of the model only: its values may be personal."""
        return f"{type(self).__name__}(…)"

    __str__ = __repr__


class OpenModel(BaseModel):
    """Second base of derived open models: it only turns unknown fields from an error into something kept."""

    model_config = ConfigDict(extra="allow")


def meta(title_vi: str, description: str, *, personal: PersonalClass | None = None, **constraints: Any) -> Any:
    """Return what a field says about itself.

    Args:
        title_vi: Official Vietnamese name.
        description: What it means, in English.
        personal: Class of personal data; None for none.
        **constraints: Limits that pydantic checks natively, such as ``max_length``.

    Source:
        Law 91/2025/QH15 and Decree 356/2025, article 4 (basic and sensitive personal data).
    """
    extra: dict[str, Any] = {"title_vi": title_vi}
    if personal is not None:
        extra["x-personal"] = personal
    return Field(description=description, json_schema_extra=extra, **constraints)


class _TimestampRules:
    """Native validation of an ISO 8601 time with offset; national date forms get the rule ``date_format``."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Build the schema from native parts only: it runs for every time of every record."""
        del source, handler
        form = core_schema.custom_error_schema(
            core_schema.str_schema(strict=True, pattern=TIMESTAMP_PATTERN),
            custom_error_type="date_format",
            custom_error_message="a time is ISO 8601 text with offset, such as 2026-10-08T08:30:00+07:00",
        )
        moment = core_schema.datetime_schema(tz_constraint="aware", strict=False, microseconds_precision="error")
        text = core_schema.chain_schema([form, moment])
        return core_schema.json_or_python_schema(
            json_schema=text,
            python_schema=core_schema.union_schema(
                [core_schema.datetime_schema(tz_constraint="aware", strict=True), text], mode="left_to_right"
            ),
            serialization=core_schema.plain_serializer_function_ser_schema(
                _in_vietnam, return_schema=core_schema.str_schema(), when_used="json"
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Describe it as a JSON Schema ``date-time``."""
        del schema, handler
        return {"type": "string", "format": "date-time"}


def _in_vietnam(moment: datetime) -> str:
    return to_vietnam(moment).isoformat()


#: An instant; written with the offset of Viet Nam.
Timestamp = Annotated[datetime, _TimestampRules]
#: One line of text; other control characters are refused for the whole record before the model is asked.
LINE_PATTERN = r"^[^\t\n\r]*$"
Line50 = Annotated[str, StringConstraints(min_length=1, max_length=50, pattern=LINE_PATTERN)]
Line200 = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=LINE_PATTERN)]
Line500 = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=LINE_PATTERN)]
#: An id that a publisher's system gave: no spaces, so that it can stand in a header or a log.
Token = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:\-]+$")]
#: Text of several lines.
Text1000 = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Text2000 = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Text4000 = Annotated[str, StringConstraints(min_length=1, max_length=4000)]


@cache
def open_model(closed: type[BaseModel]) -> type[BaseModel]:
    """Return the reader's view of a closed model: the same fields and rules, unknown fields kept.

    Args:
        closed: The model as its publisher sees it.

    Returns:
        A subclass of *closed*, so that code written for the one accepts the other.

    Source:
        ``semantics.md`` 11: producers see a closed model, consumers ignore and preserve unknown fields.
    """
    changed: dict[str, Any] = {}
    for name, info in closed.model_fields.items():
        annotation = _opened(info.annotation)
        if annotation is not info.annotation:
            changed[name] = (annotation, _copied(info))
    return cast(
        "type[BaseModel]",
        create_model(
            f"Open{closed.__name__}",
            __base__=(closed, OpenModel),
            __module__=closed.__module__,
            __doc__=closed.__doc__,
            **changed,
        ),
    )


def _copied(info: FieldInfo) -> FieldInfo:
    copied = FieldInfo(
        default=info.default if info.default is not PydanticUndefined else PydanticUndefined,
        description=info.description,
        json_schema_extra=info.json_schema_extra,
    )
    copied.metadata = list(info.metadata)
    return copied


def _opened(annotation: Any) -> Any:
    """Return the annotation with every closed model replaced; the same object when there is none."""
    if isinstance(annotation, type) and not get_args(annotation):
        return open_model(annotation) if issubclass(annotation, RecordModel) else annotation
    arguments = get_args(annotation)
    if not arguments or get_origin(annotation) is Literal:
        return annotation
    opened = tuple(_opened(argument) for argument in arguments)
    if all(new is old for new, old in zip(opened, arguments, strict=True)):
        return annotation
    if get_origin(annotation) in {Union, UnionType}:
        return Union[opened]  # noqa: UP007 - built at run time from parts
    return annotation.copy_with(opened) if hasattr(annotation, "copy_with") else get_origin(annotation)[opened]


def personal_paths(model: type[BaseModel], prefix: str = "") -> Mapping[str, str]:
    """Return the personal fields of a model.

    Args:
        model: The model.
        prefix: Path in front of its fields.

    Returns:
        Path → ``basic`` or ``sensitive``; items of a list stand as ``[]``.
    """
    found: dict[str, str] = {}
    for name, info in model.model_fields.items():
        path = f"{prefix}{name}"
        extra = info.json_schema_extra
        tag = extra.get("x-personal") if isinstance(extra, dict) else None
        if isinstance(tag, str):
            found[path] = tag
        for nested, many in _models_in(info.annotation):
            found.update(personal_paths(nested, f"{path}[]." if many else f"{path}."))
    return found


def _models_in(annotation: Any, *, many: bool = False) -> list[tuple[type[BaseModel], bool]]:
    if isinstance(annotation, type) and not get_args(annotation):
        return [(annotation, many)] if issubclass(annotation, BaseModel) else []
    many = many or get_origin(annotation) in {tuple, list}
    return [pair for part in get_args(annotation) if part is not NoneType for pair in _models_in(part, many=many)]


__all__ = [
    "LINE_PATTERN",
    "Line50",
    "Line200",
    "Line500",
    "OpenModel",
    "PersonalClass",
    "RecordModel",
    "Text1000",
    "Text2000",
    "Text4000",
    "Timestamp",
    "Token",
    "meta",
    "open_model",
    "personal_paths",
]
