"""Delivery to an HTTP target that answers after 5 ms: one worker, a hundred calls in flight."""

from dataclasses import replace

from scripts.bench.harness import Place, alternate, pairs, python_side
from scripts.bench.intake import THIN
from scripts.bench.options import Options
from scripts.bench.peers import camel_side, missing_for_camel, peer_python
from scripts.bench.rows import Row, Table, compare, left_out
from scripts.bench.seeding import prepare
from scripts.bench.target import running_target

BARE_BAR, CAMEL_BAR = 0.4, 6.0
OURS, BARE, FAUST, FASTSTREAM, QUIX = "ours", "bare aiohttp loop", "stock Faust", "FastStream", "Quix"
CAMEL, CAMEL_BATCH = "Camel threads(100)", "Camel batching, 100 threads"
_BARE = "delivery, against a bare aiohttp loop"
_CAMEL = "delivery, against Camel threads(100)"


def delivery(options: Options) -> tuple[list[Row], list[Table]]:
    """Compare delivery with everybody.

    Args:
        options: Where and how much.
    """
    records = options.scaled(30_000)
    peers = peer_python()
    lacking = missing_for_camel()
    sides = [
        python_side(OURS, "side_ours_delivery"),
        python_side(BARE, "side_aiohttp"),
        python_side(FAUST, "side_faust_delivery", options.scaled(6_000)),
        python_side(FASTSTREAM, "side_faststream_delivery", options.scaled(10_000), peers),
        python_side(QUIX, "side_quix_delivery", options.scaled(1_000), peers),
    ]
    if not lacking:
        sides.append(camel_side(CAMEL, "delivery", THIN, options.scaled(4_000)))
        sides.append(camel_side(CAMEL_BATCH, "delivery-batch", THIN, options.scaled(10_000)))
    with running_target(options.folder) as target:
        place = prepare(Place(options.bootstrap_servers, "delivery", THIN, records))
        found = alternate("delivery", sides, replace(place, target_url=target.url), options.runs)
    rows = [compare(_BARE, BARE_BAR, pairs(found, OURS, BARE))]
    if lacking:
        rows.append(left_out(_CAMEL, CAMEL_BAR, lacking))
    else:
        rows.append(compare(_CAMEL, CAMEL_BAR, pairs(found, OURS, CAMEL)))
    table = Table("Delivery to a target of 5 ms, median records per second", ("side", "records/s"))
    table.lines.extend((name, round(sorted(figures)[len(figures) // 2])) for name, figures in found.items())
    return rows, [table]
