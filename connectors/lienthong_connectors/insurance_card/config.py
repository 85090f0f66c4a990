"""Configuration of the connector to the health-insurance gateway."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from lienthong.agreement import Agreement
from lienthong.rest import OnStatusOfQuestions


class CardOfficer(BaseModel):
    """Who an opaque actor id is at the gateway, which wants to know the official's name and personal ID.

    Attributes:
        full_name: Sent as ``hoTenCb``.
        personal_id: Sent as ``cccdCb``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    full_name: SecretStr
    personal_id: SecretStr


class InsuranceCardConfig(BaseModel):
    """How to reach the gateway and as whom.

    Attributes:
        base_url: Address of the gateway, without the paths.
        token_path: Where tokens are taken.
        lookup_path: Where cards are looked up; older agreements name ``…2019``.
        user_name: Account of the institution.
        password: Its password.
        password_files: Instead of ``password``: one file with it, or two while it is replaced.
        hashes_password: Whether the hexadecimal MD5 digest of the password is sent, as older clients do.
        token_seconds: A token is used so long, though the gateway would take it longer (about an hour).
        officers: Opaque actor id → who that is at the gateway.
        on_status: What statuses mean, each named once; the hub's own meanings stand for those that are not named.
        agreement: What was agreed on; only a simulator needs none.
        simulator: The URL is a simulator. A hub below security level 3 may start with nothing else.
        timeout_seconds: Limit for one call; answers take one to three seconds.
        max_connections: Connections open at once.
        ca_file: PEM file of trusted authorities; None for the system's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: str
    token_path: str = "/api/token/take"  # noqa: S105 - a path
    lookup_path: str = "/api/egw/KQNhanLichSuKCB2024"
    user_name: str
    password: SecretStr | None = None
    password_files: tuple[Path, ...] = Field(default=(), max_length=2)
    hashes_password: bool = False
    token_seconds: float = Field(default=3_000.0, gt=0)
    officers: Mapping[str, CardOfficer]
    on_status: OnStatusOfQuestions = ()
    agreement: Agreement | None = None
    simulator: bool = False
    timeout_seconds: float = Field(default=20.0, gt=0)
    max_connections: int = Field(default=20, ge=1)
    ca_file: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.password is not None) == bool(self.password_files):
            raise ValueError("give either password or password_files")
        if self.agreement is None and not self.simulator:
            raise ValueError("a real endpoint needs an agreement; set simulator: true for a simulator")
        return self
