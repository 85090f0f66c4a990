"""Configuration of the connector to the National Population Database."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from lienthong.agreement import Agreement
from lienthong.rest import OnStatusOfQuestions


class OfficerAccount(BaseModel):
    """Who an opaque actor id is at the database; often the officer's own personal ID, so it is kept secret.

    Attributes:
        officer_code: Sent as ``MaCanBo``, at most 20 characters.
        account: Sent as ``TaiKhoan``.
        key_name: Name of the officer's key at a platform of the transport ``lgspaccesstoken``.
        key_pass: The key itself.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    officer_code: SecretStr = Field(max_length=20)
    account: SecretStr = SecretStr("")
    key_name: SecretStr = SecretStr("")
    key_pass: SecretStr = SecretStr("")


class XRoad(BaseModel):
    """Whom a security server of the bus takes us for, and whom we ask.

    Attributes:
        client: Our subsystem: instance, class, member and subsystem.
        service: The database's service: the same four of its owner, and the service.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    client: str = Field(pattern=r"^[^/]+(/[^/]+){3}$")
    service: str = Field(pattern=r"^[^/]+(/[^/]+){4}$")


class TokenIssuer(BaseModel):
    """Where a platform hands out its tokens (OAuth 2.0, client credentials).

    Attributes:
        url: The token endpoint.
        client_id: Our id there.
        client_secret: Our secret there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    client_id: str
    client_secret: SecretStr


class PartnerKey(BaseModel):
    """What a platform of the transport ``lgspaccesstoken`` wants to see in the header of that name.

    Attributes:
        access_key: ``AccessKey``.
        secret_key: ``SecretKey``.
        application: ``AppName``.
        partner_code: ``PartnerCode``.
        customer_code: ``PartnerCodeCus``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    access_key: SecretStr
    secret_key: SecretStr
    application: str
    partner_code: str
    customer_code: str


class Way(StrEnum):
    """What stands between the hub and the database.

    ``direct`` is the database's own endpoint, ``x-road`` a security server of the national bus, ``ndop`` an agent node
    of the national data platform that follows it. ``lgsp-json-wrapper`` and ``lgspaccesstoken`` are two kinds of
    provincial platforms (LGSP).
    """

    DIRECT = "direct"
    X_ROAD = "x-road"
    JSON_WRAPPER = "lgsp-json-wrapper"
    ACCESS_TOKEN = "lgspaccesstoken"  # noqa: S105 - the name of a header
    NDOP = "ndop"


#: Sections that each way needs, and those that it may have.
_NEEDED: Mapping[Way, frozenset[str]] = {
    Way.DIRECT: frozenset({"digest"}),
    Way.X_ROAD: frozenset({"digest", "x_road"}),
    Way.JSON_WRAPPER: frozenset(),
    Way.ACCESS_TOKEN: frozenset({"token", "partner"}),
    Way.NDOP: frozenset({"token"}),
}
_ALLOWED: Mapping[Way, frozenset[str]] = {**_NEEDED, Way.JSON_WRAPPER: frozenset({"token"})}


class PopulationConfig(BaseModel):
    """How to reach the database and as whom.

    Attributes:
        base_url: The one URL that all operations are posted to; for ``x-road`` the security server.
        transport: What stands between the hub and the database.
        authentication_path: ``url_xacthuc`` of the digest: the path that the operator registered for us. Only for
            ``direct`` and ``x-road``, as the next three.
        user_name: Account of the province.
        secret: Its secret key; only a digest of it is sent.
        secret_files: Instead of ``secret``: one file with the key, or two while it is replaced. They are read again
            when the database refuses a key, so that nothing has to be restarted.
        x_road: Whom the bus takes us for; only for ``x-road``.
        token: Where tokens come from; for ``lgspaccesstoken`` and ``ndop``, and for a wrapper that wants them.
        partner: What the header ``lgspaccesstoken`` says.
        api_key: Sent as header ``ApiKey`` on the ways ``direct`` and ``x-road``; empty for none.
        client_id: Sent as header ``X-Road-Client`` on the way ``direct``; empty for none.
        timestamp_unit: Unit of the header ``Timestamp``; one known client sends seconds.
        integration_code: Service code, ``MaTichHop``.
        service_code: ``MaDVC`` of procedures that the mapping does not name.
        service_code_by_procedure: Procedure code → ``MaDVC``.
        unit_code: Sent as ``MaDonVi`` instead of the unit that asks; empty to send the unit that asks.
        officers: Opaque actor id → who that is at the database.
        on_status: What statuses mean, each named once; the hub's own meanings stand for those that are not named.
        agreement: What was agreed on; only a simulator needs none.
        simulator: The URL is a simulator. A hub below security level 3 may start with nothing else.
        timeout_seconds: Limit for one call.
        max_connections: Connections open at once.
        ca_file: PEM file of trusted authorities; None for the system's.
        client_certificate_file: PEM file for mutual TLS.
        client_key_file: PEM file of its private key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: str
    transport: Way = Way.DIRECT
    authentication_path: str = ""
    user_name: str = ""
    secret: SecretStr | None = None
    secret_files: tuple[Path, ...] = Field(default=(), max_length=2)
    x_road: XRoad | None = None
    token: TokenIssuer | None = None
    partner: PartnerKey | None = None
    api_key: SecretStr = SecretStr("")
    client_id: str = ""
    timestamp_unit: Literal["milliseconds", "seconds"] = "milliseconds"
    integration_code: str = Field(default="037", max_length=20)
    service_code: str = Field(default="VPCP", max_length=20)
    service_code_by_procedure: Mapping[str, str] = Field(default_factory=dict)
    unit_code: str = Field(default="", max_length=35)
    officers: Mapping[str, OfficerAccount]
    on_status: OnStatusOfQuestions = ()
    agreement: Agreement | None = None
    simulator: bool = False
    timeout_seconds: float = Field(default=20.0, gt=0)
    max_connections: int = Field(default=100, ge=1)
    ca_file: str | None = None
    client_certificate_file: str | None = None
    client_key_file: str | None = None

    @model_validator(mode="after")
    def _agreed(self) -> Self:
        if self.secret is not None and self.secret_files:
            raise ValueError("give either secret or secret_files")
        self._check_way()
        if self.agreement is None:
            if not self.simulator:
                raise ValueError("a real endpoint needs an agreement; set simulator: true for a simulator")
            return self
        codes = self.agreement.integration_codes
        if codes and self.integration_code not in codes:
            raise ValueError("integration_code is not covered by the agreement")
        return self

    def _check_way(self) -> None:
        has_secret = self.secret is not None or bool(self.secret_files)
        given = {name for name in ("x_road", "token", "partner") if getattr(self, name) is not None}
        given |= {"digest"} if has_secret else set()
        names = {"digest": "authentication_path, user_name and either secret or secret_files"}
        for missing in sorted(_NEEDED[self.transport] - given):
            raise ValueError(f"the transport {self.transport.value} needs {names.get(missing, missing)}")
        for extra in sorted(given - _ALLOWED[self.transport]):
            raise ValueError(f"the transport {self.transport.value} has no use for {names.get(extra, extra)}")
        if "digest" in given and not (self.authentication_path and self.user_name):
            raise ValueError(f"the transport {self.transport.value} needs {names['digest']}")
