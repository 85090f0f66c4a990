"""The counter: officials ask about persons, insurance cards and stored papers while a citizen waits."""

import http.client
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from lienthong.config.models import KafkaSettings
from lienthong.errors import FatalError
from lienthong_connectors.demo.ask import ask_json
from lienthong_connectors.demo.compare import Check
from lienthong_connectors.demo.flow_people import Asked, asked_person
from lienthong_connectors.demo.flows import Flow, FlowTruth, Simulated
from lienthong_connectors.demo.observe import Topics
from lienthong_connectors.demo.place import ACCOUNT, Place
from lienthong_connectors.demo.publish import fetch_token
from lienthong_schemas.generator import LEGAL_BASIS
from lienthong_schemas.generator.dossiers import FIRST_DAY
from lienthong_schemas.generator.places import COMMUNES

_NUMBER: Final = 2
_CLIENT: Final = "one-stop"
_OFFICER: Final = f"officer-{COMMUNES[0].organisation[4:]}"
_PURPOSE: Final = "dossier-reception"
_CASES: Final = {"match": 8, "mismatch": 3, "not_found": 3}
_OUTCOMES: Final = {"match": "found", "mismatch": "mismatch", "not_found": "not_found"}
_TIMEOUT_SECONDS: Final = 30.0
_OTHER_PURPOSE: Final = "curiosity"
_REGISTER, _CARDS, _PAPERS = "population", "insurance-card", "stored-papers"
#: Further lookup → what each question must be answered with.
_FURTHER: Final = {_CARDS: ("found", "found", "mismatch", "not_found"), _PAPERS: ("found", "found", "not_found")}
_OFFICIAL: Final = ("full_name", "personal_id")
_PROCEDURE, _PAPER = "2.000488", "KQ.G15.000001"


