"""Configuration of both ways to the Ministry of Justice: results down, dossiers up."""

from datetime import date
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from lienthong.rest import OnStatus, OnStatusOfQuestions
from lienthong_schemas.identifiers import IdentifierType

_KINDS: tuple[Literal["birth", "death", "marriage"], ...] = ("birth", "death")


class CivilStatusAgreement(BaseModel):
    """What the province and the ministry agreed on; a call outside it is refused before it is sent.

    Attributes:
        number: Number of the agreement.
        purpose: The purpose that calls must carry; empty allows any.
        valid_until: Last day on which calls are allowed, in Viet Nam's time zone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    number: str
    purpose: str = ""
    valid_until: date


class MinistryConfig(BaseModel):
    """How to reach the ministry's exchange of linked civil-status dossiers and as whom.

    Attributes:
        base_url: Address of the service, without the endpoint.
        scan_endpoint: Path of the scan. ASSUMED.
        token_url: Where tokens are handed out (OAuth 2.0, client credentials).
        client_id: Our consumer key.
        client_secret: Our consumer secret.
        client_secret_files: Instead of ``client_secret``: one file with it, or two while it is replaced.
        province_code: Sent as ``maTinh``: two digits, as used since 1 July 2025.
        timeout_seconds: Limit for one call.
        agreement: What was agreed on; only a simulator needs none.
        simulator: The URL is a simulator. A hub below security level 3 may start with nothing else.
        ca_file: PEM file of trusted authorities; None for the system's.
        client_certificate_file: PEM file for mutual TLS.
        client_key_file: PEM file of its private key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: str
    scan_endpoint: str = "/quetHoSo"
    token_url: str
    client_id: str
    client_secret: SecretStr | None = None
    client_secret_files: tuple[Path, ...] = Field(default=(), max_length=2)
    province_code: str = Field(pattern=r"^[0-9]{2}$")
    timeout_seconds: float = Field(default=60.0, gt=0)
    agreement: CivilStatusAgreement | None = None
    simulator: bool = False
    ca_file: str | None = None
    client_certificate_file: str | None = None
    client_key_file: str | None = None

    @model_validator(mode="after")
    def _agreed(self) -> Self:
        if (self.client_secret is None) is not bool(self.client_secret_files):
            raise ValueError("give either client_secret or client_secret_files")
        if self.agreement is None and not self.simulator:
            raise ValueError("a real endpoint needs an agreement; set simulator: true for a simulator")
        return self


class CivilStatusConfig(MinistryConfig):
    """How results are read.

    Attributes:
        kinds: What is asked for, each by a call of its own.
        page_size: Results in one answer; the service gives at most 1,000.
        first_days: How far back the first poll ever reads, in days.
        event_source: CloudEvents ``source`` of what is found.
        on_status: What statuses mean, each named once.
    """

    kinds: tuple[Literal["birth", "death", "marriage"], ...] = Field(default=_KINDS, min_length=1)
    page_size: int = Field(default=1_000, ge=1, le=1_000)
    first_days: int = Field(default=30, ge=1, le=366)
    event_source: str = Field(default="/national/civil-status", pattern=r"^/[a-z0-9/-]+$")
    on_status: OnStatusOfQuestions = ()


class RegistryConfig(MinistryConfig):
    """How dossiers are pushed.

    Attributes:
        push_endpoint: Path of the push. ASSUMED.
        paper_types: Kind of paper → the ministry's code for it (``LoaiGiayToTuyThan``), from its catalogue; a record
            with a paper that has none is refused, not guessed.
        on_status: What statuses mean, each named once.
    """

    push_endpoint: str = "/dayHoSo"
    paper_types: dict[IdentifierType, str] = Field(default_factory=dict)
    on_status: OnStatus = ()
