"""Starts a process of the hub as it is, with a trap, or with a mechanism switched off (a mutant).

The product has no such switches. A trap is a record that ends its worker; a mutant proves that the suite would see it
if a mechanism did not work.
"""

import faulthandler
import os
import signal
import sys
from pathlib import Path
from typing import Any

from lienthong.cli.main import main as run_hub
from scripts.fault.mutants import MUTANTS

TRAP = "FAULT_TRAP"
#: How often a platform is polled, in seconds; a case cannot wait for the declared interval.
POLL_SECONDS = "FAULT_POLL_SECONDS"


def main() -> None:
    """Switch a mechanism off and run the hub's command line: ``MUTANT ARGUMENTS…``; an empty mutant changes nothing."""
    # What a worker that stalls is doing, for the log of a red case.
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    mutant = sys.argv[1]
    if mutant:
        MUTANTS[mutant].apply()
    if TRAP in os.environ:
        how, _, what = os.environ[TRAP].partition(":")
        if how == "acknowledge":
            _die_before_acknowledging(Path(what))
        else:
            _set_trap(how, what)
    if POLL_SECONDS in os.environ:
        _poll_every(float(os.environ[POLL_SECONDS]))
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


def _die_before_acknowledging(marker: Path) -> None:
    """End the worker once, when a batch is durable and its platform does not know it yet.

    Args:
        marker: File that says that it has happened.
    """
    from lienthong_connectors.national_dossiers.connector import NationalDossiers

    acknowledge = NationalDossiers.acknowledge

    def is_first() -> bool:
        if marker.exists():
            return False
        marker.touch()
        return True

    async def trapped(self: Any, batch: Any, context: Any) -> None:
        if batch.events and is_first():
            os.kill(os.getpid(), signal.SIGKILL)
        await acknowledge(self, batch, context)

    NationalDossiers.acknowledge = trapped  # type: ignore[method-assign]


def _poll_every(seconds: float) -> None:
    """Poll more often than the pipeline declares.

    Args:
        seconds: The interval.
    """
    from lienthong.pipeline.polling import Polling

    begin = Polling.__init__

    def often(self: Any, pipeline: Any, step: Any, *rest: Any, **more: Any) -> None:
        begin(self, pipeline, step.model_copy(update={"interval": seconds}), *rest, **more)

    Polling.__init__ = often  # type: ignore[method-assign]
