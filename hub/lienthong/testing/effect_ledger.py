"""What a simulated platform saw and what it changed, told apart."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar


@dataclass(frozen=True, slots=True)
class Call:
    """One request that reached the platform, whatever became of it.

    Attributes:
        number: Place in the order of arrival, shared with effects.
        operation: Name of the operation, or ``refused`` when a fault was answered before it was read.
        request_id: The caller's id of the attempt.
        key: What the call is about, such as the dossier code.
        status: HTTP status of the answer; 0 when the connection was broken instead.
    """

    number: int
    operation: str
    request_id: str
    key: str
    status: int


@dataclass(frozen=True, slots=True)
class RecordedEffect:
    """One change, or one disclosure, that the platform made.

    Attributes:
        number: Place in the order of arrival, shared with calls.
        operation: Name of the operation.
        key: What was changed, such as the dossier code.
        detail: What tests compare; may be personal, so it stays in the simulator's memory.
    """

    number: int
    operation: str
    key: str
    detail: Mapping[str, Any]


ItemT = TypeVar("ItemT", Call, RecordedEffect)


class Ledger:
    """Append-only list of calls and effects; it never removes duplicates, so that repeats can be counted."""

    def __init__(self) -> None:
        self._number = 0
        self._calls: list[Call] = []
        self._effects: list[RecordedEffect] = []
        self._call_counts: Counter[tuple[str, int]] = Counter()
        self._effect_counts: Counter[str] = Counter()
        #: Answers that a fault lost, cut or slowed down after the call took effect.
        self.spoilt_answers = 0

    def record_call(self, operation: str, request_id: str, key: str, status: int) -> int:
        """Write down one raw call.

        Args:
            operation: Name of the operation.
            request_id: The caller's id of the attempt.
            key: What the call is about.
            status: HTTP status of the answer; 0 for a broken connection.

        Returns:
            Its place in the order of arrival.
        """
        self._number += 1
        self._calls.append(Call(self._number, operation, request_id, key, status))
        self._call_counts[operation, status] += 1
        return self._number

    def record_effect(self, operation: str, key: str, detail: Mapping[str, Any]) -> int:
        """Write down one effect.

        Args:
            operation: Name of the operation.
            key: What was changed.
            detail: What tests compare.

        Returns:
            Its place in the order of arrival.
        """
        self._number += 1
        self._effects.append(RecordedEffect(self._number, operation, key, detail))
        self._effect_counts[operation] += 1
        return self._number

    @property
    def calls(self) -> tuple[Call, ...]:
        """All raw calls, in order of arrival."""
        return tuple(self._calls)

    @property
    def effects(self) -> tuple[RecordedEffect, ...]:
        """All effects, in order of arrival."""
        return tuple(self._effects)

    def summary(self) -> dict[str, Any]:
        """Return counts of raw calls by operation and status, and of effects by operation."""
        raw_calls: dict[str, dict[str, int]] = {}
        for (operation, status), count in sorted(self._call_counts.items()):
            raw_calls.setdefault(operation, {})[str(status)] = count
        return {
            "raw_calls": raw_calls,
            "effects": dict(sorted(self._effect_counts.items())),
            "raw_call_count": len(self._calls),
            "effect_count": len(self._effects),
            "spoilt_answers": self.spoilt_answers,
        }

    def calls_after(self, number: int, limit: int) -> list[dict[str, Any]]:
        """Return calls as plain mappings.

        Args:
            number: Only later ones; 0 for all.
            limit: At most so many.
        """
        return [asdict(call) for call in _later(self._calls, number, limit)]

    def effects_after(self, number: int, limit: int) -> list[dict[str, Any]]:
        """Return effects as plain mappings.

        Args:
            number: Only later ones; 0 for all.
            limit: At most so many.
        """
        return [
            {"number": item.number, "operation": item.operation, "key": item.key, "detail": dict(item.detail)}
            for item in _later(self._effects, number, limit)
        ]


def _later(items: list[ItemT], number: int, limit: int) -> list[ItemT]:
    start = bisect_right(items, number, key=lambda item: item.number)
    return items[start : start + limit]
