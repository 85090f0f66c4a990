"""Configuration of the connector to citizen applications."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, field_validator, model_validator

from lienthong.webhook_signature import key_of

#: Stands in keys, ids and scopes.
EndpointName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]
Severity = Literal["minor", "moderate", "severe", "extreme"]


class Endpoint(BaseModel):
    """One application that wants warnings.

    Attributes:
        url: Where it receives them.
        secrets: The present secret, and the next one while it is replaced; ``whsec_`` and base64. A message is signed
            with both.
        secret_files: Instead of ``secrets``: files with one secret each, read for every message.
        kinds: Kinds of warnings that it wants; empty for all.
        minimum_severity: The mildest warnings that it wants.
        levels: Whose warnings it wants.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str
    secrets: tuple[SecretStr, ...] = Field(default=(), max_length=2)
    secret_files: tuple[Path, ...] = Field(default=(), max_length=2)
    kinds: frozenset[str] = frozenset()
    minimum_severity: Severity = "minor"
    levels: frozenset[Literal["national", "province"]] = frozenset({"national", "province"})

    @field_validator("secrets")
    @classmethod
    def _are_keys(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for secret in secrets:
            key_of(secret.get_secret_value())
        return secrets

    @model_validator(mode="after")
    def _has_secret(self) -> Self:
        if bool(self.secrets) is bool(self.secret_files):
            raise ValueError("give either secrets or secret_files")
        return self


class CitizenAlertsConfig(BaseModel):
    """Which applications get warnings.

    Attributes:
        endpoints: Name of each application → where and how.
        timeout_seconds: Limit for one call.
        simulator: All endpoints are simulators; plain http is allowed. A hub below security level 3 may start with
            nothing else.
        ca_file: PEM file of trusted authorities; None for the system's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    endpoints: dict[EndpointName, Endpoint]
    timeout_seconds: float = Field(default=15.0, gt=0)
    simulator: bool = False
    ca_file: str | None = None

    @model_validator(mode="after")
    def _is_private(self) -> Self:
        if not self.simulator and not all(each.url.startswith("https://") for each in self.endpoints.values()):
            raise ValueError("an endpoint needs https://")
        return self
