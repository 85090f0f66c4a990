"""Faults of the broker."""

import resource

from confluent_kafka.admin import AdminClient

from scripts.fault.arena import Needs
from scripts.fault.case import case
from scripts.fault.oracle import Verdict
from scripts.fault.stage import Stage

_DISK_MARGIN_BYTES = 20_000
_UNAVAILABLE_SECONDS = 3.0


@case("broker-kill", "broker killed in the middle and started again", is_quick=True, max_recovery_seconds=5.0)
def broker_kill(stage: Stage) -> None:
    """Kill the only broker and start it at once, as its own supervisor would."""
    arena, broker = stage.arena, stage.broker
    arena.await_share(0.3)
    broker.kill()
    if not broker.is_running:
        arena.inject("no process of the broker")
    broker.start()
    arena.heal()


@case("broker-outage", "broker away for longer than sessions live")
def broker_outage(stage: Stage) -> None:
    """Leave the workers without a broker until their group forgets them."""
    arena, broker = stage.arena, stage.broker
    arena.await_share(0.3)
    broker.kill()
    if not broker.is_running:
        arena.inject("no process of the broker")
    arena.wait(stage.seconds(8, 60))
    broker.start()
    arena.heal()


@case("broker-hang", "broker stopped with open connections, then continued")
def broker_hang(stage: Stage) -> None:
    """Suspend the broker longer than a session lives."""
    arena, broker = stage.arena, stage.broker
    arena.await_share(0.3)
    broker.suspend()
    arena.wait(1)
    before = arena.load.accepted
    arena.wait(stage.seconds(8, 30))
    if arena.load.accepted == before and broker.is_running:
        arena.inject("the broker acknowledged nothing while it was stopped")
    broker.resume()
    arena.heal()


@case("cluster-lose-one", "one of three brokers lost, back in sync, then the controller lost", Needs(brokers=3))
def cluster_lose_one(stage: Stage) -> None:
    """Lose a follower, wait for all copies, then lose the active controller."""
    arena, cluster = stage.arena, stage.cluster
    arena.await_share(0.15)
    arena.wait_until(cluster.leader, 20, "a controller")
    first = next(number for number in cluster.nodes if number != cluster.leader())
    cluster.nodes[first].kill()
    before = arena.watch.effects
    arena.wait(2)
    if arena.watch.effects == before:
        arena.problems.append("nothing flowed while one of three brokers was away")
    cluster.start([first])
    arena.wait_until(lambda: _is_in_sync(stage), 40, "all copies in sync")
    arena.wait_until(cluster.leader, 20, "a controller")
    leader = cluster.leader() or first
    cluster.nodes[leader].kill()
    arena.heal()
    arena.wait_until(cluster.leader, 20, "another controller")
    arena.inject(f"node {first} and then controller {leader} killed; node {cluster.leader()} took over")
    arena.wait(2)
    cluster.start([leader])


@case("cluster-lose-two", "two of three brokers lost at once: unavailable, and nothing lost", Needs(brokers=3))
def cluster_lose_two(stage: Stage) -> None:
    """Lose the controller and another broker at once."""
    arena, cluster = stage.arena, stage.cluster
    arena.await_share(0.3)
    arena.wait_until(cluster.leader, 20, "a controller")
    leader = cluster.leader() or 1
    other = next(number for number in cluster.nodes if number != leader)
    cluster.nodes[leader].kill()
    cluster.nodes[other].kill()
    arena.wait(1)
    before = arena.load.accepted
    arena.wait(_UNAVAILABLE_SECONDS)
    if arena.load.accepted == before:
        arena.inject("one copy alone acknowledged nothing")
    cluster.start([leader, other])
    arena.heal()


def _is_in_sync(stage: Stage) -> bool:
    client = AdminClient({"bootstrap.servers": stage.cluster.bootstrap_servers, "log_level": 0})
    prefix = f"{stage.arena.place.province}."
    topics = client.list_topics(timeout=10).topics.items()
    return all(
        len(partition.isrs) == len(partition.replicas)
        for name, topic in topics
        if name.startswith(prefix)
        for partition in topic.partitions.values()
    )


def _disk_full_seen(stage: Stage, _verdict: Verdict) -> None:
    text = stage.broker.log_file.read_text(encoding="utf-8", errors="replace")
    if "File too large" in text:
        stage.arena.inject("the broker's log says: File too large")


@case("disk-full", "no space for the broker's log, then space again", Needs(brokers=0), check=_disk_full_seen)
def disk_full(stage: Stage) -> None:
    """Let no file of the broker grow any more."""
    arena, broker = stage.arena, stage.broker
    arena.await_share(0.3)
    largest = max(path.stat().st_size for path in (broker.data_directory / "records").glob("*/*.log"))
    limit = largest + _DISK_MARGIN_BYTES
    resource.prlimit(broker.pid or 0, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        arena.wait_until(lambda: not broker.is_running, 30, "a broker that gives up")
    finally:
        if broker.is_running:
            broker.kill()
    arena.wait(1)
    broker.start()
    arena.heal()
