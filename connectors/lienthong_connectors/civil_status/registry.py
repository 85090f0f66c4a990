"""Takes civil-status dossiers up to the Ministry of Justice.

Delivery:
    The ministry takes each code of the linked procedure once and answers a repeat with "đã được tiếp nhận", so a call
    that may have arrived is settled by the scan first, and then by that answer. It keeps what came first: therefore a
    supplement, which nobody documents, is refused here instead of being answered like a repeat.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import orjson
from pydantic import BaseModel

from lienthong.connector import CallContext, ConnectorContext, Effect, Sink
from lienthong.envelope import Event
from lienthong.errors import (
    OutcomeUnknownError,
    RejectedByTargetError,
    ScopeError,
    TargetConfigurationError,
    TransformError,
)
from lienthong.outcome import Outcome
from lienthong.rest import call, table
from lienthong_connectors.civil_status.config import RegistryConfig
from lienthong_connectors.civil_status.form import push_of
from lienthong_connectors.civil_status.ministry import check_agreement, open_client, read_object, read_rows
from lienthong_connectors.civil_status.wire import MODULES
from lienthong_schemas.civil_status_request import CivilStatusRequestedV1

REQUESTED = "civil-status.requested"
PUSH = "push"
EFFECTS = {PUSH: Effect.QUERY_BEFORE_WRITE}
OPERATIONS = {REQUESTED: PUSH}
REPEATED = "đã được tiếp nhận"
#: Codes of the older exchange of the same register: 100 and 101 refuse us, 106 the unit; the rest is the dossier.
_REFUSES_US = frozenset({"100", "101"})
_REFUSES_UNIT = "106"
_MOST_DIGITS = 5


class CivilStatusRegistry(Sink[RegistryConfig]):
    """The ministry's push of linked dossiers.

    Args:
        config: How to reach it.
        context: What the engine provides.
    """

    def __init__(self, config: RegistryConfig, context: ConnectorContext) -> None:
        super().__init__(config, context)
        self._statuses = table(config.on_status, ())
        self._paper_types = {str(kind): code for kind, code in config.paper_types.items()}
        self._http: httpx.AsyncClient | None = None

    async def open(self) -> None:
        """Build the HTTP client; the first call gets a token."""
        self._http = open_client(self.config, self.context)

    async def close(self) -> None:
        """Close the HTTP client."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    def scopes(self, event: Event, data: BaseModel) -> Sequence[tuple[str, str]]:
        """Return the agreement and the registering unit.

        Args:
            event: The CloudEvents attributes.
            data: A dossier.
        """
        del event
        agreement = self.config.agreement
        found = [("agreement", agreement.number)] if agreement is not None else []
        if isinstance(data, CivilStatusRequestedV1):
            found.append(("endpoint", _unit(data)))
        return found

    async def deliver(self, event: Event, data: BaseModel, context: CallContext) -> Outcome:
        """Push one dossier.

        Args:
            event: The CloudEvents attributes and the original bytes.
            data: A birth or a death to register.
            context: Who asks for what.

        Returns:
            Delivered ``received``, or ``already_received`` when the ministry holds the dossier.

        Raises:
            RecordError: The ministry refuses the dossier, or the exchange has no documented place for it.
            RetriableError: The ministry is away.
            ScopeError: The agreement has ended, or the ministry does not know the registering unit.
            TargetConfigurationError: The ministry refuses our key or address.
            OutcomeUnknownError: The dossier may have arrived.

        Delivery:
            Returning means that the ministry confirmed that it has the dossier, not that anything is entered.
        """
        request = _request(event, data)
        check_agreement(self.config, context.purpose, self.context.clock)
        body = push_of(request, self.config.province_code, self._paper_types)
        response = await self._post(self.config.push_endpoint, body, is_write=True)
        answer = read_object(response.content)
        status = str(answer.get("status")) if answer is not None else ""
        if answer is None or status not in {"0", "1"}:
            raise OutcomeUnknownError("the ministry does not say whether it took the dossier", reason="no_status")
        told = f"{answer.get('statusDescription')} {answer.get('errorDescription')}"
        if REPEATED in unicodedata.normalize("NFC", told).casefold():
            return Outcome.delivered("already_received", target_reference=request.national_code)
        if status == "0":
            raise _refusal(answer, request)
        return Outcome.delivered("received", target_reference=request.national_code)

    async def was_done(self, event: Event, data: BaseModel, context: CallContext) -> Outcome | None:
        """Ask the scan whether the ministry holds a dossier.

        Args:
            event: The CloudEvents attributes and the original bytes.
            data: A birth or a death to register.
            context: Who asks for what.

        Raises:
            LienthongError: As from :meth:`deliver`.
        """
        request = _request(event, data)
        check_agreement(self.config, context.purpose, self.context.clock)
        if request.supplement_round:
            return None
        code = request.national_code
        question = {
            "maDinhDanhHoSo": [code],
            "maTinh": self.config.province_code,
            "module": MODULES[request.kind],
        }
        response = await self._post(self.config.scan_endpoint, question, is_write=False)
        if all(row.get("maHoSoLT") != code for row in read_rows(response.content)):
            return None
        return Outcome.delivered("found", target_reference=code)

    async def _post(self, path: str, body: Mapping[str, Any], *, is_write: bool) -> httpx.Response:
        if self._http is None:
            raise TargetConfigurationError("the civil-status-registry connector is not open", reason="not_open")
        return await call(
            self._http,
            "POST",
            path,
            clock=self.context.clock,
            is_write=is_write,
            expected="json",
            statuses=self._statuses,
            content=orjson.dumps(body),
        )


def _request(event: Event, data: BaseModel) -> CivilStatusRequestedV1:
    if isinstance(data, CivilStatusRequestedV1):
        return data
    raise TransformError(
        f"the civil-status-registry connector does not take records of type {event.type}", reason="type_not_accepted"
    )


def _refusal(answer: Mapping[str, Any], request: CivilStatusRequestedV1) -> Exception:
    """Return the error of a refusal; the ministry's text stays out, because it may repeat a person's data."""
    code = str(answer.get("errorCode") or "")
    reason = f"code_{code}" if code.isdecimal() and len(code) <= _MOST_DIGITS else "refused"
    if code in _REFUSES_US:
        return TargetConfigurationError(
            "the ministry refuses the consumer key or our address; compare both with what was agreed on", reason=reason
        )
    if code == _REFUSES_UNIT:
        return ScopeError(
            "the ministry does not know the registering unit; correct it there or at the publisher, then release it",
            scope_kind="endpoint",
            scope=_unit(request),
            reason=reason,
        )
    return RejectedByTargetError(
        "the ministry refuses the dossier; look its code up in the ministry's list, correct the dossier and replay it",
        reason=reason,
    )


def _unit(request: CivilStatusRequestedV1) -> str:
    return f"registry-unit-{request.registry_unit}"
