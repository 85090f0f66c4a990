"""Mechanisms that can be switched off, to prove that the suite needs them."""

from collections.abc import Callable
from typing import NamedTuple


class Mutant(NamedTuple):
    """One mechanism switched off.

    Attributes:
        title: What is missing.
        cases: Cases that must turn red; one of them is enough.
        apply: Switches it off in this process.
    """

    title: str
    cases: tuple[str, ...]
    apply: Callable[[], None]


MUTANTS: dict[str, Mutant] = {}
