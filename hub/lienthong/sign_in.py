"""Sign-in of citizens at an identity platform: what the gateway needs of a platform, and what it keeps of the answer.

Packages offer platforms under ``lienthong.identity_providers``. Codes and tokens live seconds, so a platform is asked
while the browser waits, and nothing of what it says goes further than the gateway.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel

from lienthong.connector import ConnectorContext
from lienthong.errors import RejectedByTargetError, TargetConfigurationError, TargetUnavailableError

ConfigT = TypeVar("ConfigT", bound=BaseModel)

#: ``reason`` of the error for a citizen who did not want to sign in.
CANCELLED = "cancelled"
_AWAY = frozenset({"temporarily_unavailable", "server_error"})
_NOBODY_SIGNED_IN = frozenset({"access_denied", "login_required", "interaction_required", "consent_required"})


@dataclass(frozen=True, slots=True, repr=False)
class SignInSecrets:
    """What ties one sign-in together; new for each, never shown.

    Attributes:
        state: Comes back with the answer.
        nonce: Stands in the platform's signed statement, where it makes one.
        code_verifier: Proves that who redeems a code asked for it (PKCE), where the platform supports it.
    """

    state: str
    nonce: str
    code_verifier: str


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """Who signed in, as the platform says; lives as long as one request.

    Attributes:
        identifier_type: Such as ``personal_id``.
        identifier: The identifier, in its one written form.
        level: Level of the account.
    """

    identifier_type: str
    identifier: str
    level: int


@dataclass(frozen=True, slots=True)
class AccountLink:
    """What is known of a sign-in when it is written: nothing that the platform said but level and time.

    Attributes:
        account: Opaque id of the account at the system.
        system: The system that asked, and the only one that is told.
        provider: The platform that was asked.
        assertion_id: Id of this sign-in.
        level: Level of the account at the platform.
        at: When the platform said so.
        purpose: What the citizen signed in for.
        subjectref: Keyed alias of the person.
        other_subjectref: Keyed alias of whom the account's profile names, when that is not who signed in; else empty.
    """

    account: str
    system: str
    provider: str
    assertion_id: str
    level: int
    at: datetime
    purpose: str
    subjectref: str
    other_subjectref: str = ""


class IdentityProvider(ABC, Generic[ConfigT]):
    """One identity platform.

    Args:
        config: Its own configuration.
        context: HTTP and clock.
        redirect_uri: Where the platform sends browsers back to.
    """

    def __init__(self, config: ConfigT, context: ConnectorContext, redirect_uri: str) -> None:
        self.config = config
        self.context = context
        self.redirect_uri = redirect_uri

    @abstractmethod
    def authorization_url(self, secrets: SignInSecrets) -> str:
        """Return where the browser signs in.

        Args:
            secrets: Of this sign-in.
        """

    @abstractmethod
    async def identify(self, answer: Mapping[str, str], secrets: SignInSecrets) -> Identity:
        """Return who signed in.

        Args:
            answer: Parameters that the browser came back with.
            secrets: Of this sign-in.

        Raises:
            RejectedByTargetError: The citizen did not sign in (reason ``cancelled``), or the platform says no.
            DecodeError: An answer cannot be read, so nothing was decided.
            RetriableError: The platform is away.
            TargetConfigurationError: The platform refuses the province, or is not reached as configured.

        Delivery:
            A code is redeemed once; whatever fails, the citizen signs in again.
        """

    async def aclose(self) -> None:
        """Release connections."""


@dataclass(frozen=True, slots=True)
class IdentityProviderSpec:
    """What an entry point of ``lienthong.identity_providers`` points to.

    Attributes:
        name: Name in the configuration.
        title_vi: Official Vietnamese name of the platform.
        config: Model of its configuration, found under ``connectors.<name>``.
        factory: Builds it from its configuration, a context and the redirect URI.
        link_type: CloudEvents type of the record about a sign-in.
        link: Makes that record, with what the system adds about its own account; raises pydantic's ``ValidationError``.
    """

    name: str
    title_vi: str
    config: type[BaseModel]
    factory: Callable[[Any, ConnectorContext, str], IdentityProvider[Any]]
    link_type: str
    link: Callable[[AccountLink, Mapping[str, Any]], BaseModel]

    group: ClassVar[str] = "lienthong.identity_providers"


def check_error(answer: Mapping[str, str]) -> None:
    """Check that a browser did not come back with an error instead of a code.

    Args:
        answer: Parameters that it came back with.

    Raises:
        RejectedByTargetError: With reason ``cancelled``: the citizen did not sign in.
        TargetUnavailableError: The platform is away.
        TargetConfigurationError: The platform does not take our requests.

    Source:
        RFC 6749, section 4.1.2.1; OpenID Connect Core 1.0, section 3.1.2.6.
    """
    error = answer.get("error")
    if error is None:
        return
    if error in _NOBODY_SIGNED_IN:
        raise RejectedByTargetError("the citizen did not sign in; nothing was linked", reason=CANCELLED)
    if error in _AWAY:
        raise TargetUnavailableError("the identity platform is away; the citizen tries again", reason="platform_error")
    raise TargetConfigurationError(
        "the identity platform refuses the sign-in request; check client id, redirect URI and agreement",
        reason="request_refused",
    )
