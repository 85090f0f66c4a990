"""Delivers dossiers, their progress and their verification to the National Public Service Portal.

Delivery:
    A snapshot is an upsert by dossier code; what the portal holds already is not written again. A step of the progress
    that is sent twice is two steps at the portal, as far as is known, and nothing public says how to ask for one. The
    link to the population database is read, changed and written: that is safe because one pipeline writes a dossier and
    never two of its records at once.
"""

from collections.abc import Sequence

from pydantic import BaseModel

from lienthong.clock import to_vietnam
from lienthong.connector import CallContext, ConnectorContext, Effect, Sink
from lienthong.envelope import Event
from lienthong.errors import (
    RejectedByTargetError,
    RetriableError,
    ScopeError,
    TransformError,
    ValidationFailedError,
    Violation,
)
from lienthong.holding import Holding, TellsHolding
from lienthong.outcome import Outcome
from lienthong_connectors.portal.adapter import AdapterClient
from lienthong_connectors.portal.answers import Judgement, Meaning
from lienthong_connectors.portal.chunks import Chunks
from lienthong_connectors.portal.client import PortalClient
from lienthong_connectors.portal.config import PortalConfig
from lienthong_connectors.portal.holding import compare
from lienthong_connectors.portal.mapping import (
    ACCOUNT_ORDER,
    first_identifier,
    progress_to_wire,
    snapshot_findings,
    snapshot_to_wire,
    transition_findings,
)
from lienthong_connectors.portal.memory import Memory
from lienthong_connectors.portal.three_url import ThreeUrlClient
from lienthong_connectors.portal.wire import (
    FIND_SERVICE,
    LINKS_FIELD,
    MAY_BE_EMPTY,
    POPULATION_DATABASE,
    PROGRESS_SERVICE,
    REQUIRED_FIELDS,
    STATUS_FIELD,
    SYNC_SERVICE,
    TECH_ID_SERVICE,
    WireRecord,
    link_entries,
    links_of,
    truth,
)
from lienthong_schemas.dossier import DossierProgressV1, DossierSnapshotV1, DossierVerifiedV1

#: A repeated step cannot be told from a new one: nothing public says that the portal compares steps.
EFFECTS = {
    TECH_ID_SERVICE: Effect.IDEMPOTENT,
    FIND_SERVICE: Effect.IDEMPOTENT,
    SYNC_SERVICE: Effect.UPSERT,
    PROGRESS_SERVICE: Effect.NONE,
}
#: Record type → service that writes it.
OPERATIONS = {
    "dossier.snapshot": SYNC_SERVICE,
    "dossier.verified": SYNC_SERVICE,
    "dossier.progress": PROGRESS_SERVICE,
}


_CLIENTS: dict[str, type[PortalClient]] = {"adapter": AdapterClient, "three-url": ThreeUrlClient}


