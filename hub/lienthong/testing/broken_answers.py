"""Answers that are right and arrive badly: cut in half, or drop by drop."""

from aiohttp import web

from lienthong.clock import Clock

#: Given to aiohttp in place of an answer on a connection that is already aborted.
BROKEN = 499
_DROPS = 20


def abort(request: web.Request) -> web.Response:
    """Break the connection and return what aiohttp may try to write to it.

    Args:
        request: Any call.
    """
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=BROKEN)


async def send_half(request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    """Announce a whole answer, send its first half and break the connection.

    Args:
        request: The call.
        answer: What a healthy platform would send.
    """
    body = _body_of(answer)
    stream = _stream_of(answer, len(body))
    await stream.prepare(request)
    await stream.write(body[: len(body) // 2])
    return abort(request)


async def drip(request: web.Request, answer: web.StreamResponse, clock: Clock, seconds: float) -> web.StreamResponse:
    """Send an answer in small pieces.

    Args:
        request: The call.
        answer: What a healthy platform would send.
        clock: Waits between the pieces.
        seconds: How long the whole takes.
    """
    body = _body_of(answer)
    stream = _stream_of(answer, len(body))
    await stream.prepare(request)
    size = max(1, -(-len(body) // _DROPS))
    for start in range(0, len(body), size):
        drop = body[start : start + size]
        await clock.sleep(seconds * len(drop) / len(body))
        try:
            await stream.write(drop)
        except ConnectionResetError:
            return abort(request)
    await stream.write_eof()
    return stream


def _body_of(answer: web.StreamResponse) -> bytes:
    body = answer.body if isinstance(answer, web.Response) else None
    return body if isinstance(body, bytes) else b""


def _stream_of(answer: web.StreamResponse, size: int) -> web.StreamResponse:
    stream = web.StreamResponse(status=answer.status)
    stream.content_type = answer.content_type
    stream.content_length = size
    return stream
