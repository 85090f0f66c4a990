"""Questions and answers of the warehouse as they go over the wire.

Source:
    A public provincial client (reuse of digitised results). ASSUMED: the path, the token, and all codes but success.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from pydantic import ValidationError

from lienthong.errors import (
    LienthongError,
    RejectedByTargetError,
    ScopeError,
    TargetConfigurationError,
    TargetUnavailableError,
)
from lienthong.outcome import Answer, AnswerStatus, Finding
from lienthong_schemas.stored_papers import StoredFile, StoredPaper, StoredPapersAnswer, StoredPapersQuery

OPERATION = "DanhSachGiayToKetQua"
#: ``KenhThucHien``: an official asks.
_BY_OFFICER = 1
_SUCCESS = frozenset({"0", "00", "200"})
_CODE = re.compile(r"-?[0-9]{1,4}")
_FIELD = re.compile(r"[A-Za-z0-9_]{1,64}")


def question(query: StoredPapersQuery, requester_name: str, requester_id: str) -> bytes:
    """Return the body of a question.

    Args:
        query: What is asked.
        requester_name: Full name of the official.
        requester_id: Personal ID of the official.
    """
    return orjson.dumps(
        {
            "SoDinhDanhChuSoHuu": query.owner,
            "HoTenNguoiYeuCau": requester_name,
            "KenhThucHien": _BY_OFFICER,
            "SoDinhDanhNguoiYeuCau": requester_id,
            "MaThuTuc": query.procedure_code,
            "DanhSachDanhMucKetQua": [
                {"MaKetQua": each.result_code, "SoKyHieu": each.number or ""} for each in query.papers
            ],
        }
    )


def answer_of(body: bytes, query: StoredPapersQuery, actor: str, attempt_id: str) -> Answer:
    """Return what the warehouse said.

    Args:
        body: Its answer.
        query: What was asked.
        actor: Opaque id of the official.
        attempt_id: Of the attempt.

    Raises:
        LienthongError: If it answers nothing; a list that is missing is no empty list.
    """
    document = _object(body)
    code = str(document.get("errorCode", ""))
    if code not in _SUCCESS:
        raise _error(code if _CODE.fullmatch(code) else "", actor)
    result = document.get("result")
    listed = result.get(OPERATION) if isinstance(result, dict) else None
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise TargetUnavailableError("the warehouse answered success without a list", reason="no_list")
    try:
        papers = tuple(_paper(item) for item in listed)
        kept = StoredPapersAnswer(papers=papers)
    except ValidationError:
        # Without the cause, which may hold values.
        kept = None
    if kept is None:
        raise TargetUnavailableError("the warehouse answered with a paper that cannot be read", reason="bad_paper")
    if not papers:
        return Answer(AnswerStatus.NO_MATCH, attempt_ids=(attempt_id,))
    known = {paper.result_code for paper in papers}
    missing = tuple(
        Finding(f"papers.{index}", "not_stored")
        for index, asked in enumerate(query.papers)
        if asked.result_code not in known
    )
    if known.isdisjoint(asked.result_code for asked in query.papers):
        raise TargetUnavailableError("the warehouse answered with other papers than asked", reason="other_papers")
    return Answer(AnswerStatus.MATCH, missing, (attempt_id,), tuple(dict.fromkeys(_names(listed))), kept)


def _error(code: str, actor: str) -> LienthongError:
    if code == "401":
        return TargetConfigurationError("the warehouse refuses the account", reason="code_401")
    if code == "403":
        return ScopeError(
            "the warehouse does not allow the official to ask", scope_kind="officer", scope=actor, reason="403"
        )
    if not code or code in {"500", "503"}:
        return TargetUnavailableError("the warehouse reports an error of its own", reason=f"code_{code or 'none'}")
    return RejectedByTargetError("the warehouse refuses the question", reason=f"code_{code}")


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        # Without the cause: a JSON error carries the whole document, which may be personal.
        raise TargetUnavailableError("the warehouse answered with something that is no JSON object", reason="no_object")
    return document


def _paper(item: Mapping[str, Any]) -> StoredPaper:
    files = item.get("DanhSachTepDinhKem") or []
    return StoredPaper(
        result_code=str(item.get("MaKetQua", "")),
        name=_text(item.get("TenGiayTo")),
        number=_text(item.get("SoKyHieu")),
        issuer=_text(item.get("CoQuanChuQuan")),
        files=tuple(
            StoredFile(name=_text(each.get("TenTep")) or "-", reference=str(each.get("DuongDan", "")))
            for each in files
            if isinstance(each, dict)
        ),
    )


def _names(listed: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for item in listed:
        for name, value in item.items():
            if value not in (None, "", []) and _FIELD.fullmatch(name):
                yield name


def _text(value: Any) -> str | None:
    return (" ".join(value.split()) or None) if isinstance(value, str) else None
