"""What an official sends to the counter, and what is shown as the answer."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lienthong.errors import DecodeError, ValidationFailedError, Violation
from lienthong.outcome import Answer, AnswerStatus
from lienthong.personal import RULE, holds_personal_id
from lienthong.schema import CounterQuestion
from lienthong.text import normalise
from lienthong.validation import to_violations

ModelT = TypeVar("ModelT", bound=BaseModel)
Outcome = Literal["found", "mismatch", "not_found"]

_OUTCOMES: Mapping[AnswerStatus, Outcome] = {
    AnswerStatus.MATCH: "found",
    AnswerStatus.MISMATCH: "mismatch",
    AnswerStatus.NO_MATCH: "not_found",
}
_TITLES: Mapping[Outcome, str] = {
    "found": "Có trong cơ sở dữ liệu và khớp / Found, and it agrees",
    "mismatch": "Có trong cơ sở dữ liệu nhưng không khớp / Found, but it does not agree",
    "not_found": "Không có trong cơ sở dữ liệu / Not found",
}


class LookupRequest(BaseModel):
    """The body of a question.

    Attributes:
        dossier: Code of the dossier that needs the answer.
        purpose: Why the data may be used; one of the purposes that the hub's configuration names.
        query: Fields of the question; the page of the connector names them.
        deadline_seconds: How long the official can wait; None for the longest time that the hub allows.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    dossier: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9./_\-]{0,63}$")
    purpose: str = Field(min_length=1, max_length=200)
    query: dict[str, Any]
    deadline_seconds: float | None = Field(default=None, ge=1.0)


class ShownFinding(BaseModel):
    """A difference that an official should look at; never a value.

    Attributes:
        field: Path of the field.
        rule: Name of the difference.
    """

    field: str
    rule: str


class LookupAnswer(BaseModel):
    """What the target said; being unavailable is a problem document with another status, never this.

    Attributes:
        outcome: Whether there is such a person or paper, and whether it agrees with the question.
        title: The same in Vietnamese and English.
        verification_id: Names the question in the access log.
        findings: Differences by field.
        disclosed: What the official may see of a match; its fields are named by the page of the connector.
    """

    outcome: Outcome
    title: str
    verification_id: str
    findings: list[ShownFinding]
    disclosed: dict[str, Any] | None


class Parsed(NamedTuple):
    """A request that was checked.

    Attributes:
        request: As it was sent.
        query: Its question.
    """

    request: LookupRequest
    query: BaseModel


def parse(body: bytes, question: CounterQuestion) -> Parsed:
    """Return the checked request.

    Args:
        body: UTF-8 JSON.
        question: What may be asked.

    Raises:
        DecodeError: If it is no JSON object in UTF-8.
        ValidationFailedError: Naming fields and rules, without values.
    """
    data, _ = normalise(body)
    request = _checked(LookupRequest, data, "")
    if holds_personal_id("dossier", request.dossier):
        remedy = "give the code of the dossier; what is asked about a person stands in query"
        raise ValidationFailedError(
            f"dossier looks like a personal ID; {remedy}", violations=[Violation("dossier", RULE, remedy)], reason=RULE
        )
    return Parsed(request, _checked(question.query, orjson.dumps(request.query), "query."))


def shown(answer: Answer, question: CounterQuestion, verification_id: str) -> LookupAnswer:
    """Return what an official sees of an answer.

    Args:
        answer: What the target said.
        question: What was asked.
        verification_id: Names the question in the access log.
    """
    outcome = _OUTCOMES[answer.status]
    # What does not agree is probably about somebody else.
    disclosed = question.disclosed(answer) if answer.status is AnswerStatus.MATCH else None
    return LookupAnswer(
        outcome=outcome,
        title=_TITLES[outcome],
        verification_id=verification_id,
        findings=[ShownFinding(field=each.field, rule=each.rule) for each in answer.findings],
        disclosed=dict(disclosed) if disclosed is not None else None,
    )


def _checked(model: type[ModelT], data: bytes, prefix: str) -> ModelT:
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        violations = [Violation(prefix + each.field, each.rule, each.remedy) for each in to_violations(error)]
    # Raised outside the handler, so that pydantic's error, which holds the input, is not kept as the context.
    if violations[0].rule == "json_invalid":
        raise DecodeError("the body is no JSON object; see /openapi.json", reason="json")
    named = "; ".join(f"{each.field}: {each.rule}" for each in violations[:3])
    raise ValidationFailedError(
        f"the question breaks its model: {named}", violations=violations, reason=violations[0].rule
    )
