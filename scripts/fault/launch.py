"""Starts a process of the hub as it is, with a trap, or with a mechanism switched off (a mutant).

The product has no such switches. A trap is a record that ends its worker; a mutant proves that the suite would see it
if a mechanism did not work.
"""

import faulthandler
import os
import signal
import sys
from typing import Any

from lienthong.cli.main import main as run_hub
from scripts.fault.mutants import MUTANTS

TRAP = "FAULT_TRAP"


def main() -> None:
    """Switch a mechanism off and run the hub's command line: ``MUTANT ARGUMENTS…``; an empty mutant changes nothing."""
    # What a worker that stalls is doing, for the log of a red case.
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    mutant = sys.argv[1]
    if mutant:
        MUTANTS[mutant].apply()
    if TRAP in os.environ:
        how, _, code = os.environ[TRAP].partition(":")
        _set_trap(how, code)
    sys.argv[1:2] = []
    run_hub()


def _set_trap(how: str, code: str) -> None:
    """Let the delivery of one dossier end the worker.

    Args:
        how: ``raise`` an exception that the hub does not know, or ``kill`` the process.
        code: The dossier.
    """
    from lienthong_connectors.portal.connector import PortalSink

    deliver = PortalSink.deliver

    async def trapped(self: Any, event: Any, data: Any, context: Any) -> Any:
        if data.dossier_code == code:
            if how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise ZeroDivisionError
        return await deliver(self, event, data, context)

    PortalSink.deliver = trapped  # type: ignore[method-assign]
