"""What connectors to platforms with REST, OAuth 2.0 and the envelope ``{data, meta}`` or ``{error}`` have in common.

Source:
    The conventions of a provincial platform (Huế, digital map) that are public; that national platforms for feedback
    and warnings will follow them is ASSUMED.
"""

from lienthong_connectors.enveloped.client import EnvelopedClient
from lienthong_connectors.enveloped.config import Agreement, EnvelopedConfig

__all__ = ["Agreement", "EnvelopedClient", "EnvelopedConfig"]
