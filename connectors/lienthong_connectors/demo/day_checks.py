"""What a day must show beyond a week: refused officers, ending sessions, a page instead of JSON, a night's backlog."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lienthong_connectors.demo.compare import Check
from lienthong_connectors.demo.observe import Platforms, Topics
from lienthong_connectors.demo.strain import Drain
from lienthong_connectors.demo.week import Expectation
from lienthong_schemas.generator import EventTruth

_GROUP: Final = "Một ngày / the day"
#: A session that ended and an officer who is refused cost a call without an effect; these checks have others instead.
_REPLACED: Final = frozenset(
    {"one for each effect", "one for each question", "before each question", "after its intent"}
)


@dataclass(frozen=True, slots=True)
class Night:
    """How a night's backlog at the population database was cleared.

    Attributes:
        waiting: Questions that waited when it opened at 05:00.
        seconds: How long it took, in seconds of the compressed day.
        hours: The same in hours of the day.
        least_hours: Hours that the quota makes necessary.
        requests_per_hour: The quota, in requests for each hour of the day.
    """

    waiting: int
    seconds: float
    hours: float
    least_hours: float
    requests_per_hour: float

    @classmethod
    def of(cls, drain: Drain, requests_per_second: int, hour_seconds: float) -> "Night":
        """Return it in hours of the day.

        Args:
            drain: What the simulator counted.
            requests_per_second: The quota.
            hour_seconds: Length of an hour.
        """
        an_hour = requests_per_second * hour_seconds
        return cls(drain.waiting, drain.seconds, drain.seconds / hour_seconds, drain.waiting / an_hour, an_hour)

    def as_document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "questions_waiting": self.waiting,
            "seconds": round(self.seconds, 2),
            "hours_to_clear": round(self.hours, 2),
            "least_hours_under_quota": round(self.least_hours, 2),
            "requests_per_hour": round(self.requests_per_hour, 1),
        }

    def __str__(self) -> str:
        return (
            f"Tồn đọng đêm / a night's backlog: {self.waiting:,} questions at 05:00, cleared in {self.hours:.1f} h "
            f"(hạn mức / quota {self.requests_per_hour:.0f} an hour: {self.least_hours:.1f} h at least)"
        )


def day_checks(
    common: Sequence[Check], expected: Expectation, topics: Topics, platforms: Platforms, *, logins: int
) -> list[Check]:
    """Return the checks of a day.

    Args:
        common: Those of every demonstration.
        expected: What the truth file says.
        topics: What Kafka holds.
        platforms: What the simulators saw.
        logins: How often the portal was logged in to.
    """
    refused = {code for code, dossier in expected.dossiers.items() if dossier.verification == "not_allowed"}
    parked = [event for event in expected.events if event.verify == "parked"]
    behind = [event for event in parked if event.dossier_code not in refused]
    waiting = [event for event in parked if event.dossier_code in refused]
    wrong = _not_parked(waiting, topics)
    statuses = _statuses(platforms)
    denied = statuses.get("500", 0)
    pages = platforms.portal["raw_calls"].get("refused", {}).get("200", 0)
    questions = expected.questions
    return [
        *(check for check in common if check.outcome not in _REPLACED),
        Check(_GROUP, "Lời gọi được trả lời / calls that were answered", "one for each question", questions,
              statuses.get("200", 0)),
        Check(_GROUP, "Đến sau bản ghi đang chờ cán bộ / behind a record in review", "parked", len(behind),
              len(behind) - len(_not_parked(behind, topics)), _not_parked(behind, topics)),
        Check(_GROUP, "004 / 005: bản ghi chờ cấp quyền / records that wait for a right", "parked", len(waiting),
              len(waiting) - len(wrong), wrong),
        Check(_GROUP, "004 / 005: lời gọi / calls", "at least one each", 2 if refused else 0, denied,
              is_minimum=True),
        Check(_GROUP, "004 / 005: không hỏi lại từng hồ sơ / not asked for each record", "none more than dossiers", 0,
              max(0, denied - len(refused))),
        Check(_GROUP, "Nhật ký khai thác: mục đích / access log: intents", "before each call", questions + denied,
              len(topics.intents)),
        Check(_GROUP, "Nhật ký khai thác: kết quả / access log: results", "after each call", questions + denied,
              len(topics.answered)),
        Check(_GROUP, "Phiên hết hạn / sessions of the portal", "more than one", 2, logins, is_minimum=True),
        Check(_GROUP, "Trang HTML với mã 200 / pages instead of JSON", "at least one", 1, pages, is_minimum=True),
    ]  # fmt: skip


def _not_parked(events: Iterable[EventTruth], topics: Topics) -> list[str]:
    outcomes = topics.outcomes("verify-dossier")
    return [event.id for event in events if set(outcomes.get((event.source, event.id), ())) != {"parked"}]


def _statuses(platforms: Platforms) -> dict[str, int]:
    found: dict[str, int] = {}
    for operation, counts in platforms.population["raw_calls"].items():
        if operation != "refused":
            for status, count in counts.items():
                found[status] = found.get(status, 0) + count
    return found
