"""Accounts: whoever signed in with VNeID is checked before an account of the province is linked."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lienthong.config.models import KafkaSettings
from lienthong.schema import dataschema
from lienthong_connectors.demo.compare import Check
from lienthong_connectors.demo.flow_people import Asked, asked_person
from lienthong_connectors.demo.flows import Flow, FlowTruth, text_of
from lienthong_connectors.demo.observe import Topics
from lienthong_connectors.demo.place import Place
from lienthong_connectors.demo.publish import publish_all
from lienthong_schemas.generator import LEGAL_BASIS, GeneratedEvent
from lienthong_schemas.generator.defects import encode
from lienthong_schemas.generator.places import COMMUNES

_SYSTEM: Final = "vneid"
_SOURCE: Final = "/hue/vneid"
_NUMBER: Final = 1
_TYPE: Final = "account.link.requested"
_PURPOSE: Final = "account-linking"
_MOMENT: Final = "2026-10-05T08:30:00+07:00"
#: Case → how many; all but a match wait for an official. Nobody is asked about the last two.
_CASES: Final = {
    "match": 20,
    "mismatch": 3,
    "not_found": 3,
    "id_changed": 2,
    "deceased": 2,
    "minor": 2,
    "conflict": 2,
    "no_id": 2,
}
_NOT_ASKED: Final = frozenset({"conflict", "no_id"})


class AccountFlow(Flow):
    """Requests to link accounts."""

    name = "accounts"
    title = "Liên kết tài khoản VNeID / accounts linked to VNeID"
    pipelines = ("link-account",)

    def truth(self) -> FlowTruth:
        """Return what must come out."""
        taken, linked = {}, {}
        for number, asked in self._asked():
            name = text_of(_SOURCE, _id(number))
            taken[name] = "delivered"
            linked[name] = "delivered" if asked.case == "match" else "review"
        questions = sum(count for case, count in _CASES.items() if case not in _NOT_ASKED)
        return FlowTruth({"intake": taken, "link-account": linked}, {"linked": _CASES["match"]}, questions)

    def people(self) -> Sequence[Mapping[str, Any]]:
        """Return those who hold the accounts."""
        return [asked.row for _, asked in self._asked() if asked.row is not None]

    def configure(self, document: dict[str, Any], place: Place) -> None:
        """Add the publisher."""
        del place
        document["gateway"]["publishers"][_SYSTEM] = {"sources": [_SOURCE], "domains": ["account"]}

    def start(self, place: Place, kafka: KafkaSettings) -> None:
        """Publish the requests."""
        publish_all((_event(number, asked) for number, asked in self._asked()), "account", place, kafka)

    def evidence(self, truth: FlowTruth, place: Place, topics: Topics) -> list[Check]:
        """Return what the requesting system is told."""
        del place
        title = "Kết quả cho hệ thống yêu cầu / results for the requesting system"
        linked = truth.numbers["linked"]
        return [Check(self.title, title, "linked accounts only", linked, topics.counts["verified.account"])]

    def _asked(self) -> list[tuple[int, Asked]]:
        cases = [case for case, count in _CASES.items() for _ in range(count)]
        return [(number, asked_person(self.seed, _NUMBER, number, case)) for number, case in enumerate(cases)]


def _id(number: int) -> str:
    return f"lien-ket-{number:04}"


def _event(number: int, asked: Asked) -> GeneratedEvent:
    commune = COMMUNES[number % len(COMMUNES)]
    reference = f"nguoi-{number:04}"
    attributes = {
        "specversion": "1.0",
        "id": _id(number),
        "source": _SOURCE,
        "type": _TYPE,
        "time": _MOMENT,
        "dataschema": dataschema(_TYPE, 1),
        "datacontenttype": "application/json",
        "subjectref": reference,
        "purpose": _PURPOSE,
        "legalbasis": LEGAL_BASIS,
        "actor": f"officer-{commune.organisation[4:]}",
    }
    identifiers = [] if asked.case == "no_id" else [{"type": "personal_id", "value": asked.identifier}]
    document = {
        "subject_reference": reference,
        "account": f"tai-khoan-{number:04}",
        "system": "citizen-portal",
        "assertion_id": f"dang-nhap-{number:04}",
        "assurance_level": 2,
        "requested_at": _MOMENT,
        "purpose": "Đăng nhập dịch vụ công",
        "unit_code": commune.organisation,
        "linked_subject_reference": f"nguoi-khac-{number:04}" if asked.case == "conflict" else None,
        "holder": {
            "identifiers": identifiers,
            "full_name": asked.full_name,
            "birth_date": asked.birth_date,
            "gender": asked.gender,
        },
    }
    return GeneratedEvent("kafka", _SYSTEM, reference, attributes, encode(document), "", 1)
