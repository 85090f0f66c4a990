"""OAuth 2.0 bearer tokens: signed JWTs of the province's issuer."""

import asyncio
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol, TypeGuard

import httpx
import orjson
from authlib.oauth2.rfc6749 import scope_to_list
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from lienthong.clock import Clock
from lienthong.config.models import GatewaySettings
from lienthong.errors import ConfigurationError, TargetUnavailableError
from lienthong.gateway.admission import Caller
from lienthong.gateway.problems import RETRY_AFTER_SECONDS, Problem, ProblemError

#: Asymmetric algorithms only: with a shared secret every gateway could make tokens.
ALGORITHMS = ["RS256", "ES256"]
LEEWAY_SECONDS = 30.0
_KEYS_FRESH_SECONDS = 600.0
# A publisher with made-up key ids must not turn the gateway against the issuer.
_KEYS_PAUSE_SECONDS = 30.0
_REMEMBERED_TOKENS = 1_000
_MAX_TOKEN_CHARACTERS = 8_192


class KeySource(Protocol):
    """Where the issuer's public keys come from."""

    async def keys(self, *, renew: bool = False) -> KeySet:
        """Return the keys.

        Args:
            renew: Ask the issuer again, because a key is missing.

        Raises:
            TargetUnavailableError: If there are none yet and the issuer does not answer.
        """
        ...


