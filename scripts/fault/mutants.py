"""Mechanisms that can be switched off, to prove that the suite needs them."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Mutant(NamedTuple):
    """One mechanism switched off.

    Attributes:
        title: What is missing.
        cases: Cases of which at least one must turn red.
        finding: What the case must have found: a worker that only breaks down would turn any case red.
        apply: Switches it off in this process.
    """

    title: str
    cases: tuple[str, ...]
    finding: str
    apply: Callable[[], None]


def _without_watermark() -> None:
    from lienthong.transport.watermark import Watermark

    # What was delivered counts as settled, as with a client that commits by itself.
    Watermark.position = property(lambda self: self.end)  # type: ignore[assignment]


def _without_lanes() -> None:
    from lienthong.delivery.lanes import LaneDispatcher

    submit = LaneDispatcher.submit

    async def anywhere(self: Any, item: Any, _key: Any, **more: Any) -> None:
        await submit(self, item, object(), **more)

    LaneDispatcher.submit = anywhere  # type: ignore[method-assign]


def _without_parking() -> None:
    from lienthong.pipeline.review_flow import ReviewFlow

    ReviewFlow.is_parked = lambda *_: False  # type: ignore[method-assign]


def _without_leases() -> None:
    from lienthong.limits.allocator import Allocator

    async def at_once(*_: Any) -> None:
        return None

    Allocator.acquire = at_once  # type: ignore[method-assign]
    Allocator.try_acquire = lambda *_: True  # type: ignore[method-assign]


def _without_crash_marker() -> None:
    from lienthong.pipeline.crash_guard import CrashGuard

    CrashGuard.is_condemned = lambda *_: False  # type: ignore[method-assign]


MUTANTS: dict[str, Mutant] = {
    "watermark": Mutant(
        "the watermark: what was fetched is committed",
        ("every-worker-kill", "worker-kill"),
        "lost:",
        _without_watermark,
    ),
    "lanes": Mutant("the lanes: records of one key run at once", ("target-503",), "inversions:", _without_lanes),
    "parking": Mutant(
        "parking: nothing waits behind a record in review", ("target-half-answer",), "inversions:", _without_parking
    ),
    "leases": Mutant(
        "leases: every worker takes the whole quota", ("lease-holder-kill",), "beyond the quota", _without_leases
    ),
    "crash-marker": Mutant(
        "the crash marker: a record may end its worker for ever",
        ("crash-exception",),
        "set aside",
        _without_crash_marker,
    ),
}
