"""Configuration of the connector to the National Public Service Portal."""

from datetime import date
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from lienthong.rest import OnStatus, StatusAction, StatusRule

#: 401 is a session that ended; a gateway in front may answer 500 and 502 after the portal has written.
ON_STATUS = (
    StatusRule(codes=("401",), action=StatusAction.REFRESH_TOKEN_THEN_RETRY),
    StatusRule(codes=("500", "502"), action=StatusAction.RETRY, may_be_done=True),
)


class PortalAgreement(BaseModel):
    """What the province and the portal's operator agreed on; a call outside it is refused before it is sent.

    Attributes:
        number: Number of the agreement.
        procedures: National procedure codes that may be synchronised; empty allows all.
        purpose: The purpose that calls must carry; empty allows any.
        valid_until: Last day on which calls are allowed, in Viet Nam's time zone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    number: str
    procedures: frozenset[str] = frozenset()
    purpose: str = ""
    valid_until: date


class PortalConfig(BaseModel):
    """How to reach the portal's adapter and as whom.

    Attributes:
        profile: Wire profile; ``adapter`` is the JSON RPC behind a session, ``three-url`` has one URL for each write.
        base_url: Address of the portal, without the endpoints.
        auth_endpoint: Path of the login (``adapter``).
        integration_endpoint: Path of the services that a province writes to and asks about its own dossiers
            (``adapter``).
        share_endpoint: Path of the services that share catalogues and accounts (``adapter``).
        create_endpoint: Path that takes new dossiers (``three-url``).
        update_endpoint: Path that takes changed dossiers (``three-url``).
        progress_endpoint: Path that takes steps of the progress (``three-url``).
        find_endpoint: Path that returns a dossier (``three-url``). ASSUMED.
        tech_id_endpoint: Path that returns an account (``three-url``). ASSUMED.
        max_progress_calls: Calls with steps of the progress at once (``three-url``); while all of them are under way,
            further steps gather, up to ten for the next call.
        user_name: Account of the province at the adapter; ``three-url`` has none.
        password: Its password.
        password_files: Instead of ``password``: one file with it, or two while it is replaced. They are read again when
            the adapter refuses a login, so that nothing has to be restarted.
        session_file: File in which all workers of a machine or volume share the session, readable by them alone; None
            for a login of each worker.
        destination_code: Sent as header ``dstcode`` with every call.
        unit_code: Sent as ``madonvi`` with every call (``adapter``).
        timeout_seconds: Limit for one call; the known clients wait 60 seconds.
        max_connections: Connections open at once.
        known_dossiers: Dossiers that one worker remembers as existing or linked, to spare queries and to gather steps;
            0 for none.
        file_base_url: Put in front of file paths that are no URL, so that the portal can fetch them.
        success_phrases: Further texts that mean success, as the portal's operator words them.
        on_status: What statuses mean, each named once; statuses that are not named keep the default's meaning.
        agreement: What was agreed on; only a simulator needs none.
        simulator: The URL is a simulator. A hub below security level 3 may start with nothing else.
        ca_file: PEM file of trusted authorities; None for the system's.
        client_certificate_file: PEM file for mutual TLS.
        client_key_file: PEM file of its private key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    profile: Literal["adapter", "three-url"] = "adapter"
    base_url: str
    auth_endpoint: str = "/login"
    integration_endpoint: str = "/integration"
    share_endpoint: str = "/share"
    create_endpoint: str = "/ThemMoi"
    update_endpoint: str = "/CapNhat"
    progress_endpoint: str = "/DongBoTienTrinh"
    find_endpoint: str = "/TraCuuHoSo"
    tech_id_endpoint: str = "/TraCuuTechID"
    max_progress_calls: int = Field(default=4, ge=1)
    user_name: str = ""
    password: SecretStr | None = None
    password_files: tuple[Path, ...] = Field(default=(), max_length=2)
    session_file: Path | None = None
    destination_code: str = ""
    unit_code: str = ""
    timeout_seconds: float = Field(default=60.0, gt=0)
    max_connections: int = Field(default=100, ge=1)
    known_dossiers: int = Field(default=20_000, ge=0)
    file_base_url: str = ""
    success_phrases: tuple[str, ...] = ()
    on_status: OnStatus = ON_STATUS
    agreement: PortalAgreement | None = None
    simulator: bool = False
    ca_file: str | None = None
    client_certificate_file: str | None = None
    client_key_file: str | None = None

    @model_validator(mode="after")
    def _agreed(self) -> Self:
        if self.profile == "three-url":
            if self.user_name or self.password is not None or self.password_files or self.session_file is not None:
                raise ValueError("three-url has no login; identify the province by client_certificate_file")
        elif (self.password is None) is not bool(self.password_files):
            raise ValueError("give either password or password_files")
        elif not (self.user_name and self.destination_code and self.unit_code):
            raise ValueError("adapter needs user_name, destination_code and unit_code")
        if self.agreement is None and not self.simulator:
            raise ValueError("a real endpoint needs an agreement; set simulator: true for a simulator")
        return self
