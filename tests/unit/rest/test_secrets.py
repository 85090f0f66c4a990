"""Secrets that are replaced while the hub runs."""

import pytest
from pydantic import SecretStr

from lienthong.errors import SecretNotFoundError, TargetConfigurationError, TargetUnavailableError
from lienthong.rest import RotatingSecret

REFUSED = TargetConfigurationError("refused", reason="http_401")


class Target:
    """Takes some secrets only, and counts."""

    def __init__(self, *valid):
        self.valid = set(valid)
        self.tried = []

    async def send(self, secret):
        """Answer one call."""
        self.tried.append(secret)
        if secret not in self.valid:
            raise REFUSED
        return "done"


def _always(_):
    return True


async def test_the_one_that_worked_is_used_from_then_on():
    """One call pays for the change, not every call."""
    target = Target("next")
    secret = RotatingSecret([SecretStr("old"), SecretStr("next")])

    assert [await secret.use(target.send, _always) for _ in range(3)] == ["done"] * 3
    assert target.tried == ["old", "next", "next", "next"]


async def test_a_change_back_is_found_too():
    """The other side may take its change back."""
    target = Target("next")
    secret = RotatingSecret([SecretStr("old"), SecretStr("next")])
    await secret.use(target.send, _always)
    target.valid = {"old"}

    assert await secret.use(target.send, _always) == "done"
    assert secret.current == "old"


@pytest.mark.parametrize("secrets", [["only"], ["old", "next"]])
async def test_a_refusal_of_all_is_told_after_one_try_each(secrets):
    """Then it is a matter of configuration, and the circuit decides when to try again."""
    target = Target()
    with pytest.raises(TargetConfigurationError):
        await RotatingSecret([SecretStr(each) for each in secrets]).use(target.send, _always)

    assert target.tried == secrets


@pytest.mark.parametrize("error", [TargetUnavailableError("away"), TargetConfigurationError("certificate")])
async def test_what_another_secret_cannot_mend_is_not_tried_again(error):
    """A target that is away, or whose certificate is wrong, gets one call."""
    tried = []

    async def send(secret):
        """Fail."""
        tried.append(secret)
        raise error

    with pytest.raises(type(error)):
        await RotatingSecret([SecretStr("old"), SecretStr("next")]).use(send, lambda found: found.reason == "http_401")
    assert tried == ["old"]


async def test_files_are_read_again_only_when_their_secret_is_refused(tmp_path):
    """A file that is away for a moment while it is replaced does no harm."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("old")
    second.write_text("")
    secret = RotatingSecret(files=[first, second])
    assert secret.current == "old"
    first.unlink()
    target = Target("next")
    with pytest.raises(TargetConfigurationError):
        await secret.use(target.send, _always)

    second.write_text("next")

    assert await secret.use(target.send, _always) == "done"


def test_a_missing_secret_is_told_at_the_start(tmp_path):
    """Before anything is called."""
    with pytest.raises(SecretNotFoundError):
        RotatingSecret(files=[tmp_path / "missing"])
    with pytest.raises(SecretNotFoundError):
        RotatingSecret()


def test_a_secret_is_never_shown():
    """Neither in logs nor in tracebacks."""
    assert "old" not in repr(RotatingSecret([SecretStr("old")]))
