"""What both ways to the ministry share: the client with its token, the agreement, and the answer to a scan."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import orjson

from lienthong.clock import Clock, to_vietnam
from lienthong.connector import ConnectorContext
from lienthong.envelope import JSON_TYPE
from lienthong.errors import RejectedByTargetError, ScopeError, TargetUnavailableError
from lienthong.rest import ClientCredentialsAuth, RotatingSecret
from lienthong_connectors.civil_status.config import MinistryConfig


def open_client(config: MinistryConfig, context: ConnectorContext) -> httpx.AsyncClient:
    """Return an HTTP client whose first call gets a token.

    Args:
        config: How to reach the ministry.
        context: What the engine provides.
    """
    client = context.http.create(
        base_url=config.base_url,
        timeout_seconds=config.timeout_seconds,
        headers={"Accept": JSON_TYPE, "Content-Type": JSON_TYPE},
        ca_file=config.ca_file,
        client_certificate_file=config.client_certificate_file,
        client_key_file=config.client_key_file,
    )
    fixed = [config.client_secret] if config.client_secret is not None else []
    client.auth = ClientCredentialsAuth(
        token_url=config.token_url,
        client_id=config.client_id,
        client_secret=RotatingSecret(fixed, config.client_secret_files, name="civil-status client_secret"),
        clock=context.clock,
    )
    return client


def check_agreement(config: MinistryConfig, purpose: str, clock: Clock) -> None:
    """Refuse a call that the agreement does not cover.

    Args:
        config: With the agreement; None covers all.
        purpose: Of the call.
        clock: Where to read the day.

    Raises:
        ScopeError: Until the agreement is renewed.
    """
    agreement = config.agreement
    if agreement is None:
        return
    is_over = to_vietnam(clock.now()).date() > agreement.valid_until
    if is_over or (agreement.purpose and purpose != agreement.purpose):
        raise ScopeError(
            "the agreement with the ministry has expired or does not cover this purpose; renew it",
            scope_kind="agreement",
            scope=agreement.number,
            reason="agreement_expired" if is_over else "agreement_purpose",
        )


def read_object(content: bytes) -> Mapping[str, Any] | None:
    """Return an answer of the ministry, or None if it is none: a JSON error would carry the whole document.

    Args:
        content: Body of the answer.
    """
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict) else None


def read_rows(content: bytes) -> Sequence[Mapping[str, Any]]:
    """Return the dossiers of a scan.

    Args:
        content: Body of the answer.

    Raises:
        RejectedByTargetError: The ministry refuses the scan.
        TargetUnavailableError: It is no scan.
    """
    answer = read_object(content)
    if answer is not None and str(answer.get("status")) == "0":
        raise RejectedByTargetError(
            "the ministry refuses the scan; compare province_code and kinds with what was agreed on",
            reason="scan_refused",
        )
    rows = answer.get("value") if answer is not None else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TargetUnavailableError("the ministry answered with something that is no scan", reason="no_scan")
    return rows
