"""Calls over one aiohttp session, with httpx's exceptions set right."""

import asyncio

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

MAX_RESPONSE_BYTES = 64 * 1024 * 1024


class Transport(AiohttpTransport):
    """The aiohttp transport of httpx, with a limit for the whole call and with precise exceptions.

    The library calls every broken connection ``ConnectTimeout``, also one that broke after the request was sent;
    whether a write may be repeated depends on that difference. The limit for reading is used for the whole call, from
    connecting to the last byte, so that a target that drips bytes cannot hold a call for ever.
    """

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request and read the whole answer.

        Args:
            request: What to send.

        Returns:
            The answer, read.

        Raises:
            httpx.TransportError: As httpx documents its subclasses.
        """
        is_answered = False
        try:
            async with asyncio.timeout(request.extensions.get("timeout", {}).get("read")):
                response = await super().handle_async_request(request)
                is_answered = True
                content = await _read(response)
        except httpx.TransportError as error:
            raise _precise(error, is_answered=is_answered) from (error.__cause__ or error)
        except aiohttp.ClientError as error:
            raise httpx.RemoteProtocolError(type(error).__name__) from error
        except TimeoutError as error:
            raise httpx.ReadTimeout("the call took longer than its limit") from error
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            content=content,
            request=request,
            extensions=response.extensions,
        )


async def _read(response: httpx.Response) -> bytes:
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in response.aiter_raw():
            size += len(chunk)
            if size > MAX_RESPONSE_BYTES:
                raise httpx.RemoteProtocolError(f"the answer is larger than {MAX_RESPONSE_BYTES} bytes")
            chunks.append(chunk)
    finally:
        await response.aclose()
    return b"".join(chunks)


def _precise(error: httpx.TransportError, *, is_answered: bool) -> httpx.TransportError:
    cause = error.__cause__
    kind: type[httpx.TransportError] = type(error)
    if is_answered and isinstance(cause, aiohttp.ClientConnectionError):
        kind = httpx.ReadTimeout if isinstance(cause, TimeoutError) else httpx.ReadError
    elif isinstance(cause, aiohttp.ConnectionTimeoutError):
        kind = httpx.ConnectTimeout
    elif isinstance(cause, aiohttp.SocketTimeoutError):
        kind = httpx.ReadTimeout
    elif isinstance(cause, aiohttp.ClientConnectorError):
        kind = httpx.ConnectError
    elif isinstance(cause, aiohttp.ClientConnectionError):
        kind = httpx.ReadError
    return kind(type(cause).__name__ if cause else str(error))
