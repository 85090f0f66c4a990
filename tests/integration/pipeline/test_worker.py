"""Real worker processes on a real broker: nothing is lost, order holds, repeats are bounded."""

import signal
import time
from pathlib import Path

import pytest

from lienthong.kafka.embedded import EmbeddedKafka

pytestmark = pytest.mark.kafka
KEYS = [f"H57.21-261008-{number:04}" for number in range(40)]


def test_every_record_comes_out_once_in_order_with_its_receipt(province, wait) -> None:
    """The plain case: all of it arrives, offsets are stored with their text, SIGTERM ends with 0."""
    province.publish(KEYS, rounds=50)
    worker = province.start()
    wait(lambda: province.lag() == 0, workers=[worker])
    worker.signal(signal.SIGTERM)
    assert worker.ends() == 0, worker.log
    province.assert_complete()
    stored = province.committed()
    assert len(stored) == 4
    assert all(metadata.startswith("1.") for _, metadata in stored.values())


def test_workers_may_come_go_and_die_while_records_flow(province, wait) -> None:
    """One worker, two, a graceful end, a third, a crash: nothing lost, order kept, repeats only after the crash."""
    producer = province.producer()
    first = province.start()
    wait(lambda: first.is_ready, workers=[first])

    def flow(seconds: float, until=lambda: False) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not until():
            province.produce(producer, KEYS)
            time.sleep(0.02)

    flow(1.0)
    second = province.start()
    flow(20.0, lambda: second.is_ready)
    flow(1.0)
    second.signal(signal.SIGTERM)
    flow(20.0, lambda: second.process.poll() is not None)
    assert second.ends() == 0, second.log
    assert producer.flush(30) == 0
    wait(lambda: province.lag() == 0, workers=[first])
    _, repeats = province.outcome()
    assert repeats == 0
    third = province.start()
    flow(20.0, lambda: third.is_ready)
    flow(1.0)
    first.signal(signal.SIGKILL)
    flow(3.0)
    assert producer.flush(30) == 0
    wait(lambda: province.lag() == 0, workers=[third])
    third.signal(signal.SIGTERM)
    assert third.ends() == 0, third.log
    # 40 records every 20 ms for one commit interval and a little more.
    province.assert_complete(most_repeats=4_000)


def test_a_worker_that_is_told_to_stop_under_load_repeats_nothing(province, wait) -> None:
    """A deployment is no crash: what is in flight is finished, the rest is left untouched for the next worker."""
    province.publish(KEYS, rounds=1_000)
    first = province.start()
    wait(lambda: any(offset > 0 for offset, _ in province.committed().values()), workers=[first])
    first.signal(signal.SIGTERM)
    assert first.ends() == 0, first.log
    assert province.lag() > 0
    second = province.start()
    wait(lambda: province.lag() == 0, workers=[second])
    second.signal(signal.SIGTERM)
    assert second.ends() == 0
    province.assert_complete()


def test_transaction_markers_and_aborted_records_leave_no_lag(province, wait) -> None:
    """A publisher with transactions leaves offsets that nobody is ever given; aborted records never come out."""
    producer = province.producer(**{"transactional.id": province.names.prefix})
    producer.init_transactions(30)
    for round_ in range(6):
        producer.begin_transaction()
        if round_ % 2:
            sent = dict(province.sent)
            province.produce(producer, KEYS)
            province.sent.update(sent)
            producer.flush(30)
            producer.abort_transaction(30)
        else:
            province.produce(producer, KEYS)
            producer.commit_transaction(30)
    worker = province.start()
    wait(lambda: province.lag() == 0, workers=[worker])
    worker.signal(signal.SIGTERM)
    assert worker.ends() == 0
    province.assert_complete()


def test_a_broker_that_dies_and_comes_back_costs_nothing(make_province, wait, tmp_path: Path) -> None:
    """A worker outlives its broker: it waits, goes on, loses nothing and does not end."""
    broker = EmbeddedKafka(tmp_path / "node", die_with_parent=True)
    broker.start()
    try:
        province = make_province(broker)
        producer = province.producer(**{"enable.idempotence": True, "delivery.timeout.ms": 120_000})
        worker = province.start()
        wait(lambda: worker.is_ready, workers=[worker])
        for number in range(120):
            province.produce(producer, KEYS)
            time.sleep(0.01)
            if number == 40:
                broker.kill()
            if number == 80:
                time.sleep(3)
                wait(lambda: worker.probe("readyz") == (503, ["kafka"]), workers=[worker])
                assert worker.probe("livez") == (200, [])
                broker.start()
        assert producer.flush(60) == 0
        wait(lambda: province.lag() == 0, workers=[worker])
        wait(lambda: worker.probe("readyz") == (200, []), workers=[worker])
        worker.signal(signal.SIGTERM)
        assert worker.ends() == 0, worker.log
        province.assert_complete(most_repeats=4_000)
    finally:
        broker.stop(remove_data=True)


def test_a_frozen_worker_never_commits_over_its_successor(province, wait) -> None:
    """A process that stops for longer than its session must find out before it moves an offset backwards."""
    producer = province.producer()
    first, second = province.start(), province.start()
    wait(lambda: first.is_ready and second.is_ready, workers=[first, second])
    highest: dict[int, int] = {}

    def flow(seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            province.produce(producer, KEYS)
            for partition, (offset, _) in province.committed().items():
                assert offset >= highest.get(partition, 0)
                highest[partition] = offset
            time.sleep(0.05)

    flow(1.5)
    first.signal(signal.SIGSTOP)
    flow(10.0)
    first.signal(signal.SIGCONT)
    flow(4.0)
    assert producer.flush(30) == 0
    wait(lambda: province.lag() == 0, workers=[first, second])
    for worker in (first, second):
        worker.signal(signal.SIGTERM)
        assert worker.ends() == 0, worker.log
    province.assert_complete(most_repeats=4_000)


def test_expired_records_stop_the_worker_with_words(province, wait) -> None:
    """Retention that overtook the watermark is a loss that somebody must look at: exit 70, nothing skipped."""
    province.publish(KEYS)
    worker = province.start()
    wait(lambda: province.lag() == 0, workers=[worker])
    worker.signal(signal.SIGTERM)
    assert worker.ends() == 0
    before = province.committed()
    province.publish(KEYS, rounds=5)
    for place, end in province.view.end_offsets([province.inbound]).items():
        province.expire(place.topic, place.partition, end)
    again = province.start()
    assert again.ends() == 70, again.log
    assert "retention removed unsettled records" in again.log
    assert province.committed() == before


def test_a_worker_without_its_topics_says_so(province) -> None:
    """Topics come from the catalogue: a worker never creates them and does not wait silently for them."""
    province.names = type(province.names)("nowhere")
    worker = province.start()
    assert worker.ends() == 70, worker.log
    assert "UNKNOWN_TOPIC_OR_PART" in worker.log
    assert not worker.is_ready


def test_a_pipeline_that_does_not_exist_is_a_configuration_error(province) -> None:
    """A typing error in a deployment ends at once with 78 and the names that exist."""
    result = province.run("pipelines", "run", "intakes")
    assert result.returncode == 78
    assert "intake" in result.stderr
