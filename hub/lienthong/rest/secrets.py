"""A secret while it is replaced by another: both may be valid, and a new one is found without a restart."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import structlog
from pydantic import SecretStr

from lienthong.errors import SecretNotFoundError, TargetConfigurationError

T = TypeVar("T")
_MAX_SECRETS = 2

log = structlog.get_logger(__name__)


class RotatingSecret:
    """One secret, or the present one and the next.

    Args:
        secrets: The present one first; read once.
        files: Files with one secret each, the present one first; read again whenever a secret is refused.
        name: What is told when the secret in use changes; never the secret.

    Raises:
        SecretNotFoundError: If a file cannot be read, or there is no secret at all.
    """

    def __init__(self, secrets: Sequence[SecretStr] = (), files: Sequence[Path] = (), *, name: str = "secret") -> None:
        self._fixed = tuple(secret.get_secret_value() for secret in secrets)
        self._files = tuple(files)
        self._name = name
        known = self._known(is_first=True)
        if not known:
            raise SecretNotFoundError(f"there is no {name}; give it, or the files that hold it")
        self._current = known[0]

    def __repr__(self) -> str:
        """Show nothing: neither the secret nor where it lies."""
        return f"{type(self).__name__}()"

    @property
    def current(self) -> str:
        """The secret that is used."""
        return self._current

    async def use(
        self, send: Callable[[str], Awaitable[T]], is_refusal: Callable[[TargetConfigurationError], bool]
    ) -> T:
        """Send something with the secret in use; when that is refused, once more with the other one.

        Args:
            send: Sends it with a secret.
            is_refusal: Whether the target refused the secret, rather than something that another secret cannot mend.

        Returns:
            What sending returned.

        Raises:
            TargetConfigurationError: If both are refused.

        Delivery:
            The one that worked is used from then on. A refused secret was looked at before anything else, so sending
            again repeats nothing.
        """
        used = self._current
        try:
            return await send(used)
        except TargetConfigurationError as error:
            other = self.other_than(used) if is_refusal(error) else None
            if other is None:
                raise
        result = await send(other)
        self.accepted(other)
        return result

    def other_than(self, refused: str) -> str | None:
        """Return what to try after a secret was refused, or None if there is nothing else.

        Args:
            refused: The secret that was used. When another call has found a better one meanwhile, it is that.
        """
        if self._current != refused:
            return self._current
        return next((secret for secret in self._known() if secret != refused), None)

    def accepted(self, secret: str) -> None:
        """Use a secret from now on.

        Args:
            secret: What the target has accepted.
        """
        if secret != self._current:
            self._current = secret
            log.info("secret_changed", secret=self._name)

    def _known(self, *, is_first: bool = False) -> list[str]:
        found = list(self._fixed)
        for path in self._files:
            try:
                text = path.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                # Not chained: an error about broken text holds the bytes. A file may be away while it is replaced.
                if is_first:
                    raise SecretNotFoundError(f"cannot read the file {path} of the {self._name}") from None
                log.warning("secret_file_unreadable", secret=self._name)
                continue
            if text:
                found.append(text)
        return found[:_MAX_SECRETS]
