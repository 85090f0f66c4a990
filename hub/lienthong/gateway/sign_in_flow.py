"""The steps of a sign-in: start, platform, back, result. Each can be taken once, and every doubt ends it."""

import asyncio
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

import httpx
import orjson
import structlog

from lienthong.clock import Clock
from lienthong.config.models import SignInSettings
from lienthong.connector import CallContext
from lienthong.errors import (
    BrokerUnavailableError,
    ConfigurationError,
    DecodeError,
    LienthongError,
    RejectedByTargetError,
    RetriableError,
    TargetConfigurationError,
)
from lienthong.gateway.problems import RETRY_AFTER_SECONDS, Problem, ProblemError
from lienthong.observability.metrics import Metrics
from lienthong.pseudonym import Pseudonymizer
from lienthong.sign_in import CANCELLED, Identity, IdentityProvider, SignInSecrets
from lienthong.targets.access_trail import AccessTrail

#: What pipelines are to metrics and access log.
NAME = "sign-in"
START_PATH = "/v1/sign-ins/start"
#: Parameters that a browser comes back to a system with.
OUTCOME, HANDLE = "sign_in_outcome", "sign_in_handle"
_START, _ANSWER, _RESULT = "start", "answer", "result"
_MAX_QUERY_BYTES = 16_384
_MISCONFIGURED = "misconfigured"
#: What a browser is told. Only the first three were decided by anybody.
_TOLD = {"completed": "completed", "cancelled": "cancelled", "refused": "refused"}
_UNDECIDED = "unavailable"
_UNKNOWN = Problem("sign_in_unknown", "this sign-in does not exist, was used, is over or began in another browser")
_AWAY = Problem(
    "sign_in_unavailable", "sign-ins cannot be kept now; try again later", retry_after_seconds=RETRY_AFTER_SECONDS
)

_logger = structlog.stdlib.get_logger("lienthong.gateway")


class Steps(Protocol):
    """What the flow needs of :class:`lienthong.gateway.sign_in_store.SignInStore`; called in a thread."""

    def put(self, step: str, secret: str, document: bytes, seconds: float) -> None:
        """Keep a step until it is taken or over.

        Args:
            step: Which step.
            secret: What takes it.
            document: What is known so far.
            seconds: How long it may be taken.
        """
        ...

    def take(self, step: str, secret: str) -> bytes | None:
        """Return what is known of a step, once.

        Args:
            step: Which step.
            secret: What takes it.
        """
        ...


@dataclass(frozen=True, slots=True, repr=False)
class SignIn:
    """What is known of a sign-in; kept between its steps, so it never holds a code, token or claim.

    Attributes:
        id: Names it to the system that asked, in the access log and in the record.
        system: The system that asked.
        account: Opaque id of its account.
        purpose: What for.
        return_url: Where the browser goes in the end.
        nonce: Of :class:`~lienthong.sign_in.SignInSecrets`.
        code_verifier: As above.
        browser: Hash of the cookie of the browser that started.
        subjectref: Keyed alias of who signed in.
        level: Level of the account at the platform.
        at: When the platform said so, ISO 8601.
    """

    id: str
    system: str
    account: str
    purpose: str
    return_url: str
    nonce: str = ""
    code_verifier: str = ""
    browser: str = ""
    subjectref: str = ""
    level: int = 0
    at: str = ""


