"""What both simulated platforms have: generated citizens, codes that live seconds, and tokens."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from aiohttp import web

from lienthong.clock import Clock
from lienthong.errors import ConfigurationError
from lienthong.testing.simulator import STATE

CODE_SECONDS = 10.0
TOKEN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class SimulatedCitizen:
    """A generated citizen with an account.

    Attributes:
        personal_id: Twelve digits that are nobody's; empty for an account without one.
        full_name: Name.
        birth_date: yyyy-mm-dd.
        level: Level of the account.
    """

    personal_id: str
    full_name: str = "NGUYỄN VĂN THỬ"
    birth_date: str = "1990-01-31"
    level: int = 2

    @property
    def subject(self) -> str:
        """The platform's own id of the account."""
        return sha256(f"account {self.personal_id}".encode()).hexdigest()[:32]


@dataclass(slots=True)
class Grant:
    """What a code or token stands for.

    Attributes:
        citizen: Who signed in.
        ends_at: On the clock of the simulator, in seconds.
        request: Parameters of the sign-in request.
    """

    citizen: SimulatedCitizen
    ends_at: float
    request: Mapping[str, str]


@dataclass(slots=True)
class Accounts:
    """The platform's accounts and what it has handed out.

    Attributes:
        citizens: Who has an account; the first one is who sits at the browser.
        client_id: Who may ask.
        client_secrets: Its secrets; more than one while it is replaced.
        redirect_uris: Where browsers may be sent; empty for anywhere.
        code_seconds: How long a code lives.
        fault: What the platform does wrong now; empty for nothing.
        codes: Codes that were not redeemed.
        tokens: Access tokens.
    """

    citizens: list[SimulatedCitizen]
    client_id: str = "hub"
    client_secrets: tuple[str, ...] = ("s3cret",)
    redirect_uris: tuple[str, ...] = ()
    code_seconds: float = CODE_SECONDS
    fault: str = ""
    codes: dict[str, Grant] = field(default_factory=dict, repr=False)
    tokens: dict[str, Grant] = field(default_factory=dict, repr=False)

    def begin(self, request: web.Request) -> dict[str, str]:
        """Return the parameters of a sign-in request.

        Args:
            request: The browser's.

        Raises:
            aiohttp.web.HTTPBadRequest: If the browser must not be sent back.
        """
        asked = dict(request.query)
        uri = asked.get("redirect_uri", "")
        is_known = asked.get("client_id") == self.client_id and (not self.redirect_uris or uri in self.redirect_uris)
        if not is_known or not uri or asked.get("response_type") != "code":
            raise web.HTTPBadRequest(text="unknown client or redirect_uri")
        return asked

    def issue(self, code: str, asked: Mapping[str, str], clock: Clock) -> None:
        """Remember a code for the citizen at the browser.

        Args:
            code: The code.
            asked: Parameters of the sign-in request.
            clock: Where to read the time.
        """
        self.codes[code] = Grant(self.citizens[0], clock.monotonic() + self.code_seconds, asked)

    def redeem(self, form: Mapping[str, Any], clock: Clock) -> tuple[str, Grant] | None:
        """Return a new access token for a code; None if the code is unknown, used, over or of another request.

        Args:
            form: The token request.
            clock: Where to read the time.
        """
        grant = self.codes.pop(str(form.get("code", "")), None)
        now = clock.monotonic()
        if grant is None or now >= grant.ends_at or form.get("redirect_uri") != grant.request["redirect_uri"]:
            return None
        token = secrets.token_urlsafe(24)
        self.tokens[token] = Grant(grant.citizen, now + TOKEN_SECONDS, grant.request)
        return token, grant

    def has_client(self, form: Mapping[str, Any]) -> bool:
        """Return whether a token request comes from the client.

        Args:
            form: The token request.
        """
        given = str(form.get("client_secret", "")).encode()
        return form.get("client_id") == self.client_id and any(
            compare_digest(given, known.encode()) for known in self.client_secrets
        )

    def bearer(self, request: web.Request) -> SimulatedCitizen | None:
        """Return whose claims a userinfo request gets; None for a token that is unknown or over.

        Args:
            request: The userinfo request.
        """
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        grant = self.tokens.get(token)
        if grant is None or request.app[STATE].clock.monotonic() >= grant.ends_at:
            return None
        if self.fault == "another_person":
            return next((each for each in self.citizens if each is not grant.citizen), None)
        return grant.citizen


def accounts_of(options: dict[str, Any], faults: Iterable[str]) -> Accounts:
    """Return what a simulator knows at its start.

    Args:
        options: ``citizens`` (a list of mappings), ``client_id``, ``client_secret``, ``redirect_uris`` (a list, or text
            with commas), ``code_seconds`` and ``fault``.
        faults: What may be wrong.

    Raises:
        ConfigurationError: If an option is unknown.
    """
    known = {"citizens", "client_id", "client_secret", "redirect_uris", "code_seconds", "fault"}
    unknown = sorted(set(options) - known)
    fault = str(options.get("fault", ""))
    if unknown or fault not in {"", *faults}:
        raise ConfigurationError(
            f"unknown option(s) of the simulator: {', '.join(unknown) or 'fault'}; faults are {', '.join(faults)}"
        )
    uris = options.get("redirect_uris", ())
    citizens = [SimulatedCitizen(**each) for each in options.get("citizens", ())]
    return Accounts(
        citizens or [SimulatedCitizen("000090000001")],
        client_id=str(options.get("client_id", "hub")),
        client_secrets=(str(options.get("client_secret", "s3cret")),),
        redirect_uris=tuple(uris.split(",") if isinstance(uris, str) else uris),
        code_seconds=float(options.get("code_seconds", CODE_SECONDS)),
        fault=fault,
    )
