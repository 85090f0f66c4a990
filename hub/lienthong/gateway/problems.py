"""Problem details (RFC 9457) that tell a publisher what is wrong and what to do, never a value.

The title is Vietnamese first, because officials read it; the detail is English, because programmers do.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lienthong.errors import (
    DecodeError,
    FatalError,
    LienthongError,
    RecordTooLargeError,
    RetriableError,
    UnknownSubjectError,
    ValidationFailedError,
    Violation,
)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:lienthong:problems:"
RETRY_AFTER_SECONDS = 5
_MAX_ERRORS = 20


class ProblemSpec(NamedTuple):
    """One kind of problem.

    Attributes:
        status: HTTP status.
        title: Vietnamese, then English.
    """

    status: int
    title: str


#: Code (end of the problem's ``type``) → status and title.
PROBLEMS: Mapping[str, ProblemSpec] = {
    "malformed": ProblemSpec(400, "Dữ liệu gửi lên không đọc được / The event cannot be read"),
    "token_missing": ProblemSpec(401, "Thiếu mã truy cập / Access token missing"),
    "token_invalid": ProblemSpec(401, "Mã truy cập không hợp lệ hoặc đã hết hạn / Access token not valid"),
    "signature_invalid": ProblemSpec(401, "Chữ ký không hợp lệ hoặc đã hết hạn / Signature not valid"),
    "scope_missing": ProblemSpec(403, "Mã truy cập không có quyền này / Scope missing"),
    "publisher_unknown": ProblemSpec(403, "Hệ thống chưa được đăng ký / System not registered"),
    "domain_not_allowed": ProblemSpec(403, "Hệ thống không được gửi loại dữ liệu này / Domain not allowed"),
    "lane_not_allowed": ProblemSpec(403, "Hệ thống không được gửi dữ liệu nạp bù / Back-fill not allowed"),
    "return_url_not_allowed": ProblemSpec(403, "Địa chỉ quay lại chưa được đăng ký / Return URL not registered"),
    "source_not_owned": ProblemSpec(403, "Nguồn dữ liệu không thuộc hệ thống này / Source not owned"),
    "officer_missing": ProblemSpec(403, "Mã truy cập không nêu cán bộ tra cứu / The token names no official"),
    "purpose_not_allowed": ProblemSpec(403, "Mục đích tra cứu không được phép / Purpose not allowed"),
    "lookup_not_allowed": ProblemSpec(403, "Cán bộ hoặc thủ tục chưa được phép tra cứu / Lookup not allowed"),
    "lookup_unknown": ProblemSpec(404, "Không có loại tra cứu này / No such lookup"),
    "webhook_unknown": ProblemSpec(404, "Không có webhook này / No such webhook"),
    "not_found": ProblemSpec(404, "Không tìm thấy / Not found"),
    "sign_in_off": ProblemSpec(404, "Chưa mở đăng nhập / Sign-in is not set up"),
    "sign_in_unknown": ProblemSpec(
        404, "Phiên đăng nhập không có, đã dùng hoặc đã hết hạn / Sign-in unknown, used or over"
    ),
    "event_not_found": ProblemSpec(404, "Chưa có kết quả cho sự kiện này / No receipt of this event"),
    "method_not_allowed": ProblemSpec(405, "Phương thức không được phép / Method not allowed"),
    "request_timeout": ProblemSpec(408, "Hết thời gian chờ dữ liệu / Request timed out"),
    "id_conflict": ProblemSpec(409, "Mã sự kiện đã dùng cho nội dung khác / Id used for another body"),
    "too_large": ProblemSpec(413, "Dữ liệu quá lớn / Too large"),
    "unsupported_media_type": ProblemSpec(415, "Kiểu dữ liệu không được hỗ trợ / Media type not supported"),
    "invalid_request": ProblemSpec(422, "Yêu cầu không hợp lệ / Request not valid"),
    "unknown_subject": ProblemSpec(422, "Loại hoặc phiên bản dữ liệu chưa được biết / Type or version unknown"),
    "validation_failed": ProblemSpec(422, "Dữ liệu không đúng lược đồ / The record breaks its schema"),
    "personal_id_in_attribute": ProblemSpec(422, "Thuộc tính chứa số định danh cá nhân / Personal ID in an attribute"),
    "batch_rejected": ProblemSpec(422, "Không sự kiện nào được nhận / No event of the batch was accepted"),
    "lookup_refused": ProblemSpec(422, "Cơ sở dữ liệu từ chối yêu cầu tra cứu / The target refuses the question"),
    "over_budget": ProblemSpec(429, "Đã hết lượt tra cứu, hãy thử lại sau / No call is left now"),
    "too_many_waiting": ProblemSpec(429, "Quá nhiều yêu cầu đang chờ / Too many requests are waiting"),
    "internal": ProblemSpec(500, "Lỗi hệ thống / Internal error"),
    "broker_unavailable": ProblemSpec(503, "Hệ thống tạm thời chưa nhận được / Kafka is away"),
    "ledger_unavailable": ProblemSpec(503, "Chưa tra cứu được kết quả / The ledger is away"),
    "access_log_unavailable": ProblemSpec(503, "Chưa ghi được nhật ký khai thác nên chưa tra cứu / Access log away"),
    "target_unavailable": ProblemSpec(
        503, "Chưa tra cứu được, không có nghĩa là không tìm thấy / Unavailable, which does not mean not found"
    ),
    "sign_in_unavailable": ProblemSpec(503, "Tạm thời chưa đăng nhập được / Sign-in is away"),
    "issuer_unavailable": ProblemSpec(503, "Chưa kiểm tra được mã truy cập / The token issuer is away"),
    "deadline_exceeded": ProblemSpec(
        504, "Chưa có trả lời trong thời hạn, không có nghĩa là không tìm thấy / No answer in time, not: not found"
    ),
}


_RECORD_CODES: tuple[tuple[type[LienthongError], str], ...] = (
    (ValidationFailedError, "validation_failed"),
    (DecodeError, "malformed"),
    (UnknownSubjectError, "unknown_subject"),
    (RecordTooLargeError, "too_large"),
)


class Problem(NamedTuple):
    """What a publisher is told.

    Attributes:
        code: Key of :data:`PROBLEMS`.
        detail: English: what happened and what to do, without any value.
        errors: Broken rules by field.
        retry_after_seconds: When to come back; None when it would not help.
    """

    code: str
    detail: str
    errors: Sequence[Violation] = ()
    retry_after_seconds: int | None = None

    @property
    def status(self) -> int:
        """HTTP status."""
        return PROBLEMS[self.code].status

    def document(self, **members: Any) -> dict[str, Any]:
        """Return the JSON object of the problem.

        Args:
            **members: Extension members.
        """
        spec = PROBLEMS[self.code]
        document: dict[str, Any] = {
            "type": TYPE_PREFIX + self.code,
            "title": spec.title,
            "status": spec.status,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = [
                {"field": error.field, "rule": error.rule, "remedy": error.remedy}
                for error in self.errors[:_MAX_ERRORS]
            ]
        return {**document, **members}


class ProblemError(HTTPException):
    """Ends a request with a problem.

    Args:
        problem: What the publisher is told.
        headers: Further headers of the answer.
    """

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem.status, problem.code, headers)
        self.problem = problem


def problem_of(error: LienthongError) -> Problem:
    """Return what a publisher is told about an error of the hub.

    Args:
        error: Raised by checking or writing one event.
    """
    if isinstance(error, ValidationFailedError) and error.reason == "personal_id_in_attribute":
        return Problem("personal_id_in_attribute", str(error), error.violations)
    for kind, code in _RECORD_CODES:
        if isinstance(error, kind):
            return Problem(code, str(error), error.violations if isinstance(error, ValidationFailedError) else ())
    if isinstance(error, RetriableError | FatalError):
        return Problem(
            "broker_unavailable",
            "Kafka did not acknowledge the event; send it again with the same id",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )
    return Problem("internal", "the hub could not handle the event; tell its operators")


def respond(problem: Problem, headers: Mapping[str, str] | None = None, **members: Any) -> Response:
    """Return the HTTP response of a problem.

    Args:
        problem: What the publisher is told.
        headers: Further headers.
        **members: Extension members of the document.
    """
    response = Response(orjson.dumps(problem.document(**members)), problem.status, headers, MEDIA_TYPE)
    if problem.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(problem.retry_after_seconds)
    return response
