"""Births and deaths: from the civil-status register to a declared recipient, who is told of births only."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from lienthong.config.models import KafkaSettings
from lienthong_connectors.demo.ask import ask_json
from lienthong_connectors.demo.compare import Check
from lienthong_connectors.demo.flows import Flow, FlowTruth, Simulated, text_of
from lienthong_connectors.demo.observe import Topics
from lienthong_connectors.demo.place import ACCOUNT, Place
from lienthong_connectors.demo.week import CIVIL_STATUS_SOURCE
from lienthong_schemas.generator.life_events import LifeEvent, life_events

_REGISTER: Final = "civil-status"
_RECIPIENTS: Final = "life-events"
_RECIPIENT: Final = "health-insurance"
_COUNT: Final = 60
#: The generator's dossiers change during six days.
_DAYS_BEFORE: Final = 7
_DECLARED: Final = "person.created"
_FIELDS: Final = ("birth_date", "dossier_code", "full_name")
#: What was agreed on; ASSUMED.
_AGREED: Final = {
    "agreement": {"number": "01/TT-BHXH", "valid_until": "2099-12-31"},
    "purpose": "Cấp thẻ bảo hiểm y tế cho trẻ dưới 6 tuổi",
    "legal_basis": "Nghị định 63/2024/NĐ-CP",
}


class LifeEventFlow(Flow):
    """Births and deaths from the register to those who were declared."""

    name = "life-events"
    title = "Khai sinh, khai tử tới hệ thống nhận / births and deaths to recipients"
    pipelines = ("poll-civil-status", "fan-out-life-event", "deliver-life-event")

    def truth(self) -> FlowTruth:
        """Return what must come out."""
        polled, copied, ended = {}, {}, []
        for each in self._events():
            name = text_of(CIVIL_STATUS_SOURCE, each.updates[-1]["dossier_code"])
            # A state of a dossier is no life event; nobody gets a copy of it.
            polled[name], copied[name] = "delivered", "filtered"
            if each.result is not None:
                polled[name], copied[name] = "delivered delivered", "filtered delivered"
                ended.append("delivered" if each.result_type == _DECLARED else "filtered")
        told = {text_of(CIVIL_STATUS_SOURCE, _RECIPIENT): " ".join(ended)}
        outcomes = dict(zip(self.pipelines, (polled, copied, told), strict=True))
        return FlowTruth(outcomes, {"declared": ended.count("delivered"), "undeclared": ended.count("filtered")})

    def simulators(self, place: Place) -> Sequence[Simulated]:
        """Return the register and the recipient."""
        register = {
            "client_id": ACCOUNT,
            "client_secret": place.secret,
            "dossiers": str(_COUNT),
            "seed": str(self.seed),
            "first_day": self._first_day.isoformat(),
        }
        recipient = {"api_key": place.secret, "keeps_documents": "true"}
        return (Simulated(_REGISTER, _REGISTER, register), Simulated(_RECIPIENTS, _RECIPIENTS, recipient))

    def configure(self, document: dict[str, Any], place: Place) -> None:
        """Add the register, and the recipient with nothing but what was agreed on."""
        document["connectors"][_REGISTER] = {
            "base_url": place.url(_REGISTER),
            "token_url": f"{place.url(_REGISTER)}/token",
            "client_id": ACCOUNT,
            "client_secret": place.secret,
            "province_code": "46",
            "simulator": True,
        }
        recipient = {
            "url": f"{place.url(_RECIPIENTS)}/life-events/{_RECIPIENT}",
            "api_key": place.secret,
            "events": {_DECLARED: list(_FIELDS)},
            **_AGREED,
        }
        document["connectors"][_RECIPIENTS] = {"recipients": {_RECIPIENT: recipient}, "simulator": True}

    def start(self, place: Place, kafka: KafkaSettings) -> None:
        """Do nothing: the hub itself asks the register."""
        del place, kafka

    def evidence(self, truth: FlowTruth, place: Place, topics: Topics) -> list[Check]:
        """Return what the recipient holds."""
        del topics
        held = ask_json(f"{place.url(_RECIPIENTS)}/_control/held")
        effects = ask_json(f"{place.url(_RECIPIENTS)}/_control/ledger")["effects"]
        told = list(held.get(_RECIPIENT, {}).values())
        births = {each.result["dossier_code"] for each in self._events() if each.result and _is_declared(each)}
        got = Counter(each["data"].get("dossier_code", "") for each in told if each["type"] == _DECLARED)
        wrong = sorted(code for code in births | got.keys() if got[code] != (code in births))
        undeclared = sum(each["type"] != _DECLARED for each in told) + sum(name != _RECIPIENT for name in held)
        fields = sum(tuple(sorted(each["data"])) == _FIELDS for each in told)
        count, title = truth.numbers["declared"], self.title
        return [
            Check(title, "Khai sinh: hệ thống nhận có / births that the recipient holds", "each once", count,
                  got.total(), wrong),
            Check(title, "Lượt ghi / writes", "one for each birth", count, sum(effects.values())),
            Check(title, "Chỉ các trường đã thỏa thuận / with the agreed fields only", "all of them", count, fields),
            Check(title, "Không đăng ký nhận / what was not declared", "none", 0, undeclared),
        ]  # fmt: skip

    def persons(self) -> Sequence[Mapping[str, Any]]:
        """Return newborns, parents and deceased."""
        results = [each.result for each in self._events() if each.result is not None]
        people = [someone for result in results for someone in (result, *result.get("parents", ()))]
        found = []
        for someone in people:
            (number,) = (paper["value"] for paper in someone["identifiers"])
            found.append({"personal_id": number, "old_id": number, "full_name": someone["full_name"]})
        return found

    def _events(self) -> list[LifeEvent]:
        return list(life_events(_COUNT, self.seed, self._first_day))

    @property
    def _first_day(self) -> date:
        return self.today - timedelta(days=_DAYS_BEFORE)


def _is_declared(event: LifeEvent) -> bool:
    return event.result_type == _DECLARED
