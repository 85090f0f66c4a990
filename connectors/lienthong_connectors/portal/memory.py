"""What a worker remembers about dossiers: it spares calls and decides nothing."""

from collections import OrderedDict
from typing import TypeVar

ValueT = TypeVar("ValueT")


class Memory(OrderedDict[str, ValueT]):
    """Dossier code → value, the longest untouched forgotten first.

    Args:
        size: Most dossiers; 0 to remember none.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def remember(self, code: str, value: ValueT) -> None:
        """Keep a value for a dossier.

        Args:
            code: Its code.
            value: What is known.
        """
        if self._size == 0:
            return
        self[code] = value
        self.move_to_end(code)
        if len(self) > self._size:
            self.popitem(last=False)
