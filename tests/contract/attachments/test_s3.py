"""The S3 store over HTTP, against a server that checks every signature by itself."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr, ValidationError

from lienthong.attachments import S3Settings, make_store
from lienthong.errors import (
    RecordTooLargeError,
    RejectedByTargetError,
    TargetConfigurationError,
    TargetUnavailableError,
    ValidationFailedError,
)
from lienthong.testing.clock import FakeClock
from lienthong.testing.simulator import running

BUCKET, ACCESS_KEY, SECRET_KEY = "ho-so", "tinh", "khoa-rat-bi-mat"
CONTENT = b"%PDF-1.7 giay khai sinh"


@dataclass
class Bucket:
    """A bucket behind an S3 interface, which trusts nobody."""

    clock: FakeClock
    secret: str = SECRET_KEY
    objects: dict[str, bytes] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    is_away: bool = False
    corrupts: bool = False

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        body = await request.read()
        self.calls.append(request.method)
        if self.is_away:
            return web.Response(status=503)
        if self._signature(request, body) != request.headers["authorization"].rpartition("Signature=")[2]:
            return web.Response(status=403, text="<Error><Code>SignatureDoesNotMatch</Code></Error>")
        if request.match_info["bucket"] != BUCKET:
            return web.Response(status=404)
        name = request.match_info["name"]
        if request.method == "PUT":
            digest = hashlib.sha256(body).digest()
            if (
                digest.hex() != request.headers["x-amz-content-sha256"]
                or base64.b64encode(digest).decode() != request.headers["x-amz-checksum-sha256"]
            ):
                return web.Response(status=400)
            self.objects[name] = body
            return web.Response()
        found = self.objects.get(name)
        return web.Response(status=404) if found is None else web.Response(body=found[::-1] if self.corrupts else found)

    def _signature(self, request: web.Request, body: bytes) -> str:
        """Compute the signature from the request as it arrived, step by step as the specification tells it."""
        stamp = request.headers["x-amz-date"]
        age = self.clock.now() - datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if abs(age.total_seconds()) > 900:
            return "too old"
        fields = request.headers["authorization"].removeprefix("AWS4-HMAC-SHA256 ").split(", ")
        parts = dict(each.split("=", 1) for each in fields)
        access_key, day, region, service, last = parts["Credential"].split("/")
        names = parts["SignedHeaders"].split(";")
        if access_key != ACCESS_KEY or not {"host", "x-amz-date", "x-amz-content-sha256"} <= set(names):
            return "not acceptable"
        canonical = f"{request.method}\n{request.path}\n{request.query_string}\n"
        for name in names:
            canonical += f"{name}:{request.headers[name]}\n"
        canonical += "\n" + ";".join(names) + "\n" + hashlib.sha256(body).hexdigest()
        to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{day}/{region}/{service}/{last}\n"
        to_sign += hashlib.sha256(canonical.encode()).hexdigest()
        date_key = hmac.new(b"AWS4" + self.secret.encode(), day.encode(), hashlib.sha256).digest()
        region_key = hmac.new(date_key, region.encode(), hashlib.sha256).digest()
        service_key = hmac.new(region_key, service.encode(), hashlib.sha256).digest()
        signing_key = hmac.new(service_key, b"aws4_request", hashlib.sha256).digest()
        return hmac.new(signing_key, to_sign.encode(), hashlib.sha256).hexdigest()


@pytest.fixture
async def place() -> AsyncIterator[tuple[str, Bucket]]:
    """Run a server with one empty bucket."""
    bucket = Bucket(FakeClock())
    application = web.Application()
    application.add_routes([web.route("*", "/{bucket}/{name:.+}", bucket.handle)])
    async with running(application) as url:
        yield url, bucket


def settings(url: str, **changes: Any) -> S3Settings:
    """Describe the bucket."""
    values = {"kind": "s3", "endpoint": url, "bucket": BUCKET, "access_key": ACCESS_KEY, "max_file_bytes": 1_000}
    return S3Settings.model_validate({**values, "secret_key": SecretStr(SECRET_KEY), **changes})


@pytest.fixture
async def store(place: tuple[str, Bucket]) -> AsyncIterator[Any]:
    """Open a store on the bucket."""
    store = make_store(settings(place[0]), place[1].clock)
    await store.open()
    yield store
    await store.close()
    await store.close()


async def test_a_file_is_found_again_by_what_is_in_it(store: Any, place: tuple[str, Bucket]) -> None:
    """The server accepts signature and checksum, and the name tells nothing of a person."""
    stored = await store.put(CONTENT)

    assert list(place[1].objects) == [stored.path]
    assert stored.path.endswith(hashlib.sha256(CONTENT).hexdigest())
    assert await store.get(stored.path) == CONTENT


async def test_the_same_file_again_is_not_sent_again(store: Any, place: tuple[str, Bucket]) -> None:
    """A repeated put asks and writes nothing."""
    assert await store.put(CONTENT) == await store.put(CONTENT)
    assert place[1].calls == ["HEAD", "PUT", "HEAD"]


async def test_an_object_of_another_size_is_written_again(store: Any, place: tuple[str, Bucket]) -> None:
    """What an interrupted upload left behind is not taken for the file."""
    stored = await store.put(CONTENT)
    place[1].objects[stored.path] = b""
    await store.put(CONTENT)

    assert place[1].objects[stored.path] == CONTENT


async def test_a_wrong_key_is_about_the_configuration(place: tuple[str, Bucket]) -> None:
    """A refused signature pauses the pipeline and tells no secret."""
    store = make_store(settings(place[0], secret_key=SecretStr("sai-khoa")), place[1].clock)
    await store.open()
    with pytest.raises(TargetConfigurationError) as caught:
        await store.put(CONTENT)
    await store.close()

    assert "sai-khoa" not in str(caught.value)
    assert place[1].objects == {}


async def test_a_replaced_key_is_found_without_a_restart(place: tuple[str, Bucket], tmp_path: Path) -> None:
    """Two files hold the old and the new key; the one that is accepted is used from then on."""
    files = [tmp_path / "old", tmp_path / "new"]
    for file, secret in zip(files, (SECRET_KEY, "khoa-moi"), strict=True):
        file.write_text(secret)
    store = make_store(settings(place[0], secret_key=None, secret_key_files=files), place[1].clock)
    await store.open()
    await store.put(CONTENT)
    place[1].secret = "khoa-moi"
    await store.put(CONTENT + b"2")
    await store.put(CONTENT + b"3")
    await store.close()

    assert len(place[1].objects) == 3
    assert place[1].calls == ["HEAD", "PUT", "HEAD", "HEAD", "PUT", "HEAD", "PUT"]


async def test_a_bucket_that_is_not_there_is_about_the_configuration(place: tuple[str, Bucket]) -> None:
    """A name that was mistyped is told, not waited for."""
    store = make_store(settings(place[0], bucket="khac"), place[1].clock)
    await store.open()
    with pytest.raises(TargetConfigurationError) as caught:
        await store.put(CONTENT)
    await store.close()

    assert caught.value.reason == "bucket_unknown"


async def test_a_store_that_is_away_is_waited_for(store: Any, place: tuple[str, Bucket]) -> None:
    """No file is lost because the store has a bad moment."""
    place[1].is_away = True
    with pytest.raises(TargetUnavailableError):
        await store.put(CONTENT)


async def test_a_changed_or_missing_file_is_never_handed_out(store: Any, place: tuple[str, Bucket]) -> None:
    """The digest is checked again when a file comes back."""
    stored = await store.put(CONTENT)
    place[1].corrupts = True
    with pytest.raises(RejectedByTargetError) as changed:
        await store.get(stored.path)
    with pytest.raises(RejectedByTargetError) as missing:
        await store.get("aa/" + "a" * 64)

    assert (changed.value.reason, missing.value.reason) == ("hash_mismatch", "file_unknown")


async def test_too_large_or_other_files_are_not_sent(store: Any, place: tuple[str, Bucket]) -> None:
    """Size and digest are looked at before a call is made."""
    with pytest.raises(RecordTooLargeError):
        await store.put(b"a" * 1_001)
    with pytest.raises(ValidationFailedError):
        await store.put(CONTENT, expected_sha256="0" * 64)

    assert place[1].calls == []


def test_settings_want_one_secret_and_hide_it() -> None:
    """A key in two places would be a key that nobody replaces."""
    with pytest.raises(ValidationError):
        settings("http://localhost", secret_key_files=("a",))

    assert SECRET_KEY not in repr(settings("http://localhost"))
