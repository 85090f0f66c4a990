"""Feedback of a citizen or enterprise (phản ánh, kiến nghị): all of it at one moment.

Source:
    Field list of the national data model as far as it is known (QCVN 120:2019/BTTTT has it; its text is not public),
    and two provincial models; the interface is ASSUMED.
"""

from typing import Annotated, Literal

from lienthong_schemas.base import Line200, RecordModel, Text1000, Text2000, Text4000, Timestamp, Token, meta
from lienthong_schemas.dossier import CatalogueCode, FileReference, Sequence
from lienthong_schemas.party import Address, Party, Unit
from lienthong_schemas.place import Position

FeedbackStatus = Literal[
    "received",
    "transferred",
    "processing",
    "supplement",
    "supplemented",
    "returned",
    "refused",
    "answered",
    "awaiting_publication",
    "published",
    "withdrawn",
]


class FeedbackTransfer(RecordModel):
    """That the feedback went from one office to another; the clock of the new one starts here."""

    transfer_id: Annotated[Token, meta("Mã lần chuyển", "The same for every copy of one transfer.")]
    from_unit: Annotated[Unit, meta("Cơ quan chuyển", "Who gave it on.")]
    to_unit: Annotated[Unit, meta("Cơ quan nhận", "Who has it now.")]
    transferred_at: Annotated[Timestamp, meta("Thời điểm chuyển", "When.")]
    reason: Annotated[Text1000 | None, meta("Lý do", "Why; names no person.")] = None


class FeedbackPause(RecordModel):
    """A time in which the office waited for somebody, which does not count."""

    waits_for: Annotated[Literal["citizen", "agency"], meta("Chờ", "For whom.")]
    begun_at: Annotated[Timestamp, meta("Bắt đầu", "Since when.")]
    ended_at: Annotated[Timestamp | None, meta("Kết thúc", "Until when; null while it lasts.")] = None


class FeedbackAnswer(RecordModel):
    """What the office answered."""

    content: Annotated[Text4000, meta("Nội dung trả lời", "The answer.", personal="basic")]
    answered_by: Annotated[Unit, meta("Cơ quan trả lời", "Who answered.")]
    answered_at: Annotated[Timestamp, meta("Thời điểm trả lời", "When.")]
    reference: Annotated[FileReference | None, meta("Tệp", "Signed letter, if there is one.")] = None


class FeedbackSnapshotV1(RecordModel):
    """All of one feedback at one moment."""

    feedback_code: Annotated[Token, meta("Mã phản ánh kiến nghị", "One code for province and nation.")]
    sequence: Annotated[Sequence, meta("Số thứ tự", "Grows with every snapshot of this feedback.")]
    occurred_at: Annotated[Timestamp, meta("Thời điểm", "When this became so.")]
    origin: Annotated[Literal["national", "province"], meta("Nơi tiếp nhận ban đầu", "Where the citizen handed it in.")]
    channel: Annotated[
        Literal["portal", "app", "hotline", "counter", "letter"], meta("Kênh tiếp nhận", "How it was handed in.")
    ]
    field_code: Annotated[CatalogueCode, meta("Mã lĩnh vực", "Code of the field.")]
    field_name: Annotated[Line200, meta("Tên lĩnh vực", "Name of the field.")]
    title: Annotated[Text2000, meta("Tiêu đề", "In the citizen's words.", personal="basic")]
    content: Annotated[Text4000, meta("Nội dung", "In the citizen's words.", personal="sensitive")]
    is_anonymous: Annotated[bool, meta("Ẩn danh", "Whether the sender's name is not shown to anybody else.")] = False
    sender: Annotated[Party | None, meta("Người gửi", "Who sent it; null when nobody said so.")] = None
    place: Annotated[Address | None, meta("Nơi xảy ra", "What place it is about.", personal="basic")] = None
    position: Annotated[Position | None, meta("Tọa độ", "Point on the map.", personal="basic")] = None
    attachments: Annotated[
        tuple[FileReference, ...], meta("Tệp đính kèm", "Pictures and papers, by reference.", max_length=50)
    ] = ()
    received_at: Annotated[Timestamp, meta("Thời điểm tiếp nhận", "When it was received; its clock starts here.")]
    status: Annotated[FeedbackStatus, meta("Trạng thái", "Where it stands.")]
    status_reason: Annotated[Text1000 | None, meta("Lý do", "Why it was refused or returned.")] = None
    assigned_unit: Annotated[Unit, meta("Cơ quan xử lý", "Who has it.")]
    due_at: Annotated[
        Timestamp | None, meta("Hạn xử lý", "As the handling system says it; that one counts, not the hub's.")
    ] = None
    transfers: Annotated[tuple[FeedbackTransfer, ...], meta("Lịch sử chuyển", "The oldest first.", max_length=100)] = ()
    pauses: Annotated[tuple[FeedbackPause, ...], meta("Tạm dừng", "Times that do not count.", max_length=100)] = ()
    supplement_request: Annotated[Text2000 | None, meta("Nội dung yêu cầu bổ sung", "What is asked for.")] = None
    supplement_requested_at: Annotated[Timestamp | None, meta("Thời điểm yêu cầu bổ sung", "When.")] = None
    answer: Annotated[FeedbackAnswer | None, meta("Trả lời", "The answer, once there is one.")] = None
    may_be_published: Annotated[bool, meta("Cho phép công khai", "Whether question and answer may be shown.")] = False
    published_at: Annotated[Timestamp | None, meta("Thời điểm công khai", "When both were shown.")] = None
    summary_for_public: Annotated[
        Text2000 | None, meta("Nội dung công khai", "The question without anything personal.")
    ] = None
