"""Dossier states of the hub and of the portal: two tables, one for each direction.

Source:
    ``TrangThaiHoSo`` 0-10 as read in clients of the portal; which hub state a row belongs to is ASSUMED.
"""

from types import MappingProxyType

from lienthong.errors import TransformError

#: State of the hub → ``TrangThaiHoSo``; the comments give the portal's own wording.
TO_PORTAL = MappingProxyType(
    {
        "submitted": "1",  # Mới đăng ký
        "accepted": "2",  # Được tiếp nhận
        "refused": "3",  # Không được tiếp nhận
        "processing": "4",  # Đang xử lý
        "supplement": "5",  # Yêu cầu bổ sung giấy tờ
        "payment": "6",  # Yêu cầu thực hiện nghĩa vụ tài chính
        "withdrawn": "7",  # Công dân yêu cầu rút
        "stopped": "8",  # Dừng xử lý
        "finished": "9",  # Đã xử lý xong
        "returned": "10",  # Đã trả kết quả
    }
)

#: ``TrangThaiHoSo`` → state of the hub. 0 (đang liên thông) is seen in one province only: ASSUMED to be processing.
FROM_PORTAL = MappingProxyType(
    {
        "0": "processing",
        "1": "submitted",
        "2": "accepted",
        "3": "refused",
        "4": "processing",
        "5": "supplement",
        "6": "payment",
        "7": "withdrawn",
        "8": "stopped",
        "9": "finished",
        "10": "returned",
    }
)


def status_to_portal(status: str) -> str:
    """Return the portal's code of a state.

    Args:
        status: State of the hub.

    Raises:
        TransformError: If the portal has no code for it.
    """
    code = TO_PORTAL.get(status)
    if code is None:
        raise TransformError(
            "the portal has no TrangThaiHoSo for this dossier status; extend the table of states",
            reason="status_unmapped",
        )
    return code


def status_from_portal(code: str) -> str:
    """Return the hub's state of a portal code.

    Args:
        code: ``TrangThaiHoSo`` as the portal sent it.

    Raises:
        TransformError: If the code is none of 0 to 10.
    """
    status = FROM_PORTAL.get(code)
    if status is None:
        raise TransformError(
            "the portal sent a TrangThaiHoSo outside 0 to 10; ask its operator what it means",
            reason="portal_status_unmapped",
        )
    return status
