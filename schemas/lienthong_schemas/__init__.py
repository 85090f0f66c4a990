"""Records of a province, described once: closed for their publishers, open for their readers."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from lienthong.schema import SchemaSpec
from lienthong_schemas import feedback_clock, findings, verification
from lienthong_schemas.account import ACCOUNT_HOLDER, AccountLinkRequestedV1, AccountLinkVerifiedV1
from lienthong_schemas.account_merge import SubjectMergedV1, SubjectUnmergedV1
from lienthong_schemas.alert import AlertWarningV1, ObservationRecordedV1
from lienthong_schemas.base import open_model
from lienthong_schemas.civil_status import CivilStatusUpdatedV1
from lienthong_schemas.civil_status_request import CivilStatusRequestedV1
from lienthong_schemas.dossier import DossierProgressV1, DossierSnapshotV1, DossierVerifiedV1
from lienthong_schemas.feedback import FeedbackSnapshotV1
from lienthong_schemas.life_event import PersonCreatedV1, PersonDeceasedV1
from lienthong_schemas.person import PersonV1

_dossier_code: Callable[[Any], str] = attrgetter("dossier_code")
_person_reference: Callable[[Any], str] = attrgetter("person_reference")
_subject_reference: Callable[[Any], str] = attrgetter("subject_reference")
_sequence: Callable[[Any], int] = attrgetter("sequence")


def _identifiers(party_of: Callable[[Any], Any]) -> Callable[[Any], tuple[tuple[str, str], ...]]:
    def subject(model: Any) -> tuple[tuple[str, str], ...]:
        return tuple((each.type, each.value) for each in party_of(model).identifiers)

    return subject


def _holder(model: AccountLinkRequestedV1) -> tuple[tuple[str, str], ...]:
    holder = model.holder
    return tuple((each.type, each.value) for each in holder.identifiers) if holder is not None else ()


#: What the hub is offered under ``lienthong.schemas``.
SCHEMAS = (
    SchemaSpec(
        type="dossier.snapshot",
        version=1,
        domain="dossier",
        producer_model=DossierSnapshotV1,
        consumer_model=open_model(DossierSnapshotV1),
        key=_dossier_code,
        classification="personal",
        title_vi="Hồ sơ thủ tục hành chính",
        sequence=_sequence,
        findings=findings.of_snapshot,
        subject=_identifiers(lambda model: model.owner),
        lookups={"person_identity": verification.PERSON_IDENTITY},
    ),
    SchemaSpec(
        type="dossier.progress",
        version=1,
        domain="dossier",
        producer_model=DossierProgressV1,
        consumer_model=open_model(DossierProgressV1),
        key=_dossier_code,
        classification="personal",
        title_vi="Tiến độ xử lý hồ sơ",
        findings=findings.of_progress,
    ),
    SchemaSpec(
        type="dossier.verified",
        version=1,
        domain="dossier",
        producer_model=DossierVerifiedV1,
        consumer_model=open_model(DossierVerifiedV1),
        key=_dossier_code,
        classification="none",
        title_vi="Kết quả xác thực chủ hồ sơ",
    ),
    SchemaSpec(
        type="person.snapshot",
        version=1,
        domain="person",
        producer_model=PersonV1,
        consumer_model=open_model(PersonV1),
        key=_person_reference,
        classification="sensitive",
        title_vi="Thông tin cá nhân",
        sequence=_sequence,
        findings=findings.of_person,
        subject=_identifiers(lambda model: model),
    ),
    SchemaSpec(
        type="person.created",
        version=1,
        domain="civil-status",
        producer_model=PersonCreatedV1,
        consumer_model=open_model(PersonCreatedV1),
        key=_dossier_code,
        classification="personal",
        title_vi="Sự kiện khai sinh",
        findings=findings.of_birth,
        subject=_identifiers(lambda model: model),
    ),
    SchemaSpec(
        type="person.deceased",
        version=1,
        domain="civil-status",
        producer_model=PersonDeceasedV1,
        consumer_model=open_model(PersonDeceasedV1),
        key=_dossier_code,
        classification="personal",
        title_vi="Sự kiện khai tử",
        findings=findings.of_death,
        subject=_identifiers(lambda model: model),
    ),
    SchemaSpec(
        type="civil-status.updated",
        version=1,
        domain="civil-status",
        producer_model=CivilStatusUpdatedV1,
        consumer_model=open_model(CivilStatusUpdatedV1),
        key=_dossier_code,
        classification="personal",
        title_vi="Trạng thái hồ sơ hộ tịch",
    ),
    SchemaSpec(
        type="civil-status.requested",
        version=1,
        domain="civil-status",
        producer_model=CivilStatusRequestedV1,
        consumer_model=open_model(CivilStatusRequestedV1),
        key=_dossier_code,
        classification="sensitive",
        title_vi="Hồ sơ đăng ký hộ tịch",
        subject=_identifiers(lambda model: model.death.person if model.death is not None else model.applicant),
    ),
    SchemaSpec(
        type="account.link.requested",
        version=1,
        domain="account",
        producer_model=AccountLinkRequestedV1,
        consumer_model=open_model(AccountLinkRequestedV1),
        key=_subject_reference,
        classification="personal",
        title_vi="Yêu cầu liên kết tài khoản với VNeID",
        subject=_holder,
        lookups={"account_holder": ACCOUNT_HOLDER},
    ),
    SchemaSpec(
        type="account.link.verified",
        version=1,
        domain="account",
        producer_model=AccountLinkVerifiedV1,
        consumer_model=open_model(AccountLinkVerifiedV1),
        key=_subject_reference,
        classification="none",
        title_vi="Kết quả xác thực liên kết tài khoản",
    ),
    SchemaSpec(
        type="subject.merged",
        version=1,
        domain="account",
        producer_model=SubjectMergedV1,
        consumer_model=open_model(SubjectMergedV1),
        key=_subject_reference,
        classification="none",
        title_vi="Gộp hai mã tham chiếu của một người",
    ),
    SchemaSpec(
        type="subject.unmerged",
        version=1,
        domain="account",
        producer_model=SubjectUnmergedV1,
        consumer_model=open_model(SubjectUnmergedV1),
        key=_subject_reference,
        classification="none",
        title_vi="Hủy việc gộp mã tham chiếu",
    ),
    SchemaSpec(
        type="feedback.snapshot",
        version=1,
        domain="feedback",
        producer_model=FeedbackSnapshotV1,
        consumer_model=open_model(FeedbackSnapshotV1),
        key=attrgetter("feedback_code"),
        classification="sensitive",
        title_vi="Phản ánh, kiến nghị",
        sequence=_sequence,
        findings=feedback_clock.findings,
        subject=lambda model: _identifiers(attrgetter("sender"))(model) if model.sender is not None else (),
    ),
    SchemaSpec(
        type="observation.recorded",
        version=1,
        domain="observation",
        producer_model=ObservationRecordedV1,
        consumer_model=open_model(ObservationRecordedV1),
        key=attrgetter("station.code"),
        classification="none",
        title_vi="Số liệu quan trắc",
    ),
    SchemaSpec(
        type="alert.warning",
        version=1,
        domain="alert",
        producer_model=AlertWarningV1,
        consumer_model=open_model(AlertWarningV1),
        key=attrgetter("warning_id"),
        classification="none",
        title_vi="Bản tin cảnh báo",
    ),
)

__all__ = ["SCHEMAS"]
