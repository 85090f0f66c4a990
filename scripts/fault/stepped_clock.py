"""Another time of day for the hub's processes alone."""

import shutil
import struct
import subprocess
from pathlib import Path


class CannotRun(Exception):  # noqa: N818 - a reason, no failure
    """The machine lacks what a case needs."""


def step_clock(path: Path, seconds: float) -> None:
    """Let processes read another time.

    Args:
        path: File that the shim reads.
        seconds: How far from the machine's own.
    """
    with path.open("r+b") as file:
        file.write(struct.pack("q", int(seconds * 1e9)))


def clock_environment(folder: Path) -> dict[str, str]:
    """Return the variables of processes whose clock can be stepped.

    Args:
        folder: Where the library and its file are made.

    Raises:
        CannotRun: If there is no C compiler.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise CannotRun("no C compiler for the library that steps the clock of single processes")
    library, offset = folder / "clock.so", folder / "clock-offset"
    source = Path(__file__).with_name("clock_shim.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl"], check=True)
    offset.write_bytes(struct.pack("q", 0))
    return {"LD_PRELOAD": str(library), "FAULT_CLOCK_FILE": str(offset)}