class SignInFlow:
    """Takes sign-ins from step to step.

    Args:
        settings: How long each step may take, and which level counts.
        provider: The identity platform.
        steps: Where sign-ins wait between steps.
        pseudonymizer: Makes the alias of who signed in.
        trail: The access log: who is asked about is written before the platform is asked.
        clock: Where to read the time.
        metrics: Counts how sign-ins end.

    Delivery:
        What the platform says lives as long as one request. Its answer is used once, in the browser that started.
    """

    def __init__(
        self,
        settings: SignInSettings,
        provider: IdentityProvider[Any],
        steps: Steps,
        pseudonymizer: Pseudonymizer,
        trail: AccessTrail,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._provider = provider
        self._steps = steps
        self._pseudonymizer = pseudonymizer
        self._trail = trail
        self._clock = clock
        self._metrics = metrics

    async def begin(self, system: str, account: str, purpose: str, return_url: str) -> tuple[str, str]:
        """Return the id of a new sign-in and the URL that the system sends the browser to.

        Args:
            system: The system that asks.
            account: Opaque id of its account.
            purpose: What for.
            return_url: Where the browser goes in the end; checked already.
        """
        sign_in = SignIn(uuid.uuid4().hex, system, account, purpose, return_url)
        ticket = await self._put(_START, sign_in, self._settings.start_seconds)
        return sign_in.id, f"{self._settings.public_url.rstrip('/')}{START_PATH}?ticket={ticket}"

    async def start(self, ticket: str) -> tuple[str, str]:
        """Return where a browser signs in and the cookie that it must come back with.

        Args:
            ticket: From the URL of :meth:`begin`.

        Raises:
            ProblemError: 404 if the ticket is unknown, used or over.
        """
        sign_in = await self._take(_START, ticket)
        cookie = secrets.token_urlsafe(32)
        nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        known = replace(sign_in, nonce=nonce, code_verifier=verifier, browser=_hash(cookie))
        state = await self._put(_ANSWER, known, self._settings.answer_seconds)
        return self._provider.authorization_url(SignInSecrets(state, nonce, verifier)), cookie

    async def answer(self, query: bytes, cookie: str) -> str:
        """Ask the platform who signed in and return where the browser goes.

        Args:
            query: The raw query that the browser came back with.
            cookie: Of the browser; empty for none.

        Raises:
            ProblemError: 404 if there is no such sign-in in this browser. Then nobody is sent anywhere.
        """
        answer = read_query(query)
        sign_in = await self._take(_ANSWER, answer.get("state", ""))
        if not compare_digest(_hash(cookie), sign_in.browser):
            self._count("other_browser", sign_in)
            raise ProblemError(_UNKNOWN)
        known = SignInSecrets(answer["state"], sign_in.nonce, sign_in.code_verifier)
        try:
            identity = await self._identify(sign_in, answer, known)
            handle = await self._keep(sign_in, identity)
        except (LienthongError, ProblemError) as error:
            outcome = _outcome_of(error)
            self._count(outcome, sign_in, error)
            return _url(sign_in.return_url, {OUTCOME: _TOLD.get(outcome, _UNDECIDED)})
        self._count("completed", sign_in)
        return _url(sign_in.return_url, {OUTCOME: "completed", HANDLE: handle})

    async def result(self, system: str, sign_in_id: str, handle: str) -> SignIn:
        """Return a sign-in whose browser came back to the system that asked.

        Args:
            system: The system that asks.
            sign_in_id: From :meth:`begin`; the system has it from the citizen's session, not from the browser.
            handle: What the browser brought.

        Raises:
            ProblemError: 404 if they do not belong together; then the sign-in is over.
        """
        sign_in = await self._take(_RESULT, handle)
        is_theirs = compare_digest(f"{sign_in.system}\x00{sign_in.id}".encode(), f"{system}\x00{sign_in_id}".encode())
        if not is_theirs:
            self._count("other_browser", sign_in)
            raise ProblemError(_UNKNOWN)
        return sign_in

    async def give_back(self, sign_in: SignIn, handle: str) -> None:
        """Let a result be fetched again that could not be written.

        Args:
            sign_in: From :meth:`result`.
            handle: As above.
        """
        await self._put(_RESULT, sign_in, self._settings.result_seconds, handle)

    async def _identify(self, sign_in: SignIn, answer: Mapping[str, str], known: SignInSecrets) -> Identity:
        context = CallContext(
            NAME,
            sign_in.id,
            1,
            uuid.uuid4().hex,
            sign_in.purpose,
            self._settings.legal_basis,
            sign_in.system,
            "",
            sign_in.id,
        )
        mark = self._trail.mark_of(f"{sign_in.system}\x00{sign_in.account}".encode())
        await self._trail.intend(context, mark)
        try:
            identity = await self._provider.identify(answer, known)
            if identity.level < self._settings.minimum_level:
                raise RejectedByTargetError("the citizen's account has too low a level", reason="level_too_low")
        except LienthongError as error:
            await self._trail.conclude(context, mark, error.code)
            raise
        await self._trail.conclude(context, mark, "identified", (identity.identifier_type, "level"))
        return identity

    async def _keep(self, sign_in: SignIn, identity: Identity) -> str:
        known = replace(
            sign_in,
            nonce="",
            code_verifier="",
            browser="",
            subjectref=self._pseudonymizer.alias(identity.identifier_type, identity.identifier),
            level=identity.level,
            at=self._clock.now().isoformat(timespec="milliseconds"),
        )
        return await self._put(_RESULT, known, self._settings.result_seconds)

    async def _put(self, step: str, sign_in: SignIn, seconds: float, secret: str = "") -> str:
        chosen = secret or secrets.token_urlsafe(32)
        try:
            await asyncio.to_thread(self._steps.put, step, chosen, orjson.dumps(sign_in), seconds)
        except RetriableError:
            raise ProblemError(_AWAY) from None
        return chosen

    async def _take(self, step: str, secret: str) -> SignIn:
        try:
            found = await asyncio.to_thread(self._steps.take, step, secret)
        except RetriableError:
            raise ProblemError(_AWAY) from None
        if found is None:
            self._count("state_unknown")
            raise ProblemError(_UNKNOWN)
        return SignIn(**orjson.loads(found))

    def _count(self, outcome: str, sign_in: SignIn | None = None, error: Exception | None = None) -> None:
        name = self._settings.provider
        self._metrics.count_sign_in(name, outcome)
        known = {"sign_in": sign_in.id, "system": sign_in.system} if sign_in is not None else {}
        cause = {"error_code": error.code, "reason": error.reason} if isinstance(error, LienthongError) else {}
        if outcome == _MISCONFIGURED:
            self._metrics.raise_alert("target_configuration", NAME, name)
            _logger.warning("sign_in_ended", outcome=outcome, remedy=str(error), **known, **cause)
            return
        if outcome == "completed":
            self._metrics.clear_alert("target_configuration", NAME, name)
        _logger.info("sign_in_ended", outcome=outcome, **known, **cause)


def read_query(query: bytes) -> dict[str, str]:
    """Return the parameters of a query in which a plus sign is a plus sign.

    Args:
        query: As it came. Base64 in it may have plus signs, which forms would read as spaces.

    Raises:
        ProblemError: 404 if it is too long, no UTF-8, or names a parameter twice.
    """
    parts = [part.partition(b"=") for part in query[: _MAX_QUERY_BYTES + 1].split(b"&") if part]
    try:
        found = {unquote_to_bytes(name).decode(): unquote_to_bytes(value).decode() for name, _, value in parts}
    except UnicodeDecodeError:
        raise ProblemError(_UNKNOWN) from None
    if len(query) > _MAX_QUERY_BYTES or len(found) != len(parts):
        raise ProblemError(_UNKNOWN)
    return found


def _outcome_of(error: LienthongError | ProblemError) -> str:
    if isinstance(error, RejectedByTargetError):
        return "cancelled" if error.reason == CANCELLED else "refused"
    if isinstance(error, DecodeError):
        return "unreadable"
    if isinstance(error, TargetConfigurationError | ConfigurationError):
        return _MISCONFIGURED
    if isinstance(error, RetriableError | BrokerUnavailableError | ProblemError):
        return "unavailable"
    # A defect of ours: the request ends with 500 and the citizen is not told anything that was not decided.
    raise error


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _url(base: str, parameters: Mapping[str, str]) -> str:
    return str(httpx.URL(base).copy_merge_params(dict(parameters)))
