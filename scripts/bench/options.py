"""What the command line says, and the broker that it is measured against."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """Where and how much.

    Attributes:
        bootstrap_servers: The broker that all sides share.
        folder: Temporary files.
        runs: Alternating rounds.
        scale: Factor on every number of records; below 1 for a quick look.
        is_full: Whether slow faults take the ten minutes that the bar names.
    """

    bootstrap_servers: str
    folder: Path
    runs: int = 5
    scale: float = 1.0
    is_full: bool = False

    def scaled(self, records: int) -> int:
        """Return a number of records, scaled.

        Args:
            records: For a whole run.
        """
        return max(1_000, round(records * self.scale))
