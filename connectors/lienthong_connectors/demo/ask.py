"""Small HTTP questions to the processes of a demonstration."""

import http.client
from typing import Any
from urllib.parse import urlsplit

import orjson

from lienthong.errors import FatalError

_TIMEOUT_SECONDS = 60.0
_SUCCESS = (200, 204)


def ask(url: str, method: str = "GET", body: Any = None) -> bytes:
    """Return the body of an answer.

    Args:
        url: What to ask.
        method: HTTP method.
        body: Sent as JSON; None for nothing.

    Raises:
        FatalError: If there is no answer, or one that is no success.
    """
    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request(method, path, None if body is None else orjson.dumps(body))
        response = connection.getresponse()
        answer = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise FatalError(f"{parts.netloc}{parts.path} gives no answer ({type(error).__name__})") from error
    finally:
        connection.close()
    if response.status not in _SUCCESS:
        raise FatalError(f"{parts.netloc}{parts.path} answered {response.status}")
    return answer


def ask_json(url: str, method: str = "GET", body: Any = None) -> Any:
    """Return the JSON document of an answer.

    Args:
        url: What to ask.
        method: HTTP method.
        body: Sent as JSON; None for nothing.

    Raises:
        FatalError: If there is no answer, or one that is no success.
    """
    return orjson.loads(ask(url, method, body))
