"""Accounts of a province's systems on their way to VNeID: what is asked for, and what came of it.

No code, token or claim of VNeID is in these records, and no result of an authentication that another system could use
again: a result names one account of one system, for one purpose.

Source:
    ``domain-rules.md`` 4; Decree 69/2024, article 19, paragraphs 3 and 4.
"""

import hashlib
from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from lienthong.outcome import Answer
from lienthong.schema import LookupBinding
from lienthong_schemas.account_states import state_of
from lienthong_schemas.base import Line200, RecordModel, Timestamp, Token, meta
from lienthong_schemas.dossier import VerificationFinding
from lienthong_schemas.identifiers import Gender, OrganisationCode, PartialDate
from lienthong_schemas.identity import PersonIdentityQuery
from lienthong_schemas.party import PartyIdentifier
from lienthong_schemas.verification import fingerprint as identity_fingerprint

RESULT_TYPE = "account.link.verified"
RESULT_VERSION = 1
#: VNeID's account levels are 1 and 2, levels of an authentication 1 to 4; how they map is ASSUMED.
AssuranceLevel = Annotated[int, Field(ge=1, le=4)]


class AccountHolder(RecordModel):
    """Who holds an account, as the account's own system has them; never what VNeID disclosed."""

    identifiers: Annotated[
        tuple[PartyIdentifier, ...], meta("Giấy tờ định danh", "Personal ID or CMND of the profile.", max_length=10)
    ] = ()
    full_name: Annotated[Line200, meta("Họ và tên", "Name of the profile.", personal="basic")]
    birth_date: Annotated[PartialDate | None, meta("Ngày sinh", "yyyy-mm-dd or yyyy.", personal="basic")] = None
    gender: Annotated[Gender | None, meta("Giới tính", "As in the profile.", personal="basic")] = None


class AccountLinkRequestedV1(RecordModel):
    """That a person signed in with VNeID and wants an account of a provincial system linked."""

    subject_reference: Annotated[Token, meta("Mã tham chiếu", "The hub's random id of the person; never an ID number.")]
    account: Annotated[Token, meta("Mã tài khoản", "Opaque id of the account in its system.")]
    system: Annotated[Token, meta("Hệ thống yêu cầu", "System that holds the account; only it gets the result.")]
    assertion_id: Annotated[Token, meta("Mã lần xác thực", "The hub's id of the sign-in; no code and no token.")]
    assurance_level: Annotated[AssuranceLevel, meta("Mức độ xác thực", "1 to 4.")]
    requested_at: Annotated[Timestamp, meta("Thời điểm yêu cầu", "When the sign-in ended.")]
    purpose: Annotated[Line200, meta("Mục đích", "What the sign-in was for.")]
    unit_code: Annotated[OrganisationCode, meta("Mã định danh cơ quan", "Unit that answers for the account's system.")]
    linked_subject_reference: Annotated[
        Token | None, meta("Đã liên kết với", "Person to whom the account is linked already; null for nobody.")
    ] = None
    holder: Annotated[
        AccountHolder | None,
        meta("Chủ tài khoản", "The account's own profile, to be checked; null when its system gives none."),
    ] = None


class AccountLinkVerifiedV1(RecordModel):
    """What came of a request to link an account; it holds no personal value and is for the requesting system only."""

    subject_reference: Annotated[Token, meta("Mã tham chiếu", "The hub's random id of the person; never an ID number.")]
    account: Annotated[Token, meta("Mã tài khoản", "Opaque id of the account in its system.")]
    system: Annotated[Token, meta("Hệ thống yêu cầu", "System that holds the account.")]
    assertion_id: Annotated[Token, meta("Mã lần xác thực", "Of the request, or of the campaign's row.")]
    assurance_level: Annotated[AssuranceLevel | None, meta("Mức độ xác thực", "Of the sign-in; null without one.")] = (
        None
    )
    state: Annotated[
        Literal["linked", "conflict", "id_changed", "no_id", "not_found", "mismatch", "deceased", "minor_guardian"],
        meta("Trạng thái tài khoản", "Linked, or why an official decides."),
    ]
    findings: Annotated[
        tuple[VerificationFinding, ...], meta("Phát hiện", "Differences without any value.", max_length=50)
    ] = ()
    verified_at: Annotated[Timestamp, meta("Thời điểm xác thực", "When the sign-in ended or the row was decided.")]
    purpose: Annotated[Line200, meta("Mục đích", "What the result may be used for.")]


