"""The table from failures to errors."""

import socket
import ssl
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.errors import (
    FatalError,
    LienthongError,
    OutcomeUnknownError,
    RateLimitedError,
    RejectedByTargetError,
    TargetConfigurationError,
    TargetUnavailableError,
)
from lienthong.rest import Resolution, check_content, error_for_exception, error_for_response, retry_after_seconds
from lienthong.rest.resolution import EXCEPTIONS, MAX_RETRY_AFTER_SECONDS
from lienthong.testing.clock import FakeClock

HTTPX_EXCEPTIONS = [kind for kind in vars(httpx).values() if isinstance(kind, type) and issubclass(kind, Exception)]


def answer(status=200, body=b"", **headers):
    """Return an answer of a target."""
    return httpx.Response(
        status, content=body, headers={key.replace("_", "-"): value for key, value in headers.items()}
    )


@pytest.mark.parametrize("kind", HTTPX_EXCEPTIONS, ids=lambda kind: kind.__name__)
def test_every_exception_of_httpx_is_named_in_the_table(kind):
    """A release of httpx with a new exception is noticed before it reaches a province."""
    assert kind in EXCEPTIONS


@pytest.mark.parametrize("kind", [httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.WriteError])
def test_write_that_broke_after_sending_has_an_unknown_outcome(kind):
    """A write that may have happened is never retried blindly, while a question simply is."""
    assert isinstance(error_for_exception(kind("broken"), is_write=True), OutcomeUnknownError)
    assert isinstance(error_for_exception(kind("broken"), is_write=False), TargetUnavailableError)


@pytest.mark.parametrize("kind", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
def test_write_that_was_never_sent_is_retriable(kind):
    """A refused connection has no effect, so even a write may be repeated."""
    assert isinstance(error_for_exception(kind("refused"), is_write=True), TargetUnavailableError)


def test_subclass_of_a_known_exception_is_resolved_by_its_base():
    """A more specific exception of a later release keeps the meaning of its base."""

    class LaterError(httpx.ConnectError):
        """An exception that httpx does not have yet."""

    assert error_for_exception(LaterError("x"), is_write=True).reason == "connection_refused"


def test_foreign_exception_is_not_swallowed():
    """A programming error is not turned into an outage."""
    with pytest.raises(TypeError):
        error_for_exception(ValueError("x"), is_write=False)


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (ssl.SSLCertVerificationError("expired"), "certificate"),
        (ssl.SSLError("alert certificate required"), "tls"),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), "unknown_host"),
    ],
)
def test_certificate_and_host_name_are_configuration(cause, reason):
    """What no retry can mend pauses the pipeline instead of opening the circuit."""
    error = httpx.ConnectError("failed")
    error.__cause__ = OSError("wrapped")
    error.__cause__.__cause__ = cause
    resolved = error_for_exception(error, is_write=True)
    assert isinstance(resolved, TargetConfigurationError)
    assert resolved.reason == reason


@pytest.mark.parametrize(
    "cause", [socket.gaierror(socket.EAI_AGAIN, "try again"), ssl.SSLEOFError("closed in the handshake")]
)
def test_passing_trouble_of_name_service_and_handshake_is_unavailability(cause):
    """A name server that is busy does not pause a pipeline until somebody looks."""
    error = httpx.ConnectError("failed")
    error.__cause__ = cause
    assert isinstance(error_for_exception(error, is_write=False), TargetUnavailableError)


