"""Remembers the newest events of this process, to tell a repeat from another body under the same id."""

import secrets
from hashlib import blake2b

from lienthong.envelope import Event


class RecentEvents:
    """Keyed hashes of the newest events: id → body.

    Only hashes under a key that lives as long as the process are kept, so memory shows nothing about a person.

    Args:
        capacity: How many events are remembered; 0 for none.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._key = secrets.token_bytes(32)
        self._bodies: dict[bytes, bytes] = {}

    def claim(self, event: Event, body: bytes) -> bool:
        """Remember an event, if its id is new or its body the same as before.

        Args:
            event: The event.
            body: Its normalised data.

        Returns:
            False if the id was used for another body.
        """
        if not self._capacity:
            return True
        name = self._name(event)
        digest = blake2b(body, digest_size=16, key=self._key, person=b"body").digest()
        known = self._bodies.pop(name, None)
        self._bodies[name] = digest if known is None else known
        if len(self._bodies) > self._capacity:
            del self._bodies[next(iter(self._bodies))]
        return known is None or known == digest

    def release(self, event: Event) -> None:
        """Forget an event that Kafka did not acknowledge.

        Args:
            event: The event.
        """
        if self._capacity:
            self._bodies.pop(self._name(event), None)

    def _name(self, event: Event) -> bytes:
        text = f"{event.source}\0{event.id}".encode()
        return blake2b(text, digest_size=16, key=self._key, person=b"name").digest()
