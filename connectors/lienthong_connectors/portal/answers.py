"""What an answer of the portal means: its code alone does not tell.

The portal says much in the text of ``message`` and the same text comes with several codes, so text is judged first and
the code only when the text says nothing. The text never leaves this module, because it may repeat values of the record.
"""

import re
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

SUCCESS_CODES = frozenset({"0", "00"})
_CODE = re.compile(r"-?[0-9]{1,6}")


class Meaning(StrEnum):
    """What the portal wants to say."""

    SUCCESS = "success"
    EXISTS = "exists"
    UNKNOWN_DOSSIER = "dossier_unknown"
    SESSION = "session"
    PROCEDURE = "procedure_not_allowed"
    CREDENTIALS = "credentials"
    SUSPENDED = "suspended"
    BUSY = "busy"
    REJECTED = "rejected"


class Judgement(NamedTuple):
    """The meaning of one answer.

    Attributes:
        meaning: What the engine must do follows from it.
        reason: Machine-readable detail without any text of the portal.
    """

    meaning: Meaning
    reason: str


#: Ordered: the first pattern that is found decides. All wordings but "đã tồn tại", "đã được tiếp nhận" and
#: "thành công" are ASSUMED.
_TEXTS: tuple[tuple[re.Pattern[str], Meaning], ...] = (
    (
        re.compile(r"(phien|session)\b.*(het han|khong hop le|khong ton tai|khong dung|expired|invalid)"),
        Meaning.SESSION,
    ),
    (re.compile(r"ho so\b.*\bda ton tai|da ton tai\b.*\bho so|^da ton tai"), Meaning.EXISTS),
    (
        re.compile(
            r"ho so\b[^,;.]*\b(khong ton tai|chua ton tai|khong tim thay|chua duoc dong bo)|"
            r"khong (ton tai|tim thay) ho so"
        ),
        Meaning.UNKNOWN_DOSSIER,
    ),
    (
        re.compile(r"thu tuc\b.*(chua duoc (phan quyen|cap quyen|cau hinh|cho phep)|khong duoc phep)"),
        Meaning.PROCEDURE,
    ),
    (re.compile(r"tai khoan\b.*bi khoa|(bi|da) tam (ngung|dung) ket noi|ngat ket noi"), Meaning.SUSPENDED),
    (
        re.compile(r"(sai|khong dung) (tai khoan|mat khau|ten dang nhap)|khong co quyen|chua duoc cap quyen"),
        Meaning.CREDENTIALS,
    ),
    (re.compile(r"qua tai|he thong (dang )?ban\b|bao tri|thu lai sau"), Meaning.BUSY),
    (
        re.compile(
            r"that bai|khong thanh cong|chua thanh cong|khong hop le|bat buoc|khong duoc de trong|khong ton tai"
        ),
        Meaning.REJECTED,
    ),
    (re.compile(r"thanh cong|da duoc tiep nhan|^(ok|success)$"), Meaning.SUCCESS),
)
#: Said of a record that arrived before, so that it counts with any code.
_IS_RECEIVED = re.compile(r"da duoc tiep nhan")


def fold(text: str) -> str:
    """Return text in lower case without accents and with single spaces.

    Args:
        text: Vietnamese text in any Unicode form.
    """
    decomposed = unicodedata.normalize("NFD", text.lower())
    plain = "".join(character for character in decomposed if unicodedata.category(character) != "Mn")
    return " ".join(plain.replace("đ", "d").split())


def judge(
    answer: Mapping[str, Any], success_phrases: tuple[str, ...] = (), *, needs_code_and_text: bool = False
) -> Judgement:
    """Return what an answer means.

    Args:
        answer: The parsed JSON object.
        success_phrases: Further texts that mean success.
        needs_code_and_text: Whether code 0 and "thành công" make a success only together.

    Returns:
        The meaning; an answer with code 0 and a text that nobody knows is *rejected*, so that it shows up instead of
        passing for a success.
    """
    code = str(answer.get("error_code", ""))
    reason_code = code if _CODE.fullmatch(code) else "none"
    text = fold(str(answer.get("message") or answer.get("error_message") or ""))
    if code in SUCCESS_CODES and not text and not needs_code_and_text:
        return Judgement(Meaning.SUCCESS, "code")
    for phrase in success_phrases:
        if fold(phrase) in text:
            return Judgement(Meaning.SUCCESS, "text")
    for pattern, meaning in _TEXTS:
        if pattern.search(text):
            is_half = meaning is Meaning.SUCCESS and needs_code_and_text and not _IS_RECEIVED.search(text)
            if is_half and (code not in SUCCESS_CODES or "thanh cong" not in text):
                break
            return Judgement(meaning, f"{meaning.value}:{reason_code}")
    known = "unknown_text" if code in SUCCESS_CODES else "code"
    return Judgement(Meaning.REJECTED, f"{known}:{reason_code}")
