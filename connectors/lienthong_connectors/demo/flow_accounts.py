"""Accounts: citizens sign in with VNeID, and whoever did is checked before an account of the province is linked."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from lienthong.config.models import KafkaSettings
from lienthong.schema import dataschema
from lienthong_connectors.demo.ask import ask, ask_json
from lienthong_connectors.demo.compare import Check
from lienthong_connectors.demo.flow_people import Asked, asked_person
from lienthong_connectors.demo.flows import Flow, FlowTruth, Simulated, text_of
from lienthong_connectors.demo.observe import Topics
from lienthong_connectors.demo.place import ACCOUNT, Place
from lienthong_connectors.demo.publish import publish_all
from lienthong_connectors.demo.sign_in import RETURN_URL, SYSTEM, sign_in
from lienthong_connectors.demo.week import SIGN_IN_SOURCE
from lienthong_schemas.generator import LEGAL_BASIS, GeneratedEvent
from lienthong_schemas.generator.defects import encode
from lienthong_schemas.generator.dossiers import FIRST_DAY
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
#: Case of each citizen who signs in at the browser; a conflict is a profile of somebody else, ``too_low`` the level of
#: the account at VNeID, with which nothing is asked for.
_SIGN_INS: Final = ("match", "match", "match", "match", "mismatch", "conflict", "too_low")
_LOWEST_LEVEL: Final = 2


class AccountFlow(Flow):
    """Requests to link accounts, from a system and from sign-ins."""

    name = "accounts"
    title = "Liên kết tài khoản VNeID / accounts linked to VNeID"
    pipelines = ("link-account",)

    def __init__(self, seed: int, today: date = FIRST_DAY) -> None:
        super().__init__(seed, today)
        self._told: list[str] = []

    def truth(self) -> FlowTruth:
        """Return what must come out."""
        taken, linked = {}, {}
        for number, asked in self._asked():
            name = text_of(_SOURCE, _id(number))
            taken[name] = "delivered"
            linked[name] = "delivered" if asked.case == "match" else "review"
        kinds = ["delivered" if case == "match" else "review" for case in _SIGN_INS if case != "too_low"]
        # What the hub writes itself has no name that could be known before.
        together = text_of(SIGN_IN_SOURCE, "")
        taken[together], linked[together] = " ".join(["delivered"] * len(kinds)), " ".join(kinds)
        questions = sum(count for case, count in _CASES.items() if case not in _NOT_ASKED)
        questions += sum(case in {"match", "mismatch"} for case in _SIGN_INS)
        numbers = {
            "linked": _CASES["match"] + _SIGN_INS.count("match"),
            "signed_in": len(kinds),
            "refused": _SIGN_INS.count("too_low"),
        }
        return FlowTruth({"intake": taken, "link-account": linked}, numbers, questions)

    def people(self) -> Sequence[Mapping[str, Any]]:
        """Return those who hold the accounts."""
        everybody = [*(asked for _, asked in self._asked()), *self._at_browsers()]
        return [asked.row for asked in everybody if asked.row is not None]

    def configure(self, document: dict[str, Any], place: Place) -> None:
        """Add the publisher, and the sign-in for the citizens of one system."""
        gateway, vneid = document["gateway"], place.url(_SYSTEM)
        gateway["publishers"][_SYSTEM] = {"sources": [SIGN_IN_SOURCE, _SOURCE], "domains": ["account"]}
        gateway["publishers"][SYSTEM]["return_urls"] = [RETURN_URL]
        gateway["sign_in"] = {
            "provider": _SYSTEM,
            "public_url": place.url("gateway"),
            "system": _SYSTEM,
            "legal_basis": "Nghị định 69/2024/NĐ-CP Điều 18, Điều 19",
            "actor": f"officer-{COMMUNES[0].organisation[4:]}",
            "minimum_level": _LOWEST_LEVEL,
        }
        document["connectors"][_SYSTEM] = {
            "authorization_url": f"{vneid}/auth",
            "token_url": f"{vneid}/token",
            "userinfo_url": f"{vneid}/userinfo",
            "client_id": ACCOUNT,
            "client_secret_files": [str(_secret_file(place))],
            "private_key_files": [str(_key_file(place))],
            "simulator": True,
        }

    def simulators(self, place: Place) -> Sequence[Simulated]:
        """Return VNeID."""
        options = {
            "client_id": ACCOUNT,
            "client_secret": place.secret,
            "private_key_file": str(_key_file(place)),
            "redirect_uris": f"{place.url('gateway')}/v1/sign-ins/callback",
        }
        return (Simulated(_SYSTEM, _SYSTEM, options),)

    def prepare(self, place: Place) -> None:
        """Write the file that the hub reads its secret from."""
        path = _secret_file(place)
        path.touch(mode=0o600)
        path.write_text(place.secret, "utf-8")

    def clients(self, place: Place) -> Mapping[str, Any]:
        """Return the system whose citizens sign in."""
        return {SYSTEM: {"secret": place.secret, "scopes": ["publish:dossier", "link:accounts"]}}

    def start(self, place: Place, kafka: KafkaSettings) -> None:
        """Publish the requests, and sign in one citizen after the other."""
        publish_all((_event(number, asked) for number, asked in self._asked()), "account", place, kafka)
        citizens = self._at_browsers()
        for number, asked in enumerate(citizens):
            level = _LOWEST_LEVEL - (asked.case == "too_low")
            citizen = {"personal_id": asked.identifier, "full_name": asked.full_name, "birth_date": asked.birth_date}
            ask(f"{place.url(_SYSTEM)}/_control/citizen", "PUT", {**citizen, "level": level})
            holder = citizens[0] if asked.case == "conflict" else asked
            profile = {"unit_code": COMMUNES[0].organisation, "holder": _holder(holder)}
            self._told.append(sign_in(place, f"cong-dan-{number:04}", profile))

    def evidence(self, truth: FlowTruth, place: Place, topics: Topics) -> list[Check]:
        """Return what the requesting system, the citizens and VNeID's own ledger tell."""
        effects = ask_json(f"{place.url(_SYSTEM)}/_control/ledger")["effects"]
        numbers, title = truth.numbers, self.title
        everybody = numbers["signed_in"] + numbers["refused"]
        return [
            Check(title, "Kết quả cho hệ thống yêu cầu / results for the requesting system", "linked accounts only",
                  numbers["linked"], topics.counts["verified.account"]),
            Check(title, "Đăng nhập VNeID / signed in with VNeID", "request in Kafka", numbers["signed_in"],
                  self._told.count("linked")),
            Check(title, "Mức tài khoản quá thấp / accounts of too low a level", "refused", numbers["refused"],
                  self._told.count("refused")),
            Check(title, "VNeID: mã đã đổi / codes that were redeemed", "each once", everybody,
                  effects.get("token", 0)),
            Check(title, "Nhật ký khai thác: VNeID / access log: VNeID", "intent and result", everybody,
                  len(topics.elsewhere[_SYSTEM])),
        ]  # fmt: skip

    def _asked(self) -> list[tuple[int, Asked]]:
        cases = [case for case, count in _CASES.items() for _ in range(count)]
        return [(number, asked_person(self.seed, _NUMBER, number, case)) for number, case in enumerate(cases)]

    def _at_browsers(self) -> list[Asked]:
        first = sum(_CASES.values())
        return [asked_person(self.seed, _NUMBER, first + number, case) for number, case in enumerate(_SIGN_INS)]


def _secret_file(place: Place) -> Path:
    return place.directory / "vneid-secret"


def _key_file(place: Place) -> Path:
    return place.directory / "vneid-key.pem"


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
        "holder": _holder(asked),
    }
    return GeneratedEvent("kafka", _SYSTEM, reference, attributes, encode(document), "", 1)


def _holder(asked: Asked) -> dict[str, Any]:
    identifiers = [] if asked.case == "no_id" else [{"type": "personal_id", "value": asked.identifier}]
    return {
        "identifiers": identifiers,
        "full_name": asked.full_name,
        "birth_date": asked.birth_date,
        "gender": asked.gender,
    }
