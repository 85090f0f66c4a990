"""One table: what went wrong in an HTTP call → what the engine will do about it."""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal

import httpx

from lienthong.clock import Clock
from lienthong.errors import (
    FatalError,
    LienthongError,
    OutcomeUnknownError,
    RateLimitedError,
    RejectedByTargetError,
    RetriableError,
    ScopeError,
    TargetConfigurationError,
    TargetUnavailableError,
)
from lienthong.outcome import Outcome, OutcomeKind, SettledByAnswer

MAX_RETRY_AFTER_SECONDS = 86_400.0
_SECONDS = re.compile(r"\d{1,9}")
_HTML_STARTS = (b"<!doctype html", b"<html", b"<head", b"<body")
_STARTS: Mapping[str, tuple[bytes, ...]] = {"xml": (b"<?xml", b"<soap", b"<s:", b"<env"), "json": (b"{", b"[")}
_MAINTENANCE_REDIRECTS = frozenset({302, 303, 307})


@dataclass(frozen=True, slots=True)
class Resolution:
    """What one kind of failure means.

    Attributes:
        error: The class that tells the engine what to do.
        reason: Machine-readable detail.
        may_be_sent: Whether the target may have received the request, which decides for writes.
        ends_as: How a record ends whose write was answered so; None for an error. Other calls are not touched by it.
    """

    error: type[LienthongError]
    reason: str
    may_be_sent: bool = False
    ends_as: OutcomeKind | None = None


class NotPreparedError(httpx.ConnectError):
    """What has to come before a call, such as its token, could not be had, so the call itself was not made."""


#: Exceptions of httpx, each named; a subclass that a later release adds is found through its nearest base.
EXCEPTIONS: Mapping[type[Exception], Resolution] = {
    NotPreparedError: Resolution(TargetUnavailableError, "not_prepared"),
    httpx.ConnectError: Resolution(TargetUnavailableError, "connection_refused"),
    httpx.ConnectTimeout: Resolution(TargetUnavailableError, "connect_timeout"),
    httpx.PoolTimeout: Resolution(TargetUnavailableError, "pool_timeout"),
    httpx.ProxyError: Resolution(TargetUnavailableError, "proxy"),
    httpx.ReadTimeout: Resolution(TargetUnavailableError, "read_timeout", may_be_sent=True),
    httpx.WriteTimeout: Resolution(TargetUnavailableError, "write_timeout", may_be_sent=True),
    httpx.ReadError: Resolution(TargetUnavailableError, "connection_broken", may_be_sent=True),
    httpx.WriteError: Resolution(TargetUnavailableError, "connection_broken", may_be_sent=True),
    httpx.CloseError: Resolution(TargetUnavailableError, "connection_broken", may_be_sent=True),
    httpx.RemoteProtocolError: Resolution(TargetUnavailableError, "protocol", may_be_sent=True),
    httpx.DecodingError: Resolution(TargetUnavailableError, "undecodable_answer", may_be_sent=True),
    httpx.TimeoutException: Resolution(TargetUnavailableError, "timeout", may_be_sent=True),
    httpx.NetworkError: Resolution(TargetUnavailableError, "network", may_be_sent=True),
    httpx.ProtocolError: Resolution(TargetUnavailableError, "protocol", may_be_sent=True),
    httpx.TransportError: Resolution(TargetUnavailableError, "transport", may_be_sent=True),
    httpx.RequestError: Resolution(TargetUnavailableError, "request", may_be_sent=True),
    httpx.HTTPError: Resolution(TargetUnavailableError, "http", may_be_sent=True),
    httpx.HTTPStatusError: Resolution(TargetUnavailableError, "status", may_be_sent=True),
    httpx.TooManyRedirects: Resolution(TargetConfigurationError, "redirected"),
    httpx.LocalProtocolError: Resolution(TargetConfigurationError, "illegal_request"),
    httpx.UnsupportedProtocol: Resolution(TargetConfigurationError, "unsupported_url"),
    httpx.InvalidURL: Resolution(TargetConfigurationError, "unsupported_url"),
    httpx.CookieConflict: Resolution(FatalError, "client_misused"),
    httpx.StreamError: Resolution(FatalError, "client_misused"),
    httpx.StreamConsumed: Resolution(FatalError, "client_misused"),
    httpx.StreamClosed: Resolution(FatalError, "client_misused"),
    httpx.ResponseNotRead: Resolution(FatalError, "client_misused"),
    httpx.RequestNotRead: Resolution(FatalError, "client_misused"),
}

#: Statuses that differ from the rule of their hundred; a connector may overlay its own.
STATUSES: Mapping[int, Resolution] = {
    301: Resolution(TargetConfigurationError, "redirected"),
    308: Resolution(TargetConfigurationError, "redirected"),
    401: Resolution(TargetConfigurationError, "http_401"),
    403: Resolution(TargetConfigurationError, "http_403"),
    404: Resolution(TargetConfigurationError, "http_404"),
    405: Resolution(TargetConfigurationError, "http_405"),
    407: Resolution(TargetConfigurationError, "http_407"),
    408: Resolution(TargetUnavailableError, "http_408"),
    421: Resolution(TargetConfigurationError, "http_421"),
    425: Resolution(TargetUnavailableError, "http_425"),
    429: Resolution(RateLimitedError, "http_429"),
    501: Resolution(TargetConfigurationError, "http_501"),
    504: Resolution(TargetUnavailableError, "http_504", may_be_sent=True),
}

