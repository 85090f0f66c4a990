"""The stages of a demonstration and how far each must get."""

from collections.abc import Callable

from lienthong.errors import RetriableError
from lienthong.ledger.store import LedgerStore
from lienthong_connectors.demo.meters import Stage
from lienthong_connectors.demo.publish import Published
from lienthong_connectors.demo.week import PIPELINES, Expectation

_TITLES = {
    "intake": "Tiếp nhận / intake",
    "verify-dossier": "Xác thực dân cư / verify",
    "link-verification": "Kết quả xác thực / link",
    "deliver-dossier": "Gửi Cổng DVCQG / deliver",
}


def make_stages(expected: Expectation) -> dict[str, Stage]:
    """Return the stages in the order in which records pass them.

    Args:
        expected: What the truth file says.
    """
    published = Stage("published", "Hệ thống tỉnh gửi / published", len(expected.events))
    pipelines = {name: Stage(name, _TITLES[name], expected.settled(name)) for name in PIPELINES}
    rows = sum(len(expected.outcomes[name]) for name in PIPELINES)
    return {"published": published, **pipelines, "ledger": Stage("ledger", "Sổ kết quả / ledger", rows)}


def make_counters(published: Published, store: LedgerStore) -> dict[str, Callable[[], int]]:
    """Return how the stages are counted that are no pipeline.

    Args:
        published: What the publishers see.
        store: The ledger.
    """

    def rows() -> int:
        try:
            return sum(sum(kinds.values()) for kinds in store.counts().values())
        except RetriableError:
            # Its own process is still making the tables; the next look will find them.
            return 0

    return {"published": lambda: published.offered, "ledger": rows}