class CounterFlow(Flow):
    """Questions with an answer at once."""

    name = "counter"
    title = "Tra cứu tại quầy / lookups at the counter"

    def __init__(self, seed: int, today: date = FIRST_DAY) -> None:
        super().__init__(seed, today)
        self._answers: list[tuple[int, dict[str, Any]]] = []
        self._refused = 0
        self._further: dict[str, list[str]] = {}

    def truth(self) -> FlowTruth:
        """Return what must come out."""
        asked = sum(_CASES.values())
        further = {name: len(outcomes) for name, outcomes in _FURTHER.items()}
        return FlowTruth({}, {"refused": 403, **_CASES, **further}, asked)

    def people(self) -> Sequence[Mapping[str, Any]]:
        """Return those who stand at the counter."""
        return [asked.row for asked in self._asked() if asked.row is not None]

    def configure(self, document: dict[str, Any], place: Place) -> None:
        """Switch questions on, for one purpose."""
        purposes = {"purposes": {_PURPOSE: LEGAL_BASIS}}
        document["gateway"]["lookups"] = dict.fromkeys((_REGISTER, *_FURTHER), purposes)
        common = {
            "officers": {_OFFICER: {name: {"from_file": f"secrets/official-{name}"} for name in _OFFICIAL}},
            "simulator": True,
        }
        account = {"user_name": ACCOUNT, "password": place.secret}
        document["connectors"][_CARDS] = {"base_url": place.url(_CARDS), **account, **common}
        document["connectors"][_PAPERS] = {"base_url": place.url(_PAPERS), **common}

    def simulators(self, place: Place) -> Sequence[Simulated]:
        """Return the gateway of the health insurance with its cards, and the warehouse with its papers."""
        cards = [
            {
                "number": asked.identifier,
                "full_name": f"{asked.full_name} Khác" if outcome == "mismatch" else asked.full_name,
                "birth": "/".join(reversed(asked.birth_date.split("-"))),
            }
            for asked, outcome in self._asked_further(_CARDS)
            if outcome != "not_found"
        ]
        papers = [
            {"owner": asked.identifier, "result_code": _PAPER, "name": "Giấy khai sinh", "number": "01/2026"}
            for asked, outcome in self._asked_further(_PAPERS)
            if outcome != "not_found"
        ]
        account = {"user_name": ACCOUNT, "password": place.secret, "cards": _text(cards)}
        return (Simulated(_CARDS, _CARDS, account), Simulated(_PAPERS, _PAPERS, {"papers": _text(papers)}))

    def prepare(self, place: Place) -> None:
        """Write the files that the hub reads from who the official is."""
        folder = place.directory / "secrets"
        folder.mkdir(mode=0o700, exist_ok=True)
        official = self._official()
        for name, text in zip(_OFFICIAL, (official.full_name, official.identifier), strict=True):
            (folder / f"official-{name}").write_text(text, "utf-8")

    def persons(self) -> Sequence[Mapping[str, Any]]:
        """Return those who stand at the counter and the official behind it."""
        further = (asked for name in _FURTHER for asked, _ in self._asked_further(name))
        others = [
            {"personal_id": each.identifier, "old_id": each.identifier, "full_name": each.full_name}
            for each in (self._official(), *further)
        ]
        return [*self.people(), *others]

    def clients(self, place: Place) -> Mapping[str, Any]:
        """Return the one-stop system with an official in front of it."""
        scopes = ["publish:dossier", *(f"lookup:{name}" for name in (_REGISTER, *_FURTHER))]
        return {_CLIENT: {"secret": place.secret, "scopes": scopes, "officer": _OFFICER}}

    def start(self, place: Place, kafka: KafkaSettings) -> None:
        """Ask one question after the other, as an official does, and one for a purpose that nobody allowed."""
        del kafka
        token = fetch_token(place, _CLIENT)
        self._refused, _ = _ask(place, token, _REGISTER, _person_query(next(iter(self._asked()))), _OTHER_PURPOSE)
        for asked in self._asked():
            self._answers.append(_ask(place, token, _REGISTER, _person_query(asked), _PURPOSE))
        for name, query in ((_CARDS, _card_query), (_PAPERS, _paper_query)):
            answers = [_ask(place, token, name, query(asked), _PURPOSE) for asked, _ in self._asked_further(name)]
            self._further[name] = [str(answer.get("outcome")) for status, answer in answers if status == 200]

    def evidence(self, truth: FlowTruth, place: Place, topics: Topics) -> list[Check]:
        """Return what the officials were told, and what the access log says."""
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
            *(check for name in _FURTHER for check in self._further_checks(name, truth, place, topics)),
        ]  # fmt: skip

    def _further_checks(self, name: str, truth: FlowTruth, place: Place, topics: Topics) -> list[Check]:
        told, count = self._further.get(name, []), truth.numbers[name]
        right = sum(one == other for one, other in zip(told, _FURTHER[name], strict=False))
        shown = ask_json(f"{place.url(name)}/_control/ledger")["effect_count"]
        return [
            Check(self.title, f"{name}: trả lời / answers", "as the target knows it", count, right),
            Check(self.title, f"{name}: lượt tra cứu / disclosures", "one for each question", count, shown),
            Check(self.title, f"{name}: nhật ký khai thác / access log", "intent and result", count,
                  len(topics.elsewhere[name])),
        ]  # fmt: skip

    def _official(self) -> Asked:
        return asked_person(self.seed, _NUMBER, 9_000, "match")

    def _asked_further(self, name: str) -> list[tuple[Asked, str]]:
        first = 1_000 if name == _CARDS else 2_000
        return [
            (asked_person(self.seed, _NUMBER, first + number, "match"), outcome)
            for number, outcome in enumerate(_FURTHER[name])
        ]

    def _asked(self) -> list[Asked]:
        cases = [case for case, count in _CASES.items() for _ in range(count)]
        return [asked_person(self.seed, _NUMBER, number, case) for number, case in enumerate(cases)]


def _text(document: Any) -> str:
    return orjson.dumps(document).decode()


def _person_query(asked: Asked) -> dict[str, Any]:
    return {
        "identifiers": [{"type": "personal_id", "value": asked.identifier}],
        "full_name": asked.full_name,
        "birth_date": asked.birth_date,
        "unit_code": COMMUNES[0].organisation,
    }


def _card_query(asked: Asked) -> dict[str, Any]:
    return {"number": asked.identifier, "full_name": asked.full_name, "birth_date": asked.birth_date}


def _paper_query(asked: Asked) -> dict[str, Any]:
    return {"owner": asked.identifier, "procedure_code": _PROCEDURE, "papers": [{"result_code": _PAPER}]}


def _ask(place: Place, token: str, lookup: str, query: Mapping[str, Any], purpose: str) -> tuple[int, dict[str, Any]]:
    address = urlsplit(place.url("gateway"))
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_TIMEOUT_SECONDS)
    body = {
        "dossier": f"{COMMUNES[0].organisation}-261005-9001",
        "purpose": purpose,
        "deadline_seconds": 10,
        "query": query,
    }
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        connection.request("POST", f"/v1/lookups/{lookup}", orjson.dumps(body), headers)
        response = connection.getresponse()
        answer = orjson.loads(response.read())
    except (OSError, http.client.HTTPException) as error:
        raise FatalError(f"the gateway gives no answer at the counter ({type(error).__name__})") from error
    finally:
        connection.close()
    return response.status, answer
