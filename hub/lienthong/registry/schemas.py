"""All record types that installed packages offer."""

from collections.abc import Iterable, Iterator

from lienthong.errors import PluginError, UnknownSubjectError
from lienthong.plugins import load_all
from lienthong.schema import DATASCHEMA_PREFIX, SchemaSpec, dataschema

GROUP = "lienthong.schemas"


class SchemaRegistry:
    """Record types by CloudEvents type and version.

    Args:
        specs: The record types.

    Raises:
        PluginError: If two packages offer the same type and version.
    """

    def __init__(self, specs: Iterable[SchemaSpec]) -> None:
        self._by_schema: dict[str, SchemaSpec] = {}
        for spec in specs:
            if spec.dataschema in self._by_schema:
                raise PluginError(f"two packages offer the schema {spec.dataschema}")
            self._by_schema[spec.dataschema] = spec
        self._latest: dict[str, SchemaSpec] = {}
        for spec in self._by_schema.values():
            known = self._latest.get(spec.type)
            if known is None or known.version < spec.version:
                self._latest[spec.type] = spec

    @classmethod
    def installed(cls) -> "SchemaRegistry":
        """Return the registry of everything that is installed."""
        return cls(spec for offered in load_all(GROUP).values() for spec in offered)

    def __iter__(self) -> Iterator[SchemaSpec]:
        """Iterate over all versions of all types."""
        return iter(self._by_schema.values())

    def find(self, type_name: str, dataschema: str = "") -> SchemaSpec:
        """Return the schema of a record.

        Args:
            type_name: CloudEvents ``type``.
            dataschema: CloudEvents ``dataschema``; empty for the newest version.

        Raises:
            UnknownSubjectError: If the type or version is unknown, or both do not belong together.
        """
        if dataschema:
            spec = self._by_schema.get(dataschema)
            if spec is None or spec.type != type_name:
                known = ", ".join(sorted(s for s in self._by_schema if self._by_schema[s].type == type_name))
                raise UnknownSubjectError(
                    f"this 'dataschema' is not known for this 'type'; known: {known or 'none'}",
                    reason="unknown_version" if type_name in self._latest else "unknown_type",
                )
            return spec
        latest = self._latest.get(type_name)
        if latest is None:
            raise UnknownSubjectError(
                f"this CloudEvents 'type' is not known; known: {', '.join(sorted(self._latest))}",
                reason="unknown_type",
            )
        return latest

    def upcasts(self, type_name: str, named: str) -> list[SchemaSpec]:
        """Return the versions that a record goes through to become one of the newest, the oldest first.

        Args:
            type_name: CloudEvents ``type``.
            named: CloudEvents ``dataschema`` of the record; the version itself need not be installed any more.

        Returns:
            Nothing when the record is of the newest version, or cannot become one.
        """
        latest = self._latest.get(type_name)
        version = named.removeprefix(f"{DATASCHEMA_PREFIX}{type_name}:")
        if latest is None or version == named or not (version.isascii() and version.isdecimal()):
            return []
        steps = [
            self._by_schema.get(dataschema(type_name, number)) for number in range(int(version) + 1, latest.version + 1)
        ]
        return [step for step in steps if step is not None] if all(step and step.upcast for step in steps) else []

    def of_domain(self, domain: str) -> list[SchemaSpec]:
        """Return all versions of all types of a domain.

        Args:
            domain: Such as ``dossier``.
        """
        return [spec for spec in self._by_schema.values() if spec.domain == domain]


__all__ = ["DATASCHEMA_PREFIX", "GROUP", "SchemaRegistry"]
