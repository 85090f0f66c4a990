"""Intake: Kafka to Kafka with validation, against the raw limit and everybody else."""

from scripts.bench.harness import Place, alternate, pairs, python_side
from scripts.bench.options import Options
from scripts.bench.peers import camel_side, missing_for_camel, peer_python
from scripts.bench.rows import Row, Table, compare, left_out
from scripts.bench.seeding import prepare

#: Thin records show what the engine itself costs; full ones what a province's traffic costs.
THIN, FULL = "dossier.progress", "dossier.snapshot"
RAW_BAR, FAUST_BAR, PEER_BAR, CAMEL_BAR = 0.7, 15.0, 1.5, 8.0
OURS, RAW, FAUST, FASTSTREAM, QUIX, CAMEL = "ours", "raw", "stock Faust", "FastStream", "Quix", "Camel"
CAMEL_BATCH = "Camel, batching consumer"
_BEST = "intake of thin records, against the best Python peer"
_CAMEL = "intake of thin records, against Camel"


def thin(options: Options) -> tuple[list[Row], list[Table]]:
    """Compare intake of thin records with everybody.

    Args:
        options: Where and how much.
    """
    place = prepare(Place(options.bootstrap_servers, "thin", THIN, options.scaled(200_000)))
    peers = peer_python()
    lacking = missing_for_camel()
    sides = [
        python_side(OURS, "side_ours"),
        python_side(RAW, "side_raw"),
        python_side(FAUST, "side_faust", options.scaled(20_000)),
        python_side(FASTSTREAM, "side_faststream", options.scaled(100_000), peers),
        python_side(QUIX, "side_quix", options.scaled(60_000), peers),
    ]
    if not lacking:
        sides.append(camel_side(CAMEL, "intake", THIN, options.scaled(5_000)))
        sides.append(camel_side(CAMEL_BATCH, "intake-batch", THIN, options.scaled(50_000)))
    found = alternate("intake of thin records", sides, place, options.runs)
    best = [
        (ours, max(others))
        for ours, *others in zip(found[OURS], found[FAUST], found[FASTSTREAM], found[QUIX], strict=True)
    ]
    rows = [
        compare("intake of thin records, against raw librdkafka", RAW_BAR, pairs(found, OURS, RAW)),
        compare("intake of thin records, against stock Faust", FAUST_BAR, pairs(found, OURS, FAUST)),
        compare(_BEST, PEER_BAR, best),
    ]
    rows.append(left_out(_CAMEL, CAMEL_BAR, lacking) if lacking else _against_camel(found))
    table = Table("Intake of thin records, median records per second", ("side", "records/s"))
    table.lines.extend((name, round(sorted(figures)[len(figures) // 2])) for name, figures in found.items())
    return rows, [table]


def full(options: Options) -> tuple[list[Row], list[Table]]:
    """Compare intake of full snapshots with the raw limit.

    Args:
        options: Where and how much.
    """
    place = prepare(Place(options.bootstrap_servers, "full", FULL, options.scaled(100_000)))
    sides = [python_side(OURS, "side_ours"), python_side(RAW, "side_raw")]
    found = alternate("intake of full snapshots", sides, place, options.runs)
    return [compare("intake of full snapshots, against raw librdkafka", RAW_BAR, pairs(found, OURS, RAW))], []


def _against_camel(found: dict[str, list[float]]) -> Row:
    return compare(_CAMEL, CAMEL_BAR, pairs(found, OURS, CAMEL))
