"""What carries envelopes to the database; the payload is the same over each.

Only ``direct`` exists: the database's own endpoint, with its digest. Wrappers of provincial platforms and the security
servers of the national bus are further classes with the same protocol.
"""

import re
from base64 import b64encode
from hashlib import sha256
from typing import Protocol

import httpx

from lienthong.clock import Clock
from lienthong.errors import LienthongError, TargetConfigurationError, TargetUnavailableError
from lienthong.rest import SIGN, RotatingSecret, call, table
from lienthong_connectors.population.config import PopulationConfig
from lienthong_connectors.population.payload import holds_fault, holds_scope_refusal

#: Faults of the bus that only its operator or our configuration can mend (X-Road message protocol for REST).
_CONFIGURATION_FAULTS = ("AccessDenied", "UnknownMember", "UnknownService", "SslAuthenticationFailed")
#: Statuses that say enough, whatever comes with them: credentials refused, slow down, not available.
_SAID_BY_STATUS = frozenset({401, 403, 407, 429, 503})
_FAULT = re.compile(r"[A-Za-z]+(\.[A-Za-z]+)*")


class Transport(Protocol):
    """Carries one envelope there and one back."""

    async def call(self, operation: str, body: bytes) -> bytes:
        """Send one envelope, once.

        Args:
            operation: Name of the operation.
            body: The envelope.

        Returns:
            The envelope of the answer, which may hold a refusal of the database.

        Raises:
            RetriableError: It could not be carried now.
            TargetConfigurationError: It can never be carried as configured.
        """
        ...


class DirectTransport:
    """Posts to the database's own endpoint.

    Args:
        client: Its base URL is the endpoint.
        config: Whose account is used.
        clock: Signs every attempt with its own time.
    """

    def __init__(self, client: httpx.AsyncClient, config: PopulationConfig, clock: Clock) -> None:
        self._client = client
        self._config = config
        self._statuses = table(config.on_status)
        self._clock = clock
        # Absolute, because a client puts a slash behind its base URL and not every server forgives that.
        self._url = httpx.URL(config.base_url)
        fixed = [config.secret] if config.secret is not None else []
        self._secret = RotatingSecret(fixed, config.secret_files, name="population secret")
        self._fixed = {"Content-Type": "application/xml; charset=utf-8", "SOAPAction": '""'}
        if config.client_id:
            self._fixed["X-Road-Client"] = config.client_id
        if config.api_key.get_secret_value():
            self._fixed["ApiKey"] = config.api_key.get_secret_value()

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    async def call(self, operation: str, body: bytes) -> bytes:
        """Send one envelope, once.

        Args:
            operation: Name of the operation; the endpoint reads it from the envelope.
            body: The envelope.

        Returns:
            The envelope of the answer, which may hold a refusal of the database.

        Raises:
            RetriableError: It could not be carried now.
            TargetConfigurationError: It can never be carried as configured.
        """
        del operation
        return await self._secret.use(lambda secret: self._send(body, secret), _is_refused_secret)

    async def _send(self, body: bytes, secret: str) -> bytes:
        def sign(request: httpx.Request) -> None:
            factor = 1000 if self._config.timestamp_unit == "milliseconds" else 1
            timestamp = str(int(self._clock.now().timestamp() * factor))
            path, user = self._config.authentication_path, self._config.user_name
            request.headers["Timestamp"] = timestamp
            request.headers["Authorization"] = authorization(path, user, timestamp, secret)

        response = await call(
            self._client,
            "POST",
            self._url,
            clock=self._clock,
            expected="xml",
            statuses=self._statuses,
            is_answer=_is_answer,
            content=body,
            headers=self._fixed,
            # The database refuses old timestamps, and a request may wait long for its turn.
            extensions={SIGN: sign},
        )
        return response.content


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


def _is_answer(response: httpx.Response) -> bool:
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
