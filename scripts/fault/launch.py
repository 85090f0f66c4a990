"""Starts a worker as the suite wants it: with a mechanism switched off (a mutant), or as it is.

The product has no such switches. A mutant proves that the suite would see it if a mechanism did not work.
"""

import sys

from lienthong.cli.main import main as run_hub
from scripts.fault.mutants import MUTANTS


def main() -> None:
    """Switch a mechanism off and run the hub's command line: ``MUTANT ARGUMENTS…``; an empty mutant changes nothing."""
    mutant = sys.argv[1]
    if mutant:
        MUTANTS[mutant].apply()
    sys.argv[1:2] = []
    run_hub()
