"""Envelopes: opened when they are whole and for us, refused otherwise."""

import base64
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lienthong.errors import ConfigurationError, DecodeError
from lienthong_connectors.vneid.direct import _read_code
from lienthong_connectors.vneid.envelopes import EnvelopeKeys, generate_key, read_object, seal, strict_base64

CODE = "0f8fad5b-d9cb-469f-a165-70867728950e.7c9e6679-7425-40de-944b-e07fc1f90ae7"
AES_KEY = bytes(range(32))
PEM, PUBLIC = generate_key()
OPENSSL = shutil.which("openssl")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> EnvelopeKeys:
    """The keys of one province."""
    path = tmp_path_factory.mktemp("keys") / "key.pem"
    path.write_bytes(PEM)
    return EnvelopeKeys([path])


@given(st.binary(max_size=300), st.sampled_from([16, 24, 32]))
@settings(max_examples=50)
def test_what_was_sealed_is_opened(keys: EnvelopeKeys, content: bytes, size: int) -> None:
    """Content of any length comes out as it went in, under every size of AES key."""
    data, key = seal(content, PUBLIC, AES_KEY[:size])

    assert keys.open(data, key, bytes) == content


@given(st.data())
@settings(max_examples=200)
def test_flipped_bit_is_refused(keys: EnvelopeKeys, draw: st.DataObject) -> None:
    """Any bit that changes on the way, in the content or in the key, makes the envelope of a code unreadable."""
    parts = [base64.b64decode(part) for part in seal(CODE.encode(), PUBLIC, AES_KEY)]
    which = draw.draw(st.integers(0, 1))
    bit = draw.draw(st.integers(0, len(parts[which]) * 8 - 1))
    changed = bytearray(parts[which])
    changed[bit // 8] ^= 1 << bit % 8
    parts[which] = bytes(changed)

    with pytest.raises(DecodeError) as caught:
        keys.open(base64.b64encode(parts[0]).decode(), base64.b64encode(parts[1]).decode(), _read_code)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@given(st.data())
@settings(max_examples=100)
def test_changed_text_is_refused(keys: EnvelopeKeys, draw: st.DataObject) -> None:
    """Any character of the base64 that becomes another, such as a plus sign that became a space, is not put up with."""
    texts = list(seal(CODE.encode(), PUBLIC, AES_KEY))
    which = draw.draw(st.integers(0, 1))
    at = draw.draw(st.integers(0, len(texts[which]) - 1))
    other = draw.draw(st.sampled_from("Aa0+/ =-_%\n\x00é").filter(lambda each: each != texts[which][at]))
    texts[which] = texts[which][:at] + other + texts[which][at + 1 :]

    with pytest.raises(DecodeError):
        keys.open(texts[0], texts[1], _read_code)


@pytest.mark.parametrize("text", ["", "QQ", "QQ=", "QR==", "Q Q=", "QQ==\n", "Q-_=", "QQ==QQ=="])
def test_one_content_has_one_text(text: str) -> None:
    """Base64 with other padding, spare bits, spaces or the alphabet of URLs is refused."""
    with pytest.raises(ValueError, match="no base64"):
        strict_base64(text)


def test_content_of_another_form_is_refused(keys: EnvelopeKeys) -> None:
    """An envelope that opens is read in one form only: an object where claims belong, a GUID where a code belongs."""
    for content in (b"[]", b"{", b"\xff", CODE.encode()):
        with pytest.raises(DecodeError):
            keys.open(*seal(content, PUBLIC, AES_KEY), read_object)
    for content in (b"{}", f"{CODE}\n".encode(), "é".encode(), CODE[:-1].encode()):
        with pytest.raises(DecodeError):
            keys.open(*seal(content, PUBLIC, AES_KEY), _read_code)


def test_all_failures_look_the_same(keys: EnvelopeKeys) -> None:
    """Whether text, key, padding or form is wrong cannot be told from outside."""
    data, key = seal(CODE.encode(), PUBLIC, AES_KEY)
    wrong = [("A", key), (data, "A"), (data, seal(b"", PUBLIC, AES_KEY[::-1])[1]), seal(b"x", PUBLIC, AES_KEY)]
    told = set()
    for each in wrong:
        with pytest.raises(DecodeError) as caught:
            keys.open(*each, _read_code)
        told.add((str(caught.value), caught.value.reason))

    assert len(told) == 1


@pytest.mark.parametrize("text", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_file_without_key_is_refused_by_name(tmp_path: Path, text: bytes) -> None:
    """A wrong key file is told by its setting, without quoting it."""
    path = tmp_path / "key.pem"
    path.write_bytes(text)

    with pytest.raises(ConfigurationError, match="private_key_files") as caught:
        EnvelopeKeys([path])
    assert "AAAA" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_missing_file_is_refused_at_the_start(tmp_path: Path) -> None:
    """A key file that is not there stops the gateway before a citizen meets it."""
    with pytest.raises(ConfigurationError, match="private_key_files"):
        EnvelopeKeys([tmp_path / "none.pem"])


@pytest.mark.skipif(OPENSSL is None, reason="the openssl command is not installed")
def test_envelope_of_another_implementation_is_opened(keys: EnvelopeKeys, tmp_path: Path) -> None:
    """What the openssl command seals is opened, and what is sealed here the openssl command opens."""
    (tmp_path / "key.pem").write_bytes(PEM)
    (tmp_path / "aes").write_bytes(AES_KEY)
    cipher = ["-aes-256-ecb", "-K", AES_KEY.hex()]
    rsa = ["-inkey", str(tmp_path / "key.pem"), "-pkeyopt", "rsa_padding_mode:pkcs1"]

    def openssl(*arguments: str, given: bytes) -> bytes:
        return subprocess.run([OPENSSL or "", *arguments], input=given, capture_output=True, check=True).stdout

    sealed = openssl("enc", *cipher, given=CODE.encode())
    sealed_key = openssl("pkeyutl", "-encrypt", *rsa, given=AES_KEY)
    ours = [base64.b64decode(part) for part in seal(CODE.encode(), PUBLIC, AES_KEY)]

    assert keys.open(base64.b64encode(sealed).decode(), base64.b64encode(sealed_key).decode(), _read_code) == CODE
    assert openssl("enc", "-d", *cipher, given=ours[0]) == CODE.encode()
    assert openssl("pkeyutl", "-decrypt", *rsa, given=ours[1]) == AES_KEY
