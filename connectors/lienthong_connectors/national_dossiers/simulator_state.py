"""What the simulated platforms hold and answer, without any HTTP.

A dossier that changes is shown as not arrived again, whoever changed it, also the province itself: the worst that a
platform could do, and what an echo would live on. How the portal lists is ASSUMED.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lienthong.clock import to_vietnam
from lienthong_connectors.national_dossiers.portal_draft import FORM
from lienthong_connectors.national_dossiers.simulator_dossiers import file_of, linked_record, portal_record

PORTAL, LINKED = "portal", "linked"


@dataclass(slots=True)
class HeldDossier:
    """One dossier of a platform.

    Attributes:
        platform: ``portal`` or ``linked``.
        record: As the platform has it.
        changed: When it changed, as ``yyyyMMddHHmmss``.
        released_at: When it could first be listed, in seconds since 1970.
        is_received: Whether this state was marked as arrived.
        listed: How often it stood in a list.
        fetched: How often it was handed out.
        marked: How often it was marked as arrived.
    """

    platform: str
    record: dict[str, Any]
    changed: str
    released_at: float
    is_received: bool = False
    listed: int = 0
    fetched: int = 0
    marked: int = 0

    def truth(self) -> dict[str, Any]:
        """Return what happened to it, without personal values."""
        return {
            "platform": self.platform,
            "changed": self.changed,
            "released_at": self.released_at,
            "is_received": self.is_received,
            "listed": self.listed,
            "fetched": self.fetched,
            "marked": self.marked,
        }


@dataclass(slots=True)
class NationalState:
    """The memory of both platforms.

    Attributes:
        dossiers: Dossier code → what is held.
        lost_files: Paths of files that the portal lists and does not have.
        moves_lines: Whether the first line of a list changes while its second page is asked for, once.
        repeats_page: Whether the second page of a list is the first one again.
    """

    dossiers: dict[str, HeldDossier] = field(default_factory=dict)
    lost_files: set[str] = field(default_factory=set)
    moves_lines: bool = False
    repeats_page: bool = False
    _number: int = 0

    def add(self, platform: str, now: datetime, fields: Mapping[str, Any]) -> str:
        """Let a citizen submit a dossier and return its code.

        Args:
            platform: ``portal`` or ``linked``.
            now: When.
            fields: Wire fields that are otherwise than usual.
        """
        self._number += 1
        usual = portal_record(self._number, now) if platform == PORTAL else linked_record(self._number, now)
        code = str(usual["MaHoSo" if platform == PORTAL else "maHoSo"])
        changed = f"{to_vietnam(now):{FORM}}"
        self.dossiers[code] = HeldDossier(platform, {**usual, **fields}, changed, now.timestamp())
        return code

    def change(self, code: str, now: datetime, fields: Mapping[str, Any]) -> bool:
        """Change a dossier, as a citizen or the province's own synchronisation does, and return whether there is one.

        Args:
            code: Dossier code.
            now: When.
            fields: Wire fields and new values.
        """
        held = self.dossiers.get(code)
        if held is None:
            return False
        held.record = {**held.record, **fields}
        held.changed = f"{to_vietnam(now):{FORM}}"
        held.is_received = False
        return True

    def portal_page(self, first: str, last: str, page: int, size: int) -> dict[str, Any]:
        """Answer ``LayDanhSachHoSo`` of the portal.

        Args:
            first: First second of the span, as ``yyyyMMddHHmmss``.
            last: Last second.
            page: Number of the page, from 1.
            size: Lines of a page.
        """
        if page == 2 and self.moves_lines:
            self.moves_lines = False
            self._in_span(first, last)[0].changed = str(int(last) + 1)
        if page == 2 and self.repeats_page:
            page = 1
        lines = self._in_span(first, last)
        shown = lines[(page - 1) * size : page * size]
        for held in shown:
            held.listed += 1
        return {"error_code": 0, "message": "", "tongso": len(lines), "result": [_line(held) for held in shown]}

    def _in_span(self, first: str, last: str) -> list[HeldDossier]:
        found = [each for each in self.dossiers.values() if each.platform == PORTAL and first <= each.changed <= last]
        return sorted(found, key=lambda each: each.changed)

    def portal_detail(self, code: str) -> dict[str, Any]:
        """Answer ``LayChiTietHoSo``.

        Args:
            code: Dossier code.
        """
        held = self.dossiers.get(code)
        if held is None:
            return {"error_code": 0, "message": "", "result": []}
        held.fetched += 1
        return {"error_code": 0, "message": "", "result": [held.record]}

    def portal_file(self, path: str) -> dict[str, Any]:
        """Answer ``LayTepTin``.

        Args:
            path: As a paper names it.
        """
        found = "" if path in self.lost_files else base64.b64encode(file_of(path)).decode()
        return {"error_code": 0, "message": "", "result": found}

    def linked_page(self, page: int, size: int) -> list[dict[str, Any]]:
        """Answer ``LayDanhSachHoSo`` of the linked service.

        Args:
            page: Number of the page, from 1.
            size: Lines of a page.
        """
        open_ones = [each for each in self.dossiers.values() if each.platform == LINKED and not each.is_received]
        shown = open_ones[(page - 1) * size : page * size]
        names = ("id", "maDonVi", "maTTHC", "module", "maHoSo", "ngayTiepNhan", "techId")
        for held in shown:
            held.listed += 1
        return [{name: held.record[name] for name in names} for held in shown]

    def linked_detail(self, reference: str) -> dict[str, Any] | None:
        """Answer the detail of the linked service.

        Args:
            reference: Id of the dossier.
        """
        for held in self.dossiers.values():
            if held.platform == LINKED and str(held.record["id"]) == reference:
                held.fetched += 1
                return held.record
        return None

    def mark(self, code: str) -> bool | None:
        """Mark a dossier as arrived and return whether that is new; None for a dossier that is not there.

        Args:
            code: Dossier code.
        """
        held = self.dossiers.get(code)
        if held is None:
            return None
        held.marked += 1
        was_received, held.is_received = held.is_received, True
        return not was_received


def _line(held: HeldDossier) -> dict[str, Any]:
    record = held.record
    return {
        "MaHoSo": record["MaHoSo"],
        "MaTTHC": record["MaTTHC"],
        "NgayCapNhat": held.changed,
        "TrangThaiHoSo": record["TrangThaiHoSo"],
        "NoiNopHoSo": record["NoiNopHoSo"],
        "DaNhan": "1" if held.is_received else "0",
    }
