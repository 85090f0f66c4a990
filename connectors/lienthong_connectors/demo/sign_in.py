"""A citizen's browser and the system in front of it: they sign in with VNeID through the gateway."""

import http.client
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

import orjson

from lienthong.errors import FatalError
from lienthong_connectors.demo.place import Place
from lienthong_connectors.demo.publish import fetch_token

#: The system that citizens are logged in to, and where it wants them back; nobody opens it here.
SYSTEM: Final = "citizen-portal"
RETURN_URL: Final = "http://127.0.0.1/tai-khoan/vneid"
_TIMEOUT_SECONDS: Final = 30.0


class _Answer(NamedTuple):
    status: int
    location: str
    cookie: str
    body: bytes


def sign_in(place: Place, account: str, profile: Mapping[str, Any]) -> str:
    """Sign in whoever sits at the browser; returns what the citizen is told in the end.

    Args:
        place: Where the gateway and the issuer are.
        account: Opaque id of the account at the system.
        profile: What the system knows of it.

    Returns:
        ``linked`` when the request stands in Kafka, else the outcome of the sign-in.

    Raises:
        FatalError: If a step gives another answer than it must.
    """
    token = fetch_token(place, SYSTEM)
    asked = {"account": account, "purpose": "Liên kết tài khoản", "return_url": RETURN_URL}
    begun = orjson.loads(_post(place, token, "/v1/sign-ins", asked, 201))
    start = _get(begun["start_url"], 303)
    # As it stands: the platform's code has plus signs, and a browser leaves them alone.
    back = _get(_get(start.location, 302).location, 303, start.cookie)
    if not back.location.startswith(RETURN_URL):
        raise FatalError("the gateway sends a citizen to another page than that of the system that asked")
    told = parse_qs(urlsplit(back.location).query)
    (outcome,) = told["sign_in_outcome"]
    if outcome != "completed":
        return outcome
    fetched = {"sign_in": begun["sign_in"], "handle": told["sign_in_handle"][0], "profile": profile}
    _post(place, token, "/v1/sign-ins/result", fetched, 200)
    return "linked"


def _post(place: Place, token: str, path: str, body: Mapping[str, Any], status: int) -> bytes:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return _call("POST", f"{place.url('gateway')}{path}", status, headers, orjson.dumps(body)).body


def _get(url: str, status: int, cookie: str = "") -> _Answer:
    return _call("GET", url, status, {"Cookie": cookie} if cookie else {}, None)


def _call(method: str, url: str, status: int, headers: Mapping[str, str], body: bytes | None) -> _Answer:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path, body, dict(headers))
        response = connection.getresponse()
        answer = _Answer(
            response.status,
            response.getheader("Location", ""),
            response.getheader("Set-Cookie", "").partition(";")[0],
            response.read(),
        )
    except (OSError, http.client.HTTPException) as error:
        raise FatalError(f"{parts.netloc}{parts.path} gives no answer ({type(error).__name__})") from error
    finally:
        connection.close()
    if answer.status != status:
        raise FatalError(f"{parts.netloc}{parts.path} answered {answer.status} in a sign-in; see its log")
    return answer
