"""What carries questions to the database; what is asked and answered is the same over each.

Here are the database's own endpoint and the security servers of the national bus, which hand the same request on; the
platforms of provinces are in :mod:`lienthong_connectors.population.platforms`.
"""

import binascii
import re
from abc import ABC, abstractmethod
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256, sha512
from typing import Any, Literal
from urllib.parse import quote
from uuid import UUID

import httpx

from lienthong.clock import Clock
from lienthong.errors import ConfigurationError, LienthongError, TargetConfigurationError, TargetUnavailableError
from lienthong.rest import SIGN, RotatingSecret, call, table
from lienthong_connectors.population.config import OfficerAccount, PopulationConfig
from lienthong_connectors.population.payload import Question, holds_fault, holds_scope_refusal

#: Faults of the bus that only its operator or our configuration can mend (X-Road message protocol for REST).
_CONFIGURATION_FAULTS = ("AccessDenied", "UnknownMember", "UnknownService", "SslAuthenticationFailed")
#: Statuses that say enough, whatever comes with them: credentials refused, slow down, not available.
_SAID_BY_STATUS = frozenset({401, 403, 407, 429, 503})
XML_HEADERS: Mapping[str, str] = {"Content-Type": "application/xml; charset=utf-8", "SOAPAction": '""'}
_FAULT = re.compile(r"[A-Za-z]+(\.[A-Za-z]+)*")


class Transport(ABC):
    """Carries one question there and one envelope back.

    Args:
        client: Its base URL is what the hub calls.
        config: Whose account is used.
        clock: Signs every attempt with its own time, and is what a date in ``Retry-After`` is compared with.
    """

    def __init__(self, client: httpx.AsyncClient, config: PopulationConfig, clock: Clock) -> None:
        self._client = client
        self._config = config
        self._clock = clock
        self._statuses = table(config.on_status)
        # Absolute, because a client puts a slash behind its base URL and not every server forgives that.
        self._url = httpx.URL(config.base_url)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    @abstractmethod
    async def call(self, question: Question, officer: OfficerAccount, case: str) -> bytes:
        """Send one question, once.

        Args:
            question: What is asked.
            officer: Who asks.
            case: Code of the dossier.

        Returns:
            The envelope of the answer, which may hold a refusal of the database.

        Raises:
            RetriableError: It could not be carried now.
            TargetConfigurationError: It can never be carried as configured.
        """

    async def _post(
        self,
        body: bytes,
        headers: Mapping[str, str],
        is_answer: Callable[[httpx.Response], bool],
        expected: Literal["xml", "json"] = "xml",
        **options: Any,
    ) -> httpx.Response:
        return await call(
            self._client,
            "POST",
            self._url,
            clock=self._clock,
            expected=expected,
            statuses=self._statuses,
            is_answer=is_answer,
            content=body,
            headers=headers,
            **options,
        )


class DirectTransport(Transport):
    """Posts to the database's own endpoint, signed with its digest."""

    def __init__(self, client: httpx.AsyncClient, config: PopulationConfig, clock: Clock) -> None:
        super().__init__(client, config, clock)
        fixed = [config.secret] if config.secret is not None else []
        self._secret = RotatingSecret(fixed, config.secret_files, name="population secret")
        self._fixed = dict(XML_HEADERS)
        if config.client_id:
            self._fixed["X-Road-Client"] = config.client_id
        if config.api_key.get_secret_value():
            self._fixed["ApiKey"] = config.api_key.get_secret_value()

    async def call(self, question: Question, officer: OfficerAccount, case: str) -> bytes:  # noqa: D102 - inherited
        del officer, case
        return (await self._ask(question, self._fixed)).content

    async def _ask(self, question: Question, headers: Mapping[str, str]) -> httpx.Response:
        body = question.envelope()
        return await self._secret.use(lambda secret: self._send(body, headers, secret), _is_refused_secret)

    async def _send(self, body: bytes, headers: Mapping[str, str], secret: str) -> httpx.Response:
        def sign(request: httpx.Request) -> None:
            factor = 1000 if self._config.timestamp_unit == "milliseconds" else 1
            timestamp = str(int(self._clock.now().timestamp() * factor))
            path, user = self._config.authentication_path, self._config.user_name
            request.headers["Timestamp"] = timestamp
            request.headers["Authorization"] = authorization(path, user, timestamp, secret)

        # The database refuses old timestamps, and a request may wait long for its turn.
        return await self._post(body, headers, is_answer, extensions={SIGN: sign})


