"""The question to the national population database: is this person who the dossier says?"""

from typing import Annotated

from lienthong_schemas.base import Line200, RecordModel, meta
from lienthong_schemas.identifiers import Gender, OrganisationCode, PartialDate, ProcedureCode
from lienthong_schemas.party import PartyIdentifier


class PersonIdentityQuery(RecordModel):
    """What is asked about one person, for one procedure if any, by one unit.

    Source:
        ``domain-rules.md`` 15: the 12 digits first, CMND only if there are none.
    """

    identifiers: Annotated[
        tuple[PartyIdentifier, ...],
        meta("Giấy tờ định danh", "Personal IDs; CMND only when there is none.", min_length=1, max_length=10),
    ]
    full_name: Annotated[Line200, meta("Họ và tên", "Name to compare.", personal="basic")]
    birth_date: Annotated[PartialDate | None, meta("Ngày sinh", "yyyy-mm-dd or yyyy.", personal="basic")] = None
    gender: Annotated[Gender | None, meta("Giới tính", "To compare, if known.", personal="basic")] = None
    procedure_code: Annotated[
        ProcedureCode | None, meta("Mã thủ tục hành chính", "Procedure that needs the answer; null for none.")
    ] = None
    unit_code: Annotated[OrganisationCode, meta("Mã định danh cơ quan", "Unit that needs the answer.")]
