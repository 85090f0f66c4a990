"""Made-up feedback (phản ánh, kiến nghị) with its life cycle, and the truth about what the nation must show of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final, NamedTuple

from lienthong.clock import VIETNAM
from lienthong.schema import dataschema
from lienthong_schemas.generator.bodies import GeneratedEvent
from lienthong_schemas.generator.defects import encode
from lienthong_schemas.generator.dossiers import FIRST_DAY
from lienthong_schemas.generator.people import person
from lienthong_schemas.generator.places import COMMUNES, Commune
from lienthong_schemas.generator.plan import stream

#: CloudEvents ``source`` of the system that handles feedback.
SOURCE: Final = "/hue/interaction"
SYSTEM: Final = "interaction"
PURPOSE: Final = "feedback-handling"
LEGAL_BASIS: Final = "nd-118-2025"
_COURSES: Final = (
    ("received", "processing", "answered", "awaiting_publication", "published"),
    ("received", "processing", "answered"),
    ("received", "transferred", "processing", "answered", "published"),
    ("received", "supplement", "supplemented", "processing", "answered"),
    ("received", "refused"),
    ("received", "returned"),
    ("processing", "published"),
)
_TOPICS: Final = (
    ("HT01", "Hạ tầng đô thị", "Đèn đường không sáng", "Đèn đường trước khu dân cư không sáng nhiều tối liền."),
    ("MT01", "Môi trường", "Rác thải chưa được thu gom", "Rác tồn đọng ở đầu kiệt gây mùi khó chịu."),
    ("TT01", "Thủ tục hành chính", "Chậm trả kết quả hồ sơ", "Hồ sơ đã quá hẹn nhưng chưa có kết quả."),
    ("GT01", "Giao thông", "Mặt đường hư hỏng", "Mặt đường có ổ gà sâu, nguy hiểm khi trời mưa."),
)
_ANSWERED: Final = frozenset({"answered", "awaiting_publication", "published"})


class FeedbackTruth(NamedTuple):
    """What the nation must show of one feedback at the end.

    Attributes:
        feedback_code: Its code.
        sequences: Sequences of all snapshots, in order.
        last_status: State of the last one.
        answered: Whether an answer is shown to its sender.
        published: Whether question and answer are shown to everybody.
        transfers: How often it went on.
    """

    feedback_code: str
    sequences: tuple[int, ...]
    last_status: str
    answered: bool
    published: bool
    transfers: int


@dataclass(frozen=True, slots=True)
class GeneratedFeedback:
    """One made-up feedback.

    Attributes:
        events: Its snapshots in order.
        truth: What must become of it.
    """

    events: tuple[GeneratedEvent, ...]
    truth: FeedbackTruth


def feedbacks(count: int, seed: int = 1) -> Iterator[GeneratedFeedback]:
    """Yield made-up feedback, always the same for the same seed.

    Args:
        count: How many.
        seed: What everything follows from.
    """
    for index in range(count):
        draw = stream(seed, "feedback", index)
        someone = person(draw, index)
        course = draw.choice(_COURSES)
        commune, other = draw.sample(COMMUNES, 2)
        code = f"PAKN-{FIRST_DAY:%y%m%d}-{index:06}"
        moment = datetime.combine(FIRST_DAY + timedelta(days=index % 5), time(8, draw.randrange(60)), VIETNAM)
        field, field_name, title, content = draw.choice(_TOPICS)
        document: dict[str, Any] = {
            "feedback_code": code,
            "origin": "province",
            "channel": draw.choice(("app", "portal", "hotline", "counter")),
            "field_code": field,
            "field_name": field_name,
            "title": title,
            "content": content,
            "is_anonymous": draw.random() < 0.2,
            "sender": {
                "full_name": someone.full_name,
                "identifiers": [{"type": "personal_id", "value": someone.personal_id}],
                "phone": someone.phone,
            },
            "place": {"unit": {"code_system": "GSO-34", "code": commune.code, "as_of": "2025-07-01"}},
            "received_at": moment.isoformat(),
            "assigned_unit": _unit(commune),
            "may_be_published": "published" in course,
        }
        events = []
        for number, status in enumerate(course, start=1):
            _go_on(document, status, moment, commune, other)
            body = encode(document | {"sequence": number, "occurred_at": moment.isoformat(), "status": status})
            events.append(_event(code, number, moment, body))
            moment += timedelta(hours=draw.randrange(1, 30))
        last = course[-1]
        truth = FeedbackTruth(
            code,
            tuple(range(1, len(course) + 1)),
            last,
            answered=not _ANSWERED.isdisjoint(course),
            published="published" in course,
            transfers=course.count("transferred"),
        )
        yield GeneratedFeedback(tuple(events), truth)


def _go_on(document: dict[str, Any], status: str, moment: datetime, commune: Commune, other: Commune) -> None:
    now = moment.isoformat()
    if status == "transferred":
        document["transfers"] = [
            {
                "transfer_id": f"{document['feedback_code']}-1",
                "from_unit": _unit(commune),
                "to_unit": _unit(other),
                "transferred_at": now,
            }
        ]
        document["assigned_unit"] = _unit(other)
    if status == "supplement":
        document["supplement_request"] = "Đề nghị cho biết rõ vị trí"
        document["supplement_requested_at"] = now
        document["pauses"] = [{"waits_for": "citizen", "begun_at": now}]
    if status == "supplemented":
        document["pauses"] = [{**document["pauses"][0], "ended_at": now}]
    if status in {"refused", "returned"}:
        document["status_reason"] = "Không thuộc thẩm quyền giải quyết"
    if status in _ANSWERED and "answer" not in document:
        document["answer"] = {
            "content": "Đơn vị đã kiểm tra và khắc phục theo phản ánh.",
            "answered_by": document["assigned_unit"],
            "answered_at": now,
        }
    if status == "published":
        document["published_at"] = now
        document["summary_for_public"] = document["title"]


def _unit(commune: Commune) -> dict[str, str]:
    return {"code": commune.organisation, "name": f"Ủy ban nhân dân {commune.name}"}


def _event(code: str, number: int, moment: datetime, body: bytes) -> GeneratedEvent:
    attributes = {
        "specversion": "1.0",
        "id": f"{code}:{number}",
        "source": SOURCE,
        "type": "feedback.snapshot",
        "time": moment.isoformat(),
        "dataschema": dataschema("feedback.snapshot", 1),
        "datacontenttype": "application/json",
        "purpose": PURPOSE,
        "legalbasis": LEGAL_BASIS,
        "actor": "feedback-desk",
    }
    return GeneratedEvent("gateway", SYSTEM, code, attributes, body, "", 1)