class XRoadTransport(DirectTransport):
    """Posts to a security server of the bus, which hands the same request on to the database.

    Source:
        ``national-specs.md`` 1.4.2. Which members there are in Viet Nam is ASSUMED.
    """

    def __init__(self, client: httpx.AsyncClient, config: PopulationConfig, clock: Clock) -> None:
        super().__init__(client, config, clock)
        if config.x_road is None:
            raise ConfigurationError("the transport x-road needs the section x_road")
        service = "/".join(quote(part, safe="") for part in config.x_road.service.split("/"))
        self._url = httpx.URL(f"{config.base_url.rstrip('/')}/r1/{service}")
        self._fixed["X-Road-Client"] = config.x_road.client

    async def call(self, question: Question, officer: OfficerAccount, case: str) -> bytes:  # noqa: D102 - inherited
        del officer
        message_id = str(UUID(hex=question.request_id))
        headers = {**self._fixed, "X-Road-Id": message_id, "X-Road-Issue": quote(case, safe="")}
        response = await self._ask(question, headers)
        found = response.headers.get("x-road-id", "")
        if found and found.lower() != message_id:
            raise TargetUnavailableError(
                "the bus returned the answer to another question, which was not read; report it to its operator",
                reason="x_road_other_id",
            )
        proof = response.headers.get("x-road-request-hash", "")
        if proof and not _is_digest(proof):
            raise TargetUnavailableError("the bus returned no SHA-512 as the hash of our request", reason="x_road_hash")
        return response.content


def _is_digest(text: str) -> bool:
    # What is hashed includes headers that only the security server knows, so only the form can be looked at.
    try:
        return len(b64decode(text, validate=True)) == sha512().digest_size
    except binascii.Error:
        return False


def authorization(authentication_path: str, user_name: str, timestamp: str, secret: str) -> str:
    """Return the value of ``Authorization``: the account and a digest that is good for one timestamp.

    Args:
        authentication_path: ``url_xacthuc``.
        user_name: The account.
        timestamp: The header ``Timestamp``, as sent.
        secret: The secret key.

    Source:
        ``national-specs.md`` 1.1.1, with a test vector.
    """
    digest = sha256(f"{authentication_path}{user_name}{timestamp}{secret}".encode()).hexdigest()
    return "Basic " + b64encode(f"{user_name}:{digest}".encode()).decode("ascii")


def _is_refused_secret(error: TargetConfigurationError) -> bool:
    return error.reason == "http_401"


def is_answer(response: httpx.Response) -> bool:
    """Return whether an answer says itself what is wrong, whatever its status.

    Args:
        response: What came back.

    Raises:
        LienthongError: If it is the bus that could not carry the call.
    """
    fault = response.headers.get("x-road-error")
    if fault is not None:
        raise _bus_error(fault)
    if response.is_success:
        return False
    if holds_scope_refusal(response.content):
        return True
    return response.status_code not in _SAID_BY_STATUS and holds_fault(response.content)


def _bus_error(fault: str) -> LienthongError:
    reason = f"x_road.{fault}" if len(fault) <= 80 and _FAULT.fullmatch(fault) else "x_road"
    if fault.startswith("Client.") or fault.endswith(_CONFIGURATION_FAULTS):
        return TargetConfigurationError("the bus refuses our call; check client id, service and rights", reason=reason)
    return TargetUnavailableError("the bus could not carry the call; it is repeated later", reason=reason)
