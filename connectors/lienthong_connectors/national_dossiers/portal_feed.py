"""Dossiers that citizens submit on the National Public Service Portal.

Source:
    The adapter's login and call as in "Hướng dẫn kết nối Cổng DVCQG v1.4"; the services that hand dossiers out are
    ASSUMED after an adjacent interface of the same shape (a span of time, a dossier code, the path of a file).
"""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from lienthong.clock import Clock, to_vietnam
from lienthong.errors import RejectedByTargetError, TargetConfigurationError, TargetUnavailableError
from lienthong.http_clients import HttpClientFactory
from lienthong.rest import RotatingSecret
from lienthong_connectors.national_dossiers.answers import check_code, items_of
from lienthong_connectors.national_dossiers.config import PortalPullSettings
from lienthong_connectors.national_dossiers.feed import Found, Listed, Listing, Platform, Upload
from lienthong_connectors.national_dossiers.portal_draft import FORM, ORIGINS, file_path, papers_of, portal_draft
from lienthong_connectors.national_dossiers.session import Session
from lienthong_connectors.national_dossiers.wording import instant, text

LIST_SERVICE = "LayDanhSachHoSo"
DETAIL_SERVICE = "LayChiTietHoSo"
FILE_SERVICE = "LayTepTin"
RECEIVED_SERVICE = "CapNhatDaNhan"
#: The portal answers with a page that is empty, late or double for ever only when it is broken.
_MAX_PAGES = 10_000
#: End of a path that our own object store has given, and a synchronisation has written to the portal.
_OWN_PATH = re.compile(r"(?<![0-9a-f])[0-9a-f]{2}/[0-9a-f]{64}$")


class PortalFeed:
    """The portal's adapter, read.

    Args:
        settings: Where and as whom.
        http: Builds the HTTP client.
        clock: Where to read the time.
    """

    name = "portal"
    source = "urn:vn:dichvucong"

    def __init__(self, settings: PortalPullSettings, http: HttpClientFactory, clock: Clock) -> None:
        self.settings = settings
        headers = {"Content-Type": "application/json", "Charset": "utf-8", "dstcode": settings.destination_code}
        self._platform = Platform(settings, http, clock, headers)
        fixed = [settings.password] if settings.password is not None else []
        self._password = RotatingSecret(fixed, settings.password_files, name="portal password")
        self._session = Session(self._login)

    async def open(self) -> None:
        """Build the HTTP client, without a call."""
        await self._platform.open()

    async def close(self) -> None:
        """Close it; the adapter has no logout."""
        await self._platform.close()

    def begins_at(self, now: datetime) -> datetime:
        """Return where the very first poll begins.

        Args:
            now: When it runs.
        """
        return now - timedelta(days=self.settings.first_days)

    async def listing(self, since: datetime, until: datetime) -> Listing:
        """Return every dossier that changed in a span of time.

        Args:
            since: First second.
            until: Last second.

        Delivery:
            Pages are numbered, so a change meanwhile moves lines from one to another. A line that comes twice, or a
            number of lines that is not what the portal told, leaves the cursor where it is, so that all are read again.
        """
        size = self.settings.page_size
        span = {"ngayNhan1": _second(since), "ngayNhan2": _second(until), "soluong": size}
        found: dict[tuple[str, str], Listed] = {}
        totals: set[int] = set()
        read = 0
        for page in range(1, _MAX_PAGES + 1):
            answer = await self._ask(LIST_SERVICE, {**span, "trang": page})
            items = items_of(answer.get("result"))
            totals.add(_total(answer))
            read += len(items)
            found.update({(line.code, line.changed): line for line in map(_line, items)})
            if not items or page * size >= max(totals):
                break
        stood_still = totals == {read} == {len(found)}
        moments = [line.changed_at for line in found.values() if line.changed_at is not None]
        return Listing(tuple(found.values()), max(moments, default=None) if stood_still else None)

    async def fetch(self, line: Listed) -> Found:
        """Return one dossier with its files.

        Args:
            line: From the list.

        Raises:
            RejectedByTargetError: The portal lists it and does not have it.
        """
        if not line.reference:
            return Found({}, ())
        answer = await self._ask(DETAIL_SERVICE, {"mahoso": line.reference})
        records = items_of(answer.get("result"))
        if not records or text(records[0].get("MaHoSo")) != line.code:
            raise RejectedByTargetError("the portal lists a dossier that it does not hand out", reason="no_detail")
        uploads = [await self._upload(paper) for paper in papers_of(records[0])]
        return Found(portal_draft(line, records[0]), tuple(uploads))

    async def acknowledge(self, line: Listed) -> None:
        """Mark a dossier as arrived.

        Args:
            line: From the list.
        """
        await self._ask(RECEIVED_SERVICE, {"mahoso": line.reference, "daNhan": True})

    async def _upload(self, paper: Mapping[str, Any]) -> Upload | None:
        path = file_path(paper)
        if not path:
            return None
        if own := _OWN_PATH.search(path):
            return Upload(None, stored_path=own[0])
        answer = await self._ask(FILE_SERVICE, {"duongdanteptin": path})
        encoded = answer.get("result")
        if not encoded:
            return Upload(None, "not_found")
        try:
            return Upload(base64.b64decode(encoded, validate=True))
        except (binascii.Error, TypeError, ValueError):
            return Upload(None, "unreadable")

    async def _ask(self, service: str, body: Mapping[str, Any]) -> dict[str, Any]:
        async def send(session: str) -> dict[str, Any]:
            document = {"session": session, "madonvi": self.settings.unit_code, "service": service, **body}
            answer = await self._platform.ask("POST", self.settings.share_endpoint, content=orjson.dumps(document))
            check_code(answer)
            return answer

        return await self._session.use(send)

    async def _login(self) -> str:
        return await self._password.use(self._login_with, lambda error: (error.reason or "").startswith("credentials"))

    async def _login_with(self, password: str) -> str:
        credentials = {"username": self.settings.user_name, "password": password}
        answer = await self._platform.ask("POST", self.settings.auth_endpoint, content=orjson.dumps(credentials))
        check_code(answer)
        session = answer.get("session")
        if not isinstance(session, str) or not session:
            raise TargetConfigurationError(
                "the portal gives no session; check user_name, password and destination_code", reason="no_session"
            )
        return session


def _line(item: Mapping[str, Any]) -> Listed:
    code = text(item.get("MaHoSo"))
    changed = text(item.get("NgayCapNhat"))
    is_own = ORIGINS.get(text(item.get("NoiNopHoSo"))) == "local"
    return Listed(code, code, changed, instant(changed, FORM), text(item.get("DaNhan")) == "1", is_own)


def _total(answer: Mapping[str, Any]) -> int:
    total = text(answer.get("tongso"))
    if not total.isascii() or not total.isdecimal():
        raise TargetUnavailableError("the portal does not tell how many dossiers it lists", reason="no_total")
    return int(total)


def _second(value: datetime) -> str:
    return to_vietnam(value).strftime(FORM)
