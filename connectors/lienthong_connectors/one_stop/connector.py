"""Hands dossiers that citizens submitted to the nation over to the province's one-stop system.

Delivery:
    An upsert by dossier code. The system changes nothing when it holds the same version of the citizen's part, and
    refuses an older sequence. What is not from the nation is never sent: the one-stop system is where it came from.

Source:
    No interface of such systems is published; this one is ASSUMED, and described on its reference page for vendors.
"""

import re
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
    TargetUnavailableError,
    TransformError,
)
from lienthong.outcome import Outcome, OutcomeKind
from lienthong.rest import RotatingSecret, call, table
from lienthong_connectors.one_stop.citizen import citizens_version
from lienthong_connectors.one_stop.config import ON_STATUS, OneStopConfig
from lienthong_schemas.dossier import DossierSnapshotV1

PATH = "/v1/dossiers/"
FIND, HAND_OVER = "find", "hand_over"
EFFECTS = {FIND: Effect.IDEMPOTENT, HAND_OVER: Effect.UPSERT}
OPERATIONS = {"dossier.snapshot": HAND_OVER}
PROCEDURE_UNKNOWN = "procedure_unknown"
_CHANGES = frozenset({"created", "updated", "unchanged"})
_UNKNOWN, _OLDER, _REFUSED = 404, 409, 422
_CODE = re.compile(r"[a-z_]{1,40}")


class OneStopSink(Sink[OneStopConfig]):
    """The one-stop system behind its REST interface.

    Args:
        config: How to reach it.
        context: What the engine provides.
    """

    def __init__(self, config: OneStopConfig, context: ConnectorContext) -> None:
        super().__init__(config, context)
        self._statuses = table(config.on_status, ON_STATUS)
        fixed = [config.token] if config.token is not None else []
        self._token = RotatingSecret(fixed, config.token_files, name="one-stop token")
        self._http: httpx.AsyncClient | None = None

    async def open(self) -> None:
        """Build the HTTP client, without a call."""
        config = self.config
        self._http = self.context.http.create(
            base_url=config.base_url,
            timeout_seconds=config.timeout_seconds,
            max_connections=config.max_connections,
            headers={"Accept": "application/json", "Content-Type": "application/json"},
            ca_file=config.ca_file,
            client_certificate_file=config.client_certificate_file,
            client_key_file=config.client_key_file,
        )

    async def close(self) -> None:
        """Close the HTTP client."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    def scopes(self, event: Event, data: BaseModel) -> Sequence[tuple[str, str]]:
        """Return the procedure, which the system may not know yet.

        Args:
            event: The CloudEvents attributes and the original bytes.
            data: A snapshot.
        """
        del event
        return (("procedure", data.procedure.code),) if isinstance(data, DossierSnapshotV1) else ()

    async def deliver(self, event: Event, data: BaseModel, context: CallContext) -> Outcome:
        """Hand one dossier over.

        Args:
            event: The CloudEvents attributes and the original bytes.
            data: A snapshot.
            context: Who asks for what.

        Returns:
            Delivered with ``created``, ``updated`` or ``unchanged``; superseded when the system holds a newer one;
            filtered when the dossier is the province's own.

        Raises:
            RecordError: The system refuses the dossier.
            RetriableError: The system is away.
            ScopeError: The system does not know the procedure.
            TargetConfigurationError: The system refuses us.
            OutcomeUnknownError: The dossier may have arrived.

        Delivery:
            Returning means that the system confirmed the write, or holds the same already.
        """
        del context
        snapshot = _snapshot(event, data)
        if snapshot.origin != "national_portal":
            return Outcome.filtered("not_from_the_nation", attempts=0)
        return await self._hand_over(event, snapshot, citizens_version(snapshot))

    async def was_done(self, event: Event, data: BaseModel, context: CallContext) -> Outcome | None:
        """Ask the system whether it holds a dossier as a record says.

        Args:
            event: The CloudEvents attributes and the original bytes.
            data: A snapshot.
            context: Who asks for what.

        Raises:
            LienthongError: As from :meth:`deliver`.
        """
        del context
        snapshot = _snapshot(event, data)
        if await self._held_version(snapshot.dossier_code) != citizens_version(snapshot):
            return None
        return Outcome.delivered("found", target_reference=snapshot.dossier_code)

    async def _held_version(self, code: str) -> str | None:
        response = await self._send("GET", code, is_write=False)
        if response.status_code == _UNKNOWN:
            return None
        return str(_object(response, is_write=False).get("version"))

    async def _hand_over(self, event: Event, snapshot: DossierSnapshotV1, version: str) -> Outcome:
        body = {
            "event_id": event.id,
            "version": version,
            "sequence": snapshot.sequence,
            "dossier": orjson.Fragment(event.data or b"null"),
        }
        code = snapshot.dossier_code
        response = await self._send("PUT", code, is_write=True, content=orjson.dumps(body))
        if response.status_code == _OLDER:
            return Outcome(OutcomeKind.SUPERSEDED, "older_at_target", target_reference=code)
        answer = _object(response, is_write=True)
        if response.status_code == _REFUSED:
            raise _refusal(answer, snapshot.procedure.code)
        change = answer.get("change")
        if change not in _CHANGES:
            raise OutcomeUnknownError("the one-stop system does not say what it did", reason="no_change_told")
        return Outcome.delivered(str(change), target_reference=code)

    async def _send(self, method: str, code: str, *, is_write: bool, content: bytes = b"") -> httpx.Response:
        http = self._http
        if http is None:
            raise TargetConfigurationError("the one-stop connector is not open", reason="not_open")
        answers = {_OLDER, _REFUSED} if is_write else {_UNKNOWN}

        async def send(token: str) -> httpx.Response:
            return await call(
                http,
                method,
                PATH + code,
                clock=self.context.clock,
                is_write=is_write,
                expected="json",
                statuses=self._statuses,
                is_answer=lambda response: response.status_code in answers,
                headers={"Authorization": f"Bearer {token}"},
                content=content,
            )

        return await self._token.use(send, lambda error: error.reason == "http_401")


def _snapshot(event: Event, data: BaseModel) -> DossierSnapshotV1:
    if isinstance(data, DossierSnapshotV1):
        return data
    raise TransformError(
        f"the one-stop connector does not take records of type {event.type}", reason="type_not_accepted"
    )


def _object(response: httpx.Response, *, is_write: bool) -> Mapping[str, Any]:
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        kind = OutcomeUnknownError if is_write else TargetUnavailableError
        # Without the cause: a JSON error carries the whole document, which may be personal.
        raise kind("the one-stop system answered with something that is no JSON object", reason="no_json_object")
    return answer


def _refusal(answer: Mapping[str, Any], procedure: str) -> ScopeError | RejectedByTargetError:
    given = str(answer.get("code", ""))
    code = given if _CODE.fullmatch(given) else "none"
    if code == PROCEDURE_UNKNOWN:
        return ScopeError(
            "the one-stop system does not know the procedure; set it up there, then release the scope",
            scope_kind="procedure",
            scope=procedure,
            reason=code,
        )
    return RejectedByTargetError(
        "the one-stop system refused the dossier; mend what the reason names there, then replay the dead letter",
        reason=code,
    )
