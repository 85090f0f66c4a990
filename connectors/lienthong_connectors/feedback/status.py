"""States of feedback in the hub and in the nation: two tables, one for each direction.

Source:
    The fourteen national states as they stand in the formulas of QĐ 766/QĐ-TTg. No codes are published, so the text is
    the code (ASSUMED); which state of the hub a row belongs to is ASSUMED.
"""

import unicodedata
from types import MappingProxyType

from lienthong.errors import TransformError

#: State of the hub → national state. ``withdrawn`` has none.
TO_NATIONAL = MappingProxyType(
    {
        "received": "Tiếp nhận ở địa phương",
        "transferred": "gửi đơn vị khác bằng phần mềm riêng",
        "processing": "xử lý ở địa phương",
        "supplement": "PA chờ bổ sung",
        "supplemented": "Phản ánh đã bổ sung",
        "returned": "BNĐP gửi trả VPCP",
        "refused": "Từ chối tiếp nhận",
        "answered": "Đã gửi email",
        "awaiting_publication": "PAKN chờ công khai",
        "published": "PAKN đã công khai",
    }
)

#: National state → state of the hub, all fourteen.
FROM_NATIONAL = MappingProxyType(
    {
        "Mới tiếp nhận VPCP": "received",
        "Tiếp nhận ở địa phương": "received",
        "Phản ánh đã bổ sung": "supplemented",
        "xử lý ở địa phương": "processing",
        "Đã gửi email": "answered",
        "PA chờ bổ sung": "supplement",
        "PAKN chờ công khai": "awaiting_publication",
        "PAKN đã công khai": "published",
        "Từ chối tiếp nhận": "refused",
        "BNĐP gửi trả VPCP": "returned",
        "BNĐP gửi trả BNĐP khác": "transferred",
        "Trả lại VPCP": "returned",
        "gửi đơn vị khác bằng phần mềm riêng": "transferred",
        "Trả lại tiếp nhận địa phương": "received",
    }
)


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).lower().split())


_BY_FOLDED = {_folded(text): status for text, status in FROM_NATIONAL.items()}


def status_to_national(status: str) -> str:
    """Return the national state of a state.

    Args:
        status: State of the hub.

    Raises:
        TransformError: If the nation has none.
    """
    text = TO_NATIONAL.get(status)
    if text is None:
        raise TransformError(
            "the nation has no state for this feedback; tell its office, then discard the record",
            reason="status_unmapped",
        )
    return text


def status_from_national(text: str) -> str:
    """Return the hub's state of a national one, whatever its case, spaces and Unicode form.

    Args:
        text: As the nation sent it.

    Raises:
        TransformError: If it is none of the fourteen.
    """
    status = _BY_FOLDED.get(_folded(text))
    if status is None:
        raise TransformError(
            "the nation sent a state of feedback that is none of the fourteen; ask its operator what it means",
            reason="national_status_unmapped",
        )
    return status
