"""How steps gather, and what a call that goes wrong means for each of them."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from lienthong.errors import OutcomeUnknownError, RejectedByTargetError, TargetUnavailableError
from lienthong_connectors.portal.answers import Judgement, Meaning
from lienthong_connectors.portal.chunks import Chunks

SUCCESS = Judgement(Meaning.SUCCESS, "text")


class Portal:
    """Takes steps once it is opened, and answers from a list."""

    def __init__(self, *answers: Judgement | Exception) -> None:
        self.calls: list[list[str]] = []
        self.opened = asyncio.Event()
        self.answers = list(answers)

    async def send(self, steps: Sequence[dict[str, Any]]) -> Judgement:
        """Note the steps and answer."""
        self.calls.append([step["MaHoSo"] for step in steps])
        await self.opened.wait()
        answer = self.answers.pop(0) if self.answers else SUCCESS
        if isinstance(answer, Exception):
            raise answer
        return answer


def _tasks(chunks: Chunks, count: int) -> list[asyncio.Task[Judgement]]:
    return [asyncio.create_task(chunks.send({"MaHoSo": str(number)})) for number in range(count)]


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_steps_gather_only_while_all_calls_are_under_way() -> None:
    """Two go at once, the next twelve share two calls of at most ten, in the order in which they came."""
    portal = Portal()
    chunks = Chunks(portal.send, max_steps=10, max_calls=2)
    tasks = _tasks(chunks, 14)
    await _turns()
    assert portal.calls == [["0"], ["1"]]
    portal.opened.set()

    assert set(await asyncio.gather(*tasks)) == {SUCCESS}
    assert portal.calls[2:] == [[str(number) for number in range(2, 12)], ["12", "13"]]


async def test_a_step_whose_caller_went_away_is_not_sent() -> None:
    """A lane that is cut off while its step waits leaves nothing behind."""
    portal = Portal()
    chunks = Chunks(portal.send, max_steps=10, max_calls=1)
    tasks = _tasks(chunks, 3)
    await _turns()
    tasks[1].cancel()
    await _turns()
    portal.opened.set()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert portal.calls == [["0"], ["2"]]


@pytest.mark.parametrize("refusal", [Judgement(Meaning.REJECTED, "code:-3"), RejectedByTargetError("refused")])
async def test_a_refusal_is_known_of_one_step_only(refusal: Any) -> None:
    """Alone, a step is refused; in company, nobody knows."""
    portal = Portal(refusal, refusal)
    portal.opened.set()
    chunks = Chunks(portal.send, max_steps=10, max_calls=1)
    alone, *company = await asyncio.gather(*_tasks(chunks, 3), return_exceptions=True)

    assert alone is refusal
    assert {type(each) for each in company} == {OutcomeUnknownError}


async def test_closing_tells_what_was_sent_from_what_was_not() -> None:
    """The call under way may have arrived; what waited behind it did not."""
    portal = Portal()
    chunks = Chunks(portal.send, max_steps=10, max_calls=1)
    tasks = _tasks(chunks, 2)
    await _turns()
    await chunks.close()
    await chunks.close()
    sent, waiting = await asyncio.gather(*tasks, return_exceptions=True)

    assert (type(sent), type(waiting)) == (OutcomeUnknownError, TargetUnavailableError)


async def test_an_unexpected_error_reaches_every_caller() -> None:
    """A fault of our own is never swallowed: each of the records ends with it."""
    fault = KeyError("ours")
    portal = Portal(fault, fault)
    portal.opened.set()
    chunks = Chunks(portal.send, max_steps=10, max_calls=1)

    assert await asyncio.gather(*_tasks(chunks, 3), return_exceptions=True) == [fault] * 3
