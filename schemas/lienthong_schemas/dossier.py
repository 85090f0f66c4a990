"""The dossier (hồ sơ): its full snapshot, one step of progress, and that its owner was verified."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from lienthong_schemas.base import (
    Line50,
    Line200,
    Line500,
    RecordModel,
    Text1000,
    Text2000,
    Text4000,
    Timestamp,
    Token,
    meta,
)
from lienthong_schemas.identifiers import DossierCode, FieldCode, ProcedureCode
from lienthong_schemas.party import Party, SubjectKind, Unit

DossierStatus = Literal[
    "submitted",
    "accepted",
    "refused",
    "processing",
    "supplement",
    "payment",
    "withdrawn",
    "stopped",
    "finished",
    "returned",
]
Sequence = Annotated[int, Field(ge=1, le=2**53 - 1)]
CatalogueCode = Annotated[str, StringConstraints(min_length=1, max_length=50, pattern=r"^[A-Za-z0-9._\-]+$")]


class Procedure(RecordModel):
    """The administrative procedure (thủ tục hành chính) as it was when the dossier was received."""

    code: Annotated[ProcedureCode, meta("Mã thủ tục hành chính", "National or local procedure code.")]
    name: Annotated[Line500, meta("Tên thủ tục hành chính", "Official name.")]
    field_code: Annotated[FieldCode, meta("Mã lĩnh vực", "Code of the field.")]
    field_name: Annotated[Line200, meta("Tên lĩnh vực", "Name of the field.")]


class FileReference(RecordModel):
    """Where a file is; the file itself never travels with a record."""

    store: Annotated[Token, meta("Kho lưu trữ", "Name of the object store.")]
    path: Annotated[Text2000, meta("Đường dẫn", "Path or URL in the store; an opaque name, no person's data.")]
    sha256: Annotated[
        str, StringConstraints(pattern=r"^[0-9a-f]{64}$"), meta("Mã băm SHA-256", "Digest, lower-case hex.")
    ]
    size_bytes: Annotated[int, meta("Dung lượng", "Size in bytes.", ge=0, le=2**40)]
    media_type: Annotated[
        str,
        StringConstraints(max_length=100, pattern=r"^[a-z0-9.+\-]+/[a-z0-9.+\-]+$"),
        meta("Kiểu tệp", "Media type, such as application/pdf."),
    ]
    expires_at: Annotated[Timestamp | None, meta("Hết hạn", "When the reference stops working; null for never.")] = None
    signature_status: Annotated[
        Literal["valid", "invalid", "unsigned", "unchecked"],
        meta("Trạng thái chữ ký số", "Result of the signature check."),
    ] = "unchecked"


class Attachment(RecordModel):
    """One paper that was handed in."""

    attachment_id: Annotated[Token, meta("Mã tệp đính kèm", "Stable id, also over supplement rounds.")]
    name: Annotated[Text4000, meta("Tên giấy tờ", "Title of the paper.", personal="basic")]
    component_code: Annotated[CatalogueCode | None, meta("Mã thành phần hồ sơ", "Component of the procedure.")] = None
    reference: Annotated[FileReference | None, meta("Tệp", "Where the file is; null for a paper only seen.")] = None
    file_problem: Annotated[
        Literal["not_found", "too_large", "unreadable"] | None,
        meta("Lý do thiếu tệp", "Why there is no reference although a file was handed in."),
    ] = None
    digitised: Annotated[bool, meta("Được số hóa", "Whether a digital copy was made.")] = False
    reuse: Annotated[
        Literal["none", "reused", "warehouse"],
        meta("Được tái sử dụng", "Whether it was used again, and whether it came from the citizen's warehouse."),
    ] = "none"
    replaced_by: Annotated[Token | None, meta("Giấy tờ thay thế", "Id of the paper that replaces it.")] = None
    deleted: Annotated[bool, meta("Đã hủy", "Whether it no longer counts.")] = False


class Fee(RecordModel):
    """One fee or charge of the dossier."""

    name: Annotated[Line500, meta("Tên phí, lệ phí", "Name of the fee.")]
    code: Annotated[CatalogueCode, meta("Mã phí, lệ phí", "Code of the fee.")]
    collection: Annotated[Literal["direct", "online", "postal"], meta("Hình thức thu", "How it is collected.")]
    amount_vnd: Annotated[int, meta("Số tiền", "Amount in Vietnamese dong.", ge=0, le=10**13)]
    kind: Annotated[Literal["fee", "charge"], meta("Loại", "Fee (phí) or charge (lệ phí).")]


class Supplement(RecordModel):
    """One round of asking for more papers; the dossier keeps its code and gets new times."""

    supplement_id: Annotated[Token, meta("Mã lần bổ sung", "Stable id of the round.")]
    requested_by: Annotated[Line200, meta("Người yêu cầu", "Officer who asked.", personal="basic")]
    content: Annotated[Text2000, meta("Nội dung bổ sung", "What is asked for.", personal="basic")]
    requested_at: Annotated[Timestamp, meta("Ngày yêu cầu", "When it was asked for.")]
    received_by: Annotated[Line200 | None, meta("Người tiếp nhận", "Officer who received it.", personal="basic")] = None
    received_note: Annotated[Text2000 | None, meta("Thông tin tiếp nhận", "Note at reception.", personal="basic")] = (
        None
    )
    received_at: Annotated[Timestamp | None, meta("Ngày tiếp nhận", "When it was received.")] = None
    status: Annotated[Literal["requested", "received", "cancelled"], meta("Trạng thái", "State of the round.")]
    previous_due_at: Annotated[Timestamp | None, meta("Hạn trả trước", "Due time before the round.")] = None
    new_due_at: Annotated[Timestamp | None, meta("Hạn trả mới", "Due time after the round.")] = None


class Result(RecordModel):
    """One paper that the dossier ended in."""

    name: Annotated[Text2000, meta("Tên giấy tờ kết quả", "Title of the result.", personal="basic")]
    component_code: Annotated[CatalogueCode | None, meta("Mã thành phần hồ sơ", "Component of the procedure.")] = None
    document_id: Annotated[Token, meta("Mã giấy tờ", "Id of the paper in the publisher's system.")]
    result_code: Annotated[CatalogueCode | None, meta("Mã kết quả", "Result code of the national catalogue.")] = None
    reference: Annotated[FileReference | None, meta("Tệp", "Where the signed file is.")] = None


class DossierSnapshotV1(RecordModel):
    """All of a dossier at one moment; a newer snapshot replaces an older one."""

    dossier_code: Annotated[DossierCode, meta("Mã hồ sơ", "Code that never changes.")]
    sequence: Annotated[Sequence, meta("Số thứ tự", "Rises with every snapshot of the dossier.")]
    occurred_at: Annotated[Timestamp, meta("Thời điểm phát sinh", "When the dossier changed.")]
    procedure: Annotated[Procedure, meta("Thủ tục hành chính", "What is asked for.")]
    channel: Annotated[Literal["counter", "online", "postal"], meta("Kênh thực hiện", "How it was handed in.")]
    subject_kind: Annotated[SubjectKind, meta("Loại đối tượng", "What kind of owner it has.")]
    owner: Annotated[Party, meta("Chủ hồ sơ", "Whose matter it is.", personal="basic")]
    submitter: Annotated[Party | None, meta("Người nộp", "Who handed it in, when not the owner.", personal="basic")] = (
        None
    )
    authorisation: Annotated[
        Text1000 | None, meta("Căn cứ ủy quyền", "On what ground the submitter acts.", personal="basic")
    ] = None
    summary: Annotated[Text1000, meta("Trích yếu hồ sơ", "What it is about.", personal="basic")]
    submitted_at: Annotated[Timestamp, meta("Ngày nộp", "When it was handed in.")]
    received_at: Annotated[Timestamp, meta("Ngày tiếp nhận", "When it was validly received: the clock starts.")]
    due_at: Annotated[Timestamp, meta("Ngày hẹn trả", "When the result is due, by the one-stop centre.")]
    finished_at: Annotated[Timestamp | None, meta("Ngày kết thúc xử lý", "When processing ended.")] = None
    returned_at: Annotated[Timestamp | None, meta("Ngày trả kết quả", "When the result was handed over.")] = None
    status: Annotated[DossierStatus, meta("Trạng thái hồ sơ", "State in the life cycle.")]
    status_reason: Annotated[
        Text1000 | None, meta("Lý do", "Why it was refused, stopped or reopened.", personal="basic")
    ] = None
    return_method: Annotated[Literal["counter", "postal"], meta("Hình thức trả", "How the result is handed over.")]
    handling_unit: Annotated[Unit, meta("Đơn vị xử lý", "Agency that handles it now.")]
    origin: Annotated[
        Literal["national_portal", "local"], meta("Nơi nộp hồ sơ", "Where it entered; keeps echoes from looping.")
    ]
    has_digitised_components: Annotated[bool, meta("Có thành phần số hóa", "Counted by QĐ 766.")]
    account_verified_by_vneid: Annotated[bool, meta("Tài khoản xác thực VNeID", "Counted by QĐ 766.")]
    online_payment: Annotated[
        Literal["none", "national_portal", "provincial_gateway", "other"],
        meta("Thanh toán trực tuyến", "How fees can be paid online."),
    ]
    tech_id: Annotated[
        Token | None,
        meta("TechID", "Portal account of the submitter, maybe not the owner's; online only.", personal="basic"),
    ] = None
    attachments: Annotated[
        tuple[Attachment, ...], meta("Tài liệu nộp", "Papers that were handed in.", max_length=500)
    ] = ()
    fees: Annotated[tuple[Fee, ...], meta("Phí, lệ phí", "What is to be paid.", max_length=100)] = ()
    supplements: Annotated[
        tuple[Supplement, ...], meta("Các lần bổ sung", "Rounds of supplement, oldest first.", max_length=100)
    ] = ()
    results: Annotated[tuple[Result, ...], meta("Giấy tờ kết quả", "What it ended in.", max_length=100)] = ()


class DossierProgressV1(RecordModel):
    """One step of an officer at a dossier; steps are always delivered, in order."""

    dossier_code: Annotated[DossierCode, meta("Mã hồ sơ", "Dossier that the step belongs to.")]
    step_id: Annotated[Token, meta("Mã bước", "Stable id of the step.")]
    sequence: Annotated[Sequence, meta("Số thứ tự", "Rises with every step of the dossier.")]
    occurred_at: Annotated[Timestamp, meta("Thời điểm xử lý", "When the step was taken.")]
    handler_name: Annotated[Line50, meta("Người xử lý", "Officer; the nation takes 50 characters.", personal="basic")]
    handler_title: Annotated[Line200, meta("Chức danh", "Office of the officer.")]
    department: Annotated[Line200, meta("Phòng ban xử lý", "Department of the officer.")]
    content: Annotated[Text2000, meta("Nội dung xử lý", "What was done.", personal="basic")]
    status: Annotated[DossierStatus, meta("Trạng thái", "State of the dossier after the step.")]
    started_at: Annotated[Timestamp, meta("Ngày bắt đầu", "When the step began.")]
    due_at: Annotated[Timestamp | None, meta("Ngày kết thúc theo quy định", "When the step must end.")] = None


class VerificationFinding(RecordModel):
    """One difference between what was handed in and what the nation knows, without any value."""

    field: Annotated[Line200, meta("Trường", "Path of the field.")]
    rule: Annotated[Token, meta("Quy tắc", "What differs.")]


class DossierVerifiedV1(RecordModel):
    """That the owner of a dossier was looked up, and with what result; it holds no personal value."""

    dossier_code: Annotated[DossierCode, meta("Mã hồ sơ", "Dossier that was verified.")]
    verification_id: Annotated[Token, meta("Mã lần xác thực", "The same for all attempts at one question.")]
    status: Annotated[
        Literal["match", "mismatch", "no_match", "approved"],
        meta("Kết quả", "What the database said; approved when an official decided after review."),
    ]
    database: Annotated[Literal["population"], meta("Cơ sở dữ liệu", "Which national database was asked.")] = (
        "population"
    )
    findings: Annotated[
        tuple[VerificationFinding, ...], meta("Khác biệt", "Differences, without values.", max_length=100)
    ] = ()
    verified_at: Annotated[Timestamp | None, meta("Thời điểm xác thực", "When it was verified, if known.")] = None