def test_misuse_of_the_client_is_fatal():
    """A defect of a connector stops it and is not retried for ever."""
    assert isinstance(error_for_exception(httpx.StreamConsumed(), is_write=False), FatalError)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RejectedByTargetError),
        (401, TargetConfigurationError),
        (403, TargetConfigurationError),
        (404, TargetConfigurationError),
        (408, TargetUnavailableError),
        (409, RejectedByTargetError),
        (422, RejectedByTargetError),
        (429, RateLimitedError),
        (500, TargetUnavailableError),
        (501, TargetConfigurationError),
        (502, TargetUnavailableError),
        (503, TargetUnavailableError),
        (301, TargetConfigurationError),
        (302, TargetUnavailableError),
    ],
)
def test_status_tells_what_to_do(status, kind):
    """Each class of fault has its own answer: set aside, back off or pause."""
    assert type(error_for_response(answer(status), clock=FakeClock(), is_write=True)) is kind


def test_success_is_no_error():
    """Every 2xx is success."""
    assert error_for_response(answer(204), clock=FakeClock()) is None


def test_gateway_timeout_leaves_a_write_unknown():
    """A bus that gave up waiting cannot say whether the target did it."""
    assert isinstance(error_for_response(answer(504), clock=FakeClock(), is_write=True), OutcomeUnknownError)
    assert isinstance(error_for_response(answer(504), clock=FakeClock()), TargetUnavailableError)


def test_target_may_have_its_own_meanings():
    """A REST target whose 404 means "no such dossier" says so without a table of its own."""
    own = {404: Resolution(RejectedByTargetError, "no_such_dossier")}
    error = error_for_response(answer(404), clock=FakeClock(), statuses=own)
    assert isinstance(error, RejectedByTargetError)
    assert error.reason == "no_such_dossier"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("Mon, 05 Oct 2026 01:02:00 GMT", 120.0),
        ("Mon, 05 Oct 2026 00:00:00 GMT", 0.0),
        ("999999999", MAX_RETRY_AFTER_SECONDS),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("nan", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value, expected):
    """The wait that a target asks for is honoured in both of its forms, and nonsense is ignored."""
    clock = FakeClock(datetime(2026, 10, 5, 1, 0, tzinfo=UTC))
    response = answer(429, retry_after=value)
    assert retry_after_seconds(response, clock) == expected
    assert error_for_response(response, clock=clock).retry_after_seconds == expected


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_no_retry_after_breaks_the_reading(value):
    """Whatever a proxy writes there, the answer is still resolved."""
    wait = retry_after_seconds(answer(429, retry_after=value), FakeClock())
    assert wait is None or 0 <= wait <= MAX_RETRY_AFTER_SECONDS


@pytest.mark.parametrize(
    ("expected", "content_type", "body", "reason"),
    [
        ("xml", "text/html", b"<html>", "html_instead_of_xml"),
        ("xml", "application/xml", b"\xef\xbb\xbf  <!DOCTYPE HTML>", "html_instead_of_xml"),
        ("xml", "text/html; charset=utf-8", b"maintenance", "html_instead_of_xml"),
        ("json", "text/html", b"<!doctype html>", "html_instead_of_json"),
        ("json", "text/plain", b"OK", "unexpected_content"),
        ("xml", "text/xml; charset=utf-8", b"<a/>", None),
        ("xml", "application/soap+xml", b"<a/>", None),
        ("json", "text/html", b'{"error_code": 0}', None),
        ("json", "application/problem+json", b"{}", None),
    ],
)
def test_page_with_status_200_is_no_answer(expected, content_type, body, reason):
    """A maintenance page is an outage; a right body under an old server's wrong type still counts."""
    response = answer(200, body, content_type=content_type)
    if reason is None:
        check_content(response, expected)
    else:
        with pytest.raises(TargetUnavailableError) as caught:
            check_content(response, expected)
        assert caught.value.reason == reason


def test_messages_hold_nothing_of_the_answer():
    """What a target writes into its answers never reaches a log through an error."""
    secret = b"Nguyen Thi Bi Mat"
    error = error_for_response(answer(422, secret, x_note="000199000001"), clock=FakeClock())
    assert isinstance(error, LienthongError)
    assert "Bi Mat" not in f"{error!r} {error}"
    assert "000199000001" not in f"{error!r} {error}"
