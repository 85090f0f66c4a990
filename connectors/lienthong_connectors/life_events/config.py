"""Configuration of the connector to recipients of life events."""

from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from lienthong_connectors.life_events.fields import expand

#: Stands in keys, receipts and scopes.
RecipientName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]
EventType = Literal["person.created", "person.deceased"]
FieldPath = Annotated[str, StringConstraints(pattern=r"^[a-z_]+(\.[a-z_]+)*$", max_length=100)]


class RecipientAgreement(BaseModel):
    """What the province and a recipient agreed on.

    Attributes:
        number: Number of the agreement.
        valid_until: Last day on which events are sent, in Viet Nam's time zone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    number: str = Field(min_length=1, max_length=100)
    valid_until: date


class Recipient(BaseModel):
    """One system that is told of births or deaths.

    Attributes:
        url: Where it receives events; the id of the event follows after a slash.
        api_key: What it knows the hub by, sent as ``Authorization: Bearer``.
        api_key_files: Instead of ``api_key``: one file with it, or two while it is replaced.
        agreement: What was agreed on.
        purpose: What the recipient may use the data for; sent with every event.
        legal_basis: The law that allows it; sent with every event.
        events: Type of event → the fields that may be sent. A path such as ``parents.full_name`` names one field, the
            path of a group all fields that it has in this version.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str
    api_key: SecretStr | None = None
    api_key_files: tuple[Path, ...] = Field(default=(), max_length=2)
    agreement: RecipientAgreement
    purpose: str = Field(min_length=1, max_length=500)
    legal_basis: str = Field(min_length=1, max_length=500)
    events: dict[EventType, Annotated[frozenset[FieldPath], Field(min_length=1)]] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if (self.api_key is None) is not bool(self.api_key_files):
            raise ValueError("give either api_key or api_key_files")
        if not self.fields:
            raise ValueError("a recipient needs events")
        return self

    @cached_property
    def fields(self) -> dict[str, frozenset[str]]:
        """Type of event → single fields that may be sent."""
        return {name: expand(name, paths) for name, paths in self.events.items()}


class LifeEventsConfig(BaseModel):
    """Who is told of births and deaths.

    Attributes:
        recipients: Name of each recipient → where, on what ground and what.
        timeout_seconds: Limit for one call.
        simulator: All recipients are simulators; plain http is allowed. A hub below security level 3 may start with
            nothing else.
        ca_file: PEM file of trusted authorities; None for the system's.
        client_certificate_file: PEM file for mutual TLS.
        client_key_file: PEM file of its private key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    recipients: dict[RecipientName, Recipient]
    timeout_seconds: float = Field(default=30.0, gt=0)
    simulator: bool = False
    ca_file: str | None = None
    client_certificate_file: str | None = None
    client_key_file: str | None = None

    @model_validator(mode="after")
    def _is_private(self) -> Self:
        if not self.simulator and not all(each.url.startswith("https://") for each in self.recipients.values()):
            raise ValueError("a recipient needs https://")
        return self
