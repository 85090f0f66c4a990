"""One HTTP call of a connector, with every failure translated."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import httpx

from lienthong.clock import Clock
from lienthong.rest.resolution import EXCEPTIONS, Resolution, check_content, error_for_exception, error_for_response

_FAILURES = tuple(EXCEPTIONS)


async def call(
    client: httpx.AsyncClient,
    method: str,
    url: str | httpx.URL,
    *,
    clock: Clock,
    is_write: bool = False,
    expected: Literal["xml", "json"] | None = None,
    statuses: Mapping[int, Resolution] | None = None,
    is_answer: Callable[[httpx.Response], bool] | None = None,
    **request: Any,
) -> httpx.Response:
    """Send one request, once, and return its answer.

    Args:
        client: From :class:`lienthong.rest.ClientFactory`.
        method: Such as ``POST``.
        url: Absolute, or relative to the client's base URL.
        clock: What a date in ``Retry-After`` is compared with.
        is_write: Whether repeating the call may repeat an effect; if so, a call that broke after sending has an
            unknown outcome instead of being retriable.
        expected: What the answer must be; None not to look.
        statuses: The target's own meanings of statuses.
        is_answer: Tells which answers the connector reads itself, whatever their status; None for none.
        **request: ``content``, ``headers``, ``params`` and so on, as for :meth:`httpx.AsyncClient.build_request`.

    Raises:
        RetriableError: The target did not answer, is under maintenance or asks to slow down.
        TargetConfigurationError: The target refuses us, or cannot be reached as configured.
        RejectedByTargetError: The target refuses this request.
        OutcomeUnknownError: A write may have happened.
        SettledByAnswer: The record of a write ends with this answer.
    """
    try:
        response = await client.send(client.build_request(method, url, **request))
    except _FAILURES as error:
        raise error_for_exception(error, is_write=is_write) from error
    if is_answer is not None and is_answer(response):
        return response
    failure = error_for_response(response, clock=clock, is_write=is_write, statuses=statuses)
    if failure is not None:
        raise failure
    if expected is not None:
        check_content(response, expected)
    return response
