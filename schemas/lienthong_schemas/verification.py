"""How a dossier asks the population database about its owner, and what is kept of the answer."""

import hashlib

from lienthong.outcome import Answer
from lienthong.schema import LookupBinding
from lienthong_schemas.dossier import DossierSnapshotV1, DossierVerifiedV1, VerificationFinding
from lienthong_schemas.identity import PersonIdentityQuery
from lienthong_schemas.names import name_key

RESULT_TYPE = "dossier.verified"
RESULT_VERSION = 1


def query_of_snapshot(model: DossierSnapshotV1) -> PersonIdentityQuery | None:
    """Return the question about a dossier's owner.

    Args:
        model: The snapshot.

    Returns:
        None when there is nothing to ask: the owner is no citizen, has neither personal ID nor CMND, or no birth date
        is known, which the database demands.

    Source:
        ``domain-rules.md`` 15 (12 digits first, CMND only if there are none) and 16.
    """
    if model.subject_kind != "citizen":
        return None
    owner = model.owner
    chosen = tuple(each for each in owner.identifiers if each.type == "personal_id") or tuple(
        each for each in owner.identifiers if each.type == "cmnd"
    )
    if not chosen or owner.birth_date is None:
        return None
    # Every part was checked with the snapshot; checking again would double the cost of the hot path.
    return PersonIdentityQuery.model_construct(
        identifiers=chosen,
        full_name=owner.full_name,
        birth_date=owner.birth_date,
        gender=owner.gender,
        procedure_code=model.procedure.code,
        unit_code=model.handling_unit.code,
    )


def fingerprint(query: PersonIdentityQuery) -> bytes:
    """Return bytes that are equal for equal identities.

    Args:
        query: The question.

    Returns:
        A digest over identifiers, match key of the name and birth date. It hides nothing from someone who can guess
        the parts: key it before it is stored.
    """
    parts = [f"{each.type}:{each.value}" for each in query.identifiers]
    parts += [name_key(query.full_name), query.birth_date or ""]
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=32).digest()


def result_of_snapshot(model: DossierSnapshotV1, answer: Answer) -> DossierVerifiedV1:
    """Return the record that tells other pipelines about the answer.

    Args:
        model: The snapshot that asked.
        answer: What the database said.

    Returns:
        A record without any personal value; its id of the verification is the same on every attempt and replay.
    """
    return DossierVerifiedV1(
        dossier_code=model.dossier_code,
        verification_id=f"{model.dossier_code}:{model.sequence}",
        status=answer.status.value,
        findings=tuple(VerificationFinding(field=each.field, rule=each.rule) for each in answer.findings),
    )


PERSON_IDENTITY = LookupBinding(
    query=query_of_snapshot,
    fingerprint=fingerprint,
    result=result_of_snapshot,
    result_type=RESULT_TYPE,
    result_version=RESULT_VERSION,
)
