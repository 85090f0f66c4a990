"""What became of an event, for its own publisher only."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from lienthong.errors import TargetUnavailableError


def row(source: str, pipeline: str = "intake") -> dict[str, Any]:
    """Return a receipt as the ledger stores it.

    Args:
        source: CloudEvents source.
        pipeline: Name of the pipeline.
    """
    return {
        "id": "e/1",
        "source": source,
        "pipeline": pipeline,
        "kind": "delivered",
        "reason": "",
        "attempts": 1,
        "repeat_possible": False,
        "last_at_us": 1_795_395_600_000_000,
    }


async def test_receipts_of_own_sources_are_shown(gateway: Any) -> None:
    """A publisher sees each pipeline's outcome of its own event, and nothing of another system's."""
    gateway.ledger.rows = [row("/hue/one-stop"), row("/hue/one-stop/desk", "deliver"), row("/hue/land")]

    answer = await gateway.client.get("/v1/events/e%2F1")
    one = await gateway.client.get("/v1/events/e%2F1", params={"source": "/hue/one-stop/desk"})

    assert answer.status_code == 200
    assert [item["source"] for item in answer.json()["receipts"]] == ["/hue/one-stop", "/hue/one-stop/desk"]
    assert answer.json()["receipts"][0]["at"] == "2026-11-23T08:00:00+07:00"
    assert [item["pipeline"] for item in one.json()["receipts"]] == ["deliver"]


async def test_foreign_and_unknown_events_look_alike(gateway: Any) -> None:
    """Nobody learns from the answer whether another system used an id."""
    gateway.ledger.rows = [row("/hue/land")]

    foreign = await gateway.client.get("/v1/events/e%2F1")
    unknown = await gateway.client.get("/v1/events/none")

    assert foreign.status_code == 404
    assert foreign.json() == unknown.json()


async def test_reading_needs_its_own_scope(gateway: Any) -> None:
    """A token that may only publish may not read."""
    answer = await gateway.client.get("/v1/events/e", headers=gateway.bearer(scope="publish:case"))

    assert (answer.status_code, answer.json()["type"]) == (403, "urn:lienthong:problems:scope_missing")


async def test_ledger_that_is_away_is_503(gateway: Any) -> None:
    """Away is not the same as unknown."""
    gateway.ledger.error = TargetUnavailableError("away")

    answer = await gateway.client.get("/v1/events/e")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize("is_ready", [True, False])
async def test_health_names_what_is_missing(gateway: Any, is_ready: bool) -> None:
    """The health route needs no token and gives reasons."""
    if not is_ready:
        gateway.health.set_not_ready("kafka", "no broker answers")

    answer = await gateway.client.get("/healthz", headers={"Authorization": ""})

    assert answer.status_code == (200 if is_ready else 503)
    assert answer.json()["reasons"] == ({} if is_ready else {"kafka": "no broker answers"})


async def test_a_blocked_event_loop_is_not_alive(gateway: Any) -> None:
    """The loop of a running gateway beats; when it stops, liveness asks for a restart, and a planned end does not."""

    class Standing(type(gateway.clock)):
        """A clock whose sleep never ends."""

        async def sleep(self, seconds: float) -> None:
            """Wait for ever."""
            await asyncio.Event().wait()

    gateway.clock.__class__ = Standing

    async with gateway.app.router.lifespan_context(gateway.app):
        await asyncio.sleep(0)
        before = gateway.health.liveness()
        gateway.clock.moment += timedelta(seconds=61)
        after = gateway.health.liveness()

    assert (before.is_ok, list(after.reasons)) == (True, ["event_loop"])
    assert gateway.health.liveness().is_ok
    assert gateway.producer.starts == 1
