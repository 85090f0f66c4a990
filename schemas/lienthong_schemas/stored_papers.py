"""The question to the data warehouse of citizens and organisations: which of these papers are stored already?"""

import hashlib
from typing import Annotated

from pydantic import StringConstraints

from lienthong_schemas.base import LINE_PATTERN, Line50, Line200, Line500, RecordModel, meta
from lienthong_schemas.identifiers import FieldCode, ProcedureCode

OwnerNumber = Annotated[str, StringConstraints(pattern=r"^([0-9]{12}|[0-9]{10}(-[0-9]{3})?)$")]
PaperNumber = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=LINE_PATTERN)]


class AskedPaper(RecordModel):
    """One paper that a procedure needs."""

    result_code: Annotated[FieldCode, meta("Mã kết quả", "Kind of the paper, from the national catalogue.")]
    number: Annotated[
        PaperNumber | None, meta("Số, ký hiệu", "Number on it, if the citizen knows it.", personal="basic")
    ] = None


class StoredPapersQuery(RecordModel):
    """What is asked about the papers of one owner.

    Source:
        Decision 766/QĐ-TTg, indicator of reuse; the fields are those of a public provincial client.
    """

    owner: Annotated[
        OwnerNumber, meta("Số định danh chủ sở hữu", "Personal ID, or tax code of an organisation.", personal="basic")
    ]
    procedure_code: Annotated[ProcedureCode, meta("Mã thủ tục hành chính", "Procedure that needs the papers.")]
    papers: Annotated[
        tuple[AskedPaper, ...], meta("Danh mục giấy tờ", "Papers that it needs.", min_length=1, max_length=20)
    ]


class StoredFile(RecordModel):
    """One file of a stored paper; it is fetched by its reference, never with the answer."""

    name: Annotated[Line200, meta("Tên tệp", "Name of the file.", personal="basic")]
    reference: Annotated[Line500, meta("Đường dẫn", "Where the warehouse keeps it.", personal="basic")]


class StoredPaper(RecordModel):
    """One paper that the warehouse has."""

    result_code: Annotated[Line50, meta("Mã kết quả", "Kind of the paper.")]
    name: Annotated[Line200 | None, meta("Tên giấy tờ", "Its name.", personal="basic")] = None
    number: Annotated[PaperNumber | None, meta("Số, ký hiệu", "Number on it.", personal="basic")] = None
    issuer: Annotated[Line200 | None, meta("Cơ quan chủ quản", "Agency that keeps it.")] = None
    files: Annotated[tuple[StoredFile, ...], meta("Tệp đính kèm", "Its files.", max_length=50)] = ()


class StoredPapersAnswer(RecordModel):
    """What is kept of an answer."""

    papers: Annotated[tuple[StoredPaper, ...], meta("Giấy tờ", "Stored papers of the asked kinds.", max_length=200)]


def fingerprint(query: StoredPapersQuery) -> bytes:
    """Return bytes that are equal for equal questions.

    Args:
        query: The question.

    Returns:
        A digest that hides nothing from someone who can guess the parts: key it before it is stored.
    """
    parts = [query.owner, query.procedure_code, *(f"{each.result_code}:{each.number or ''}" for each in query.papers)]
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=32).digest()
