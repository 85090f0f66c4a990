"""Which publisher may write which source into which inbound topic."""

from collections.abc import Mapping

from lienthong.config.models import PublisherSettings
from lienthong.errors import DecodeError
from lienthong.topic_names import TopicNames


class Publishers:
    """Checks the CloudEvents source of a record against the topic that it stands in.

    Args:
        settings: System → what it may publish; empty in development means that nothing is checked.
        names: The province's names.
    """

    def __init__(self, settings: Mapping[str, PublisherSettings], names: TopicNames) -> None:
        self._settings = settings
        self._names = names
        self._allowed: set[tuple[str, bytes]] = set()

    def check(self, topic: str, source: bytes) -> None:
        """Check one record.

        Args:
            topic: Full name of the inbound topic.
            source: Raw value of the source attribute.

        Raises:
            DecodeError: If the topic belongs to another system than the source.
        """
        if (topic, source) in self._allowed:
            return
        if self._settings and not self._may(topic, source.decode()):
            raise DecodeError(
                "the CloudEvents 'source' does not belong to the system that owns this topic; "
                "publish to your own inbound topic",
                reason="source_not_owned",
            )
        if len(self._allowed) < 10_000:
            self._allowed.add((topic, source))

    def _may(self, topic: str, source: str) -> bool:
        system = self._names.bare(topic).split(".")[-1]
        if system == "bulk":
            return any(publisher.bulk and _owns(publisher, source) for publisher in self._settings.values())
        publisher = self._settings.get(system)
        return publisher is not None and _owns(publisher, source)


def _owns(publisher: PublisherSettings, source: str) -> bool:
    return any(source == owned or source.startswith(f"{owned.rstrip('/')}/") for owned in publisher.sources)
