"""Configuration of a connector to a platform with REST, OAuth 2.0 and the common envelope."""

from datetime import date
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from lienthong.rest import OnStatus


class Agreement(BaseModel):
    """What the province and the platform's operator agreed on; a call outside it is refused before it is sent.

    Attributes:
        number: Number of the agreement.
        purpose: The purpose that calls must carry; empty allows any.
        valid_until: Last day on which calls are allowed, in Viet Nam's time zone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    number: str
    purpose: str = ""
    valid_until: date


class EnvelopedConfig(BaseModel):
    """How to reach the platform and as whom.

    Attributes:
        base_url: Address of the platform, with the version, without the operations.
        token_url: Address that gives tokens (OAuth 2.0 client credentials).
        client_id: The hub's account.
        client_secret: Its secret.
        secret_files: Instead of ``client_secret``: one file with it, or two while it is replaced; read again when the
            secret is refused.
        token_scope: Scopes to ask for, separated by spaces; empty for none.
        timeout_seconds: Limit for one call.
        max_connections: Connections open at once.
        on_status: What statuses mean, each named once; statuses that are not named keep the default's meaning.
        agreement: What was agreed on; only a simulator needs none.
        simulator: The URL is a simulator. A hub below security level 3 may start with nothing else.
        ca_file: PEM file of trusted authorities; None for the system's.
        client_certificate_file: PEM file for mutual TLS.
        client_key_file: PEM file of its private key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: str
    token_url: str
    client_id: str
    client_secret: SecretStr | None = None
    secret_files: tuple[Path, ...] = Field(default=(), max_length=2)
    token_scope: str = ""
    timeout_seconds: float = Field(default=30.0, gt=0)
    max_connections: int = Field(default=50, ge=1)
    on_status: OnStatus = ()
    agreement: Agreement | None = None
    simulator: bool = False
    ca_file: str | None = None
    client_certificate_file: str | None = None
    client_key_file: str | None = None

    @model_validator(mode="after")
    def _agreed(self) -> Self:
        if (self.client_secret is None) is not bool(self.secret_files):
            raise ValueError("give either client_secret or secret_files")
        if self.agreement is None and not self.simulator:
            raise ValueError("a real endpoint needs an agreement; set simulator: true for a simulator")
        return self
