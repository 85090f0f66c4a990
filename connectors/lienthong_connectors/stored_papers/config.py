"""Configuration of the connector to the warehouse of stored papers."""

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from lienthong.agreement import Agreement
from lienthong.rest import OnStatusOfQuestions


class Requester(BaseModel):
    """Who an opaque actor id is at the warehouse, which wants to know the official's name and personal ID.

    Attributes:
        full_name: Sent as ``HoTenNguoiYeuCau``.
        personal_id: Sent as ``SoDinhDanhNguoiYeuCau``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    full_name: SecretStr
    personal_id: SecretStr


class TokenIssuer(BaseModel):
    """Where tokens come from (OAuth 2.0, client credentials); ASSUMED.

    Attributes:
        url: The token endpoint.
        client_id: Our id there.
        client_secret: Our secret there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    client_id: str
    client_secret: SecretStr


class StoredPapersConfig(BaseModel):
    """How to reach the warehouse and as whom.

    Attributes:
        base_url: Address of the warehouse, without the path.
        search_path: Where papers are searched; ASSUMED, because no contract is published.
        token: Where tokens come from; None for a warehouse that wants none.
        officers: Opaque actor id → who that is at the warehouse.
        on_status: What statuses mean, each named once; the hub's own meanings stand for those that are not named.
        agreement: What was agreed on; only a simulator needs none.
        simulator: The URL is a simulator. A hub below security level 3 may start with nothing else.
        timeout_seconds: Limit for one call.
        max_connections: Connections open at once.
        ca_file: PEM file of trusted authorities; None for the system's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: str
    search_path: str = "/kho-du-lieu/danh-sach-giay-to-ket-qua"
    token: TokenIssuer | None = None
    officers: Mapping[str, Requester]
    on_status: OnStatusOfQuestions = ()
    agreement: Agreement | None = None
    simulator: bool = False
    timeout_seconds: float = Field(default=20.0, gt=0)
    max_connections: int = Field(default=20, ge=1)
    ca_file: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.agreement is None and not self.simulator:
            raise ValueError("a real endpoint needs an agreement; set simulator: true for a simulator")
        return self