def parse_keys(document: Any, origin: str) -> KeySet:
    """Return the keys of a JSON Web Key Set.

    Args:
        document: The parsed set.
        origin: Where it is from, for the message.

    Raises:
        ConfigurationError: If it is no key set.
    """
    try:
        return KeySet.import_key_set(document)
    except (JoseError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(f"{origin} is no JSON Web Key Set: {type(error).__name__}") from None


class FileKeys:
    """Keys in a file that operators replace; read again when a key is missing.

    Args:
        path: The JSON Web Key Set.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys = self._read()

    async def keys(self, *, renew: bool = False) -> KeySet:
        """Return the keys.

        Args:
            renew: Read the file again.
        """
        if renew:
            self._keys = self._read()
        return self._keys

    def _read(self) -> KeySet:
        try:
            return parse_keys(orjson.loads(self._path.read_bytes()), str(self._path))
        except OSError as error:
            raise ConfigurationError(f"cannot read gateway.jwks_file {self._path}: {error.strerror}") from error
        except orjson.JSONDecodeError:
            raise ConfigurationError(f"gateway.jwks_file {self._path} is no JSON") from None


class IssuerKeys:
    """Keys fetched from the issuer's ``jwks_uri`` and kept; an issuer that is away later does no harm.

    Args:
        issuer: URL of the issuer.
        http: Client for the two documents.
        clock: Tells how old the keys are.
    """

    def __init__(self, issuer: str, http: httpx.AsyncClient, clock: Clock) -> None:
        self._issuer = issuer.rstrip("/")
        self._http = http
        self._clock = clock
        self._keys: KeySet | None = None
        self._asked_at = float("-inf")
        self._lock = asyncio.Lock()

    async def keys(self, *, renew: bool = False) -> KeySet:
        """Return the keys, at most ten minutes old while the issuer answers.

        Args:
            renew: Ask the issuer again, but not more often than every 30 seconds.

        Raises:
            TargetUnavailableError: If there are none yet and the issuer does not answer.
        """
        async with self._lock:
            age = self._clock.monotonic() - self._asked_at
            if self._keys is None or age >= (_KEYS_PAUSE_SECONDS if renew else _KEYS_FRESH_SECONDS):
                await self._fetch()
            if self._keys is None:
                raise TargetUnavailableError("the token issuer does not answer; check gateway.issuer")
            return self._keys

    async def _fetch(self) -> None:
        try:
            found = await self._get(f"{self._issuer}/.well-known/openid-configuration")
            if found["issuer"].rstrip("/") != self._issuer:
                raise ConfigurationError("the issuer calls itself otherwise than gateway.issuer does")
            self._keys = parse_keys(await self._get(found["jwks_uri"]), "the issuer's jwks_uri")
        except (httpx.HTTPError, orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            if self._keys is None:
                raise TargetUnavailableError("the token issuer does not answer; check gateway.issuer") from error
        self._asked_at = self._clock.monotonic()

    async def _get(self, url: str) -> Any:
        response = await self._http.get(url)
        response.raise_for_status()
        return orjson.loads(response.content)


class Authenticator:
    """Turns the ``Authorization`` header into a caller.

    Args:
        settings: Issuer, audience and publishers.
        keys: The issuer's keys.
        clock: Tells whether a token is valid now.
    """

    def __init__(self, settings: GatewaySettings, keys: KeySource, clock: Clock) -> None:
        self._settings = settings
        self._keys = keys
        self._clock = clock
        self._known: dict[bytes, tuple[Caller, float]] = {}

    async def authenticate(self, authorization: str | None) -> Caller:
        """Return who sent a request.

        Args:
            authorization: The header.

        Raises:
            ProblemError: 401 without a valid token, 403 for an unknown system, 503 while the issuer is away.
        """
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise _unauthorized("token_missing", "send 'Authorization: Bearer <token>' with a token of the issuer")
        digest = sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is not None and known[1] > self._now():
            return known[0]
        claims = await self._claims(token)
        caller = self._caller(claims)
        if len(self._known) >= _REMEMBERED_TOKENS:
            self._known.clear()
        self._known[digest] = (caller, float(claims["exp"]) + LEEWAY_SECONDS)
        return caller

    def _now(self) -> float:
        return self._clock.now().timestamp()

    async def _claims(self, token: str) -> Mapping[str, Any]:
        if len(token) > _MAX_TOKEN_CHARACTERS:
            raise _unauthorized("token_invalid", "the token is too long")
        try:
            try:
                decoded = jwt.decode(token, await self._keys.keys(), algorithms=ALGORITHMS)
            except InvalidKeyIdError:
                decoded = jwt.decode(token, await self._keys.keys(renew=True), algorithms=ALGORITHMS)
        except (JoseError, ValueError, TypeError, KeyError):
            # What is wrong with a forged token is nobody's business.
            raise _unauthorized("token_invalid", "the token is not signed by the issuer with RS256 or ES256") from None
        except (TargetUnavailableError, ConfigurationError):
            raise ProblemError(
                Problem(
                    "issuer_unavailable",
                    "the token issuer's keys cannot be read; try again",
                    retry_after_seconds=RETRY_AFTER_SECONDS,
                )
            ) from None
        self._check_claims(decoded.claims)
        return decoded.claims

    def _check_claims(self, claims: Mapping[str, Any]) -> None:
        now = self._now()
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        expires, not_before = claims.get("exp"), claims.get("nbf", 0)
        if str(claims.get("iss", "")).rstrip("/") != self._settings.issuer.rstrip("/"):
            raise _unauthorized("token_invalid", "the token is from another issuer")
        if self._settings.audience not in audiences:
            raise _unauthorized("token_invalid", f"the token is not for the audience {self._settings.audience}")
        if not _is_number(expires) or expires + LEEWAY_SECONDS <= now:
            raise _unauthorized("token_invalid", "the token is expired; get a new one")
        if not _is_number(not_before) or not_before > now + LEEWAY_SECONDS:
            raise _unauthorized("token_invalid", "the token is not valid yet; check the clocks")

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        system = claims.get("client_id") or claims.get("azp")
        publisher = self._settings.publishers.get(system) if isinstance(system, str) else None
        if publisher is None or not isinstance(system, str):
            raise ProblemError(
                Problem("publisher_unknown", "the token's client_id is no system of gateway.publishers; register it")
            )
        scopes = claims.get("scope", claims.get("scp", ""))
        listed = scope_to_list(scopes) if isinstance(scopes, str | list) else []
        return Caller(system, frozenset(listed), publisher, self._officer(claims, system))

    def _officer(self, claims: Mapping[str, Any], system: str) -> str:
        named = claims.get(self._settings.officer_claim)
        # By client credentials a system gets a token for itself, whose subject is the client (RFC 9068, section 2.2).
        return named if isinstance(named, str) and named != system else ""


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unauthorized(code: str, detail: str) -> ProblemError:
    # RFC 6750, section 3: a request without a token gets no error code.
    challenge = "Bearer" if code == "token_missing" else f'Bearer error="invalid_token", error_description="{detail}"'
    return ProblemError(Problem(code, detail), {"WWW-Authenticate": challenge})
