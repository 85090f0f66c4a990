"""What an operator sees: share, pace and the end that the budget allows."""

import asyncio

import pytest

from lienthong.errors import BrokerUnavailableError
from lienthong.limits.policy import load_limits
from lienthong.record import OutgoingRecord
from lienthong_connectors.campaign.decisions import Counts
from lienthong_connectors.campaign.progress import Pace, line_of, seconds_left
from lienthong_connectors.campaign.together import Together

COUNTS = Counts(10, 50, 5, 45, {"linked": 40}, {}, 60, 2)


def _limits(**values):
    return load_limits("population", values)


def test_the_end_follows_the_slower_of_pace_and_limits():
    """A fast beginning does not promise what the target will not allow."""
    rate = _limits(rate_limit={"count": 10, "interval": "1s"})

    assert seconds_left(1_000, 100.0, _limits()) == 10
    assert seconds_left(1_000, 100.0, rate) == 100
    assert seconds_left(1_000, 5.0, rate) == 200


def test_a_daily_budget_counts_without_the_reserve_of_the_counter():
    """What officers may need is never planned for a campaign: 900 of 1,000 a day are left."""
    budget = _limits(budget={"daily": 1_000, "reserve": 100})

    assert seconds_left(1_800, 50.0, budget) == pytest.approx(2 * 86_400)
    assert seconds_left(450, 50.0, budget) == 9


@pytest.mark.parametrize(("left", "pace", "seconds"), [(0, 0.0, 0.0), (10, 0.0, None)])
def test_nobody_guesses_before_anything_was_measured(left, pace, seconds):
    """No pace, no promise; nothing left, no time."""
    assert seconds_left(left, pace, _limits()) == seconds


def test_a_budget_that_is_all_reserve_never_ends():
    """Then nothing is left for a campaign."""
    assert seconds_left(10, 1.0, _limits(budget={"daily": 100, "reserve": 100})) is None


def test_the_line_says_what_is_done_and_why_it_waits():
    """Published of all that had to be done, without those that were linked before."""
    text = line_of(COUNTS, 12.0, 65.0, "maintenance")

    assert "45/100" in text
    assert "45.0 %" in text
    assert "0:01:05" in text
    assert "maintenance" in text


def test_the_pace_is_that_of_the_last_half_minute():
    """A campaign that slows down says so within half a minute."""
    pace = Pace()
    for second in range(100):
        fast = pace.observe(float(second), 100 * second)
    for second in range(100, 140):
        slow = pace.observe(float(second), 9_900 + second)

    assert fast == pytest.approx(100)
    assert slow == pytest.approx(1, rel=0.1)


RECORD = OutgoingRecord("t", b"k", b"v", [])


async def test_writers_share_batches_and_each_waits_for_its_own_acknowledgement():
    """While one batch is under way the next one fills; nobody goes on before Kafka has answered."""
    batches, gate = [], asyncio.Event()

    async def send(records):
        batches.append(len(records))
        await gate.wait()

    together = Together(send)
    writers = [asyncio.create_task(together.write([RECORD])) for _ in range(5)]
    for _ in range(3):
        await asyncio.sleep(0)
    late = asyncio.create_task(together.write([RECORD]))
    for _ in range(3):
        await asyncio.sleep(0)
    assert batches == [5]
    assert not any(each.done() for each in (*writers, late))

    gate.set()
    await asyncio.gather(*writers, late)
    assert batches == [5, 1]


async def test_a_failed_batch_is_told_to_everybody_in_it_and_the_next_one_is_sent():
    """No intent, no question: a writer that was not acknowledged must know."""
    answers = [BrokerUnavailableError("away"), None]

    async def send(_records):
        error = answers.pop(0)
        if error is not None:
            raise error

    together = Together(send)
    failed = await asyncio.gather(together.write([RECORD]), together.write([RECORD]), return_exceptions=True)
    await together.write([RECORD])

    assert all(isinstance(each, BrokerUnavailableError) for each in failed)
