"""HTTP towards targets: clients, authentication, and one table from failures to errors."""

from lienthong.rest.auth import ClientCredentialsAuth
from lienthong.rest.call import call
from lienthong.rest.client import ClientFactory
from lienthong.rest.resolution import (
    Resolution,
    check_content,
    error_for_exception,
    error_for_response,
    retry_after_seconds,
)
from lienthong.rest.secrets import RotatingSecret
from lienthong.rest.transport import SIGN

__all__ = [
    "SIGN",
    "ClientCredentialsAuth",
    "ClientFactory",
    "Resolution",
    "RotatingSecret",
    "call",
    "check_content",
    "error_for_exception",
    "error_for_response",
    "retry_after_seconds",
]
