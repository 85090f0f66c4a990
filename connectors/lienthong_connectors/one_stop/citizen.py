"""What of a dossier is the citizen's: only that goes down, so that the province never hears its own words again.

Processing, due dates, units and results are the province's: it sends them up, the nation shows them, and the next poll
reads them back. They must make no difference here.
"""

import hashlib
from typing import Any

import orjson

from lienthong_schemas.dossier import DossierSnapshotV1

_FIELDS = {
    "dossier_code",
    "channel",
    "subject_kind",
    "owner",
    "submitter",
    "authorisation",
    "summary",
    "submitted_at",
    "return_method",
    "tech_id",
}


def citizens_version(snapshot: DossierSnapshotV1) -> str:
    """Return a digest of what the citizen has said and handed in.

    Args:
        snapshot: A dossier from the nation.

    Returns:
        32 hexadecimal digits; they change when the citizen corrects, adds or takes back something, answers a request
        for more papers, or withdraws.
    """
    part: dict[str, Any] = snapshot.model_dump(mode="json", include=_FIELDS)
    part["procedure"] = snapshot.procedure.code
    # A paper that is replaced keeps its id and counts no longer, so that its file says nothing new.
    part["papers"] = [
        (paper.attachment_id, paper.deleted, paper.replaced_by, paper.file_problem) for paper in snapshot.attachments
    ]
    part["answered"] = [
        (each.supplement_id, each.received_at) for each in snapshot.supplements if each.status == "received"
    ]
    part["is_withdrawn"] = snapshot.status == "withdrawn"
    return hashlib.sha256(orjson.dumps(part, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
