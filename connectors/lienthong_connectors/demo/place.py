"""Where a demonstration lives: a work directory, free ports and the configuration of its hub."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lienthong.config.models import HubSettings
from lienthong.kafka.embedded_state import free_port
from lienthong.topic_names import TopicNames
from lienthong_schemas.generator import SOURCES
from lienthong_schemas.generator.places import COMMUNES

PROVINCE = "hue"
DOMAIN = "dossier"
ACCOUNT = "hub"
_LISTENING = (
    "kafka",
    "gateway",
    "issuer",
    "population",
    "portal",
    "saboteur",
    "gateway-metrics",
    "ledger-metrics",
)


@dataclass(frozen=True, slots=True)
class Place:
    """A work directory with its ports.

    Attributes:
        directory: The work directory.
        ports: Process → port.
        secret: Of every account in this demonstration; made for it alone.
        province: Prefix of its topics and groups.
    """

    directory: Path
    ports: dict[str, int]
    secret: str
    province: str = PROVINCE

    @property
    def names(self) -> TopicNames:
        """Names of the topics."""
        return TopicNames(self.province)

    @property
    def config_file(self) -> Path:
        """The hub's configuration."""
        return self.directory / "lienthong.yaml"

    @property
    def truth_file(self) -> Path:
        """What must come out."""
        return self.directory / "truth.jsonl"

    @property
    def people_file(self) -> Path:
        """Whom the simulated population database knows; the only file with generated people."""
        return self.directory / "people.jsonl"

    @property
    def clients_file(self) -> Path:
        """Who gets tokens."""
        return self.directory / "clients.yaml"

    @property
    def ledger_file(self) -> Path:
        """The ledger's database."""
        return self.directory / "state" / "ledger.sqlite3"

    def url(self, process: str) -> str:
        """Return the base URL of a process.

        Args:
            process: Its name.
        """
        return f"http://127.0.0.1:{self.ports[process]}"

    def settings(
        self, bootstrap_servers: str, *, portal: str, limits: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the configuration document of the hub.

        Args:
            bootstrap_servers: The broker.
            portal: Process that the portal's connector calls.
            limits: What the portal allows; None for no limits.
        """
        return {
            "province": self.province,
            "environment": "development",
            "state_directory": str(self.directory / "state"),
            "log": {"format": "json", "level": "info"},
            "kafka": {"bootstrap_servers": bootstrap_servers},
            "ledger": {"url": f"sqlite:///{self.ledger_file}"},
            "gateway": {
                "port": self.ports["gateway"],
                "issuer": self.url("issuer"),
                "publishers": {
                    system: {"sources": [source], "domains": [DOMAIN]} for system, source in SOURCES.items()
                },
            },
            "connectors": {
                "population": {
                    "base_url": f"{self.url('population')}/dc/tracuu",
                    "authentication_path": "/dc/tracuu",
                    "user_name": ACCOUNT,
                    "secret": self.secret,
                    "officers": {
                        f"officer-{number}": {"officer_code": f"CB-{number}", "account": f"canbo-{number}"}
                        for number in sorted(commune.organisation[4:] for commune in COMMUNES)
                    },
                    "simulator": True,
                },
                "portal": {
                    "base_url": self.url(portal),
                    "user_name": ACCOUNT,
                    "password": self.secret,
                    "destination_code": "VN:GOV:000.00.00.H57:dvc",
                    "unit_code": "H57",
                    "simulator": True,
                    **({"limits": dict(limits)} if limits else {}),
                },
            },
        }

    def write_settings(self, bootstrap_servers: str, *, portal: str = "portal") -> HubSettings:
        """Write the configuration of the hub and of the issuer.

        Args:
            bootstrap_servers: The broker.
            portal: Process that the portal's connector calls.
        """
        return self.write_document(self.settings(bootstrap_servers, portal=portal))

    def write_document(self, document: dict[str, Any], clients: Mapping[str, Any] | None = None) -> HubSettings:
        """Write a configuration of the hub as it is given, and that of the issuer.

        Args:
            document: As :meth:`settings` returns it, or changed.
            clients: Who gets tokens besides the publishing systems, or other tokens; None for nobody.
        """
        _write_private(self.config_file, document)
        known = {system: {"secret": self.secret, "scopes": [f"publish:{DOMAIN}"]} for system in SOURCES}
        _write_private(self.clients_file, {**known, **(clients or {})})
        return HubSettings.model_validate(document)


def choose_place(directory: Path, province: str = PROVINCE) -> Place:
    """Return a place with free ports.

    Args:
        directory: The work directory; it exists.
        province: Prefix of its topics and groups.
    """
    (directory / "state").mkdir(exist_ok=True)
    place = Place(directory, {}, secrets.token_hex(16), province)
    add_ports(place, _LISTENING)
    return place


def add_ports(place: Place, processes: Iterable[str]) -> None:
    """Give free ports to processes.

    Args:
        place: Where they run.
        processes: Their names.
    """
    for process in processes:
        port = free_port()
        while port in place.ports.values():
            port = free_port(avoid=port)
        place.ports[process] = port


def _write_private(path: Path, document: Any) -> None:
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
