"""Names of topics and groups: the only place that knows their form."""

import re
from dataclasses import dataclass

from lienthong.errors import NamingError

_PART = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def check_part(part: str) -> str:
    """Return the part of a name, if it is allowed.

    Args:
        part: Lower-case letters, digits and single hyphens.

    Raises:
        NamingError: If it has another form.
    """
    if not _PART.fullmatch(part):
        raise NamingError(f"{part!r} is no part of a topic name; use lower-case letters, digits and hyphens")
    return part


@dataclass(frozen=True, slots=True)
class TopicNames:
    """Builds names for one province.

    Attributes:
        prefix: The province, such as ``hue``; an empty string for no prefix.
    """

    prefix: str = ""

    def full(self, name: str) -> str:
        """Return a catalogue name with the province in front.

        Args:
            name: Name in the catalogue, such as ``records.dossier``.
        """
        return f"{self.prefix}.{name}" if self.prefix else name

    def bare(self, name: str) -> str:
        """Return the catalogue name of a topic in the cluster.

        Args:
            name: Name with the province in front.
        """
        head = f"{self.prefix}."
        return name[len(head) :] if self.prefix and name.startswith(head) else name

    def inbound(self, domain: str, system: str) -> str:
        """Return where one system publishes one domain.

        Args:
            domain: Such as ``dossier``.
            system: The publisher, such as ``one-stop``.
        """
        return self.full(f"inbound.{check_part(domain)}.{check_part(system)}")

    def records(self, domain: str) -> str:
        """Return where accepted records of a domain are.

        Args:
            domain: Such as ``dossier``.
        """
        return self.full(f"records.{check_part(domain)}")

    def of_pipeline(self, kind: str, pipeline: str) -> str:
        """Return a topic that belongs to one pipeline.

        Args:
            kind: ``parked``, ``deadletters``, ``replay`` or ``state``.
            pipeline: Name of the pipeline.
        """
        return self.full(f"{check_part(kind)}.{check_part(pipeline)}")

    @property
    def receipts(self) -> str:
        """Outcomes of all pipelines."""
        return self.full("receipts")

    @property
    def review(self) -> str:
        """Records that a person must decide on."""
        return self.full("review")

    @property
    def access_log(self) -> str:
        """Who read whose data, why and with what result."""
        return self.full("access-log")

    def group(self, pipeline: str) -> str:
        """Return the consumer group of a pipeline.

        Args:
            pipeline: Name of the pipeline.
        """
        return self.full(f"lienthong.{check_part(pipeline)}")
