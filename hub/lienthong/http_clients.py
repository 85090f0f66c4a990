"""How a connector gets its HTTP clients."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    # Most commands never call a target; importing the client costs them a fifth of their start.
    import httpx


class HttpClientFactory(Protocol):
    """Builds HTTP clients; connectors never build their own."""

    def create(
        self,
        *,
        base_url: str,
        timeout_seconds: float,
        max_connections: int = 100,
        headers: Mapping[str, str] | None = None,
        ca_file: str | None = None,
        client_certificate_file: str | None = None,
        client_key_file: str | None = None,
    ) -> "httpx.AsyncClient":
        """Return a client that the connector closes in ``close``.

        Args:
            base_url: Start of every URL.
            timeout_seconds: Limit for one call, from connecting to the last byte.
            max_connections: Open connections at once.
            headers: Sent with every call.
            ca_file: PEM file of trusted authorities; None for the system's.
            client_certificate_file: PEM file for mutual TLS.
            client_key_file: PEM file of its private key.
        """
        ...
