"""The shapes of answers, for OpenAPI."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lienthong.envelope import BATCH_TYPE, STRUCTURED_TYPE
from lienthong.gateway.binding import NDJSON_TYPES
from lienthong.gateway.problems import MEDIA_TYPE, PROBLEMS, TYPE_PREFIX


class FieldError(BaseModel):
    """One broken rule of one field; never a value."""

    field: str
    rule: str
    remedy: str


class ProblemDocument(BaseModel):
    """Problem details (RFC 9457): the title is Vietnamese and English, the detail English."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=[TYPE_PREFIX + "validation_failed"])
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []


class EventResult(BaseModel):
    """What became of one event of a request, in the order of the request."""

    id: str | None = None
    status: Literal["accepted", "rejected"]
    problem: ProblemDocument | None = None


class PublishAnswer(BaseModel):
    """At least one event was written and acknowledged by all in-sync replicas."""

    results: list[EventResult]


class WebhookAnswer(BaseModel):
    """Every event of the message was written and acknowledged by all in-sync replicas."""

    accepted: int


class BulkRejection(BaseModel):
    """One line of a bulk answer: a line that was not written."""

    line: int
    id: str | None = None
    status: Literal["rejected"]
    problem: ProblemDocument


class BulkSummary(BaseModel):
    """Last line of a complete bulk answer; without it, send everything again."""

    lines: int
    accepted: int
    rejected: int


class HealthAnswer(BaseModel):
    """Whether the gateway can take events."""

    status: Literal["ok", "not_ready"]
    reasons: dict[str, str] = {}


_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["specversion", "id", "source", "type", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "description": "With source, names the record for ever; says nothing about a person."},
        "source": {"type": "string", "description": "Belongs to the system of the token."},
        "type": {"type": "string", "examples": ["dossier.snapshot"]},
        "time": {"type": "string", "format": "date-time"},
        "dataschema": {"type": "string", "description": "Newest version when absent."},
        "datacontenttype": {"type": "string", "examples": ["application/json"]},
        "data": {"type": "object"},
    },
}
PUBLISH_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        STRUCTURED_TYPE: {"schema": _EVENT},
        BATCH_TYPE: {"schema": {"type": "array", "items": _EVENT}},
        "application/json": {
            "schema": {"type": "object", "description": "Binary mode: the data, with the attributes in ce-* headers."}
        },
    },
}
WEBHOOK_BODY: dict[str, Any] = {
    "required": True,
    "content": {"*/*": {"schema": {"type": "string", "format": "binary", "description": "As the platform sends it."}}},
}
BULK_BODY: dict[str, Any] = {
    "required": True,
    "content": {name: {"schema": {"type": "string"}} for name in sorted(NDJSON_TYPES)},
}


def json_body(model: type[BaseModel]) -> dict[str, Any]:
    """Return the OpenAPI description of a JSON request body.

    Args:
        model: What the body must be.
    """
    return {"required": True, "content": {"application/json": {"schema": model.model_json_schema()}}}


def problem_responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of problems.

    Args:
        *codes: Keys of :data:`~lienthong.gateway.problems.PROBLEMS`.
    """
    responses: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        spec = PROBLEMS[code]
        known = responses.setdefault(
            spec.status,
            {
                "description": "",
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
            },
        )
        known["description"] = "; ".join(filter(None, [known["description"], f"`{code}`: {spec.title}"]))
        if spec.status in {429, 503}:
            known["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return responses
