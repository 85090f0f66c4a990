"""Finds personal IDs in CloudEvents attributes: these are shown in receipts and tools, so none may hold one."""

import re
from collections.abc import Mapping

from lienthong.envelope import EXTENSIONS, STANDARD
from lienthong.errors import ValidationFailedError, Violation

RULE = "personal_id_in_attribute"
_REMEDY = "use an id that says nothing about a person, such as a UUID or the dossier code"
#: Their form is fixed by a standard or checked by the hub, and long hexadecimal numbers are normal in them.
_UNCHECKED = frozenset({"specversion", "type", "time", "dataschema", "datacontenttype", "traceparent", "tracestate"})
# A person may stand behind these; a publisher's `id` and `source` may be a counter of nine digits.
_PERSON_ATTRIBUTES = frozenset({"subject", "subjectref", "actor", "onbehalfof"})
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
# Twelve digits standing alone or behind a short word such as CCCD; a longer mix of letters and digits is a hash.
_RUN = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{0,10}(\d{12})[A-Za-z]{0,3}(?![0-9A-Za-z])")
_GROUPED = re.compile(r"(?<![0-9A-Za-z.])(\d{3})([ .])(\d{3})\2(\d{3})\2(\d{3})(?![0-9A-Za-z.])")
# One look over all attributes tells that nearly every event has nothing to look at closely.
_SUSPICIOUS = re.compile(r"[0-9]{3}[ .]?[0-9]{3}[ .]?[0-9]{3}")
_TWELVE = re.compile(r"\d{12}")
_NINE = re.compile(r"\d{9}")
_HIGHEST_PROVINCE = 96
_NO_PROVINCE = 999
# Gender and century in one digit: 0 and 1 are the 20th century, 2 and 3 the 21st.
_LAST_LIVING_CENTURY = "3"
_OLDEST_YEAR = 5


def _has_form(digits: str) -> bool:
    province = int(digits[:3])
    if province > _HIGHEST_PROVINCE and province != _NO_PROVINCE:
        return False
    if digits[3] > _LAST_LIVING_CENTURY:
        return False
    # Nobody born before 1905 is served; this lets counters with leading zeros pass.
    return digits[3] not in "01" or int(digits[4:6]) >= _OLDEST_YEAR


def holds_personal_id(name: str, value: str) -> bool:
    """Return whether an attribute holds what has the form of a personal ID.

    A value of exactly twelve digits always does, because people born abroad have other leading digits.
    Twelve digits inside a longer value do when province, century and year of birth can be a living person's, so that
    time stamps and counters pass. Nine digits (CMND) do only as a whole value of an attribute that may name a person.

    Args:
        name: Name of the attribute.
        value: Its value.

    Source:
        Nghị định 137/2015/NĐ-CP Điều 13 and Thông tư 59/2021/TT-BCA Điều 4: province, century, year, six digits.
    """
    if name in _UNCHECKED or len(value) < 9:
        return False
    if _TWELVE.fullmatch(value) or (name in _PERSON_ATTRIBUTES and _NINE.fullmatch(value)):
        return True
    without = _UUID.sub("", value) if "-" in value else value
    found = [match.group(1) for match in _RUN.finditer(without)]
    found += ["".join(match.group(1, 3, 4, 5)) for match in _GROUPED.finditer(without)]
    return any(_has_form(digits) for digits in found)


def refuse_personal_ids(attributes: Mapping[str, str]) -> None:
    """Check all attributes of an event.

    Args:
        attributes: Names → values.

    Raises:
        ValidationFailedError: Naming the attributes, with reason ``personal_id_in_attribute``.
    """
    if not _SUSPICIOUS.search("\n".join([attributes[name] for name in attributes if name not in _UNCHECKED])):
        return
    found = [name for name, value in attributes.items() if holds_personal_id(name, value)]
    if found:
        shown = [name if name in STANDARD or name in EXTENSIONS else "(extension)" for name in found]
        raise ValidationFailedError(
            f"an attribute looks like a personal ID: {', '.join(shown)}; {_REMEDY}",
            violations=[Violation(name, RULE, _REMEDY) for name in shown],
            reason=RULE,
        )
