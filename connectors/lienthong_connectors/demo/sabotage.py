"""Which record is sabotaged; the checks must then see it.

Sabotage stands outside the hub, between the hub and the portal: :mod:`lienthong_connectors.demo.saboteur`.
"""

from enum import StrEnum

from lienthong.errors import ConfigurationError
from lienthong_connectors.demo.week import Expectation


class Sabotage(StrEnum):
    """What goes wrong on purpose."""

    LOSE = "lose"
    REPEAT = "repeat"
    REORDER = "reorder"
    LEAK = "leak"


def choose_target(expected: Expectation) -> str:
    """Return the dossier that is sabotaged: one with three snapshots, if possible without a link in between.

    Args:
        expected: What the truth file says.

    Raises:
        ConfigurationError: If no dossier has two updates.
    """
    able = [code for code, dossier in expected.dossiers.items() if dossier.updates >= 2]
    if not able:
        raise ConfigurationError("no dossier has two updates to sabotage; ask for more records")
    return next((code for code in able if not expected.dossiers[code].verification_link), able[0])
