"""Asks the National Population Database whether a person is who a dossier says."""

from collections.abc import Mapping
from typing import Any

import httpx
from pydantic import BaseModel

from lienthong.agreement import check_agreement
from lienthong.clock import to_vietnam
from lienthong.connector import CallContext, ConnectorContext, Lookup
from lienthong.envelope import Event
from lienthong.errors import ConfigurationError, ScopeError
from lienthong.outcome import Answer
from lienthong_connectors.population.config import OfficerAccount, PopulationConfig
from lienthong_connectors.population.matching import Citizen, judge
from lienthong_connectors.population.payload import Asker, build_lookup, parse_lookup
from lienthong_connectors.population.platforms import transport_for
from lienthong_connectors.population.transport import Transport
from lienthong_schemas.identity import PersonIdentityQuery


class PopulationLookup(Lookup[PopulationConfig]):
    """The connector; the question is a :class:`lienthong_schemas.identity.PersonIdentityQuery`."""

    def __init__(self, config: PopulationConfig, context: ConnectorContext) -> None:
        super().__init__(config, context)
        self._client: httpx.AsyncClient | None = None
        self._transport: Transport | None = None

    async def open(self) -> None:
        """Prepare the client; the database is not called."""
        config = self.config
        self._client = self.context.http.create(
            base_url=config.base_url,
            timeout_seconds=config.timeout_seconds,
            max_connections=config.max_connections,
            ca_file=config.ca_file,
            client_certificate_file=config.client_certificate_file,
            client_key_file=config.client_key_file,
        )
        self._transport = transport_for(self._client, config, self.context.clock)

    async def close(self) -> None:
        """Close the client; called twice it does nothing the second time."""
        client, self._client, self._transport = self._client, None, None
        if client is not None:
            await client.aclose()

    async def lookup(self, query: BaseModel, context: CallContext) -> Answer:
        """Ask once.

        Args:
            query: A :class:`lienthong_schemas.identity.PersonIdentityQuery`.
            context: Who asks for what; ``attempt_id`` is sent as ``MaYeuCau``.

        Returns:
            Match, mismatch or no match, with findings by field and the names of the disclosed fields.

        Raises:
            ValidationFailedError: The question lacks what the database demands.
            RejectedByTargetError: The database refuses the question.
            RetriableError: The same question is asked again after a wait.
            ScopeError: Everything of this procedure or officer waits.
            TargetConfigurationError: The pipeline pauses.

        Delivery:
            Nothing changes at the database, so a repeat is harmless; every attempt carries its own ``MaYeuCau``.
        """
        if not isinstance(query, PersonIdentityQuery):
            raise ConfigurationError("the population connector answers person_identity questions only")
        if self._transport is None:
            raise ConfigurationError("the population connector is not open")
        procedure = query.procedure_code or ""
        officer = self._permit(procedure, context)
        asker = Asker(
            request_id=context.attempt_id,
            service_code=self.config.service_code_by_procedure.get(procedure, self.config.service_code),
            integration_code=self.config.integration_code,
            unit_code=self.config.unit_code or query.unit_code,
            officer_code=officer.officer_code.get_secret_value(),
            account=officer.account.get_secret_value(),
        )
        body = await self._transport.call(build_lookup(query, asker), officer, context.key)
        citizens = parse_lookup(body, procedure=procedure, actor=context.actor)
        return judge(query, citizens, context.attempt_id)

    def check(self, query: BaseModel, context: CallContext) -> None:
        """Refuse a question of an actor without an account, or outside the agreement.

        Args:
            query: A :class:`lienthong_schemas.identity.PersonIdentityQuery`.
            context: Who asks for what.
        """
        self._permit(getattr(query, "procedure_code", None) or "", context)

    def scopes_of(self, query: BaseModel, context: CallContext) -> tuple[tuple[str, str], ...]:
        """Return the officer and the procedure.

        Args:
            query: A :class:`lienthong_schemas.identity.PersonIdentityQuery`.
            context: Its actor is the officer.
        """
        procedure = getattr(query, "procedure_code", None)
        needed = (("officer", context.actor), ("procedure", procedure or ""))
        return needed if procedure else needed[:1]

    def scopes(self, event: Event, data: BaseModel) -> tuple[tuple[str, str], ...]:
        """Return the officer, and the procedure of a record that names one.

        Args:
            event: Its actor is the officer.
            data: A record.
        """
        procedure = getattr(getattr(data, "procedure", None), "code", "")
        found = (("officer", event.get("actor")), ("procedure", procedure))
        return tuple((kind, value) for kind, value in found if value)

    def _permit(self, procedure: str, context: CallContext) -> OfficerAccount:
        officer = self.config.officers.get(context.actor)
        if officer is None:
            raise ScopeError(
                "the actor has no account at the population database; add it under officers",
                scope_kind="officer",
                scope=context.actor,
                reason="unknown_officer",
            )
        if self.config.agreement is not None:
            today = to_vietnam(self.context.clock.now()).date()
            check_agreement(self.config.agreement, procedure, context, today)
        return officer


def disclosed(answer: Answer) -> Mapping[str, Any] | None:
    """Return what an official at the counter may see of a match: how the database writes the person.

    Args:
        answer: What the database said.
    """
    citizen = answer.data
    if not isinstance(citizen, Citizen):
        return None
    return {"full_name": citizen.full_name, "birth": citizen.birth, "gender": citizen.gender}
