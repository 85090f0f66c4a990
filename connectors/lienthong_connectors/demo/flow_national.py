"""Dossiers that citizens submit to the nation: down to the one-stop system, and marked as arrived only then."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Final

from lienthong.config.models import KafkaSettings
from lienthong_connectors.demo.ask import ask_json
from lienthong_connectors.demo.compare import Check
from lienthong_connectors.demo.flows import Flow, FlowTruth, Simulated, text_of
from lienthong_connectors.demo.observe import Topics
from lienthong_connectors.demo.place import ACCOUNT, Place
from lienthong_connectors.demo.week import LINKED_SOURCE, PORTAL_SOURCE
from lienthong_schemas.generator.people import person, register_row
from lienthong_schemas.generator.places import COMMUNES

_NATION: Final = "national-dossiers"
_ONE_STOP: Final = "one-stop"
#: Second in which all of them were submitted, as the portal writes it, and its day in dossier codes.
_CHANGED, _DAY = "20261005083000", "261005"
#: Platform → its source, the numbers of its dossiers, which both platforms share, and digits of the number in a code.
_PLATFORMS: Final = {"portal": (PORTAL_SOURCE, range(1, 31), 5), "linked": (LINKED_SOURCE, range(31, 43), 6)}
#: Long enough for the first poll to find the day of the demonstration.
_FIRST_DAYS: Final = 3_650
#: Procedures of the linked service, and their field. ASSUMED.
_PROCEDURES: Final = {"2.000986": "Liên thông đăng ký khai sinh", "1.011733": "Liên thông đăng ký khai tử"}


class NationalFlow(Flow):
    """Dossiers down from the portal and from the linked service."""

    name = "national"
    title = "Hồ sơ từ quốc gia về một cửa / dossiers down from the nation"
    pipelines = ("poll-national-dossiers", "deliver-dossier-local")

    def truth(self) -> FlowTruth:
        """Return what must come out."""
        taken = {text_of(source, code): "delivered" for source, code in _codes()}
        return FlowTruth(dict.fromkeys(self.pipelines, taken), {"dossiers": len(taken)})

    def simulators(self, place: Place) -> Sequence[Simulated]:
        """Return both national platforms and the one-stop system."""
        account = {"user_name": ACCOUNT, "password": place.secret}
        return (Simulated(_NATION, _NATION, account), Simulated(_ONE_STOP, _ONE_STOP, {"token": place.secret}))

    def prepare(self, place: Place) -> None:
        """Let citizens submit their dossiers."""
        for platform, (_, numbers, _) in _PLATFORMS.items():
            submitted = {"platform": platform, "count": len(numbers), "changed": _CHANGED}
            ask_json(f"{place.url(_NATION)}/_control/dossiers", "POST", submitted)

    def configure(self, document: dict[str, Any], place: Place) -> None:
        """Add both platforms and the one-stop system."""
        account = {
            "base_url": place.url(_NATION),
            "user_name": ACCOUNT,
            "password": place.secret,
            "page_size": 10,
            "simulator": True,
        }
        document["connectors"][_NATION] = {
            "portal": {
                **account,
                "destination_code": "VN:GOV:000.00.00.H57:dvc",
                "unit_code": "H57",
                "first_days": _FIRST_DAYS,
            },
            "linked": {
                **account,
                "procedures": {
                    code: {"name": name, "field_code": "G15-HT01", "field_name": "Hộ tịch", "working_days": 5}
                    for code, name in _PROCEDURES.items()
                },
                "units": {
                    commune.code: {"code": commune.organisation, "name": f"Ủy ban nhân dân {commune.name}"}
                    for commune in COMMUNES
                },
            },
            "store": {"kind": "folder", "folder": str(place.directory / "files")},
        }
        document["connectors"][_ONE_STOP] = {
            "base_url": place.url(_ONE_STOP),
            "token": place.secret,
            "simulator": True,
        }

    def start(self, place: Place, kafka: KafkaSettings) -> None:
        """Do nothing: the hub itself comes for the dossiers."""
        del place, kafka

    def is_done(self, truth: FlowTruth, place: Place) -> bool:
        """Return whether the nation knows that all arrived."""
        del truth
        return all(each["is_received"] for each in self._submitted(place).values())

    def evidence(self, truth: FlowTruth, place: Place, topics: Topics) -> list[Check]:
        """Return what the one-stop system got, and what the nation was told."""
        del topics
        count = truth.numbers["dossiers"]
        held = ask_json(f"{place.url(_ONE_STOP)}/_control/dossiers")
        effects = ask_json(f"{place.url(_ONE_STOP)}/_control/ledger")["effects"]
        submitted = self._submitted(place)
        lost = sorted(submitted.keys() ^ held.keys())
        unmarked = sorted(code for code, each in submitted.items() if each["marked"] != 1)
        title = self.title
        return [
            Check(title, "Một cửa: hồ sơ nhận được / dossiers at the one-stop", "each once", count, len(held), lost),
            Check(title, "Một cửa: tạo mới / creates", "effects", count, effects.get("create", 0)),
            Check(title, "Một cửa: cập nhật / updates", "none", 0, effects.get("update", 0)),
            Check(title, "CapNhatDaNhan / marked as arrived", "each once", count, count - len(unmarked), unmarked),
        ]

    def persons(self) -> Sequence[Mapping[str, Any]]:
        """Return those whom the simulated platforms make up."""
        # As the simulator makes them: its numbers are the only thing that chance follows from.
        found = [register_row(person(Random(number), number)) for number in _PLATFORMS["portal"][1]]  # noqa: S311
        for number in _PLATFORMS["linked"][1]:
            draw = Random(number)  # noqa: S311
            found += [register_row(person(draw, 2 * number)), register_row(person(draw, 2 * number + 1))]
        return found

    def _submitted(self, place: Place) -> dict[str, Any]:
        return dict(ask_json(f"{place.url(_NATION)}/_control/dossiers"))


def _codes() -> list[tuple[str, str]]:
    """Return source and code of every dossier, reckoned a second time: truth must not come from the simulator."""
    return [
        (source, f"{COMMUNES[number % len(COMMUNES)].organisation}-{_DAY}-{number:0{digits}}")
        for source, numbers, digits in _PLATFORMS.values()
        for number in numbers
    ]
