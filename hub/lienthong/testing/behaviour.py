"""How well or badly a simulated platform behaves at the moment."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from lienthong.errors import ConfigurationError
from lienthong.testing.quota import Quota


class TooManyRequests(BaseModel):
    """Answers of status 429.

    Attributes:
        retry_after_seconds: Value of ``Retry-After``; None to leave the header out.
        share: Share of calls that get it, 0 to 1.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    retry_after_seconds: int | None = Field(default=1, ge=0)
    share: float = Field(default=1.0, ge=0, le=1)


class Behaviour(BaseModel):
    """Faults that can be switched while the simulator runs. All of them are ASSUMED: no platform publishes its own.

    Attributes:
        latency_seconds: Median wait before a call is looked at.
        latency_log_normal_sigma: Spread of the wait; 0 for always the same.
        error_rate: Share of calls that are answered 503 without being looked at, 0 to 1.
        lost_answer_rate: Share of calls that take effect and whose connection is then broken, 0 to 1.
        half_answer_rate: Share of calls that take effect and whose answer breaks off in the middle, 0 to 1.
        drip_seconds: How long an answer takes from its first to its last byte; the call takes effect at once.
        outage: ``reset`` (or true) breaks every connection, ``unavailable`` answers every call with 503.
        hang: Calls are neither answered nor refused until this is switched off.
        maintenance: Every call is answered with an HTML page and status 200.
        too_many_requests: Calls answered with 429; None for none.
        requests_per_second: Quota; calls beyond it are answered with 429. None for none.
        quota: Announced limits; what breaks them is answered with 429 and counted. None for none.
        strict: Refuse what the documents forbid; otherwise show the quirks that clients met.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency_seconds: float = Field(default=0.0, ge=0)
    latency_log_normal_sigma: float = Field(default=0.0, ge=0)
    error_rate: float = Field(default=0.0, ge=0, le=1)
    lost_answer_rate: float = Field(default=0.0, ge=0, le=1)
    half_answer_rate: float = Field(default=0.0, ge=0, le=1)
    drip_seconds: float = Field(default=0.0, ge=0)
    outage: Literal["reset", "unavailable"] | None = None
    hang: bool = False
    maintenance: bool = False
    too_many_requests: TooManyRequests | None = None
    requests_per_second: float | None = Field(default=None, gt=0)
    quota: Quota | None = None
    strict: bool = True

    @field_validator("outage", mode="before")
    @classmethod
    def _plain_switch(cls, value: Any) -> Any:
        if isinstance(value, bool) or value in {"true", "false"}:
            return "reset" if value in {True, "true"} else None
        return value

    @property
    def is_calm(self) -> bool:
        """Whether calls are answered at once and without any fault."""
        return self.model_copy(update={"strict": True}) == _CALM

    def changed(self, changes: Mapping[str, Any]) -> "Behaviour":
        """Return this behaviour with some switches changed.

        Args:
            changes: Attribute → new value.

        Raises:
            ConfigurationError: Naming the switch and the rule.
        """
        try:
            return Behaviour.model_validate({**self.model_dump(), **changes})
        except ValidationError as error:
            places = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            raise ConfigurationError(f"the behaviour cannot be set: {places}") from None


def split_options(options: Mapping[str, Any]) -> tuple[Behaviour, dict[str, Any]]:
    """Return the behaviour that options describe, and the options that are the simulator's own.

    Args:
        options: As given on the command line (texts) or by a test (any type).

    Raises:
        ConfigurationError: If a behaviour option has a bad value.
    """
    switches = {name: value for name, value in options.items() if name in Behaviour.model_fields}
    own = {name: value for name, value in options.items() if name not in switches}
    return Behaviour().changed(switches), own


_CALM = Behaviour()
