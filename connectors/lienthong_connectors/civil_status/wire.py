"""Names and forms of the ministry's exchange, without any decision.

Source:
    A provincial client of the linked procedures for births and deaths. The codes of sexes, the form of dates, the empty
    list that asks for all dossiers of a province, ``tuThoiDiem`` and ``trang`` are ASSUMED; the older list of the same
    register, ``dsHoSoDangKy``, asks by ``ngayCapNhat``.
"""

from datetime import datetime
from types import MappingProxyType

from lienthong.clock import VIETNAM, to_vietnam

#: Kind of dossier → ``module``.
MODULES = MappingProxyType({"birth": "LTKS", "death": "LTKT", "marriage": "LTKH"})
#: ``trangThai`` → state of the hub; 3 is accepted or processing and does not tell which.
STATES = MappingProxyType(
    {"1": "submitted", "2": "supplement", "3": "accepted_or_processing", "4": "finished", "6": "refused"}
)
GENDERS = MappingProxyType({"1": "male", "2": "female"})
#: Result field → role of a parent.
PARENTS = MappingProxyType({"me": "mother", "cha": "father"})
MOMENT_FORM = "%d/%m/%Y %H:%M:%S"
DAY_FORM = "%d/%m/%Y"


def wire_moment(moment: datetime) -> str:
    """Return a time as ``dd/MM/yyyy HH:mm:ss`` in Viet Nam.

    Args:
        moment: An aware time; fractions of a second are dropped, because the service has none.
    """
    return to_vietnam(moment).strftime(MOMENT_FORM)


def read_moment(text: object) -> datetime | None:
    """Return a time of the service, or None if it has another form.

    Args:
        text: As the service wrote it.
    """
    try:
        return datetime.strptime(str(text), MOMENT_FORM).replace(tzinfo=VIETNAM)
    except ValueError:
        return None
