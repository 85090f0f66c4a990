"""Configuration of sign-in with VNeID, directly or through a broker."""

from datetime import date
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class SignInAgreement(BaseModel):
    """What the province and the platform's operator agreed on; a sign-in outside it is refused before it begins.

    Attributes:
        number: Number of the agreement.
        valid_until: Last day on which it holds, in Viet Nam's time zone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: str = Field(min_length=1)
    valid_until: date


class PlatformConfig(BaseModel):
    """What both ways to the platform have in common.

    Attributes:
        client_id: The province's id at the platform.
        client_secret_files: One file with the secret, or two while it is replaced; read again when it is refused.
        scope: What is asked for.
        identifier_claim: Claim with the personal ID.
        timeout_seconds: Longest time for one call; a code lives seconds.
        ca_file: PEM file of trusted authorities; None for the system's.
        agreement: What was agreed on; needed for a real endpoint.
        simulator: Whether the URLs lead to simulators; real ones need security level 3.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    client_id: str = Field(min_length=1)
    client_secret_files: tuple[Path, ...] = Field(min_length=1, max_length=2)
    scope: str = "openid"
    identifier_claim: str
    timeout_seconds: float = Field(default=5.0, gt=0, le=30)
    ca_file: Path | None = None
    agreement: SignInAgreement | None = None
    simulator: bool = False

    def urls(self) -> tuple[str, ...]:
        """Return every URL of the platform."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _check_reality(self) -> Self:
        if self.simulator:
            return self
        if self.agreement is None:
            raise ValueError("a real platform needs the agreement; add agreement: {number, valid_until}")
        if not all(url.startswith("https://") for url in self.urls()):
            raise ValueError("a real platform is reached by https:// only")
        return self


class VneidConfig(PlatformConfig):
    """How to reach VNeID itself.

    Attributes:
        authorization_url: Where browsers sign in.
        token_url: Where codes are redeemed. ASSUMED: no public document names its path.
        userinfo_url: Where the claims are. ASSUMED, as above.
        private_key_files: PEM files of the RSA key that is registered with the platform: one, or two while it is
            replaced.
        identifier_claim: Claim with the personal ID.
        level_claim: Claim with the level of the account.
    """

    authorization_url: str
    token_url: str
    userinfo_url: str
    private_key_files: tuple[Path, ...] = Field(min_length=1, max_length=2)
    identifier_claim: str = "citizenPid"
    level_claim: str = "accountLevel"

    def urls(self) -> tuple[str, ...]:
        """Return every URL of the platform."""
        return self.authorization_url, self.token_url, self.userinfo_url


class BrokerConfig(PlatformConfig):
    """How to reach a Keycloak that brokers VNeID, such as a city's own.

    Attributes:
        issuer: URL of the realm, such as ``https://sso.example.vn/auth/realms/hues``.
        identifier_claim: Claim of the userinfo with the personal ID.
        level_claim: Claim of the userinfo with the level of the account; None when the broker tells none.
        guaranteed_level: Level that the broker's operator guarantees for every sign-in; instead of ``level_claim``.
    """

    issuer: str = Field(pattern=r"^https?://[^?#]+[^/?#]$")
    identifier_claim: str = "citizenId"
    level_claim: str | None = None
    guaranteed_level: int | None = Field(default=None, ge=1, le=4)

    def urls(self) -> tuple[str, ...]:
        """Return every URL of the platform."""
        return (self.issuer,)

    @model_validator(mode="after")
    def _check_level(self) -> Self:
        if (self.level_claim is None) == (self.guaranteed_level is None):
            raise ValueError("set either level_claim or guaranteed_level: no sign-in counts without a level")
        return self
