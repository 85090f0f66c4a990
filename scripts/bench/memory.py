"""Two million records through one intake worker: what it holds at the end against the beginning."""

import statistics

from scripts.bench.harness import Place, python_side, run_side
from scripts.bench.intake import THIN
from scripts.bench.options import Options
from scripts.bench.rows import Row, Table, at_most
from scripts.bench.seeding import apply_topics, seed

BAR = 1.1
_RECORDS = 2_000_000
_MEBIBYTE = 1_024


def memory(options: Options) -> tuple[list[Row], list[Table]]:
    """Measure the resident memory of a worker over a long run.

    Args:
        options: Where and how much.
    """
    records = options.scaled(_RECORDS)
    place = Place(options.bootstrap_servers, "memory", THIN, records)
    apply_topics(place)
    seed(place, place.topic("inbound.dossier.one-stop"), records, "lz4")
    samples = run_side(python_side("ours", "side_ours"), place)["resident_kilobytes"]
    tenth = max(1, len(samples) // 10)
    parts = [samples[first : first + tenth] for first in range(0, tenth * 10, tenth)]
    medians = [statistics.median(part) / _MEBIBYTE for part in parts if part]
    name = f"{records:,} records: resident memory, last tenth against first"
    table = Table(f"Resident memory of intake over {records:,} records", ("tenth", "MiB"))
    table.lines.extend((number + 1, round(median)) for number, median in enumerate(medians))
    return [at_most(name, BAR, [(medians[-1], medians[0])], "MiB")], [table]
