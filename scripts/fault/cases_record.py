"""Records at fault: poison at every stage, and a record that ends its worker."""

from collections import Counter
from collections.abc import Mapping

from confluent_kafka import Producer

from lienthong.kafka.settings import producer_configuration
from lienthong_connectors.demo.week import VERIFY_SOURCE
from lienthong_schemas.generator import SOURCES
from scripts.fault.arena import Needs
from scripts.fault.case import case
from scripts.fault.oracle import DELIVER, Verdict
from scripts.fault.stage import Stage

_ATTRIBUTES = {
    "ce_specversion": b"1.0",
    "ce_id": b"poison",
    "ce_source": b"/poison",
    "ce_type": b"dossier.snapshot",
    "content-type": b"application/json",
}
#: Value and headers of what no stage can use.
_POISON: tuple[tuple[bytes | None, Mapping[str, bytes]], ...] = (
    (b"\xff\xfe\x00", {}),
    (b"", _ATTRIBUTES),
    (None, _ATTRIBUTES),
    (b"[" * 20_000, _ATTRIBUTES),
    (b'{"dossier_code": NaN}', _ATTRIBUTES),
    (b'{"sequence": 1e999}', {**_ATTRIBUTES, "ce_id": b"\xff"}),
    (b"x" * 900_000, {**_ATTRIBUTES, "ce_type": b"nobody.knows"}),
    (b"{}", {**_ATTRIBUTES, "ce_time": b"yesterday", "ce_dataschema": b"\x00"}),
)
_OWN_SOURCES = frozenset({*SOURCES.values(), VERIFY_SOURCE})
_ONLY_NOISE = frozenset({"replay", "parked", "state"})


def _poisoned(stage: Stage, _verdict: Verdict) -> None:
    """Every poisoned record of a source is a dead letter or filtered; none stopped anything."""
    arena = stage.arena
    planted = arena.notes["poisoned"]
    # Results of verification are handed on as they are; their readers judge them.
    handed_on = planted["link-verification"]
    for pipeline, count in planted.items():
        kinds = Counter(
            row.kind
            for (source, _), places in arena.evidence.receipts[pipeline].items()
            for row in places.values()
            if source not in _OWN_SOURCES
        )
        wanted = count if pipeline in {"intake", "link-verification"} else count + handed_on
        # The same key once more waits behind its dead letter.
        allowed = {"dead_lettered", "filtered", "parked"} | (
            {"delivered"} if pipeline == "link-verification" else set()
        )
        if kinds.total() != wanted or not kinds.keys() <= allowed:
            arena.problems.append(f"{pipeline}: of {wanted} poisoned records became {dict(kinds)}")


@case("poison", "records that nobody can read, in every topic that a pipeline reads", check=_poisoned)
def poison(stage: Stage) -> None:
    """Plant records in the topics between the pipelines, as a broken client with too many rights would."""
    arena, names = stage.arena, stage.arena.place.names
    arena.await_share(0.3)
    producer = Producer({**producer_configuration(arena.own_kafka, "poisoner"), "log_level": 0})
    for topic in {topic for pipeline in arena.pipelines.values() for topic in pipeline.topics}:
        for number, (value, headers) in enumerate(_POISON):
            producer.produce(topic, value=value, key=f"poison-{number}", headers=list(headers.items()))
    for kind in sorted(_ONLY_NOISE):
        for number, (value, headers) in enumerate(_POISON[:5]):
            producer.produce(
                names.of_pipeline(kind, DELIVER), value=value, key=f"poison-{number}", headers=list(headers.items())
            )
    left = producer.flush(30)
    planted = {name: len(pipeline.topics) * len(_POISON) for name, pipeline in arena.pipelines.items()}
    arena.notes["poisoned"] = planted
    if left == 0:
        arena.inject(f"{sum(planted.values())} poisoned records to read, and more in the pipeline's own topics")
    # Whoever starts now reads the noise in the pipeline's own topics.
    arena.stop_worker(arena.workers(DELIVER)[0])
    arena.start_again(arena.workers(DELIVER)[0])
    arena.heal()


def _quarantined(stage: Stage, verdict: Verdict) -> None:
    arena = stage.arena
    trap = arena.notes["trap"]
    rows = [
        row
        for places in arena.evidence.receipts[DELIVER].values()
        for row in places.values()
        if row.key == trap and row.kind == "parked"
    ]
    if arena.restarts:
        arena.inject(f"the record ended its worker {arena.restarts} times; {len(rows)} records of its key are parked")
    if not rows:
        arena.problems.append("the key of the record is not parked")
    if verdict.open > arena.notes["open_at_most"]:
        arena.problems.append("more than one key was set aside")


def _set_trap(stage: Stage, how: str) -> None:
    arena = stage.arena
    special = {event.dossier_code for event in arena.expected.events if event.defect}
    able = [
        code
        for code, arrivals in arena.expected.arrivals.items()
        if len(arrivals) >= 3 and code not in special and arena.expected.dossiers[code].verification == "match"
    ]
    trap = able[len(able) // 2]
    waiting = sum(event.verify in {"review", "parked"} for event in arena.expected.events)
    arena.notes["trap"] = trap
    arena.notes["open_at_most"] = waiting + sum(event.dossier_code == trap for event in arena.expected.events)
    arena.set_variable("FAULT_TRAP", f"{how}:{trap}")


@case("crash-exception", "a record whose delivery raises what nobody knows", check=_quarantined)
def crash_exception(stage: Stage) -> None:
    """Let the connector fail with an unknown exception for one dossier, from the first worker on."""
    _crash(stage, "raise")


@case(
    "crash-kill",
    "a record that kills its worker without a word",
    Needs(records=800, settle_seconds=150.0),
    check=_quarantined,
)
def crash_kill(stage: Stage) -> None:
    """Let the process die as by a fault in a C library."""
    _crash(stage, "kill")


def _crash(stage: Stage, how: str) -> None:
    arena = stage.arena
    _set_trap(stage, how)
    for name in arena.workers(DELIVER):
        arena.stop_worker(name)
        arena.start_again(name)
    arena.heal()
