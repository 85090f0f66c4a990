"""The record about a sign-in with VNeID."""

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import BaseModel

from lienthong.sign_in import AccountLink
from lienthong_schemas.account import AccountLinkRequestedV1

LINK_TYPE = "account.link.requested"


def link_of(link: AccountLink, profile: Mapping[str, Any]) -> BaseModel:
    """Return the request to link an account.

    Args:
        link: What the hub knows of the sign-in; it wins.
        profile: What the system says of its account: ``unit_code``, and ``holder`` and ``linked_subject_reference``
            where it knows them. A profile of somebody else counts as linked to that person, so an official decides.

    Raises:
        pydantic.ValidationError: If the profile breaks the schema.
    """
    document = {
        **profile,
        "subject_reference": link.subjectref,
        "account": link.account,
        "system": link.system,
        "assertion_id": link.assertion_id,
        "assurance_level": link.level,
        "requested_at": link.at,
        "purpose": link.purpose,
    }
    if link.other_subjectref:
        document["linked_subject_reference"] = link.other_subjectref
    return AccountLinkRequestedV1.model_validate_json(orjson.dumps(document))
