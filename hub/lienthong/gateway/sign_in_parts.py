"""Builds the parts of sign-ins, or none of them."""

from dataclasses import dataclass
from typing import Any

from lienthong.clock import Clock
from lienthong.config.models import HubSettings
from lienthong.errors import ConfigurationError
from lienthong.gateway.lookups import Write
from lienthong.gateway.sign_in_flow import SignInFlow, Steps
from lienthong.gateway.sign_in_links import SignInLinks
from lienthong.observability.metrics import Metrics
from lienthong.registry.schemas import SchemaRegistry
from lienthong.sign_in import IdentityProvider
from lienthong.targets.access_trail import AccessTrail
from lienthong.targets.hash_key import hash_key, hub_pseudonymizer
from lienthong.targets.identity_providers import build_identity_provider
from lienthong.topic_names import TopicNames

_OPERATION = "sign_in"


@dataclass(frozen=True, slots=True)
class SignIns:
    """What sign-ins need; all None when the hub has no identity platform.

    Attributes:
        flow: Takes sign-ins from step to step.
        links: Makes the records.
        provider: The platform.
    """

    flow: SignInFlow | None = None
    links: SignInLinks | None = None
    provider: IdentityProvider[Any] | None = None

    @classmethod
    def of(
        cls,
        settings: HubSettings,
        registry: SchemaRegistry,
        write: Write,
        steps: Steps | None,
        clock: Clock,
        metrics: Metrics,
    ) -> "SignIns":
        """Return the parts that ``gateway.sign_in`` asks for.

        Args:
            settings: The hub's configuration.
            registry: Known record types.
            write: Writes the access log.
            steps: Where sign-ins wait.
            clock: Where to read the time.
            metrics: Counts how they end.

        Raises:
            ConfigurationError: If the platform's configuration cannot be used, or there is nowhere to wait.
        """
        own = settings.gateway.sign_in
        if not own.provider:
            return cls()
        if steps is None:
            raise ConfigurationError("gateway.sign_in.provider is set, but this gateway was given no store of sign-ins")
        spec, provider = build_identity_provider(settings, clock)
        pseudonymizer = hub_pseudonymizer(settings)
        links = SignInLinks(settings, spec, registry, pseudonymizer)
        topic = TopicNames(settings.province).access_log
        trail = AccessTrail(own.provider, _OPERATION, topic, write, clock, hash_key(settings))
        return cls(SignInFlow(own, provider, steps, pseudonymizer, trail, clock, metrics), links, provider)

    async def aclose(self) -> None:
        """Release the platform's connections."""
        if self.provider is not None:
            await self.provider.aclose()
