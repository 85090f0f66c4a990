"""How the poll thread ends, and who hears of it first."""

from confluent_kafka import KafkaError

from lienthong.errors import FatalError


def test_the_thread_tells_what_ended_it_and_leaves_the_group(rig, event_of) -> None:
    """A dead poll thread must stop the worker; after a fatal error nothing more is committed."""
    rig.consumer.script.append(event_of(KafkaError._AUTO_OFFSET_RESET))
    rig.poller._run()
    (error,) = rig.inbox.errors
    assert isinstance(error, FatalError)
    assert rig.consumer.is_closed
    assert rig.consumer.commits == []


def test_the_worker_hears_of_the_end_before_the_goodbye(rig, event_of, monkeypatch) -> None:
    """The library's goodbye may hang on a broker that does not answer: the worker must not stand still with it."""
    known: list[BaseException] = []
    monkeypatch.setattr(rig.consumer, "close", lambda: known.extend(rig.inbox.errors))
    rig.consumer.script.append(event_of(KafkaError._AUTO_OFFSET_RESET))
    rig.poller._run()
    assert isinstance(known[0], FatalError)


def test_a_stop_commits_and_leaves(rig) -> None:
    """What settled until the last moment is stored before the group is left."""
    rig.assign(0)
    (item,) = rig.fetch(0, 1, 2)
    item.settle_all()
    rig.poller.stop()
    rig.poller._run()
    assert rig.stored() == 3
    assert rig.consumer.is_closed
    assert rig.inbox.errors == []
