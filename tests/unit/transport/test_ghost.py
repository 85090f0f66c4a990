"""A worker that lost touch takes its former self out of the group."""

from contextlib import nullcontext

import pytest
from confluent_kafka import TopicPartition

from lienthong.errors import BrokerUnavailableError, ConfigurationError
from lienthong.transport import ghost
from lienthong.transport.ghost import GhostRemover


class Group:
    """Fails as often as it is told, then takes members out."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.removed = []

    def remove_member(self, group, member_id):
        """Take a member out, or fail."""
        if self.failures:
            raise self.failures.pop(0)
        self.removed.append((group, member_id))


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Let nobody wait for a broker that is away."""
    monkeypatch.setattr(ghost, "_PAUSE_SECONDS", 0)


def test_the_broker_is_asked_until_it_is_back():
    """The old member would hold every rebalance up for a whole session."""
    group = Group(BrokerUnavailableError("away"), BrokerUnavailableError("away"))
    GhostRemover("hue.deliver", lambda: nullcontext(group)).remove("old").join(5)
    assert group.removed == [("hue.deliver", "old")]


def test_a_refusal_ends_the_asking():
    """Without the right to leave, the worker goes on: the broker forgets the member by itself."""
    group = Group(ConfigurationError("not allowed"))
    GhostRemover("hue.deliver", lambda: nullcontext(group)).remove("old").join(5)
    assert group.removed == []


def test_a_lost_assignment_names_the_member_that_is_no_more(rig):
    """Lost means that the library has given the membership up; only then is the old member in the way."""
    departed = []
    rig.poller._touch._departed = departed.append
    partition = TopicPartition("records", 0)
    rig.poller._on_assign(rig.consumer, [])
    rig.poller._on_revoke(rig.consumer, [partition])
    assert departed == []
    rig.poller._on_lost(rig.consumer, [partition])
    assert departed == ["member-1"]


def test_a_worker_that_the_group_does_not_take_back_starts_anew(make_rig):
    """The library may wait for minutes for an answer that never comes; a worker that waits with it delivers nothing."""
    rig = make_rig()
    rig.poller._touch._rejoin_seconds = 18
    partition = TopicPartition("records", 0)
    rig.poller._consumer = rig.consumer
    rig.poller._on_lost(rig.consumer, [partition])
    rig.now += 17
    rig.poller._turn()
    rig.now += 2
    with pytest.raises(BrokerUnavailableError):
        rig.poller._turn()
    rig.poller._on_assign(rig.consumer, [])
    rig.poller._turn()
