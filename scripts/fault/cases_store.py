"""Faults of what stands beside Kafka: the ledger's database, the clock, the retention."""

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from lienthong.testing.postgresql import PostgreSqlServer, find_programs
from scripts.fault.arena import Needs
from scripts.fault.case import CannotRun, case
from scripts.fault.oracle import DELIVER, Verdict
from scripts.fault.stage import Stage
from scripts.fault.stepped_clock import step_clock

_HOUR_SECONDS = 3_600
_RETENTION_SECONDS = 100
_LEDGER = "ledger"


def _ledger_agrees(stage: Stage, _verdict: Verdict) -> None:
    """The hub's own reconciler, on the database that was away, finds everything."""
    arena = stage.arena
    arena.crew.begin("reconcile", ["reconcile", "--wait-seconds", "30"])
    code, said = arena.crew.finish("reconcile")
    stage.arena.notes["server"].stop()
    if code:
        arena.problems.append(f"lienthong reconcile ended with {code}: {said.splitlines()[-1:]}")


@case("ledger-down", "the ledger's PostgreSQL dies and comes back", check=_ledger_agrees)
def ledger_down(stage: Stage) -> None:
    """Take the ledger's database away; records must flow without it."""
    arena = stage.arena
    programs = find_programs()
    if isinstance(programs, str):
        raise CannotRun(programs)
    server = arena.notes["server"] = PostgreSqlServer(programs)
    arena.at_end.append(server.stop)
    server.start()
    arena.change_settings({"ledger": {"url": server.url}})
    arena.start_process(_LEDGER, ["ledger", "run"])
    arena.await_share(0.3)
    server.halt()
    before = arena.watch.effects
    arena.wait(stage.seconds(4, 30))
    if arena.watch.effects > before:
        arena.inject(f"{arena.watch.effects - before} effects while PostgreSQL was down")
    server.start()
    arena.heal()


def _clock_was_wrong(stage: Stage, _verdict: Verdict) -> None:
    moments = stage.arena.evidence.moments
    spread = (max(moments) - min(moments)).total_seconds()
    if spread > _HOUR_SECONDS:
        stage.arena.inject(f"receipts are dated over {spread / 60:.0f} minutes")


@case(
    "clock-step",
    "the clock of the hub's processes jumps ahead, then back",
    Needs(has_clock=True, settle_seconds=150.0),
    check=_clock_was_wrong,
)
def clock_step(stage: Stage) -> None:
    """Jump an hour ahead, then behind the real time, then to it."""
    arena = stage.arena
    arena.await_share(0.2)
    offset = arena.place.directory / "clock-offset"
    for seconds in (_HOUR_SECONDS, -_HOUR_SECONDS / 6):
        step_clock(offset, seconds)
        arena.wait(stage.seconds(3, 20))
    step_clock(offset, 0)
    arena.heal()


def _loss_is_told(stage: Stage, verdict: Verdict) -> None:
    """Kafka itself deleted records: the hub must refuse to go on, and the reconciler must count every one."""
    arena = stage.arena
    gone = arena.notes["gone"]
    if not arena.notes["refused"]:
        arena.problems.append("the worker went on past records that Kafka had deleted")
    if verdict.expired != gone or verdict.missing > gone:
        arena.problems.append(f"{gone} were deleted, {verdict.expired} told, {verdict.missing} without an outcome")
    # Lost by Kafka's retention, and told: that is what the case is about.
    verdict.lost -= verdict.missing
    verdict.problems = []


@case(
    "retention-passed",
    "Kafka deletes what a stopped pipeline has not read: a fatal error, never a silent skip",
    Needs(settle_seconds=5.0),
    check=_loss_is_told,
    allows_unsettled=True,
)
def retention_passed(stage: Stage) -> None:
    """Delete records of a partition above the watermark, then start the worker."""
    arena = stage.arena
    pipeline = arena.pipelines[DELIVER]
    arena.await_share(0.3)
    name = arena.workers(DELIVER)[0]
    arena.stop_worker(name)
    arena.wait_until(lambda: arena.load.is_done, 60, "everything published")
    arena.wait(3)
    committed = arena.view.committed_offsets(pipeline.group, pipeline.topics)
    ends = arena.view.end_offsets(pipeline.topics)
    place = max(ends, key=lambda each: ends[each] - committed[each].offset)
    waiting = ends[place] - committed[place].offset
    arena.notes["gone"] = gone = waiting // 2
    client = AdminClient({"bootstrap.servers": arena.own_kafka.bootstrap_servers, "log_level": 0})
    until = TopicPartition(place.topic, place.partition, committed[place].offset + gone)
    for done in client.delete_records([until]).values():
        done.result(10)
    if gone and arena.view.beginning_offsets(pipeline.topics)[place] > committed[place].offset:
        arena.inject(f"{gone} of {waiting} waiting records of one partition deleted")
    arena.start_again(name)
    arena.hold(name)
    code = arena.crew.members[name].process.wait(30)
    after = arena.view.committed_offsets(pipeline.group, pipeline.topics)[place]
    arena.notes["refused"] = code != 0 and after.offset == committed[place].offset


@case(
    "retention-extended",
    "the target is away for longer than the records' retention",
    Needs(settle_seconds=90.0),
)
def retention_extended(stage: Stage) -> None:
    """Let the topic forget after a minute and a half, and keep the portal away for longer."""
    arena = stage.arena
    topic = arena.place.names.records("dossier")
    client = AdminClient({"bootstrap.servers": arena.own_kafka.bootstrap_servers, "log_level": 0})
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in (("retention.ms", str(_RETENTION_SECONDS * 1_000)), ("segment.ms", "5000"))
    ]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    for done in client.incremental_alter_configs([resource]).values():
        done.result(10)
    arena.await_share(0.3)
    arena.behave(outage="unavailable")
    arena.wait(_RETENTION_SECONDS * 1.5)
    entries = client.describe_configs([ConfigResource(ResourceType.TOPIC, topic)])
    seconds = max(int(done.result(10)["retention.ms"].value) for done in entries.values()) / 1_000
    if any(arena.view.beginning_offsets([topic]).values()) or seconds > _RETENTION_SECONDS:
        arena.inject(f"the portal was away for {_RETENTION_SECONDS * 1.5:.0f} s, retention is {seconds:.0f} s now")
    arena.behave(outage=None)
    arena.heal()
