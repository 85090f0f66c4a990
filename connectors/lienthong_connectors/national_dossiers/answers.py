"""What an answer of a national platform is: a JSON object, and what its code and text mean.

The text never leaves this module, because it may repeat values of a dossier.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import httpx
import orjson

from lienthong.errors import (
    LienthongError,
    TargetConfigurationError,
    TargetSuspendedError,
    TargetUnavailableError,
    TokenExpiredError,
)

_SUCCESS = frozenset({"0", "00"})
_CODE = re.compile(r"-?[0-9]{1,6}")
#: The wordings are ASSUMED; the first that is found decides.
_SESSION = re.compile(r"(phiên|session)\b.*(hết hạn|không hợp lệ|không tồn tại|expired|invalid)")
_SUSPENDED = re.compile(r"tài khoản\b.*bị khóa|(bị|đã) tạm (ngừng|dừng) kết nối|ngắt kết nối")
_CREDENTIALS = re.compile(r"(sai|không đúng) (tài khoản|mật khẩu|tên đăng nhập)|không có quyền|chưa được cấp quyền")


def read_object(response: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of an answer.

    Args:
        response: The answer.

    Raises:
        TargetUnavailableError: If it is cut off, in another charset than UTF-8, or no object. It is asked for again.
    """
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        # Without the cause: a JSON error carries the whole document, which may be personal.
        raise TargetUnavailableError(
            "the platform answered with something that is no JSON object in UTF-8", reason="no_json_object"
        ) from None
    return answer


def check_code(answer: Mapping[str, Any]) -> None:
    """Refuse an answer of the portal that is no success.

    Args:
        answer: With ``error_code`` and ``message``.

    Raises:
        TokenExpiredError: The session has ended.
        TargetConfigurationError: The portal refuses the account, or has locked it.
        TargetUnavailableError: Any other code; what nobody knows is asked again and shows up as an open circuit.
    """
    code = str(answer.get("error_code", ""))
    if code in _SUCCESS:
        return
    raise _meaning(code if _CODE.fullmatch(code) else "none", str(answer.get("message") or ""))


def _meaning(code: str, message: str) -> LienthongError:
    text = unicodedata.normalize("NFC", message).lower()
    if _SESSION.search(text):
        return TokenExpiredError("the session at the platform has ended", reason=f"session:{code}")
    if _SUSPENDED.search(text):
        return TargetSuspendedError(
            "the platform has locked the account; ask its operator, then start the worker again",
            reason=f"suspended:{code}",
        )
    if _CREDENTIALS.search(text):
        return TargetConfigurationError(
            "the platform does not allow this call for the account; check user_name, unit_code and its rights",
            reason=f"credentials:{code}",
        )
    return TargetUnavailableError(
        "the platform answered with a code that is no success; ask its operator if it stays so",
        reason=f"unexpected_code:{code}",
    )


def items_of(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list.

    Args:
        value: What should be a list of objects; what is none of them is an object without fields.

    Raises:
        TargetUnavailableError: If it is no list.
    """
    if not isinstance(value, list):
        raise TargetUnavailableError("the platform answered without a list", reason="no_list")
    return [item if isinstance(item, dict) else {} for item in value]
