"""Observations and warnings: up to the nation, and down to the citizens' applications, of which one wants no more."""

import base64
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any, Final

import orjson

from lienthong.clock import VIETNAM
from lienthong.config.models import KafkaSettings
from lienthong_connectors.demo.ask import ask, ask_json
from lienthong_connectors.demo.compare import Check
from lienthong_connectors.demo.flows import Flow, FlowTruth, Simulated, text_of
from lienthong_connectors.demo.observe import Topics
from lienthong_connectors.demo.place import ACCOUNT, Place
from lienthong_connectors.demo.publish import publish_all
from lienthong_connectors.demo.week import NATIONAL_ALERT_SOURCE
from lienthong_schemas.generator import GeneratedEvent
from lienthong_schemas.generator.alerts import SOURCE, SYSTEM, readings
from lienthong_schemas.generator.places import COMMUNES

_READINGS: Final = 240
_NATIONAL: Final = 12
_CENTRE: Final = "alert-centre"
_THERE: Final = ("hue-s", "partner")
#: It answers 410: an application that was removed from the shops.
_GONE: Final = "gone"
#: A generated warning is of a past day; what has expired is rightly not delivered.
_EXPIRES: Final = "2099-01-01T00:00:00+07:00"


class AlertFlow(Flow):
    """What the operations centre publishes, and what the nation warns of."""

    name = "alerts"
    title = "Quan trắc, cảnh báo sớm lên và xuống / observations and warnings, up and down"
    pipelines = ("deliver-observation", "deliver-alert", "poll-national-alerts", "fan-out-alert", "deliver-notice")

    def truth(self) -> FlowTruth:
        """Return what must come out."""
        names = self._names()
        taken = {text_of(SOURCE, name): "delivered" for name in names}
        copies = {text_of(SOURCE, f"{name}:{app}"): "delivered" for app in _THERE for name in names}
        copies |= {text_of(SOURCE, f"{name}:{_GONE}"): "parked" for name in names}
        national = {text_of(NATIONAL_ALERT_SOURCE, each["warningId"]): "delivered" for each in self._national()}
        # Copies of the nation's are named by their application.
        copies |= {text_of(NATIONAL_ALERT_SOURCE, app): " ".join(["delivered"] * _NATIONAL) for app in _THERE}
        copies[text_of(NATIONAL_ALERT_SOURCE, _GONE)] = " ".join(["parked"] * _NATIONAL)
        seen = {text_of(SOURCE, event.attributes["id"]): "delivered" for event in self._observations()}
        outcomes = {
            "intake": {**seen, **taken},
            "deliver-observation": seen,
            "deliver-alert": taken,
            "poll-national-alerts": national,
            "fan-out-alert": {**taken, **national},
            "deliver-notice": copies,
        }
        return FlowTruth(outcomes, {"observations": len(seen), "warnings": len(names), "national": len(national)})

    def simulators(self, place: Place) -> Sequence[Simulated]:
        """Return the national centre, and the applications; one of them knows only the next of two secrets."""
        present, following = _secrets(place)
        return (
            Simulated(_CENTRE, _CENTRE, {"client_id": ACCOUNT, "client_secret": place.secret}),
            Simulated(f"app-{_THERE[0]}", "citizen-alerts", {"secrets": present}),
            Simulated(f"app-{_THERE[1]}", "citizen-alerts", {"secrets": following}),
            Simulated(f"app-{_GONE}", "citizen-alerts", {"secrets": present, "gone": "true"}),
        )

    def configure(self, document: dict[str, Any], place: Place) -> None:
        """Add the publisher and the applications."""
        document["gateway"]["publishers"][SYSTEM] = {"sources": [SOURCE], "domains": ["alert", "observation"]}
        endpoints = {
            app: {"url": f"{place.url(f'app-{app}')}/webhook", "secrets": list(_secrets(place))}
            for app in (*_THERE, _GONE)
        }
        centre = {
            "base_url": f"{place.url(_CENTRE)}/v1",
            "token_url": f"{place.url(_CENTRE)}/oauth/token",
            "client_id": ACCOUNT,
            "client_secret": place.secret,
            "simulator": True,
        }
        # Fewer lines than there are warnings, so that there is more than one page.
        document["connectors"] |= {_CENTRE: centre, "national-alerts": {**centre, "page_size": 5}}
        document["connectors"]["citizen-alerts"] = {"endpoints": endpoints, "simulator": True}

    def prepare(self, place: Place) -> None:
        """Let the nation publish its warnings."""
        ask(f"{place.url(_CENTRE)}/_control/warnings", "POST", self._national())

    def start(self, place: Place, kafka: KafkaSettings) -> None:
        """Publish all of it."""
        publish_all(self._observations(), "observation", place, kafka)
        publish_all(self._warnings(), "alert", place, kafka)

    def evidence(self, truth: FlowTruth, place: Place, topics: Topics) -> list[Check]:
        """Return what the centre's and the applications' own ledgers show."""
        del topics
        warnings = truth.numbers["warnings"] + truth.numbers["national"]
        wanted = sorted([*self._names(), *(each["messageId"] for each in self._national())])
        checks = [self._at_the_centre(truth, place)]
        for app in _THERE:
            effects = ask_json(f"{place.url(f'app-{app}')}/_control/effects?limit={10 * warnings + 1}")
            got = sorted(each["detail"]["message_id"] for each in effects)
            wrong = sorted((Counter(got) - Counter(wanted)) + (Counter(wanted) - Counter(got)))
            title = f"{app}: bản tin có chữ ký đúng / signed messages"
            checks.append(Check(self.title, title, "each once", warnings, len(got), wrong))
        calls = ask_json(f"{place.url(f'app-{_GONE}')}/_control/ledger")["raw_call_count"]
        title = f"{_GONE}: lời gọi sau khi trả lời 410 / calls after it said 410"
        return [*checks, Check(self.title, title, "none", 0, calls - 1)]

    def _at_the_centre(self, truth: FlowTruth, place: Place) -> Check:
        wanted = truth.numbers["observations"] + truth.numbers["warnings"]
        effects = ask_json(f"{place.url(_CENTRE)}/_control/effects?limit={10 * wanted + 1}")
        got = Counter(each["key"] for each in effects)
        names = {*(event.attributes["id"] for event in self._observations()), *self._names()}
        wrong = sorted({name for name in names | got.keys() if got[name] != (name in names)})
        title = "Trung tâm quốc gia / the national centre"
        return Check(self.title, title, "each once", wanted, got.total(), wrong)

    def _observations(self) -> list[GeneratedEvent]:
        return [each.observation for each in readings(_READINGS, self.seed)]

    def _names(self) -> list[str]:
        return [event.attributes["id"] for event in self._warnings()]

    def _national(self) -> list[dict[str, Any]]:
        """Return the nation's warnings, written apart from the connector: truth must not come from it."""
        moment = datetime.combine(self.today - timedelta(days=1), time(8), VIETNAM)
        return [_national_warning(number, moment + timedelta(minutes=number // 3)) for number in range(_NATIONAL)]

    def _warnings(self) -> list[GeneratedEvent]:
        found = [each.warning for each in readings(_READINGS, self.seed) if each.warning is not None]
        return [replace(event, data=_lasting(event.data or b"")) for event in found]


def _national_warning(number: int, moment: datetime) -> dict[str, Any]:
    code = f"QG-{moment:%y%m%d}-{number:03}"
    commune = COMMUNES[number % len(COMMUNES)]
    return {
        "warningId": code,
        "messageId": f"{code}-1",
        "msgType": "alert",
        "level": "national",
        "type": "flood",
        "severity": "severe",
        "headline": f"Cảnh báo lũ tại {commune.name}",
        "description": "Mực nước trên các sông lên nhanh; người dân theo dõi thông tin chính thức.",
        "areas": [{"codeSystem": "GSO-34", "code": commune.code, "asOf": "2025-07-01"}],
        "issuedBy": {"code": "A01", "name": "Trung tâm Dự báo khí tượng thủy văn quốc gia"},
        "issuedAt": moment.isoformat(),
        "expiresAt": _EXPIRES,
        "publishedAt": moment.isoformat(),
    }


def _lasting(data: bytes) -> bytes:
    return orjson.dumps(orjson.loads(data) | {"expires_at": _EXPIRES})


def _secrets(place: Place) -> tuple[str, str]:
    """Return the present and the next secret of the applications, made for this demonstration alone."""
    keys = (hashlib.sha256(f"{place.secret}:{number}".encode()).digest() for number in range(2))
    present, following = (f"whsec_{base64.b64encode(key).decode()}" for key in keys)
    return present, following
