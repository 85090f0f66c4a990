"""Comparing Vietnamese names: what stays when accents, case and spaces are put aside.

Source:
    ``domain-rules.md`` 15; provincial clients of the population database send names in this form.
"""

import unicodedata
from functools import lru_cache
from typing import Literal


@lru_cache(maxsize=65_536)
def name_key(name: str) -> str:
    """Return the match key of a name: upper case, without accents and spaces, Đ as D.

    Args:
        name: Full name in any Unicode form.
    """
    decomposed = unicodedata.normalize("NFD", name.upper())
    return "".join(letter for letter in decomposed if letter.isalnum()).replace("Đ", "D")


def compare_names(left: str, right: str) -> Literal["equal", "accents", "different"]:
    """Say how two names differ.

    Args:
        left: A full name.
        right: Another.

    Returns:
        ``equal`` up to case, spaces and Unicode form; ``accents`` when only accents, tone places or i/y differ (a match
        with a finding); otherwise ``different``.
    """
    if _folded(left) == _folded(right):
        return "equal"
    left_key, right_key = name_key(left), name_key(right)
    if left_key == right_key or left_key.replace("Y", "I") == right_key.replace("Y", "I"):
        return "accents"
    return "different"


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", " ".join(name.split())).casefold()