class AccountIdentityQuery(PersonIdentityQuery):
    """The question about an account's holder: the same identity is asked about once for each account."""

    system: Annotated[Token, meta("Hệ thống yêu cầu", "System that holds the account.")]
    account: Annotated[Token, meta("Mã tài khoản", "Opaque id of the account.")]


def query_of_request(model: AccountLinkRequestedV1) -> AccountIdentityQuery | None:
    """Return the question about the holder of an account.

    Args:
        model: The request.

    Returns:
        None when there is nothing to ask: no profile, neither personal ID nor CMND, or no birth date.
    """
    holder = model.holder
    if holder is None or holder.birth_date is None:
        return None
    chosen = tuple(each for each in holder.identifiers if each.type == "personal_id") or tuple(
        each for each in holder.identifiers if each.type == "cmnd"
    )
    if not chosen:
        return None
    return AccountIdentityQuery(
        identifiers=chosen,
        full_name=holder.full_name,
        birth_date=holder.birth_date,
        gender=holder.gender,
        unit_code=model.unit_code,
        system=model.system,
        account=model.account,
    )


def fingerprint(query: AccountIdentityQuery) -> bytes:
    """Return bytes that are equal for the same identity and account.

    Args:
        query: The question.
    """
    account = f"\x1f{query.system}\x1f{query.account}".encode()
    return hashlib.blake2b(identity_fingerprint(query) + account, digest_size=32).digest()


def claim_of_request(model: AccountLinkRequestedV1) -> tuple[str, str]:
    """Return what a person may be tied to only once: in one system, one account.

    Args:
        model: The request.
    """
    return model.system, model.account


def conflict_of_request(model: AccountLinkRequestedV1) -> str:
    """Return why an official must decide before anybody is asked; empty for no reason.

    Args:
        model: The request.
    """
    linked = model.linked_subject_reference
    if linked is not None and linked != model.subject_reference:
        return "conflict"
    return "" if query_of_request(model) is not None else "no_id"


def review_of_answer(model: AccountLinkRequestedV1, answer: Answer, on: date) -> str:
    """Return why an official must decide after the database answered; empty for no reason.

    Args:
        model: The request.
        answer: What the database said.
        on: Day of the question.
    """
    state = state_of(answer, model.holder.birth_date if model.holder is not None else None, on)
    return "" if state == "linked" else state


def result_of_request(model: AccountLinkRequestedV1, answer: Answer) -> AccountLinkVerifiedV1:
    """Return what the requesting system is told.

    Args:
        model: The request.
        answer: A match that nothing stands against, or an official's decision.

    Returns:
        A record without any personal value.
    """
    return AccountLinkVerifiedV1(
        subject_reference=model.subject_reference,
        account=model.account,
        system=model.system,
        assertion_id=model.assertion_id,
        assurance_level=model.assurance_level,
        state="linked",
        findings=tuple(VerificationFinding(field=each.field, rule=each.rule) for each in answer.findings),
        verified_at=model.requested_at,
        purpose=model.purpose,
    )


ACCOUNT_HOLDER = LookupBinding(
    query=query_of_request,
    fingerprint=fingerprint,
    result=result_of_request,
    result_type=RESULT_TYPE,
    result_version=RESULT_VERSION,
    key_attribute="subjectref",
    before=conflict_of_request,
    after=review_of_answer,
    claim=claim_of_request,
)
