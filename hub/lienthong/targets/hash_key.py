"""The key of the hashes over questions and scopes, the same for all processes of a hub."""

import os
from pathlib import Path

from lienthong.config.models import HubSettings
from lienthong.errors import ConfigurationError
from lienthong.pseudonym import Pseudonymizer


def hash_key(settings: HubSettings) -> bytes:
    """Return the key of the hashes over questions: the same for all workers and after every restart.

    Args:
        settings: The hub's configuration.

    Raises:
        ConfigurationError: If production has no key file.
    """
    return hub_pseudonymizer(settings).alias("purpose", "question-hash").encode()


def hub_pseudonymizer(settings: HubSettings) -> Pseudonymizer:
    """Return the keyed hash over identifiers; a development hub makes itself a key.

    Args:
        settings: The hub's configuration.

    Raises:
        ConfigurationError: If production has no key file.
    """
    path = settings.secrets.pseudonym_key_file
    if path is None:
        if settings.environment == "production":
            raise ConfigurationError("secrets.pseudonym_key_file is missing; questions are never logged unkeyed")
        path = settings.state_directory / "pseudonym-keys.json"
        ensure_key_file(path)
    return Pseudonymizer.from_file(path)


def ensure_key_file(path: Path) -> None:
    """Create a development key file once; workers that start together end up with the same one.

    Args:
        path: Where it is.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = path.with_name(f"{path.name}.{os.getpid()}")
    Pseudonymizer.create_file(mine)
    try:
        os.link(mine, path)
    except FileExistsError:
        return
    finally:
        mine.unlink()
