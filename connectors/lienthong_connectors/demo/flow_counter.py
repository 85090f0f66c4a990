"""The counter: officials ask the population database while a citizen waits."""

import http.client
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from lienthong.config.models import KafkaSettings
from lienthong.errors import FatalError
from lienthong_connectors.demo.compare import Check
from lienthong_connectors.demo.flow_people import Asked, asked_person
from lienthong_connectors.demo.flows import Flow, FlowTruth
from lienthong_connectors.demo.observe import Topics
from lienthong_connectors.demo.place import Place
from lienthong_connectors.demo.publish import fetch_token
from lienthong_schemas.generator import LEGAL_BASIS
from lienthong_schemas.generator.dossiers import FIRST_DAY
from lienthong_schemas.generator.places import COMMUNES

_NUMBER: Final = 2
_CLIENT: Final = "one-stop"
_PURPOSE: Final = "dossier-reception"
_CASES: Final = {"match": 8, "mismatch": 3, "not_found": 3}
_OUTCOMES: Final = {"match": "found", "mismatch": "mismatch", "not_found": "not_found"}
_TIMEOUT_SECONDS: Final = 30.0
_OTHER_PURPOSE: Final = "curiosity"


class CounterFlow(Flow):
    """Questions with an answer at once."""

    name = "counter"
    title = "Tra cứu tại quầy / lookups at the counter"

    def __init__(self, seed: int, today: date = FIRST_DAY) -> None:
        super().__init__(seed, today)
        self._answers: list[tuple[int, dict[str, Any]]] = []
        self._refused = 0

    def truth(self) -> FlowTruth:
        """Return what must come out."""
        asked = sum(_CASES.values())
        return FlowTruth({}, {"refused": 403, **_CASES}, asked)

    def people(self) -> Sequence[Mapping[str, Any]]:
        """Return those who stand at the counter."""
        return [asked.row for asked in self._asked() if asked.row is not None]

    def configure(self, document: dict[str, Any], place: Place) -> None:
        """Switch questions on, for one purpose."""
        del place
        document["gateway"]["lookups"] = {"population": {"purposes": {_PURPOSE: LEGAL_BASIS}}}

    def clients(self, place: Place) -> Mapping[str, Any]:
        """Return the one-stop system with an official in front of it."""
        officer = f"officer-{COMMUNES[0].organisation[4:]}"
        scopes = ["publish:dossier", "lookup:population"]
        return {_CLIENT: {"secret": place.secret, "scopes": scopes, "officer": officer}}

    def start(self, place: Place, kafka: KafkaSettings) -> None:
        """Ask one question after the other, as an official does, and one for a purpose that nobody allowed."""
        del kafka
        token = fetch_token(place, _CLIENT)
        self._refused, _ = self._ask(place, token, next(iter(self._asked())), _OTHER_PURPOSE)
        for asked in self._asked():
            self._answers.append(self._ask(place, token, asked, _PURPOSE))

    def evidence(self, truth: FlowTruth, place: Place, topics: Topics) -> list[Check]:
        """Return what the officials were told, and what the access log says."""
        del place
        told = [answer.get("outcome") for status, answer in self._answers if status == 200]
        checks = [
            Check(self.title, f"Trả lời / answers: {_OUTCOMES[case]}", "as in the database", truth.numbers[case],
                  told.count(_OUTCOMES[case]))
            for case in _CASES
        ]  # fmt: skip
        shown = sum(bool(answer.get("disclosed")) for _, answer in self._answers)
        ids = {answer.get("verification_id") for _, answer in self._answers}
        logged = len(ids & topics.intents & topics.answered)
        return [
            *checks,
            Check(self.title, "Cho xem dữ liệu / answers that disclose", "of a match only", truth.numbers["match"],
                  shown),
            Check(self.title, "Nhật ký khai thác / access log", "intent and result", truth.questions, logged),
            Check(self.title, "Mục đích lạ / a purpose that is not allowed", "status", truth.numbers["refused"],
                  self._refused),
        ]  # fmt: skip

    def _asked(self) -> list[Asked]:
        cases = [case for case, count in _CASES.items() for _ in range(count)]
        return [asked_person(self.seed, _NUMBER, number, case) for number, case in enumerate(cases)]

    def _ask(self, place: Place, token: str, asked: Asked, purpose: str) -> tuple[int, dict[str, Any]]:
        address = urlsplit(place.url("gateway"))
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_TIMEOUT_SECONDS)
        body = {
            "dossier": f"{COMMUNES[0].organisation}-261005-9001",
            "purpose": purpose,
            "deadline_seconds": 10,
            "query": {
                "identifiers": [{"type": "personal_id", "value": asked.identifier}],
                "full_name": asked.full_name,
                "birth_date": asked.birth_date,
                "unit_code": COMMUNES[0].organisation,
            },
        }
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            connection.request("POST", "/v1/lookups/population", orjson.dumps(body), headers)
            response = connection.getresponse()
            answer = orjson.loads(response.read())
        except (OSError, http.client.HTTPException) as error:
            raise FatalError(f"the gateway gives no answer at the counter ({type(error).__name__})") from error
        finally:
            connection.close()
        return response.status, answer
