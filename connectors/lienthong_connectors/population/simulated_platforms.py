"""What stands before the simulated database: nothing, the bus, or a provincial platform.

ASSUMED, because no source shows them: codes of success and failure of the JSON wrapper, how a platform answers
credentials that it does not know, and everything of ``ndop``.
"""

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha512
from urllib.parse import unquote

import orjson
from aiohttp import web

from lienthong_connectors.population.config import Way
from lienthong_connectors.population.payload import LOOKUP, OFFICER_REFUSED, PROCEDURE_REFUSED, Question

#: What the platforms know of the province; a connector that says anything else is refused.
CLIENT_ID, CLIENT_SECRET, TOKEN = "hub", "t0ken-s3cret", "platform-t0ken"
PARTNER = {
    "AccessKey": "acc3ss",
    "SecretKey": "p4rtner",
    "AppName": "hub",
    "PartnerCode": "H57",
    "PartnerCodeCus": "C1",
}
OFFICER_KEY = "key-1:p4ss"
X_ROAD_CLIENT = "VN/GOV/H57/HUB"
X_ROAD_SERVICE = "VN/GOV/C06/DANCU/TraCuu"
_BORN = ("Nam", "NgayThangNam")
_UNIT = "LGSP"


class Refused(Exception):  # noqa: N818 - a signal of the simulator
    """The platform itself refuses the call.

    Args:
        status: Status of the answer.
        bus_fault: What the bus calls it; empty for another platform.
    """

    def __init__(self, status: int, bus_fault: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.bus_fault = bus_fault


class Platform:
    """Stands before the database; this one hands everything on as it is, as if nothing stood there."""

    #: Whether calls carry the database's own digest.
    has_digest = True

    async def read(self, request: web.Request) -> bytes:
        """Return the envelope of a question.

        Args:
            request: What came in.

        Raises:
            Refused: The platform does not hand it on.
        """
        self._check(request)
        return self._envelope(await request.read())

    def answer(self, request: web.Request, text: str, status: int, code: str) -> web.Response:
        """Return the database's answer as the platform hands it on.

        Args:
            request: What came in.
            text: The envelope.
            status: Status of the database.
            code: Code of a refusal; empty for an answer.
        """
        del request, code
        return web.Response(body=text.encode(), status=status, content_type="text/xml", charset="utf-8")

    def _check(self, request: web.Request) -> None:
        """Refuse a call that the platform does not hand on."""

    def _envelope(self, body: bytes) -> bytes:
        return body


class XRoad(Platform):
    """A security server: it knows members and services, and hands the rest on unchanged."""

    def answer(self, request: web.Request, text: str, status: int, code: str) -> web.Response:  # noqa: D102 - inherited
        response = super().answer(request, text, status, code)
        head = sha512(repr(sorted(request.headers.items())).encode()).digest()
        response.headers["X-Road-Client"] = X_ROAD_CLIENT
        response.headers["X-Road-Service"] = X_ROAD_SERVICE
        response.headers["X-Road-Id"] = request.headers.get("X-Road-Id", "")
        response.headers["X-Road-Request-Hash"] = b64encode(sha512(head + sha512(b"").digest()).digest()).decode()
        return response

    def _check(self, request: web.Request) -> None:
        if request.headers.get("X-Road-Client") != X_ROAD_CLIENT:
            raise Refused(500, "Server.ClientProxy.UnknownMember")
        if unquote(request.path) != f"/r1/{X_ROAD_SERVICE}":
            raise Refused(500, "Server.ServerProxy.UnknownService")


class JsonWrapper(Platform):
    """Takes fields as JSON and returns the database's envelope as text, or the bare code of a refusal of rights."""

    has_digest = False

    def answer(self, request: web.Request, text: str, status: int, code: str) -> web.Response:  # noqa: D102 - inherited
        del request, status
        if code in {PROCEDURE_REFUSED, OFFICER_REFUSED}:
            return web.json_response({"error_code": code, "message": "Không có quyền khai thác"})
        return web.json_response({"error_code": code or "0", "message": text})

    def _envelope(self, body: bytes) -> bytes:
        try:
            fields = dict(orjson.loads(body))
        except (orjson.JSONDecodeError, TypeError, ValueError):
            raise Refused(400) from None
        born = next(((name, fields.pop(name)) for name in _BORN if name in fields), ("Nam", ""))
        order = ("MaYeuCau", "MaDVC", "MaTichHop", "MaCanBo", "SoDinhDanh", "SoCMND", "HoVaTen")
        if not fields.keys() <= set(order):
            raise Refused(400)
        known = tuple((name, str(fields[name])) for name in order if name in fields)
        return Question(LOOKUP, "", (*known, ("MaDonVi", _UNIT)), born).envelope()


class AccessToken(Platform):
    """Hands the envelope on when token, partner key and officer key are right."""

    has_digest = False

    def _check(self, request: web.Request) -> None:
        wanted = {
            "Authorization": f"Bearer {TOKEN}",
            "lgspaccesstoken": _partner(),
            "AuthHash": b64encode(OFFICER_KEY.encode()).decode(),
        }
        if any(request.headers.get(name) != value for name, value in wanted.items()):
            raise Refused(401)


class Ndop(Platform):
    """An agent node: the envelope there and back in a JSON object."""

    has_digest = False

    def answer(self, request: web.Request, text: str, status: int, code: str) -> web.Response:  # noqa: D102 - inherited
        del request, status
        return web.json_response({"code": code or "00", "envelope": text})

    def _check(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Refused(401)
        if request.path != "/ndop/v1/citizen/verify-identity":
            raise Refused(404)

    def _envelope(self, body: bytes) -> bytes:
        try:
            return str(orjson.loads(body)["envelope"]).encode()
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise Refused(400) from None


async def hand_out_token(request: web.Request) -> web.Response:
    """Answer a token endpoint.

    Args:
        request: Form with client id and secret, and the header of the partner where there is one.
    """
    form = await request.post()
    wanted = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    if dict(form) != wanted or request.headers.get("lgspaccesstoken", _partner()) != _partner():
        return web.json_response({"error": "invalid_client"}, status=401)
    return web.json_response({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600, "scope": "default"})


def _partner() -> str:
    return b64encode(orjson.dumps(PARTNER)).decode()


PLATFORMS: Mapping[Way, Platform] = {
    Way.DIRECT: Platform(),
    Way.X_ROAD: XRoad(),
    Way.JSON_WRAPPER: JsonWrapper(),
    Way.ACCESS_TOKEN: AccessToken(),
    Way.NDOP: Ndop(),
}
