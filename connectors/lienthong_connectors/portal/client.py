"""What the wire profiles of the portal share: the answer of a service, and the errors that follow from it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx
import orjson

from lienthong.clock import Clock
from lienthong.connector import Effect
from lienthong.errors import (
    OutcomeUnknownError,
    TargetConfigurationError,
    TargetSuspendedError,
    TargetUnavailableError,
    TokenExpiredError,
)
from lienthong.http_clients import HttpClientFactory
from lienthong.rest import call, table
from lienthong_connectors.portal.answers import Judgement, Meaning
from lienthong_connectors.portal.config import ON_STATUS, PortalConfig
from lienthong_connectors.portal.wire import WireRecord


class ServiceAnswer(NamedTuple):
    """What a service answered.

    Attributes:
        judgement: What it means; never *session*, *credentials* or *busy*, which are raised.
        body: The parsed object; may be personal.
    """

    judgement: Judgement
    body: Mapping[str, Any]

    def __repr__(self) -> str:
        """Show the meaning only: the body may hold personal data."""
        return f"ServiceAnswer({self.judgement.reason})"

    def first_result(self) -> WireRecord | None:
        """Return the first object of ``result``, or None."""
        result = self.body.get("result")
        first = result[0] if isinstance(result, list) and result else None
        return first if isinstance(first, dict) else None


class PortalClient(ABC):
    """Calls the services of the portal in one wire profile.

    Attributes:
        steps_per_call: Most steps of the progress in one call.

    Args:
        config: Where and as whom.
        http: Builds the HTTP client.
        clock: What a date in ``Retry-After`` is compared with.
    """

    steps_per_call = 1

    def __init__(self, config: PortalConfig, http: HttpClientFactory, clock: Clock) -> None:
        self._config = config
        self._statuses = table(config.on_status, ON_STATUS)
        self._factory = http
        self._clock = clock
        self._http: httpx.AsyncClient | None = None

    async def open(self) -> None:
        """Build the HTTP client, without a call."""
        config = self._config
        destination = {"dstcode": config.destination_code} if config.destination_code else {}
        self._http = self._factory.create(
            base_url=config.base_url,
            timeout_seconds=config.timeout_seconds,
            max_connections=config.max_connections,
            headers={
                "Accept": "application/json",
                "Content-Type": "application/json",
                "Charset": "utf-8",
                **destination,
            },
            ca_file=config.ca_file,
            client_certificate_file=config.client_certificate_file,
            client_key_file=config.client_key_file,
        )

    async def close(self) -> None:
        """Close the HTTP client."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def call(self, service: str, body: Mapping[str, Any], effect: Effect) -> ServiceAnswer:
        """Call a service.

        Args:
            service: Name of the service.
            body: Its own fields, as the adapter names them.
            effect: What happens when the call is repeated.

        Returns:
            The answer, whatever it says about the record.

        Raises:
            RetriableError: The portal is away, busy or refuses a fresh session.
            TargetConfigurationError: The portal refuses the account, or has locked it.
            RejectedByTargetError: The portal refuses the request as a whole.
            OutcomeUnknownError: A write may have happened.
        """
        answer = await self._ask(service, body, effect)
        meaning = answer.judgement.meaning
        if meaning is Meaning.SESSION:
            raise TokenExpiredError(
                "the portal refuses a session that it has just given; another worker may use the same account",
                reason=answer.judgement.reason,
            )
        if meaning is Meaning.CREDENTIALS:
            raise TargetConfigurationError(
                "the portal does not allow this call for the account; check the account, unit_code and its rights",
                reason=answer.judgement.reason,
            )
        if meaning is Meaning.SUSPENDED:
            raise suspended(answer.judgement)
        if meaning is Meaning.BUSY:
            raise TargetUnavailableError("the portal says that it is busy", reason=answer.judgement.reason)
        return answer

    @abstractmethod
    async def _ask(self, service: str, body: Mapping[str, Any], effect: Effect) -> ServiceAnswer: ...

    async def _post(self, path: str, document: Any, *, is_write: bool) -> Mapping[str, Any]:
        if self._http is None:
            raise TargetConfigurationError("the portal connector is not open", reason="not_open")
        response = await call(
            self._http,
            "POST",
            path,
            clock=self._clock,
            is_write=is_write,
            expected="json",
            statuses=self._statuses,
            content=orjson.dumps(document),
        )
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            kind = OutcomeUnknownError if is_write else TargetUnavailableError
            # Without the cause: a JSON error carries the whole document, which may be personal.
            raise kind("the portal answered with something that is no JSON object", reason="no_json_object") from None
        return answer


def suspended(judgement: Judgement) -> TargetSuspendedError:
    """Return the error of a locked account.

    Args:
        judgement: What the portal said.
    """
    return TargetSuspendedError(
        "the portal has locked the account; ask its operator, then start the worker again", reason=judgement.reason
    )
