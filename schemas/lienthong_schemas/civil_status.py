"""Civil status (hộ tịch): what the Ministry of Justice says of a birth, death or marriage dossier, and its entry."""

from datetime import date
from typing import Annotated, Literal

from pydantic import StringConstraints

from lienthong_schemas.base import Line50, Line200, RecordModel, Text2000, Timestamp, Token, meta
from lienthong_schemas.identifiers import DossierCode
from lienthong_schemas.party import AdministrativeUnit

CivilStatusKind = Literal["birth", "death", "marriage"]
#: 3 at the ministry says accepted or processing and does not tell which: it stays one state.
CivilStatusState = Literal["submitted", "supplement", "accepted_or_processing", "finished", "refused"]
CatalogueCode = Annotated[str, StringConstraints(min_length=1, max_length=50, pattern=r"^[A-Za-z0-9._\-]+$")]


class RegistryEntry(RecordModel):
    """Where a civil-status event is entered: number, book and page at one commune."""

    number: Annotated[Line50, meta("Số đăng ký", "Number of the entry.", personal="basic")]
    book: Annotated[Line50 | None, meta("Quyển số", "Book.", personal="basic")] = None
    page: Annotated[Line50 | None, meta("Trang số", "Page.", personal="basic")] = None
    registered_on: Annotated[date, meta("Ngày đăng ký", "Day of the entry.")]
    place: Annotated[
        AdministrativeUnit | None, meta("Nơi đăng ký", "Commune, or province where it was registered there.")
    ] = None
    result_code: Annotated[
        CatalogueCode | None, meta("Mã giấy tờ kết quả", "Code of the certificate in the national catalogue.")
    ] = None


class CivilStatusUpdatedV1(RecordModel):
    """What the ministry says of one linked dossier now.

    Source:
        ``national-specs.md`` 1.6 (scan of the Ministry of Justice); ``domain-rules.md`` 11.
    """

    dossier_code: Annotated[DossierCode, meta("Mã hồ sơ", "Code at the one-stop centre.")]
    national_code: Annotated[Token, meta("Mã hồ sơ liên thông", "Code in the linked procedure.")]
    kind: Annotated[CivilStatusKind, meta("Loại việc hộ tịch", "What was asked to be registered.")]
    status: Annotated[CivilStatusState, meta("Trạng thái", "State at the ministry.")]
    occurred_at: Annotated[Timestamp, meta("Thời gian thực hiện", "When the ministry changed it.")]
    department: Annotated[Line200 | None, meta("Phòng ban xử lý", "Who handles it.")] = None
    content: Annotated[Text2000 | None, meta("Nội dung xử lý", "What was done or asked for.", personal="basic")] = None
    supplement_until: Annotated[
        date | None, meta("Hạn bổ sung hồ sơ", "Last day for what is missing; only in a supplement.")
    ] = None
