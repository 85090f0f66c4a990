"""Configuration of the source of dossiers that citizens submit on national platforms."""

from datetime import date
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from lienthong.attachments import StoreSettings

_CLOSED = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class PullAgreement(BaseModel):
    """What the province and a platform's operator agreed on; without it nothing is asked.

    Attributes:
        number: Number of the agreement.
        purpose: The purpose that calls must carry; empty allows any.
        valid_until: Last day on which calls are allowed, in Viet Nam's time zone.
    """

    model_config = _CLOSED

    number: str
    purpose: str = ""
    valid_until: date


class PlatformSettings(BaseModel):
    """What all platforms need.

    Attributes:
        base_url: Address of the platform, without the endpoints.
        user_name: Account of the province.
        password: Its password.
        password_files: Instead of ``password``: one file with it, or two while it is replaced. They are read again when
            the platform refuses a login.
        page_size: Dossiers of one page of a list.
        timeout_seconds: Limit for one call.
        max_connections: Connections open at once.
        agreement: What was agreed on; only a simulator needs none.
        simulator: The URL is a simulator. A hub below security level 3 may start with nothing else.
        ca_file: PEM file of trusted authorities; None for the system's.
        client_certificate_file: PEM file for mutual TLS.
        client_key_file: PEM file of its private key.
    """

    model_config = _CLOSED

    base_url: str
    user_name: str
    password: SecretStr | None = None
    password_files: tuple[Path, ...] = Field(default=(), max_length=2)
    page_size: int = Field(default=200, ge=1, le=1_000)
    timeout_seconds: float = Field(default=60.0, gt=0)
    max_connections: int = Field(default=50, ge=1)
    agreement: PullAgreement | None = None
    simulator: bool = False
    ca_file: str | None = None
    client_certificate_file: str | None = None
    client_key_file: str | None = None

    @model_validator(mode="after")
    def _agreed(self) -> Self:
        if (self.password is None) is not bool(self.password_files):
            raise ValueError("give either password or password_files")
        if self.agreement is None and not self.simulator:
            raise ValueError("a real endpoint needs an agreement; set simulator: true for a simulator")
        return self


class PortalPullSettings(PlatformSettings):
    """The adapter of the National Public Service Portal.

    Attributes:
        auth_endpoint: Path of the login.
        share_endpoint: Path of the services that a province reads from.
        destination_code: Sent as header ``dstcode`` with every call.
        unit_code: Sent as ``madonvi`` with every call.
        first_days: How far back the very first poll looks.
    """

    auth_endpoint: str = "/login"
    share_endpoint: str = "/share"
    destination_code: str
    unit_code: str
    first_days: int = Field(default=30, ge=0, le=3_650)


class LinkedProcedure(BaseModel):
    """What the linked service does not tell of a procedure.

    Attributes:
        name: Official name.
        field_code: Code of the field.
        field_name: Name of the field.
        working_days: From reception to the due time, Saturdays and Sundays left out. The one-stop system's own
            appointment wins over it.
    """

    model_config = _CLOSED

    name: str
    field_code: str
    field_name: str
    working_days: int = Field(ge=0, le=365)


class LinkedUnit(BaseModel):
    """Who handles the dossiers of a commune.

    Attributes:
        code: Organisation code.
        name: Official name.
    """

    model_config = _CLOSED

    code: str
    name: str


class LinkedPullSettings(PlatformSettings):
    """The linked service for births and deaths.

    Attributes:
        procedures: National procedure code → what the service does not tell of it.
        units: ``maDonVi`` as the service writes it → who handles its dossiers.
    """

    procedures: dict[str, LinkedProcedure]
    units: dict[Annotated[str, Field(pattern=r"^[0-9]{1,10}$")], LinkedUnit]


class NationalDossiersConfig(BaseModel):
    """Which platforms are asked, and where files go.

    Attributes:
        portal: The National Public Service Portal; None not to ask it.
        linked: The linked service for births and deaths; None not to ask it.
        store: Where files of dossiers go before a dossier is written.
        keep_files_days: Days after submission for which a reference promises the file; None for no end.
        batch_size: Dossiers that are fetched at once and written together.
        remembered_dossiers: Dossiers whose state is known to have arrived, so that the overlap does not fetch them
            again; 0 for none. It spares calls and decides nothing.
    """

    model_config = _CLOSED

    portal: PortalPullSettings | None = None
    linked: LinkedPullSettings | None = None
    store: StoreSettings
    keep_files_days: int | None = Field(default=None, ge=1)
    batch_size: int = Field(default=50, ge=1, le=500)
    remembered_dossiers: int = Field(default=100_000, ge=0)

    @property
    def simulator(self) -> bool:
        """Whether every platform that is asked is a simulator."""
        return all(each.simulator for each in (self.portal, self.linked) if each is not None)

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.portal is None and self.linked is None:
            raise ValueError("name at least one platform: portal or linked")
        return self
