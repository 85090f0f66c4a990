"""What a province may ask a target, for whom and until when; checked before anything is sent."""

from datetime import date

from pydantic import BaseModel, ConfigDict

from lienthong.connector import CallContext
from lienthong.errors import ScopeError, TargetConfigurationError


class Agreement(BaseModel):
    """What the province and a target's operator agreed on; a call outside it is refused before it is sent.

    Attributes:
        number: Number of the agreement.
        integration_codes: Service codes (``MaTichHop``) that may be called; empty allows all.
        procedures: Procedure codes that may ask; empty allows all.
        officers: Opaque ids of the officers and automatic accounts that may ask; empty allows all.
        purpose: The purpose that calls must carry; empty allows any.
        valid_until: Last day on which calls are allowed, in Viet Nam's time zone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: str
    integration_codes: frozenset[str] = frozenset()
    procedures: frozenset[str] = frozenset()
    officers: frozenset[str] = frozenset()
    purpose: str = ""
    valid_until: date


def check_agreement(agreement: Agreement, procedure: str, context: CallContext, today: date) -> None:
    """Refuse a call that the agreement does not cover, before it is sent.

    Args:
        agreement: What was agreed on.
        procedure: Procedure that asks.
        context: Who asks for what.
        today: The day in Viet Nam.

    Raises:
        TargetConfigurationError: The agreement has ended, or does not cover the purpose.
        ScopeError: It does not cover the procedure or the officer.

    Source:
        ``domain-rules.md`` 9.
    """
    if today > agreement.valid_until:
        raise TargetConfigurationError("the agreement has ended; renew it", reason="agreement_expired")
    if agreement.purpose and context.purpose != agreement.purpose:
        raise TargetConfigurationError("the agreement does not cover the purpose", reason="agreement_purpose")
    if agreement.procedures and procedure not in agreement.procedures:
        raise ScopeError(
            "the agreement does not cover the procedure", scope_kind="procedure", scope=procedure, reason="agreement"
        )
    if agreement.officers and context.actor not in agreement.officers:
        raise ScopeError(
            "the agreement does not cover the officer", scope_kind="officer", scope=context.actor, reason="agreement"
        )
