"""Expected against observed: every number of a demonstration as one check."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from lienthong.clock import to_vietnam
from lienthong_connectors.demo.observe import Platforms, Topics
from lienthong_connectors.demo.publish import Published
from lienthong_connectors.demo.week import PIPELINES, Arrival, Expectation, Name
from lienthong_schemas.generator import EventTruth

#: State of the hub → ``TrangThaiHoSo``, written down a second time: the check must not share the connector's mistakes.
#: Source: codes 0-10 of the portal's guide 1.4.
PORTAL_STATUS: Final = {
    "submitted": "1",
    "accepted": "2",
    "refused": "3",
    "processing": "4",
    "supplement": "5",
    "payment": "6",
    "withdrawn": "7",
    "stopped": "8",
    "finished": "9",
    "returned": "10",
}
#: ``MaCSDL`` of the population database. ASSUMED, as in the connector.
POPULATION_DATABASE: Final = "1"
_MAX_LISTED: Final = 10
_PORTAL: Final = "Cổng DVCQG / portal"


@dataclass(slots=True)
class Check:
    """One number that must agree.

    Attributes:
        group: Part of the table.
        title: What is counted: Vietnamese, then English.
        outcome: What must become of it.
        expected: From the truth file.
        observed: From the simulators, receipts or processes.
        differing: Ids of records or dossiers that differ, never anything personal.
        is_minimum: Whether more than expected is fine too.
    """

    group: str
    title: str
    outcome: str
    expected: int
    observed: int
    differing: list[str] = field(default_factory=list)
    is_minimum: bool = False

    @property
    def agrees(self) -> bool:
        """Whether the number is as it must be."""
        enough = self.observed >= self.expected if self.is_minimum else self.observed == self.expected
        return enough and not self.differing

    def as_document(self) -> dict[str, Any]:
        """Return the check for JSON."""
        return {
            "group": self.group,
            "title": self.title,
            "outcome": self.outcome,
            "expected": self.expected,
            "observed": self.observed,
            "is_minimum": self.is_minimum,
            "agrees": self.agrees,
            "differing": self.differing[:_MAX_LISTED],
        }


def compare(
    expected: Expectation,
    published: Published,
    topics: Topics,
    platforms: Platforms,
    *,
    has_weather: bool = True,
    more_questions: int = 0,
) -> list[Check]:
    """Return all checks of the records; the leak check comes on top.

    Args:
        expected: What the truth file says.
        published: What the publishers saw.
        topics: What Kafka holds.
        platforms: What the simulators saw.
        has_weather: Whether the portal failed on purpose.
        more_questions: Questions to the population database that do not come from dossiers.
    """
    outcomes = {pipeline: topics.outcomes(pipeline) for pipeline in PIPELINES}
    return [
        *gateway_checks(expected, published),
        *defect_checks(expected, published, outcomes),
        *pipeline_checks(expected, outcomes, topics),
        *portal_checks(expected, platforms),
        *(weather_checks(platforms) if has_weather else []),
        *population_checks(expected.questions + more_questions, topics, platforms),
    ]


def gateway_checks(expected: Expectation, published: Published) -> list[Check]:
    """Return what the publishers were told.

    Args:
        expected: What the truth file says.
        published: What the publishers saw.
    """
    group = "Gửi / publish"
    accepted = sum(event.gateway == "accepted" for event in expected.events)
    rejected = expected.rejected
    direct = sum(event.route == "kafka" for event in expected.events)
    wrong = sorted(_shown(name) for name in rejected ^ set(published.rejected))
    return [
        Check(group, "Qua cổng API / through the gateway", "accepted", accepted, published.accepted),
        Check(group, "Qua cổng API / through the gateway", "rejected", len(rejected), len(published.rejected), wrong),
        Check(group, "Thẳng vào Kafka / straight to Kafka", "acknowledged", direct, published.acknowledged),
    ]


#: Title, stated outcome, which events, in which pipeline, as which outcome.
_DEFECTS: Final[Sequence[tuple[str, str, Callable[[EventTruth], bool], str, str]]] = (
    (
        "Không hợp lệ, gửi thẳng vào Kafka / invalid, straight to Kafka",
        "intake: dead_lettered",
        lambda event: event.intake == "dead_lettered",
        "intake",
        "dead_lettered",
    ),
    (
        "Sai hoặc không có trong CSDL dân cư / identity not confirmed",
        "verify-dossier: review",
        lambda event: event.verify == "review",
        "verify-dossier",
        "review",
    ),
    (
        "Đến sau bản ghi đang chờ cán bộ / behind a record in review",
        "verify-dossier: parked",
        lambda event: event.verify == "parked",
        "verify-dossier",
        "parked",
    ),
    (
        "Gửi hai lần / sent twice",
        "deliver-dossier: duplicate",
        lambda event: event.defect == "repeated",
        "deliver-dossier",
        "duplicate",
    ),
    (
        "Ảnh chụp đến muộn / late snapshot",
        "deliver-dossier: superseded",
        lambda event: event.deliver == "superseded",
        "deliver-dossier",
        "superseded",
    ),
    (
        "Chữ tổ hợp NFD / decomposed text",
        "deliver-dossier: delivered",
        lambda event: event.defect == "nfd" and event.deliver == "delivered",
        "deliver-dossier",
        "delivered",
    ),
    (
        "Không lỗi / without a defect",
        "deliver-dossier: delivered",
        lambda event: not event.defect and event.deliver == "delivered",
        "deliver-dossier",
        "delivered",
    ),
)


def defect_checks(
    expected: Expectation, published: Published, outcomes: Mapping[str, Mapping[Name, Sequence[str]]]
) -> list[Check]:
    """Return one check for each kind of defect.

    Args:
        expected: What the truth file says.
        published: What the publishers saw.
        outcomes: Pipeline → record → outcomes by receipts.
    """
    group = "Lỗi cố ý / defects"
    refused = {name for name in published.rejected if not any(name in known for known in outcomes.values())}
    wrong = sorted(_shown(name) for name in expected.rejected - refused)
    checks = [
        Check(
            group,
            "Không hợp lệ, qua cổng API / invalid, through the gateway",
            "gateway: rejected, no receipt",
            len(expected.rejected),
            len(refused & expected.rejected),
            wrong,
        )
    ]
    for title, outcome, concerns, pipeline, kind in _DEFECTS:
        events = [event for event in expected.events if concerns(event)]
        wrong = [event.id for event in events if _observed(outcomes[pipeline], event) != kind]
        checks.append(Check(group, title, outcome, len(events), len(events) - len(wrong), wrong))
    return checks


def pipeline_checks(
    expected: Expectation, outcomes: Mapping[str, Mapping[Name, Sequence[str]]], topics: Topics
) -> list[Check]:
    """Return, for each pipeline, whether every arrival has exactly the receipt that it must have.

    Args:
        expected: What the truth file says.
        outcomes: Pipeline → record → outcomes by receipts.
        topics: What Kafka holds.
    """
    group = "Biên nhận / receipts"
    checks = []
    for pipeline in PIPELINES:
        wanted, found = expected.outcomes[pipeline], outcomes[pipeline]
        wrong = [_shown(name) for name in sorted(wanted.keys() | found.keys()) if wanted.get(name) != found.get(name)]
        total = sum(map(len, found.values()))
        title = f"{pipeline}: mỗi bản ghi một kết quả / one outcome for each arrival"
        checks.append(Check(group, title, "as in the truth file", expected.settled(pipeline), total, wrong))
    dead = sum(event.intake == "dead_lettered" for event in expected.events)
    letters = sum(count for topic, count in topics.counts.items() if topic.startswith("deadletters."))
    checks.append(Check(group, "Bản ghi lỗi / dead letters", "in deadletters.intake only", dead, letters))
    checks.append(Check(group, "Không đọc được / unreadable receipts", "none", 0, topics.unreadable))
    return checks


def portal_checks(expected: Expectation, platforms: Platforms) -> list[Check]:
    """Return what the portal's own ledger must show.

    Args:
        expected: What the truth file says.
        platforms: What the simulators saw.
    """
    group = _PORTAL
    effects, calls = platforms.portal["effects"], platforms.portal["raw_calls"]
    creates = sum(dossier.creates for dossier in expected.dossiers.values())
    updates = sum(dossier.updates for dossier in expected.dossiers.values())
    steps = sum(len(dossier.steps) for dossier in expected.dossiers.values())
    writes = creates + updates + expected.links
    held = platforms.dossiers
    return [
        Check(group, "Hồ sơ tạo mới / creates", "effects", creates, effects.get("create", 0)),
        Check(group, "Cập nhật / updates", "effects", updates, effects.get("update", 0)),
        Check(group, "Bước xử lý / steps of progress", "effects", steps, effects.get("progress", 0)),
        Check(group, "Kết nối CSDL dân cư / links to the population database", "effects", expected.links,
              effects.get("link", 0)),
        Check(group, "Lời gọi ghi hồ sơ / raw calls that write a dossier", "one for each effect", writes,
              calls.get("DongBoHoSoMC", {}).get("200", 0)),
        Check(group, "Lời gọi ghi tiến độ / raw calls that write a step", "one for each effect", steps,
              calls.get("CapNhatTienDoHoSoMC", {}).get("200", 0)),
        _dossiers(group, "Thứ tự từng hồ sơ / order within each dossier", "in order of arrival", expected, held,
                  lambda code, one: _arrived(one) == _wanted(expected.arrivals[code])),
        _dossiers(group, "Trạng thái cuối / last state of each dossier", "that of the newest snapshot", expected, held,
                  lambda code, one: one["TrangThaiHoSo"] == PORTAL_STATUS[expected.dossiers[code].last_status]),
        _dossiers(group, "DSKetNoiCSDL của từng hồ sơ / links of each dossier", "confirmed owners only, none lost",
                  expected, held, lambda code, one: _is_linked_right(one, expected.dossiers[code].verification_link)),
        Check(group, "Hồ sơ lạ / dossiers that nobody sent", "none", 0, len(held.keys() - expected.dossiers.keys()),
              sorted(held.keys() - expected.dossiers.keys())),
    ]  # fmt: skip


def weather_checks(platforms: Platforms) -> list[Check]:
    """Return that the portal really failed.

    Args:
        platforms: What the simulators saw.
    """
    refused = platforms.portal["raw_calls"].get("refused", {})
    return [
        Check(_PORTAL, "Ngừng 5 giây / outage of 5 s", "calls answered 503", 1, refused.get("503", 0), is_minimum=True),
        Check(_PORTAL, "Quá tải / storm of 429", "calls answered 429", 1, refused.get("429", 0), is_minimum=True),
    ]


def population_checks(questions: int, topics: Topics, platforms: Platforms) -> list[Check]:
    """Return what the population database's own ledger and the access log must show.

    Args:
        questions: How many must have been asked.
        topics: What Kafka holds.
        platforms: What the simulators saw.
    """
    group = "CSDL dân cư / population database"
    calls = sum(count for counts in platforms.population["raw_calls"].values() for count in counts.values())
    once = sum(count == 1 for count in platforms.people_asked.values())
    return [
        Check(group, "Lời gọi / raw calls", "one for each question", questions, calls),
        Check(group, "Lượt tra cứu / disclosures", "effects", questions, platforms.population["effect_count"]),
        Check(group, "Mỗi người một lần / people asked for once", "each once", questions, once),
        Check(group, "Nhật ký khai thác: mục đích / access log: intents", "before each question", questions,
              len(topics.intents)),
        Check(group, "Nhật ký khai thác: kết quả / access log: results", "after its intent", questions,
              len(topics.answered)),
    ]  # fmt: skip


def _observed(outcomes: Mapping[Name, Sequence[str]], event: EventTruth) -> str:
    kinds = outcomes.get((event.source, event.id), ())
    return kinds[event.arrival - 1] if len(kinds) >= event.arrival else ""


def _dossiers(
    group: str,
    title: str,
    outcome: str,
    expected: Expectation,
    held: Mapping[str, Any],
    is_right: Callable[[str, Any], bool],
) -> Check:
    wrong = [code for code in expected.dossiers if code not in held or not is_right(code, held[code])]
    return Check(group, title, outcome, len(expected.dossiers), len(expected.dossiers) - len(wrong), wrong)


def _arrived(held: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    # The link is written when the answer of another platform comes: its place among the events is free.
    return [(kind, status, at) for _, kind, status, at, _ in held["arrivals"] if kind != "link"]


def _wanted(arrivals: Iterable[Arrival]) -> list[tuple[str, str, str]]:
    return [(each.kind, PORTAL_STATUS[each.status], wire_moment(each.occurred_at)) for each in arrivals]


def wire_moment(text: str) -> str:
    """Return a moment as the portal writes it; empty for none.

    Args:
        text: ISO 8601, or empty.
    """
    return to_vietnam(datetime.fromisoformat(text)).strftime("%Y%m%d%H%M%S") if text else ""


def _is_linked_right(held: Mapping[str, Any], is_linked: bool) -> bool:
    wanted = [POPULATION_DATABASE] if is_linked else []
    return held["DSKetNoiCSDL"] == wanted and not held["lost_links"]


def _shown(name: Name) -> str:
    return f"{name[0]} {name[1]}"