class PortalSink(Sink[PortalConfig], TellsHolding):
    """The portal, in one of its wire profiles.

    Args:
        config: How to reach it.
        context: What the engine provides.
    """

    def __init__(self, config: PortalConfig, context: ConnectorContext) -> None:
        super().__init__(config, context)
        self._client = _CLIENTS[config.profile](config, context.http, context.clock)
        self._chunks = Chunks(
            self._send_steps, max_steps=self._client.steps_per_call, max_calls=config.max_progress_calls
        )
        # Dossiers that are linked already, with all their links. Links only grow and this connector is who adds them,
        # so an entry stays true after another worker wrote the dossier. It spares a query and decides nothing.
        self._linked: Memory[tuple[str, ...]] = Memory(config.known_dossiers)
        # Dossiers that the portal holds, with the state that was written last: it never forgets one.
        self._states: Memory[str] = Memory(config.known_dossiers)

    async def open(self) -> None:
        """Build the HTTP client; the first call logs in."""
        await self._client.open()

    async def close(self) -> None:
        """Break off calls with steps and close the HTTP client."""
        await self._chunks.close()
        await self._client.close()

    async def deliver(self, event: Event, data: BaseModel, context: CallContext) -> Outcome:
        """Deliver one record.

        Args:
            event: The CloudEvents attributes and the original bytes.
            data: A snapshot, a step or a verification.
            context: Who asks for what.

        Returns:
            Delivered with ``created``, ``updated``, ``unchanged``, ``progress`` or ``linked``; filtered when a
            verification changes nothing.

        Raises:
            RecordError: The portal or its limits refuse the record.
            RetriableError: The portal is away, or a verification came before its dossier (``dossier_unknown``).
            ScopeError: The procedure is not allowed, or the agreement does not cover the call.
            TargetConfigurationError: The portal refuses the account.
            OutcomeUnknownError: A write may have arrived.

        Delivery:
            Returning means that the portal confirmed the write.
        """
        if isinstance(data, DossierSnapshotV1):
            self._check_agreement(context, data.procedure.code)
            return await self._snapshot(data)
        self._check_agreement(context, None)
        if isinstance(data, DossierProgressV1):
            return await self._progress(data)
        if isinstance(data, DossierVerifiedV1):
            return await self._verified(data)
        raise TransformError(
            f"the portal connector does not take records of type {event.type}", reason="type_not_accepted"
        )

    async def was_done(self, event: Event, data: BaseModel, context: CallContext) -> Outcome | None:
        """Ask the portal whether it holds a dossier as a record says, or the link of a verification.

        Args:
            event: The CloudEvents attributes and the original bytes.
            data: A snapshot or a verification; a step of the progress cannot be asked for.
            context: Who asks for what.

        Raises:
            LienthongError: As from :meth:`deliver`.
        """
        del event
        self._check_agreement(context, None)
        if isinstance(data, DossierSnapshotV1):
            record = snapshot_to_wire(data, tech_id=await self._tech_id(data), file_base_url=self.config.file_base_url)
            held = await self._find(data.dossier_code)
            return _found(data, "found") if held is not None and _holds(held, record) else None
        if isinstance(data, DossierVerifiedV1):
            held = await self._find(data.dossier_code)
            if held is not None and POPULATION_DATABASE in links_of(held):
                return Outcome.delivered("linked", target_reference=data.dossier_code)
        return None

    async def holding(
        self, key: str, records: Sequence[tuple[Event, BaseModel]], context: CallContext
    ) -> Holding | None:
        """Ask with ``TraCuuHoSo`` what the portal holds of a dossier.

        Args:
            key: The dossier code.
            records: What was delivered of it.
            context: Who asks for what.

        Raises:
            LienthongError: As from :meth:`deliver`.
        """
        self._check_agreement(context, None)
        held = await self._find(key, must_be_list=True)
        return None if held is None else compare(held, records, self.config.file_base_url)

    def scopes(self, event: Event, data: BaseModel) -> tuple[tuple[str, str], ...]:
        """Return the agreement, and the procedure of a snapshot.

        Args:
            event: The CloudEvents attributes.
            data: A snapshot, a step or a verification.
        """
        del event
        agreement = self.config.agreement
        found = (("agreement", agreement.number),) if agreement is not None else ()
        return (*found, ("procedure", data.procedure.code)) if isinstance(data, DossierSnapshotV1) else found

    def _check_agreement(self, context: CallContext, procedure: str | None) -> None:
        agreement = self.config.agreement
        if agreement is None:
            return
        if to_vietnam(self.context.clock.now()).date() > agreement.valid_until:
            raise ScopeError(
                "the agreement with the portal has expired; renew it and enter the new date",
                scope_kind="agreement",
                scope=agreement.number,
                reason="agreement_expired",
            )
        if agreement.purpose and context.purpose != agreement.purpose:
            raise ScopeError(
                "the agreement with the portal does not cover this purpose",
                scope_kind="agreement",
                scope=agreement.number,
                reason="agreement_purpose",
            )
        if procedure is not None and agreement.procedures and procedure not in agreement.procedures:
            raise ScopeError(
                "the agreement with the portal does not cover this procedure",
                scope_kind="procedure",
                scope=procedure,
                reason="agreement_procedure",
            )

    async def _snapshot(self, snapshot: DossierSnapshotV1) -> Outcome:
        code = snapshot.dossier_code
        tech_id = await self._tech_id(snapshot)
        # The mapping also checks, so a record that cannot be sent costs no query.
        record = snapshot_to_wire(snapshot, tech_id=tech_id, file_base_url=self.config.file_base_url)
        links = self._linked.get(code)
        before = self._states.get(code)
        is_update = links is not None
        if links is None:
            held = await self._find(code)
            if held is not None and _holds(held, record):
                # A worker that died had sent it, or a field has changed that the portal does not take.
                self._remember(code, links_of(held), record[STATUS_FIELD])
                return _found(snapshot, "unchanged")
            is_update = held is not None
            links, before = _links_and_state(held)
        judgement = await self._sync(record, links, is_update=is_update)
        if judgement.meaning is Meaning.EXISTS and not is_update:
            is_update = True
            links, before = _links_and_state(await self._find(code))
            judgement = await self._sync(record, links, is_update=True)
        elif judgement.meaning is Meaning.UNKNOWN_DOSSIER and is_update:
            is_update, before = False, None
            judgement = await self._sync(record, links, is_update=False)
        self._require_success(judgement, snapshot.procedure.code)
        self._remember(code, links, record[STATUS_FIELD])
        findings = (*snapshot_findings(snapshot), *transition_findings(before, snapshot, is_known=is_update))
        return Outcome.delivered("updated" if is_update else "created", target_reference=code, findings=findings)

    async def _progress(self, progress: DossierProgressV1) -> Outcome:
        code, step = progress.dossier_code, progress_to_wire(progress)
        # A step that may be refused because of its dossier goes alone: it must not spoil the calls of others.
        send = self._chunks.send if code in self._states else self._send_step
        judgement = await send(step)
        if judgement.meaning is Meaning.UNKNOWN_DOSSIER:
            raise RejectedByTargetError(
                "the portal does not hold the dossier of this step; send its snapshot, then replay the step",
                reason=Meaning.UNKNOWN_DOSSIER.value,
            )
        self._require_success(judgement, "")
        # A step tells that the portal holds the dossier, not in which state.
        self._states.remember(code, self._states.get(code) or "")
        return Outcome.delivered("progress", target_reference=code)

    async def _send_step(self, step: WireRecord) -> Judgement:
        return await self._send_steps((step,))

    async def _send_steps(self, steps: Sequence[WireRecord]) -> Judgement:
        body = {"data": list(steps)}
        return (await self._client.call(PROGRESS_SERVICE, body, EFFECTS[PROGRESS_SERVICE])).judgement

    async def _verified(self, verified: DossierVerifiedV1) -> Outcome:
        if verified.status not in {"match", "approved"}:
            return Outcome.filtered(f"not_linked_{verified.status}")
        code = verified.dossier_code
        held = await self._find(code)
        if held is None:
            raise _too_early()
        links = links_of(held)
        if POPULATION_DATABASE in links:
            self._remember(code, links, held.get(STATUS_FIELD))
            return Outcome.filtered("already_linked", target_reference=code)
        if not _is_complete(held):
            raise RejectedByTargetError(
                "the portal returned less than a full record, so writing it back would erase data; "
                "let the next snapshot carry the link or ask the portal's operator",
                reason="record_incomplete",
            )
        links = (*links, POPULATION_DATABASE)
        judgement = await self._sync(held, links, is_update=True)
        if judgement.meaning is Meaning.UNKNOWN_DOSSIER:
            raise _too_early()
        self._require_success(judgement, str(held["MaTTHC"]))
        self._remember(code, links, held[STATUS_FIELD])
        return Outcome.delivered("linked", target_reference=code)

    async def _tech_id(self, snapshot: DossierSnapshotV1) -> str:
        if snapshot.channel != "online":
            return ""
        if snapshot.tech_id:
            return snapshot.tech_id
        identifier = first_identifier(snapshot.submitter or snapshot.owner, ACCOUNT_ORDER)
        if not identifier:
            raise ValidationFailedError(
                "an online dossier needs tech_id, or a submitter whose account the portal can find",
                violations=[Violation("tech_id", "portal_required", "send the TechID of the submitter's account")],
                reason="tech_id_missing",
            )
        # The parameter is that of a provincial wrapper around the service: ASSUMED to be the same behind it.
        answer = await self._client.call(TECH_ID_SERVICE, {"mstorcmnd": identifier}, EFFECTS[TECH_ID_SERVICE])
        self._require_success(answer.judgement, snapshot.procedure.code)
        found = answer.first_result()
        tech_id = str((found or {}).get("TECHNICALID") or "")
        if not tech_id:
            raise RejectedByTargetError(
                "the portal knows no account of the submitter; send the dossier with its TechID",
                reason="tech_id_unknown",
            )
        return tech_id

    async def _find(self, code: str, *, must_be_list: bool = False) -> WireRecord | None:
        answer = await self._client.call(FIND_SERVICE, {"mahoso": code}, EFFECTS[FIND_SERVICE])
        if answer.judgement.meaning is Meaning.UNKNOWN_DOSSIER:
            return None
        self._require_success(answer.judgement, "")
        if must_be_list and not isinstance(answer.body.get("result"), list):
            raise RejectedByTargetError(
                "the portal's answer does not say whether it holds the dossier; ask its operator", reason="no_result"
            )
        return answer.first_result()

    async def _sync(self, record: WireRecord, links: tuple[str, ...], *, is_update: bool) -> Judgement:
        body = {
            "isUpdating": truth(is_update),
            "data": [{**record, LINKS_FIELD: link_entries(links)}],
        }
        return (await self._client.call(SYNC_SERVICE, body, EFFECTS[SYNC_SERVICE])).judgement

    def _require_success(self, judgement: Judgement, procedure: str) -> None:
        if judgement.meaning is Meaning.SUCCESS:
            return
        if judgement.meaning is Meaning.PROCEDURE and procedure:
            raise ScopeError(
                "the portal does not allow this procedure for the province; ask its operator",
                scope_kind="procedure",
                scope=procedure,
                reason=judgement.reason,
            )
        raise RejectedByTargetError(
            "the portal refused the record; compare it with the portal's rules under this reason",
            reason=judgement.reason,
        )

    def _remember(self, code: str, links: tuple[str, ...], state: object) -> None:
        self._states.remember(code, str(state))
        if POPULATION_DATABASE in links:
            self._linked.remember(code, links)


def _links_and_state(held: WireRecord | None) -> tuple[tuple[str, ...], str | None]:
    return ((), None) if held is None else (links_of(held), str(held.get(STATUS_FIELD)))


def _too_early() -> RetriableError:
    return RetriableError(
        "the portal does not hold the dossier yet; the verification is linked once its snapshot was delivered",
        reason=Meaning.UNKNOWN_DOSSIER.value,
    )


def _found(snapshot: DossierSnapshotV1, reason: str) -> Outcome:
    return Outcome.delivered(reason, target_reference=snapshot.dossier_code, findings=snapshot_findings(snapshot))


def _holds(held: WireRecord, record: WireRecord) -> bool:
    """Return whether the portal holds all of a record; links are the portal's and verification's, not the record's."""
    return all(held.get(name) == value for name, value in record.items() if name != LINKS_FIELD)


def _is_complete(record: WireRecord) -> bool:
    return all(record.get(name) or (name in MAY_BE_EMPTY and name in record) for name in REQUIRED_FIELDS)
