"""Signatures against the example of Standard Webhooks, and secrets that are none."""

import pytest

from lienthong.webhook_signature import is_signed, key_of, sign
from lienthong_connectors.citizen_alerts.config import CitizenAlertsConfig

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEXT_SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
MESSAGE = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')


def test_a_signature_is_that_of_the_published_example() -> None:
    """Any library for Standard Webhooks accepts what the hub sends."""
    assert sign([SECRET], *MESSAGE) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_both_secrets_sign_while_one_is_replaced() -> None:
    """Whether a receiver knows the old secret or the new one, it finds a signature that fits."""
    header = sign([SECRET, NEXT_SECRET], *MESSAGE)
    assert len(header.split()) == 2
    assert all(is_signed(header, [secret], *MESSAGE) for secret in (SECRET, NEXT_SECRET))
    assert not is_signed(sign([SECRET], *MESSAGE), [NEXT_SECRET], *MESSAGE)
    assert not is_signed(header, [SECRET], MESSAGE[0], MESSAGE[1] + 1, MESSAGE[2])


@pytest.mark.parametrize("secret", ["whsec_", "whsec_c2hvcnQ=", "no base64!", "whsec_" + "QUFB" * 40])
def test_a_bad_secret_is_refused_without_being_shown(secret: str) -> None:
    """A short key could be guessed, and an error message would hand it on."""
    with pytest.raises(ValueError) as caught:
        key_of(secret)
    assert secret.removeprefix("whsec_") == "" or secret not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://app.example/webhook"},
        {"secrets": []},
        {"secrets": ["short"]},
        {"secrets": [SECRET, SECRET, NEXT_SECRET]},
        {"secret_files": ["secret"]},
        {"name": "Hue S"},
    ],
)
def test_an_endpoint_that_cannot_work_is_refused_at_the_start(changes) -> None:
    """Open lines, missing or surplus secrets and names that cannot stand in a key are told before anything is sent."""
    good = {"url": "https://app.example/webhook", "secrets": [SECRET]}
    assert CitizenAlertsConfig.model_validate({"endpoints": {"hue-s": good}})
    name = changes.pop("name", "hue-s")
    with pytest.raises(ValueError) as caught:
        CitizenAlertsConfig.model_validate({"endpoints": {name: good | changes}})
    assert SECRET not in str(caught.value)
