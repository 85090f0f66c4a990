"""What the portal holds of a dossier beside what was delivered of it; every name is a field's, no value is kept."""

from collections.abc import Sequence

from pydantic import BaseModel

from lienthong.envelope import Event
from lienthong.errors import TransformError
from lienthong.holding import Holding
from lienthong_connectors.portal.mapping import snapshot_to_wire
from lienthong_connectors.portal.status import status_from_portal
from lienthong_connectors.portal.wire import LINKS_FIELD, POPULATION_DATABASE, WireRecord, links_of
from lienthong_schemas.dossier import DossierSnapshotV1, DossierVerifiedV1

#: An account that was looked up when the dossier was sent; a probe asks for nobody's account.
_ACCOUNT = "MaDoiTuong"


def compare(held: WireRecord, records: Sequence[tuple[Event, BaseModel]], file_base_url: str) -> Holding:
    """Return how a held dossier differs from the newest delivered snapshot, and from delivered verifications.

    Args:
        held: As ``TraCuuHoSo`` returned it.
        records: What was delivered.
        file_base_url: Put in front of file paths that are no URL.
    """
    fields = tuple(sorted(name for name, value in held.items() if value))
    state = _state_of(held)
    snapshots = [data for _, data in records if isinstance(data, DossierSnapshotV1)]
    if not snapshots:
        return Holding(state, fields=fields)
    newest = max(snapshots, key=lambda each: each.sequence)
    sent = snapshot_to_wire(newest, tech_id=newest.tech_id or "", file_base_url=file_base_url)
    left_out = {LINKS_FIELD} if sent[_ACCOUNT] else {LINKS_FIELD, _ACCOUNT}
    differing = [name for name, value in sent.items() if name not in left_out and held.get(name) != value]
    is_linked = any(_links(data) for _, data in records)
    if is_linked and POPULATION_DATABASE not in links_of(held):
        differing.append(LINKS_FIELD)
    return Holding(state, newest.status, tuple(differing), fields)


def _links(data: BaseModel) -> bool:
    return isinstance(data, DossierVerifiedV1) and data.status in {"match", "approved"}


def _state_of(held: WireRecord) -> str:
    try:
        return status_from_portal(str(held.get("TrangThaiHoSo", "")))
    except TransformError:
        # The field is named as different; what it says instead is nobody's word.
        return ""
