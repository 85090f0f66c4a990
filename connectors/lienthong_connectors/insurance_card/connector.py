"""Asks the health-insurance gateway whether a card is valid and belongs to a person."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from lienthong.agreement import check_agreement
from lienthong.clock import to_vietnam
from lienthong.connector import CallContext, ConnectorContext, Lookup
from lienthong.errors import ConfigurationError, ScopeError
from lienthong.outcome import Answer
from lienthong_connectors.insurance_card.client import CardClient
from lienthong_connectors.insurance_card.codes import ANSWERS, refuse
from lienthong_connectors.insurance_card.config import CardOfficer, InsuranceCardConfig
from lienthong_connectors.insurance_card.wire import card_of, code_of, fields_of, question
from lienthong_schemas.insurance import InsuranceCardAnswer, InsuranceCardQuery


class InsuranceCardLookup(Lookup[InsuranceCardConfig]):
    """The connector; the question is a :class:`lienthong_schemas.insurance.InsuranceCardQuery`."""

    def __init__(self, config: InsuranceCardConfig, context: ConnectorContext) -> None:
        super().__init__(config, context)
        self._client: CardClient | None = None

    async def open(self) -> None:
        """Prepare the client; the gateway is not called."""
        self._client = CardClient(self.config, self.context.http, self.context.clock)

    async def close(self) -> None:
        """Close the client; called twice it does nothing the second time."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def check(self, query: BaseModel, context: CallContext) -> None:
        """Refuse a question of an official whom the gateway does not know, or outside the agreement.

        Args:
            query: A :class:`lienthong_schemas.insurance.InsuranceCardQuery`.
            context: Who asks for what.
        """
        self._permit(getattr(query, "procedure_code", None) or "", context)

    async def lookup(self, query: BaseModel, context: CallContext) -> Answer:
        """Ask once; a refused token is renewed once.

        Args:
            query: A :class:`lienthong_schemas.insurance.InsuranceCardQuery`.
            context: Who asks for what; the gateway takes no request id.

        Returns:
            Match with what the card is good for, mismatch of name or date of birth, or no match.

        Raises:
            RejectedByTargetError: The number has a wrong form, or the code of the answer is not documented.
            RetriableError: The same question is asked again after a wait.
            ScopeError: The gateway does not know the official.
            TargetConfigurationError: The gateway refuses the account, or the agreement does not cover the question.

        Delivery:
            Nothing changes at the gateway, so a repeat is harmless.
        """
        if not isinstance(query, InsuranceCardQuery):
            raise ConfigurationError("the insurance-card connector answers insurance_card questions only")
        if self._client is None:
            raise ConfigurationError("the insurance-card connector is not open")
        officer = self._permit(query.procedure_code or "", context)
        body = question(query, officer.full_name.get_secret_value(), officer.personal_id.get_secret_value())
        document = await self._client.ask(body)
        code = code_of(document)
        meaning = ANSWERS.get(code)
        if meaning is None:
            refuse(code, context.actor)
        findings = (meaning.finding,) if meaning.finding is not None else ()
        card = card_of(document, code, meaning)
        return Answer(meaning.status, findings, (context.attempt_id,), fields_of(document), card)

    def _permit(self, procedure: str, context: CallContext) -> CardOfficer:
        officer = self.config.officers.get(context.actor)
        if officer is None:
            raise ScopeError(
                "the official is not known at the health-insurance gateway; add them under officers",
                scope_kind="officer",
                scope=context.actor,
                reason="unknown_officer",
            )
        if self.config.agreement is not None:
            today = to_vietnam(self.context.clock.now()).date()
            check_agreement(self.config.agreement, procedure, context, today)
        return officer


def disclosed(answer: Answer) -> Mapping[str, Any] | None:
    """Return what an official at the counter may see of a match: the card, nothing about treatments.

    Args:
        answer: What the gateway said.
    """
    return answer.data.model_dump(mode="json") if isinstance(answer.data, InsuranceCardAnswer) else None