_REMEDIES: Mapping[type[LienthongError], str] = {
    TargetUnavailableError: "the call is repeated later",
    RateLimitedError: "the call is repeated after the wait that the target asked for",
    TargetConfigurationError: "check its URL, credentials, certificate and agreement",
    RejectedByTargetError: "the record is set aside",
    OutcomeUnknownError: "ask the target whether the effect happened before sending again",
    ScopeError: "ask the target's operator, then release the scope",
    FatalError: "this is a defect of the connector",
}


def error_for_exception(error: Exception, *, is_write: bool) -> LienthongError:
    """Return the error that tells the engine what to do about a failed call.

    Args:
        error: An exception of httpx.
        is_write: Whether repeating the call may repeat an effect.

    Raises:
        TypeError: If the exception is none of httpx's; such a failure must not be swallowed.
    """
    known = next((EXCEPTIONS[kind] for kind in type(error).__mro__ if kind in EXCEPTIONS), None)
    if known is None:
        raise TypeError(f"{type(error).__name__} is no exception of httpx") from error
    found = _from_cause(error) or known
    return _build(found, f"the call failed ({found.reason})", is_write=is_write)


def error_for_response(
    response: httpx.Response, *, clock: Clock, is_write: bool = False, statuses: Mapping[int, Resolution] | None = None
) -> LienthongError | None:
    """Return the error that a status means; None for success.

    Args:
        response: The answer.
        clock: What a date in ``Retry-After`` is compared with.
        is_write: Whether repeating the call may repeat an effect.
        statuses: The target's own meanings, which win over :data:`STATUSES`.

    Raises:
        SettledByAnswer: If the record ends with this answer.
    """
    status = response.status_code
    if 200 <= status < 300:
        return None
    found = (statuses or {}).get(status)
    if found is not None and found.ends_as is not None:
        if is_write:
            raise SettledByAnswer(Outcome(found.ends_as, found.reason))
        found = None
    found = found or STATUSES.get(status) or _by_hundred(status)
    wait = retry_after_seconds(response, clock)
    return _build(found, f"the target answered with status {status}", is_write=is_write, wait=wait)


def check_content(response: httpx.Response, expected: Literal["xml", "json"]) -> None:
    """Refuse an answer of success that is something else, such as a maintenance page with status 200.

    Args:
        response: The answer.
        expected: What the operation returns; a right body under a wrong content type passes, as old servers do that.

    Raises:
        TargetUnavailableError: With reason ``html_instead_of_<expected>`` or ``unexpected_content``.
    """
    start = _start_of(response.content)
    if start.startswith(_STARTS[expected]):
        return
    declared = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_page = start.startswith(_HTML_STARTS)
    if not is_page and (declared.endswith(expected) or not declared):
        return
    raise _instead(expected, is_page=is_page or "html" in declared)


def check_page(body: bytes, expected: Literal["xml", "json"]) -> None:
    """Refuse a page for people inside another answer, where no content type tells what it is.

    Args:
        body: What should be an answer.
        expected: What it should be.

    Raises:
        TargetUnavailableError: With reason ``html_instead_of_<expected>``.
    """
    if _start_of(body).startswith(_HTML_STARTS):
        raise _instead(expected, is_page=True)


def _start_of(body: bytes) -> bytes:
    return body[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower()


def _instead(expected: str, *, is_page: bool) -> TargetUnavailableError:
    reason = f"html_instead_of_{expected}" if is_page else "unexpected_content"
    return TargetUnavailableError(f"the target answered with something else than {expected.upper()}", reason=reason)


def retry_after_seconds(response: httpx.Response, clock: Clock) -> float | None:
    """Return the wait that the target asked for, at most a day; None when it asked for none or not legibly.

    Args:
        response: The answer.
        clock: What a date is compared with.

    Source:
        RFC 9110, section 10.2.3: seconds or an HTTP date.
    """
    value = response.headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return min(float(value), MAX_RETRY_AFTER_SECONDS)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return min(max((moment - clock.now()).total_seconds(), 0.0), MAX_RETRY_AFTER_SECONDS)


def _by_hundred(status: int) -> Resolution:
    if status in _MAINTENANCE_REDIRECTS:
        return Resolution(TargetUnavailableError, "redirected")
    if 400 <= status < 500:
        return Resolution(RejectedByTargetError, f"http_{status}")
    return Resolution(TargetUnavailableError, f"http_{status}")


def _from_cause(error: Exception) -> Resolution | None:
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Resolution(TargetConfigurationError, "certificate")
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
            return Resolution(TargetConfigurationError, "tls")
        if isinstance(cause, socket.gaierror) and cause.errno in {socket.EAI_NONAME, socket.EAI_NODATA}:
            return Resolution(TargetConfigurationError, "unknown_host")
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _build(found: Resolution, message: str, *, is_write: bool, wait: float | None = None) -> LienthongError:
    kind = OutcomeUnknownError if is_write and found.may_be_sent else found.error
    text = f"{message}; {_REMEDIES.get(kind, 'see the reason')}"
    if kind is ScopeError:
        return ScopeError(text, scope_kind="agreement", scope=found.reason, reason=found.reason)
    if issubclass(kind, RetriableError):
        return kind(text, retry_after_seconds=wait, reason=found.reason)
    return kind(text, reason=found.reason)
