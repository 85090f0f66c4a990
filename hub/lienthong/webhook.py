"""What a platform pushed, and what a package must offer so that it becomes events.

A package offers a mapping under the entry point ``lienthong.webhooks``; ``gateway.webhooks`` in the configuration names
it, together with how its platform signs.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from lienthong.envelope import Event

GROUP = "lienthong.webhooks"


class WebhookMessage(NamedTuple):
    """One message, whose signature was checked.

    Attributes:
        id: The platform's id of the message (``webhook-id``); empty where the scheme has none.
        received_at: When it arrived.
        body: The bytes as they were signed.
    """

    id: str
    received_at: datetime
    body: bytes

    def __repr__(self) -> str:
        """Show the size only: the body may hold personal data."""
        return f"WebhookMessage(body_bytes={len(self.body)})"


#: Message → events, none for a message that says nothing. ``id`` and ``source`` of an event are the same whenever the
#: same message comes again. Raises a :class:`~lienthong.errors.RecordError` for a message that it cannot understand.
WebhookMapping = Callable[[WebhookMessage], Sequence[Event]]
