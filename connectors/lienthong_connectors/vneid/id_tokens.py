"""Signed statements of an OpenID provider about who signed in, and the keys that they are signed with."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from lienthong.clock import Clock
from lienthong.errors import DecodeError, RejectedByTargetError

#: Asymmetric only; all of them hash with SHA-256, which ``at_hash`` rests on.
ALGORITHMS = ["RS256", "PS256", "ES256"]
LEEWAY_SECONDS = 30
#: Made-up key ids must not turn the gateway against the broker.
_PAUSE_SECONDS = 30.0
_FRESH_SECONDS = 600.0


class IdTokens:
    """Checks id_tokens.

    Args:
        issuer: Who must have made them.
        client_id: Whom they must be for.
        fetch: Returns the issuer's JSON Web Key Set.
        clock: Tells whether they are valid now.

    Source:
        OpenID Connect Core 1.0, sections 3.1.3.7 and 3.1.3.8.
    """

    def __init__(
        self, issuer: str, client_id: str, fetch: Callable[[], Awaitable[Mapping[str, Any]]], clock: Clock
    ) -> None:
        self._issuer = issuer
        self._client_id = client_id
        self._fetch = fetch
        self._clock = clock
        self._keys: KeySet | None = None
        self._fetched_at = float("-inf")
        self._lock = asyncio.Lock()

    async def subject(self, id_token: Any, nonce: str, access_token: str) -> str:
        """Return whom an id_token names.

        Args:
            id_token: From the token answer.
            nonce: Of this sign-in.
            access_token: From the same answer.

        Raises:
            RejectedByTargetError: If it is not signed by the issuer, for us, now, for this sign-in and this token.
            DecodeError: If the issuer's keys cannot be read.
            RetriableError: If they cannot be fetched.
        """
        claims = await self._claims(id_token)
        now = self._clock.now().timestamp()
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        problems = {
            "issuer": claims.get("iss") != self._issuer,
            "audience": self._client_id not in audiences or claims.get("azp", self._client_id) != self._client_id,
            "time": not _is_current(claims.get("iat"), claims.get("exp"), now),
            "nonce": not _same(claims.get("nonce"), nonce),
            "at_hash": "at_hash" in claims and not _same(claims["at_hash"], half_hash(access_token)),
            "sub": not isinstance(claims.get("sub"), str) or not claims["sub"],
        }
        broken = next((name for name, is_broken in problems.items() if is_broken), None)
        if broken is not None:
            raise _refused(f"id_token_{broken}")
        return str(claims["sub"])

    async def _claims(self, id_token: Any) -> Mapping[str, Any]:
        if not isinstance(id_token, str):
            raise _refused("no_id_token")
        try:
            try:
                return jwt.decode(id_token, await self._current(), algorithms=ALGORITHMS).claims
            except InvalidKeyIdError:
                return jwt.decode(id_token, await self._current(renew=True), algorithms=ALGORITHMS).claims
        except (JoseError, ValueError, TypeError, KeyError):
            # Not chained: the library's error may quote the token.
            pass_on = _refused("id_token_signature")
        raise pass_on

    async def _current(self, *, renew: bool = False) -> KeySet:
        async with self._lock:
            age = self._clock.monotonic() - self._fetched_at
            if self._keys is None or age >= (_PAUSE_SECONDS if renew else _FRESH_SECONDS):
                document = await self._fetch()
                try:
                    self._keys = KeySet.import_key_set(document)  # type: ignore[arg-type] # checked by the library
                except (JoseError, KeyError, TypeError, ValueError, AttributeError):
                    raise DecodeError("the broker's keys are no JSON Web Key Set", reason="keys") from None
                self._fetched_at = self._clock.monotonic()
            return self._keys


def half_hash(access_token: str) -> str:
    """Return what ``at_hash`` says of an access token.

    Args:
        access_token: The token.
    """
    half = sha256(access_token.encode()).digest()[:16]
    return base64.urlsafe_b64encode(half).rstrip(b"=").decode()


def _same(given: Any, expected: str) -> bool:
    return isinstance(given, str) and compare_digest(given.encode(), expected.encode())


def _is_current(issued: Any, expires: Any, now: float) -> bool:
    if type(issued) not in {int, float} or type(expires) not in {int, float}:
        return False
    return bool(issued - LEEWAY_SECONDS <= now < expires + LEEWAY_SECONDS)


def _refused(reason: str) -> RejectedByTargetError:
    return RejectedByTargetError("the broker's statement about who signed in is not for this sign-in", reason=reason)
