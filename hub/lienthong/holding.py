"""What a sink may offer besides delivering: telling what its target holds."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

from pydantic import BaseModel

from lienthong.connector import CallContext
from lienthong.envelope import Event


class Holding(NamedTuple):
    """What a target holds of one key, beside what was delivered of it; nothing in it is personal.

    Attributes:
        state: State at the target in the hub's words; empty if it does not say, or in words that nobody knows.
        expected: State that the delivered records say; empty if they do not.
        differing: Names of the target's fields that differ from the records, never their values.
        fields: Names of the fields that the target disclosed.
    """

    state: str = ""
    expected: str = ""
    differing: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()


class TellsHolding(ABC):
    """A sink whose target can be asked what it holds; ``lienthong reconcile --probe`` then takes samples of it."""

    @abstractmethod
    async def holding(
        self, key: str, records: Sequence[tuple[Event, BaseModel]], context: CallContext
    ) -> Holding | None:
        """Ask what the target holds under a key and compare it with what was delivered; it changes nothing.

        Args:
            key: Such as the dossier code.
            records: Delivered records of the key in order of arrival, as ``deliver`` took them; none when they can no
                longer be read, so that only the target's side is told.
            context: Who asks for what.

        Returns:
            What is there; None only when the target itself says that it holds nothing.

        Raises:
            RetriableError: The same question is asked again after a wait.
            LienthongError: As from ``deliver``; nobody knows then what is there.
        """
