"""What the simulated portal holds and answers, without any HTTP.

It dedupes nothing beyond the specification: a record is created once and updated as often as it is sent, a step of the
progress is one more effect each time it arrives. What the public specification leaves open is ASSUMED.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import orjson

from lienthong_connectors.portal.status import FROM_PORTAL
from lienthong_connectors.portal.wire import (
    DATE_FIELDS,
    FIND_SERVICE,
    MAX_CHARACTERS,
    MAX_STEPS,
    MAY_BE_EMPTY,
    ONLINE,
    PROGRESS_REQUIRED_FIELDS,
    PROGRESS_SERVICE,
    REQUIRED_FIELDS,
    SYNC_SERVICE,
    TECH_ID_SERVICE,
    WireRecord,
    links_of,
)

SESSION_TEXT = "Phiên làm việc không hợp lệ hoặc đã hết hạn"
SUSPENDED_TEXT = "Tài khoản đã bị khóa"
ASTRAY_TEXT = "Đơn vị chưa được cấp quyền"
EXISTS_TEXT = "Hồ sơ đã tồn tại"
UNKNOWN_TEXT = "Hồ sơ không tồn tại"
SYNCED_TEXT = "Đồng bộ hồ sơ thành công"
PROGRESS_TEXT = "Cập nhật tiến độ thành công"
FAILED_TEXT = "Cập nhật thất bại"


@dataclass(slots=True)
class Effect:
    """One change of what the portal holds.

    Attributes:
        kind: ``create``, ``update``, ``link`` (an update that adds a database) or ``progress``.
        detail: Evidence without personal values.
    """

    kind: str
    detail: dict[str, Any]


@dataclass(slots=True)
class HeldDossier:
    """One dossier of the portal.

    Attributes:
        raw: The last record as JSON; objects of thousands of dossiers would burden the garbage collector.
        status: Its ``TrangThaiHoSo``.
        links: Its ``DSKetNoiCSDL``.
        rounds: ``HoSoBoSungId`` of its rounds of supplement, as last written.
        arrivals: (arrival number, kind, status, moment of the step, fingerprint), in order of arrival.
        counts: Kind of effect → how often.
        lost_links: Databases that an update removed; must stay empty.
    """

    raw: bytes
    status: str
    links: tuple[str, ...]
    rounds: tuple[str, ...] = ()
    arrivals: list[tuple[int, str, str, str, str]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    lost_links: set[str] = field(default_factory=set)

    def summary(self) -> dict[str, Any]:
        """Return the state without personal values."""
        return {
            "TrangThaiHoSo": self.status,
            "DSKetNoiCSDL": self.links,
            "DanhSachHoSoBoSung": self.rounds,
            "counts": self.counts,
            "lost_links": sorted(self.lost_links),
            "arrivals": self.arrivals,
        }


@dataclass(slots=True)
class PortalState:
    """The simulated portal's memory.

    Attributes:
        is_strict: Whether failures have a code of their own; otherwise code 0 comes with every text.
        no_account_suffix: Identifiers that end so have no account, empty for none.
        dossiers: Dossier code → what is held.
        arrivals: Number of effects so far.
    """

    is_strict: bool = True
    no_account_suffix: str = ""
    dossiers: dict[str, HeldDossier] = field(default_factory=dict)
    arrivals: int = 0

    def handle(self, body: WireRecord) -> tuple[dict[str, Any], list[Effect]]:
        """Answer one call of a service.

        Args:
            body: The parsed request.

        Returns:
            The answer and what changed.
        """
        service = body.get("service")
        if service == SYNC_SERVICE:
            return self._sync(body)
        if service == PROGRESS_SERVICE:
            return self._progress(body)
        if service == FIND_SERVICE:
            held = self.dossiers.get(str(body.get("mahoso")))
            found = [] if held is None else [orjson.Fragment(held.raw)]
            return {"error_code": 0, "message": "", "result": found}, []
        if service == TECH_ID_SERVICE:
            return self._tech_id(body), []
        return self._failure("Dịch vụ không hợp lệ"), []

    def _failure(self, text: str) -> dict[str, Any]:
        return {"error_code": -1 if self.is_strict else 0, "message": text}

    def _success(self, text: str) -> dict[str, Any]:
        return {"error_code": 0 if self.is_strict else "00", "message": text}

    def _tech_id(self, body: WireRecord) -> dict[str, Any]:
        identifier = str(body.get("mstorcmnd") or "")
        if not identifier or (self.no_account_suffix and identifier.endswith(self.no_account_suffix)):
            return {"error_code": 0, "message": "", "result": []}
        return {"error_code": 0, "message": "", "result": [{"TECHNICALID": tech_id_of(identifier)}]}

    def _sync(self, body: WireRecord) -> tuple[dict[str, Any], list[Effect]]:
        records = body.get("data")
        updating = body.get("isUpdating")
        if not isinstance(records, list) or len(records) != 1 or updating not in {"True", "False"}:
            return self._failure(f"{FAILED_TEXT}: dữ liệu không hợp lệ"), []
        record = records[0]
        problem = record_problem(record)
        if problem:
            return self._failure(f"{FAILED_TEXT}: {problem}"), []
        code, status, links = record["MaHoSo"], record["TrangThaiHoSo"], links_of(record)
        rounds = tuple(str(each.get("HoSoBoSungId")) for each in record.get("DanhSachHoSoBoSung") or ())
        held = self.dossiers.get(code)
        raw = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
        if updating == "False":
            if held is not None:
                return self._failure(EXISTS_TEXT), []
            held = self.dossiers[code] = HeldDossier(raw, status, links, rounds)
            return self._success(SYNCED_TEXT), [self._effect("create", held, code, status, raw)]
        if held is None:
            return self._failure(UNKNOWN_TEXT), []
        kind = "update"
        if links != held.links:
            kind = "link" if set(links) - set(held.links) else "update"
            held.lost_links |= set(held.links) - set(links)
        held.raw, held.status, held.links, held.rounds = raw, status, links, rounds
        return self._success(SYNCED_TEXT), [self._effect(kind, held, code, status, raw)]

    def _progress(self, body: WireRecord) -> tuple[dict[str, Any], list[Effect]]:
        steps = body.get("data")
        if not isinstance(steps, list) or not 1 <= len(steps) <= MAX_STEPS:
            return self._failure(f"{FAILED_TEXT}: dữ liệu không hợp lệ"), []
        for number, step in enumerate(steps):
            problem = self._step_problem(step)
            if problem:
                # Quirk, ASSUMED: the steps in front of the refused one stay written.
                written = [] if self.is_strict else [self._step(each) for each in steps[:number]]
                return self._failure(problem), written
        return self._success(PROGRESS_TEXT), [self._step(step) for step in steps]

    def _step_problem(self, step: WireRecord) -> str:
        missing = [name for name in PROGRESS_REQUIRED_FIELDS if not step.get(name)]
        if missing or len(step["NguoiXuLy"]) > MAX_CHARACTERS["NguoiXuLy"] or step["TrangThai"] not in FROM_PORTAL:
            return f"{FAILED_TEXT}: dữ liệu không hợp lệ"
        return "" if step["MaHoSo"] in self.dossiers else UNKNOWN_TEXT

    def _step(self, step: WireRecord) -> Effect:
        code = step["MaHoSo"]
        raw = orjson.dumps(step, option=orjson.OPT_SORT_KEYS)
        return self._effect("progress", self.dossiers[code], code, step["TrangThai"], raw, step["ThoiDiemXuLy"])

    def _effect(self, kind: str, held: HeldDossier, code: str, status: str, raw: bytes, at: str = "") -> Effect:
        self.arrivals += 1
        print_of = hashlib.sha256(raw).hexdigest()
        held.arrivals.append((self.arrivals, kind, status, at, print_of))
        held.counts[kind] = held.counts.get(kind, 0) + 1
        detail = {
            "MaHoSo": code,
            "TrangThaiHoSo": status,
            "arrival": self.arrivals,
            "ThoiDiemXuLy": at,
            "fingerprint": print_of,
        }
        if kind != "progress":
            detail["DSKetNoiCSDL"] = held.links
        return Effect(kind, detail)


def tech_id_of(identifier: str) -> str:
    """Return the account that the simulator has for an identifier.

    Args:
        identifier: A generated identifier.
    """
    return hashlib.sha256(identifier.encode()).hexdigest()[:32]


def fingerprint(record: WireRecord) -> str:
    """Return the SHA-256 of a whole record, independent of the order of its fields.

    Args:
        record: As it was sent.
    """
    return hashlib.sha256(orjson.dumps(record, option=orjson.OPT_SORT_KEYS)).hexdigest()


def record_problem(record: Any) -> str:
    """Return what is wrong with a record of ``DongBoHoSoMC``, or empty text.

    Args:
        record: As it was sent.
    """
    if not isinstance(record, dict):
        return "dữ liệu không hợp lệ"
    for name in REQUIRED_FIELDS:
        value = record.get(name)
        if value is None or (not value and name not in MAY_BE_EMPTY):
            return f"thiếu trường bắt buộc {name}"
    for name, value in record.items():
        if type(value) is not str and type(value) is not list:
            return f"trường {name} không hợp lệ"
    return _form_problem(record)


def _form_problem(record: WireRecord) -> str:
    for name in DATE_FIELDS:
        value = record.get(name)
        if value and not (len(value) == 14 and value.isdigit()):
            return f"trường {name} không hợp lệ"
    if record["TrangThaiHoSo"] not in FROM_PORTAL:
        return "trường TrangThaiHoSo không hợp lệ"
    if len(record["TrichYeuHoSo"]) > MAX_CHARACTERS["TrichYeuHoSo"]:
        return "trường TrichYeuHoSo không hợp lệ"
    if record["KenhThucHien"] == ONLINE and not record.get("MaDoiTuong"):
        return "thiếu trường bắt buộc MaDoiTuong"
    return ""
