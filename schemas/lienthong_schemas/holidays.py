"""Days on which the offices of Viet Nam are closed though the week says otherwise, and the other way round.

Dated data, because the days at the new moon and the swapped days are decided anew for every year.

Source:
    Labour Code 45/2019/QH14, article 112 (public holidays; the day after one that falls on a weekly day off); the
    yearly announcements on the lunar new year and on swapped days, such as 12729/VPCP-KGVX of 25 December 2025;
    24 November since 2026 (Ngày Văn hóa Việt Nam).
    Not decided for 2027 yet, hence ASSUMED: the days around the lunar new year and the second day of 2 September.
"""

from datetime import date
from typing import Final

#: Working days of the week that are holidays; those that fall on a weekend change nothing and are left out.
PUBLIC_HOLIDAYS: Final = frozenset(
    date.fromisoformat(day)
    for day in (
        "2025-01-01",
        *("2025-01-27", "2025-01-28", "2025-01-29", "2025-01-30", "2025-01-31"),
        "2025-04-07",
        *("2025-04-30", "2025-05-01"),
        *("2025-09-01", "2025-09-02"),
        "2026-01-01",
        *("2026-02-16", "2026-02-17", "2026-02-18", "2026-02-19", "2026-02-20"),
        "2026-04-27",
        *("2026-04-30", "2026-05-01"),
        *("2026-09-01", "2026-09-02"),
        "2026-11-24",
        "2027-01-01",
        *("2027-02-04", "2027-02-05", "2027-02-08", "2027-02-09", "2027-02-10"),
        "2027-04-16",
        *("2027-04-30", "2027-05-03"),
        *("2027-09-02", "2027-09-03"),
        "2027-11-24",
    )
)
#: Day off → the day of a weekend that was worked for it.
SWAPPED_DAYS: Final = {
    date(2025, 5, 2): date(2025, 4, 26),
    date(2026, 1, 2): date(2026, 1, 10),
    date(2026, 8, 31): date(2026, 8, 22),
}
#: The last day that the data above covers; a deadline behind it rests on weekends alone.
KNOWN_UNTIL: Final = date(2027, 12, 31)
