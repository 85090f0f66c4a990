"""From bytes to a checked record, and from pydantic's errors to fields, rules and remedies without values."""

from collections.abc import Iterable

from pydantic import BaseModel, ValidationError

from lienthong.errors import DecodeError, ValidationFailedError, Violation
from lienthong.remedies import remedy
from lienthong.schema import SchemaSpec
from lienthong.text import MAX_REPORTED, safe_name

# Limits that pydantic takes from the schema, never from the input.
_LIMITS = ("expected", "pattern", "max_length", "min_length", "ge", "le", "gt", "lt")


def field_path(location: Iterable[int | str]) -> str:
    """Return a path that may be shown.

    Args:
        location: Names and indexes, from the outside in.
    """
    return ".".join(str(part) if isinstance(part, int) else safe_name(part) for part in location)


def to_violations(error: ValidationError) -> tuple[Violation, ...]:
    """Return the broken rules of a pydantic error.

    Args:
        error: What pydantic raised.

    Returns:
        Field, rule and remedy of each, the first 50; never a value, and never an unknown field name that may be one.
    """
    return tuple(
        Violation(
            field_path(detail["loc"]),
            detail["type"],
            remedy(
                detail["type"],
                {name: limit for name, limit in (detail.get("ctx") or {}).items() if name in _LIMITS},
            ),
        )
        for detail in error.errors(include_url=False, include_input=False)[:MAX_REPORTED]
    )


def validate(spec: SchemaSpec, data: bytes | None, *, reader: bool = False) -> BaseModel:
    """Return the checked record.

    Args:
        spec: What kind of record it is.
        data: UTF-8 JSON, normalised.
        reader: Whether to keep unknown fields (the consumer's view) instead of refusing them.

    Raises:
        DecodeError: If there is no value or it is no JSON.
        ValidationFailedError: Naming the broken rules by field, without values.
    """
    if data is None or not data.strip():
        raise DecodeError("the record has no value; send the record as JSON", reason="no_value")
    model = spec.consumer_model if reader else spec.producer_model
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        violations = to_violations(error)
    # Raised outside the handler, so that pydantic's error, which holds the input, is not kept as the context.
    if violations[0].rule == "json_invalid":
        if not _is_utf8(data):
            raise DecodeError("the value is no UTF-8 text; send UTF-8 (NFC)", reason="utf8")
        raise DecodeError("the value is no JSON document; " + violations[0].remedy, reason="json")
    raise ValidationFailedError(_summary(spec, violations), violations=violations, reason=violations[0].rule)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _summary(spec: SchemaSpec, violations: tuple[Violation, ...]) -> str:
    shown = "; ".join(f"{each.field or 'the record'}: {each.rule} ({each.remedy})" for each in violations[:3])
    more = f"; and {len(violations) - 3} more" if len(violations) > 3 else ""
    return f"the record breaks {spec.type} version {spec.version}: {shown}{more}"
