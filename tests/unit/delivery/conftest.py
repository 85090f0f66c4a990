"""A clock whose waits end only when a test lets time pass."""

import asyncio

import pytest

from lienthong.testing.clock import FakeClock


class SteppedClock(FakeClock):
    """Waits last until :meth:`step` has moved the time far enough."""

    def __init__(self):
        super().__init__()
        self._sleepers = []

    async def sleep(self, seconds):
        """Wait for a step."""
        self.sleeps.append(seconds)
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.monotonic() + seconds, woken))
        await woken

    async def step(self, seconds=0.0):
        """Let everything that can run, run; then time passes, and again everything runs."""
        await self._settle()
        self.advance(seconds)
        for moment, woken in self._sleepers:
            if moment <= self.monotonic() and not woken.done():
                woken.set_result(None)
        self._sleepers = [entry for entry in self._sleepers if not entry[1].done()]
        await self._settle()

    async def _settle(self):
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.fixture
def clock():
    """Time that a test moves step by step."""
    return SteppedClock()
