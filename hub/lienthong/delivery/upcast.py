"""Replayed records of an older schema version become records of the newest."""

from typing import Any

import orjson

from lienthong.codec import RecordCodec
from lienthong.errors import RecordError, TransformError
from lienthong.record import Record
from lienthong.registry.schemas import SchemaRegistry

_SCHEMA_HEADER = "ce_dataschema"


def upcast(record: Record, registry: SchemaRegistry, codec: RecordCodec | None) -> Record:
    """Return a record as one of the newest version of its type; place, name and key stay.

    Args:
        record: A record that is replayed, with its attributes in headers.
        registry: All record types.
        codec: Decrypts and encrypts values; None if nothing is encrypted.

    Returns:
        The record as it is when it is of the newest version, or no schema can take it there: then what is wrong with it
        is told as for any other record.

    Raises:
        TransformError: If a schema cannot take this document over.
    """
    type_name = (record.header("ce_type") or b"").decode(errors="replace")
    steps = registry.upcasts(type_name, (record.header(_SCHEMA_HEADER) or b"").decode(errors="replace"))
    if not steps or record.value is None:
        return record
    try:
        plain = codec.decrypt(record) if codec is not None else record.value
        document: Any = orjson.loads(plain or b"")
    except (RecordError, orjson.JSONDecodeError):
        return record
    for step in steps:
        try:
            document = step.upcast(document) if step.upcast is not None else document
        except (LookupError, TypeError, ValueError, AttributeError):
            # Not chained: the error may quote the document.
            raise TransformError(
                f"the record cannot become one of {step.dataschema}; correct it at its source", reason="upcast"
            ) from None
    value = orjson.dumps(document)
    newest = steps[-1].dataschema.encode()
    headers = [(name, newest if name == _SCHEMA_HEADER else raw) for name, raw in record.headers]
    return record._replace(
        value=codec.encrypt_like(record, value) if codec is not None else value,
        headers=headers,
    )
