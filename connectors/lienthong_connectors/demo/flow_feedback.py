"""Feedback: what citizens complain about, up to the nation with its transfers, answers and publication."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from lienthong.config.models import KafkaSettings
from lienthong_connectors.demo.ask import ask_json
from lienthong_connectors.demo.compare import Check
from lienthong_connectors.demo.flows import Flow, FlowTruth, Simulated, text_of
from lienthong_connectors.demo.observe import Topics
from lienthong_connectors.demo.place import ACCOUNT, Place
from lienthong_connectors.demo.publish import publish_all
from lienthong_schemas.generator import GeneratedEvent
from lienthong_schemas.generator.feedbacks import SOURCE, SYSTEM, FeedbackTruth, feedbacks

_NATION: Final = "feedback"
_COUNT: Final = 40
#: How codes begin of what the nation received itself, and assigned to the province.
ASSIGNED: Final = "QG-"
#: Parts of a feedback at the nation that the truth says something about.
_ANSWER, _PUBLICATION = "answer", "publication"


class FeedbackFlow(Flow):
    """Feedback up."""

    name = "feedback"
    title = "Phản ánh, kiến nghị lên quốc gia / feedback up"
    pipelines = ("deliver-feedback",)

    def truth(self) -> FlowTruth:
        """Return what must come out."""
        taken = {text_of(SOURCE, event.attributes["id"]): "delivered" for event in self._events()}
        truths = self._truths()
        numbers = {
            "feedbacks": len(truths),
            "answered": sum(each.answered for each in truths),
            "published": sum(each.published for each in truths),
        }
        return FlowTruth({"intake": taken, "deliver-feedback": taken}, numbers)

    def simulators(self, place: Place) -> Sequence[Simulated]:
        """Return the national system."""
        return (Simulated(_NATION, _NATION, {"client_id": ACCOUNT, "client_secret": place.secret}),)

    def configure(self, document: dict[str, Any], place: Place) -> None:
        """Add the publisher and the national system."""
        document["gateway"]["publishers"][SYSTEM] = {"sources": [SOURCE], "domains": ["feedback"]}
        document["connectors"][_NATION] = {
            "base_url": f"{place.url(_NATION)}/v1",
            "token_url": f"{place.url(_NATION)}/oauth/token",
            "client_id": ACCOUNT,
            "client_secret": place.secret,
            "simulator": True,
        }

    def start(self, place: Place, kafka: KafkaSettings) -> None:
        """Publish every state of every feedback, each feedback in its order."""
        publish_all(self._events(), "feedback", place, kafka)

    def persons(self) -> Sequence[Mapping[str, Any]]:
        """Return the senders."""
        found = []
        for event in self._events():
            sender = orjson.loads(event.data or b"")["sender"]
            (number,) = (each["value"] for each in sender["identifiers"])
            found.append({"personal_id": number, "old_id": sender["phone"], "full_name": sender["full_name"]})
        return found

    def evidence(self, truth: FlowTruth, place: Place, topics: Topics) -> list[Check]:
        """Return what the national system holds."""
        del topics
        shown = ask_json(f"{place.url(_NATION)}/_control/feedbacks")
        held = {code: each for code, each in shown.items() if not code.startswith(ASSIGNED)}
        wanted = {each.feedback_code: each for each in self._truths()}
        wrong = sorted(code for code in wanted.keys() | held.keys() if not _is_right(wanted.get(code), held.get(code)))
        answered = sum(_ANSWER in each["parts"] for each in held.values())
        published = sum(_PUBLICATION in each["parts"] for each in held.values())
        numbers, title = truth.numbers, self.title
        return [
            Check(title, "Phản ánh ở quốc gia / feedback at the nation", "as in its last state", numbers["feedbacks"],
                  len(held), wrong),
            Check(title, "Đã trả lời / answered", "who was answered", numbers["answered"], answered),
            Check(title, "Đã công khai / published", "with consent only", numbers["published"], published),
        ]  # fmt: skip

    def _events(self) -> list[GeneratedEvent]:
        return [event for each in feedbacks(_COUNT, self.seed) for event in each.events]

    def _truths(self) -> list[FeedbackTruth]:
        return [each.truth for each in feedbacks(_COUNT, self.seed)]


def _is_right(wanted: FeedbackTruth | None, held: Mapping[str, Any] | None) -> bool:
    if wanted is None or held is None:
        return False
    parts = held["parts"]
    is_version = int(held["PhienBan"]) == wanted.sequences[-1]
    return is_version and wanted.answered is (_ANSWER in parts) and wanted.published is (_PUBLICATION in parts)
