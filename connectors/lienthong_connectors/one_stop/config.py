"""Configuration of the connector to the one-stop system."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from lienthong.rest import OnStatus, StatusAction, StatusRule

#: A gateway in front may answer 500 and 502 after the system has written.
ON_STATUS = (StatusRule(codes=("500", "502"), action=StatusAction.RETRY, may_be_done=True),)


class OneStopConfig(BaseModel):
    """How to reach the one-stop system and as whom.

    Attributes:
        base_url: Address of the interface, without the paths.
        token: Sent as bearer token with every call.
        token_files: Instead of ``token``: one file with it, or two while it is replaced. They are read again when the
            system refuses a call.
        timeout_seconds: Limit for one call.
        max_connections: Connections open at once.
        on_status: What statuses mean, each named once; statuses that are not named keep the default's meaning.
        simulator: The URL is a simulator. A hub below security level 3 may start with nothing else.
        ca_file: PEM file of trusted authorities; None for the system's.
        client_certificate_file: PEM file for mutual TLS.
        client_key_file: PEM file of its private key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: str
    token: SecretStr | None = None
    token_files: tuple[Path, ...] = Field(default=(), max_length=2)
    timeout_seconds: float = Field(default=30.0, gt=0)
    max_connections: int = Field(default=100, ge=1)
    on_status: OnStatus = ON_STATUS
    simulator: bool = False
    ca_file: str | None = None
    client_certificate_file: str | None = None
    client_key_file: str | None = None

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        if (self.token is None) is not bool(self.token_files):
            raise ValueError("give either token or token_files")
        return self
