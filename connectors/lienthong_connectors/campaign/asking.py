"""Asks about one row after the other, and says what becomes of each."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from lienthong.clock import Clock, to_vietnam
from lienthong.connector import CallContext, Lookup
from lienthong.delivery.effect import effect_key
from lienthong.delivery.retry import Attempts
from lienthong.errors import ConfigurationError, LienthongError, RecordError
from lienthong.outcome import Answer
from lienthong.pipeline.definitions import LookupStep, Pipeline
from lienthong.pipeline.target import Target
from lienthong.targets.access_trail import AccessTrail
from lienthong_connectors.campaign.decisions import Decision
from lienthong_connectors.campaign.journal import Journal
from lienthong_connectors.campaign.loading import reference_of
from lienthong_connectors.campaign.publish import Stamp
from lienthong_connectors.campaign.table import Account, Finding
from lienthong_schemas.account import AccountIdentityQuery, fingerprint
from lienthong_schemas.account_states import state_of
from lienthong_schemas.party import PartyIdentifier

REFUSED = "refused_by_target"


class Order(NamedTuple):
    """What a campaign is told.

    Attributes:
        file: Of the province.
        actor: Opaque id of the automatic account that asks.
        unit_code: Unit that answers for the accounts.
        in_flight: Questions under way at once.
    """

    file: Path
    actor: str
    unit_code: str
    in_flight: int


def lookup_of(pipeline: Pipeline) -> LookupStep:
    """Return the question that a pipeline asks.

    Args:
        pipeline: Of the campaign.

    Raises:
        ConfigurationError: If it asks none.
    """
    step = pipeline.definition.lookup
    if step is None:
        raise ConfigurationError(f"the pipeline {pipeline.name} has no lookup; a campaign needs one")
    return step


class Rows:
    """From a row to its question, and from the answer to what becomes of the row.

    Args:
        pipeline: Declares purpose and law.
        order: Who asks.
        stamp: Of the results.
        journal: Knows the other rows.
        secret: Keys references of persons.
        clock: Where to read the time.
    """

    def __init__(
        self, pipeline: Pipeline, order: Order, stamp: Stamp, journal: Journal, secret: bytes, clock: Clock
    ) -> None:
        self._pipeline = pipeline
        self._step = lookup_of(pipeline)
        self._order = order
        self._stamp = stamp
        self._journal = journal
        self._secret = secret
        self._clock = clock

    def context_of(self, row: Account) -> CallContext:
        """Return who asks for what about a row.

        Args:
            row: Of the file.
        """
        step = self._step
        return CallContext(
            pipeline=self._pipeline.name,
            effect_key=effect_key(self._stamp.campaign, step.query, self._stamp.source, self._stamp.id_of(row.line)),
            attempt=0,
            attempt_id="",
            purpose=step.purpose,
            legal_basis=step.legal_basis,
            actor=self._order.actor,
            on_behalf_of="",
            key=row.account,
        )

    def query_of(self, row: Account) -> AccountIdentityQuery:
        """Return the question about a row; every part was checked when the file was read.

        Args:
            row: Of the file.
        """
        identifier: dict[str, Any] = {"type": row.kind, "value": row.number}
        fields: dict[str, Any] = {
            "identifiers": (PartyIdentifier.model_construct(**identifier),),
            "full_name": row.full_name,
            "birth_date": row.birth_date,
            "gender": row.gender or None,
            "procedure_code": None,
            "unit_code": self._order.unit_code,
            "system": self._stamp.system,
            "account": row.account,
        }
        return AccountIdentityQuery.model_construct(**fields)

    def decision_of(self, row: Account, answer: Answer) -> Decision:
        """Return what becomes of a row.

        Args:
            row: Of the file.
            answer: What the database said.
        """
        now = to_vietnam(self._clock.now())
        state = state_of(answer, row.birth_date, now.date())
        disclosed = getattr(answer.data, "personal_id", "")
        if state == "linked" and row.kind == "cmnd" and disclosed:
            # Behind an old number may be a person who has another account under the new one.
            person = reference_of(self._secret, "personal_id", disclosed)
            state = "conflict" if self._journal.belongs_to_another(person, row.account) else state
        findings = tuple(f"{each.field}:{each.rule}" for each in answer.findings)
        subject = reference_of(self._secret, row.kind, row.number)
        return Decision(row.line, row.account, subject, state, findings, now.isoformat())


class Asking:
    """What all workers of one run share.

    Args:
        rows: From rows to questions and back.
        lookup: The connector, open.
        target: Calls to it.
        intents: Writes that a question is about to be asked.
        results: Takes how it was answered.
        note: Takes what becomes of a row.

    Delivery:
        No question before its intent is acknowledged.
    """

    def __init__(
        self,
        rows: Rows,
        lookup: Lookup[Any],
        target: Target,
        intents: AccessTrail,
        results: AccessTrail,
        note: Callable[[Decision | Finding], None],
    ) -> None:
        self._rows = rows
        self._lookup = lookup
        self._target = target
        self._intents = intents
        self._results = results
        self._note = note

    async def work(self, queue: "asyncio.Queue[Account | None]") -> None:
        """Ask about rows, one at a time, until None comes.

        Args:
            queue: Of rows.

        Raises:
            LienthongError: What ends the campaign: a refused officer, an expired agreement.
        """
        while (row := await queue.get()) is not None:
            try:
                answer = await self._ask(row)
            except RecordError:
                self._note(Finding(row.line, "", REFUSED))
            else:
                self._note(self._rows.decision_of(row, answer))

    async def _ask(self, row: Account) -> Answer:
        query = self._rows.query_of(row)
        mark = self._intents.mark_of(fingerprint(query))

        async def once(mine: CallContext) -> Answer:
            await self._intents.intend(mine, mark)
            try:
                answer = await self._lookup.lookup(query, mine)
            except LienthongError as error:
                await self._results.conclude(mine, mark, error.code)
                raise
            await self._results.conclude(mine, mark, answer.status.value, answer.fields)
            return answer

        answer, _ = await self._target.call(self._rows.context_of(row), once, Attempts(), is_bulk=True)
        return answer
