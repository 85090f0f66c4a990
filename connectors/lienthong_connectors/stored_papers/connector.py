"""Asks the warehouse which papers of a citizen or organisation it has, so that nobody must bring them again."""

from collections.abc import Mapping
from typing import Any

import httpx
from pydantic import BaseModel

from lienthong.agreement import check_agreement
from lienthong.clock import to_vietnam
from lienthong.connector import CallContext, ConnectorContext, Lookup
from lienthong.errors import ConfigurationError, ScopeError
from lienthong.outcome import Answer
from lienthong.rest import ClientCredentialsAuth, call, table
from lienthong_connectors.stored_papers.config import Requester, StoredPapersConfig
from lienthong_connectors.stored_papers.wire import answer_of, question
from lienthong_schemas.stored_papers import StoredPapersAnswer, StoredPapersQuery


class StoredPapersLookup(Lookup[StoredPapersConfig]):
    """The connector; the question is a :class:`lienthong_schemas.stored_papers.StoredPapersQuery`."""

    def __init__(self, config: StoredPapersConfig, context: ConnectorContext) -> None:
        super().__init__(config, context)
        self._client: httpx.AsyncClient | None = None
        self._statuses = table(config.on_status)

    async def open(self) -> None:
        """Prepare the client; the warehouse is not called."""
        config = self.config
        client = self.context.http.create(
            base_url=config.base_url,
            timeout_seconds=config.timeout_seconds,
            max_connections=config.max_connections,
            headers={"Content-Type": "application/json"},
            ca_file=config.ca_file,
        )
        if config.token is not None:
            client.auth = ClientCredentialsAuth(
                token_url=config.token.url,
                client_id=config.token.client_id,
                client_secret=config.token.client_secret,
                clock=self.context.clock,
            )
        self._client = client

    async def close(self) -> None:
        """Close the client; called twice it does nothing the second time."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def check(self, query: BaseModel, context: CallContext) -> None:
        """Refuse a question of an official whom the warehouse does not know, or outside the agreement.

        Args:
            query: A :class:`lienthong_schemas.stored_papers.StoredPapersQuery`.
            context: Who asks for what.
        """
        self._permit(getattr(query, "procedure_code", ""), context)

    def scopes_of(self, query: BaseModel, context: CallContext) -> tuple[tuple[str, str], ...]:
        """Return the officer and the procedure.

        Args:
            query: A :class:`lienthong_schemas.stored_papers.StoredPapersQuery`.
            context: Its actor is the officer.
        """
        return (("officer", context.actor), ("procedure", getattr(query, "procedure_code", "")))

    async def lookup(self, query: BaseModel, context: CallContext) -> Answer:
        """Ask once.

        Args:
            query: A :class:`lienthong_schemas.stored_papers.StoredPapersQuery`.
            context: Who asks for what.

        Returns:
            Match with the stored papers and a finding for each kind that is not stored, or no match.

        Raises:
            RejectedByTargetError: The warehouse refuses the question.
            RetriableError: The same question is asked again after a wait.
            ScopeError: The official is not known or not allowed.
            TargetConfigurationError: The warehouse refuses the hub, or the agreement does not cover the question.

        Delivery:
            Nothing changes at the warehouse, so a repeat is harmless. Files are never fetched.
        """
        if not isinstance(query, StoredPapersQuery):
            raise ConfigurationError("the stored-papers connector answers stored_papers questions only")
        if self._client is None:
            raise ConfigurationError("the stored-papers connector is not open")
        requester = self._permit(query.procedure_code, context)
        body = question(query, requester.full_name.get_secret_value(), requester.personal_id.get_secret_value())
        response = await call(
            self._client,
            "POST",
            self.config.search_path,
            clock=self.context.clock,
            expected="json",
            statuses=self._statuses,
            content=body,
        )
        return answer_of(response.content, query, context.actor, context.attempt_id)

    def _permit(self, procedure: str, context: CallContext) -> Requester:
        requester = self.config.officers.get(context.actor)
        if requester is None:
            raise ScopeError(
                "the official is not known at the warehouse of stored papers; add them under officers",
                scope_kind="officer",
                scope=context.actor,
                reason="unknown_officer",
            )
        if self.config.agreement is not None:
            today = to_vietnam(self.context.clock.now()).date()
            check_agreement(self.config.agreement, procedure, context, today)
        return requester


def disclosed(answer: Answer) -> Mapping[str, Any] | None:
    """Return what an official at the counter may see of a match: the papers and where their files are.

    Args:
        answer: What the warehouse said.
    """
    return answer.data.model_dump(mode="json") if isinstance(answer.data, StoredPapersAnswer) else None
