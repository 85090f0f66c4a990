"""The match key of a Vietnamese name: what stays when accents, case and spaces are put aside.

Source:
    ``domain-rules.md`` 15; provincial clients of the population database send names in this form.
"""

import unicodedata
from functools import lru_cache


@lru_cache(maxsize=65_536)
def name_key(name: str) -> str:
    """Return the match key of a name: upper case, without accents and spaces, Đ as D.

    Args:
        name: Full name in any Unicode form.
    """
    decomposed = unicodedata.normalize("NFD", name.upper())
    return "".join(letter for letter in decomposed if letter.isalnum()).replace("Đ", "D")
