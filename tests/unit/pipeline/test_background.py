"""Work in the background is never lost without a word."""

import asyncio

import pytest

from lienthong.pipeline.background import Background


async def test_a_failure_that_nobody_awaits_is_told():
    """A command that could not be finished must end the worker, so that the next one finishes it."""
    background = Background()

    async def fail() -> None:
        raise RuntimeError("broker")

    background.spawn(fail())
    with pytest.raises(RuntimeError, match="broker"):
        await background.wait_failed()


async def test_what_has_not_ended_is_given_up():
    """A stopping worker waits for nothing that only waits."""
    background, ended = Background(), []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    background.spawn(wait())
    await asyncio.sleep(0)
    await background.close()

    assert ended == [True]
