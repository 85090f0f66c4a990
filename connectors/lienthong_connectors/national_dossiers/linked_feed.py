"""Dossiers of births and deaths that citizens submit to the linked service (liên thông).

Source:
    ``GetToken``, ``LayDanhSachHoSo``, the detail and ``CapNhatDaNhan`` as read in a provincial client. That the list is
    paged, and how, is ASSUMED.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import orjson

from lienthong.clock import Clock
from lienthong.errors import RejectedByTargetError, TargetConfigurationError, TokenExpiredError
from lienthong.http_clients import HttpClientFactory
from lienthong.rest import RotatingSecret
from lienthong_connectors.national_dossiers.answers import items_of
from lienthong_connectors.national_dossiers.config import LinkedPullSettings
from lienthong_connectors.national_dossiers.feed import Found, Listed, Listing, Platform, Upload
from lienthong_connectors.national_dossiers.linked_draft import MOMENT_FORMS, files_of, linked_draft
from lienthong_connectors.national_dossiers.session import Session
from lienthong_connectors.national_dossiers.wording import instant, text

BASE = "/api/lienthongdvclt"
TOKEN_PATH = f"{BASE}/GetToken"
LIST_PATH = f"{BASE}/LayDanhSachHoSo"
DETAIL_PATH = f"{BASE}/hosolienthong/"
RECEIVED_PATH = f"{BASE}/CapNhatDaNhan"
_MAX_PAGES = 10_000


class LinkedFeed:
    """The linked service, read.

    Args:
        settings: Where and as whom.
        http: Builds the HTTP client.
        clock: Where to read the time.
    """

    name = "linked"
    source = "urn:vn:lienthong-dichvucong"

    def __init__(self, settings: LinkedPullSettings, http: HttpClientFactory, clock: Clock) -> None:
        self.settings = settings
        self._linked = settings
        self._platform = Platform(settings, http, clock, {"Content-Type": "application/json"})
        fixed = [settings.password] if settings.password is not None else []
        self._password = RotatingSecret(fixed, settings.password_files, name="linked service password")
        self._session = Session(self._login)

    async def open(self) -> None:
        """Build the HTTP client, without a call."""
        await self._platform.open()

    async def close(self) -> None:
        """Close it."""
        await self._platform.close()

    def begins_at(self, now: datetime) -> datetime:
        """Return when the first poll runs: the list holds all that has not arrived, however old.

        Args:
            now: When it runs.
        """
        return now

    async def listing(self, since: datetime, until: datetime) -> Listing:
        """Return every dossier that is not marked as arrived.

        Args:
            since: Not looked at.
            until: Not looked at.

        Delivery:
            Nothing is marked while pages are read, so that none of our own marks moves lines. What another mark moved
            out of sight is on the next list, because it is not marked.
        """
        del since, until
        found: dict[str, Listed] = {}
        for page in range(1, _MAX_PAGES + 1):
            answer = await self._ask("GET", LIST_PATH, params={"trang": page, "soLuong": self.settings.page_size})
            items = items_of(answer.get("data"))
            known = len(found)
            found.update({line.reference or f"unreadable-{page}": line for line in map(_line, items)})
            if len(items) < self.settings.page_size or len(found) == known:
                break
        return Listing(tuple(found.values()))

    async def fetch(self, line: Listed) -> Found:
        """Return one dossier with its files.

        Args:
            line: From the list.

        Raises:
            RejectedByTargetError: The service lists it and does not have it.
        """
        if not line.reference:
            return Found({}, ())
        answer = await self._ask("GET", DETAIL_PATH + quote(line.reference, safe=""))
        detail = answer.get("data")
        if not isinstance(detail, dict) or text(detail.get("maHoSo")) != line.code:
            raise RejectedByTargetError("the service lists a dossier that it does not hand out", reason="no_detail")
        return Found(linked_draft(line, detail, self._linked), tuple(map(_upload, files_of(detail))))

    async def acknowledge(self, line: Listed) -> None:
        """Mark a dossier as arrived.

        Args:
            line: From the list.
        """
        body = orjson.dumps({"maHoSo": line.code, "daNhan": True})
        await self._ask("PUT", RECEIVED_PATH, content=body)

    async def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        async def send(token: str) -> dict[str, Any]:
            return await self._platform.ask(method, path, headers={"Authorization": f"Bearer {token}"}, **request)

        return await self._session.use(send)

    async def _login(self) -> str:
        return await self._password.use(self._login_with, lambda error: error.reason == "login_refused")

    async def _login_with(self, password: str) -> str:
        body = orjson.dumps({"userName": self.settings.user_name, "password": password})
        refused = TargetConfigurationError(
            "the linked service refuses the login; check user_name and password", reason="login_refused"
        )
        try:
            answer = await self._platform.ask("POST", TOKEN_PATH, content=body)
        except (TokenExpiredError, RejectedByTargetError) as error:
            raise refused from error
        token = answer.get("token")
        if not isinstance(token, str) or not token:
            raise refused
        return token


def _line(item: Mapping[str, Any]) -> Listed:
    changed = text(item.get("ngayTiepNhan"))
    return Listed(text(item.get("maHoSo")), text(item.get("id")), changed, instant(changed, *MOMENT_FORMS))


def _upload(item: Mapping[str, Any]) -> Upload | None:
    if text(item.get("huyGiayTo")) == "1":
        return None
    encoded = item.get("duLieuTepDinhKem")
    if not encoded:
        return Upload(None, "not_found")
    try:
        return Upload(base64.b64decode(encoded, validate=True))
    except (binascii.Error, TypeError, ValueError):
        return Upload(None, "unreadable")
