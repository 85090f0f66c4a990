"""Builds the identity platform of sign-ins out of configuration and installed packages."""

from typing import Any

from lienthong.clock import Clock
from lienthong.config.models import HubSettings
from lienthong.plugins import load_one
from lienthong.sign_in import IdentityProvider, IdentityProviderSpec
from lienthong.targets.connectors import context_of, read_config

#: Where platforms send browsers back to, below ``gateway.sign_in.public_url``.
CALLBACK_PATH = "/v1/sign-ins/callback"


def build_identity_provider(settings: HubSettings, clock: Clock) -> tuple[IdentityProviderSpec, IdentityProvider[Any]]:
    """Return the identity platform that ``gateway.sign_in.provider`` names.

    Args:
        settings: The hub's configuration.
        clock: Where to read the time.

    Raises:
        ConfigurationError: If nothing of that name is installed, its configuration is missing or wrong, or it is a
            real platform that the approved security level does not allow.
    """
    name = settings.gateway.sign_in.provider
    spec: IdentityProviderSpec = load_one(IdentityProviderSpec.group, name)
    config = read_config(settings, name, spec.config)
    redirect_uri = settings.gateway.sign_in.public_url.rstrip("/") + CALLBACK_PATH
    return spec, spec.factory(config, context_of(name, clock), redirect_uri)
