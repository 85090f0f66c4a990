"""Answers the gateway's question what became of a record."""

import asyncio
from typing import Any

import orjson
from sqlalchemy import RowMapping

from lienthong.ledger.projection import to_datetime
from lienthong.ledger.store import LedgerStore


def as_document(row: RowMapping) -> dict[str, Any]:
    """Return a receipt of the ledger for people and programs.

    Args:
        row: A row of :meth:`LedgerStore.find`.
    """
    return {
        "pipeline": row["pipeline"],
        "source": row["source"],
        "id": row["id"],
        "type": row["type"],
        "key": row["key"],
        "outcome": row["kind"],
        "reason": row["reason"],
        "attempts": row["attempts"],
        "repeat_possible": bool(row["repeat_possible"]),
        "arrivals": row["arrivals"],
        "effect_key": row["effect_key"],
        "attempt_ids": listed(row["attempt_ids"]),
        "findings": listed(row["findings"]),
        "target_reference": row["target_reference"],
        "topic": row["record_topic"],
        "partition": row["record_partition"],
        "offset": row["record_offset"],
        "first_outcome": row["first_kind"],
        "first_seen": to_datetime(row["first_seen_us"]).isoformat(),
        "last_at": to_datetime(row["last_at_us"]).isoformat(),
    }


def listed(text: str) -> list[str]:
    """Return a stored list.

    Args:
        text: JSON, or empty for none.
    """
    values: list[str] = orjson.loads(text) if text else []
    return values


class ReceiptReader:
    """Reads receipts without blocking the event loop.

    Args:
        store: The ledger.
    """

    def __init__(self, store: LedgerStore) -> None:
        self._store = store

    async def find(self, record_id: str, source: str | None = None) -> list[dict[str, Any]]:
        """Return the receipts of one record, one for each pipeline; empty when none is known yet.

        Args:
            record_id: CloudEvents id.
            source: CloudEvents source; None for all that used this id.

        Raises:
            TargetUnavailableError: If the ledger's database is away.
        """
        rows = await asyncio.to_thread(self._store.find, record_id, source)
        return [as_document(row) for row in rows]
