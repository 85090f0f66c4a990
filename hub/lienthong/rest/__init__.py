"""HTTP towards targets: clients, authentication, and one table from failures to errors."""

from lienthong.rest.auth import ClientCredentialsAuth
from lienthong.rest.call import call
from lienthong.rest.client import ClientFactory
from lienthong.rest.on_status import OnStatus, OnStatusOfQuestions, StatusAction, StatusRule, table
from lienthong.rest.resolution import (
    Resolution,
    check_content,
    check_page,
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
    "OnStatus",
    "OnStatusOfQuestions",
    "Resolution",
    "RotatingSecret",
    "StatusAction",
    "StatusRule",
    "call",
    "check_content",
    "check_page",
    "error_for_exception",
    "error_for_response",
    "retry_after_seconds",
    "table",
]
