"""Feedback that the nation received and assigned to the province: down to the system that handles it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any, Final

from lienthong.clock import VIETNAM
from lienthong.config.models import KafkaSettings
from lienthong_connectors.demo.ask import ask, ask_json
from lienthong_connectors.demo.compare import Check
from lienthong_connectors.demo.flow_feedback import ASSIGNED
from lienthong_connectors.demo.flows import Flow, FlowTruth, Simulated, text_of
from lienthong_connectors.demo.observe import Topics
from lienthong_connectors.demo.place import ACCOUNT, Place
from lienthong_connectors.demo.week import NATIONAL_FEEDBACK_SOURCE
from lienthong_schemas.generator.people import Person, person
from lienthong_schemas.generator.places import COMMUNES
from lienthong_schemas.generator.plan import stream

#: The simulated national system is that of the feedback that goes up.
_NATION: Final = "feedback"
_DESK: Final = "feedback-desk"
_COUNT: Final = 25
#: Far from the numbers of all other made-up people.
_FIRST: Final = 1_700_000
_EFFECTS: Final = "_control/effects?limit=5000"


class FeedbackDownFlow(Flow):
    """Feedback down."""

    name = "feedback-down"
    title = "Phản ánh, kiến nghị từ quốc gia về tỉnh / feedback down from the nation"
    pipelines = ("poll-national-feedback", "deliver-feedback-local")

    def truth(self) -> FlowTruth:
        """Return what must come out."""
        taken = {text_of(NATIONAL_FEEDBACK_SOURCE, code): "delivered" for code in self._contents()}
        return FlowTruth(dict.fromkeys(self.pipelines, taken), {"assigned": len(taken)})

    def simulators(self, place: Place) -> Sequence[Simulated]:
        """Return the province's handling system."""
        return (Simulated(_DESK, _DESK, {"client_id": ACCOUNT, "client_secret": place.secret}),)

    def prepare(self, place: Place) -> None:
        """Let the nation assign feedback."""
        ask(f"{place.url(_NATION)}/_control/assignments", "POST", self._assigned())

    def configure(self, document: dict[str, Any], place: Place) -> None:
        """Add the national system once more, as one that is polled, and the handling system."""
        for connector, process in (("national-feedback", _NATION), (_DESK, _DESK)):
            document["connectors"][connector] = {
                "base_url": f"{place.url(process)}/v1",
                "token_url": f"{place.url(process)}/oauth/token",
                "client_id": ACCOUNT,
                "client_secret": place.secret,
                "simulator": True,
            }
        # Fewer than were assigned, so that there is more than one page.
        document["connectors"]["national-feedback"]["page_size"] = 10

    def start(self, place: Place, kafka: KafkaSettings) -> None:
        """Do nothing: the hub itself comes for the feedback."""
        del place, kafka

    def is_done(self, truth: FlowTruth, place: Place) -> bool:
        """Return whether the nation knows that all arrived."""
        return _marked(place).total() >= truth.numbers["assigned"]

    def persons(self) -> Sequence[Mapping[str, Any]]:
        """Return the senders."""
        senders = (self._sender(number) for number in range(_COUNT))
        return [
            {"personal_id": each.personal_id, "old_id": each.phone, "full_name": each.full_name} for each in senders
        ]

    def evidence(self, truth: FlowTruth, place: Place, topics: Topics) -> list[Check]:
        """Return what the handling system holds, and what the nation was told."""
        del topics
        wanted, count = self._contents(), truth.numbers["assigned"]
        effects = ask_json(f"{place.url(_DESK)}/{_EFFECTS}")
        got, marked = Counter(each["key"] for each in effects), _marked(place)
        wrong = sorted(code for code in wanted.keys() | got.keys() if got[code] != (code in wanted))
        spoilt = sorted(each["key"] for each in effects if each["detail"].get("content") != wanted.get(each["key"]))
        unmarked = sorted(code for code in wanted.keys() | marked.keys() if marked[code] != (code in wanted))
        title = self.title
        return [
            Check(title, "Hệ thống xử lý của tỉnh / the province's handling system", "each once", count, got.total(),
                  wrong),
            Check(title, "Nội dung nguyên vẹn / contents as the citizen wrote", "all of them", count,
                  len(effects) - len(spoilt), spoilt),
            Check(title, "Quốc gia: đã tiếp nhận / marked as arrived", "each once", count, marked.total(), unmarked),
        ]  # fmt: skip

    def _contents(self) -> dict[str, str]:
        return {each["MaPAKN"]: each["NoiDung"] for each in self._assigned()}

    def _assigned(self) -> list[dict[str, Any]]:
        """Return the nation's records, written apart from the connector: truth must not come from it."""
        moment = datetime.combine(self.today - timedelta(days=1), time(8), VIETNAM)
        return [self._record(number, moment + timedelta(minutes=number // 3)) for number in range(_COUNT)]

    def _record(self, number: int, moment: datetime) -> dict[str, Any]:
        sender, unit = self._sender(number), COMMUNES[number % len(COMMUNES)]
        sent = (moment - timedelta(hours=3)).isoformat()
        return {
            "MaPAKN": f"{ASSIGNED}{moment:%y%m%d}-{number:05}",
            "PhienBan": 1,
            "KenhTiepNhan": "portal",
            "MaLinhVuc": "HT01",
            "TenLinhVuc": "Hạ tầng đô thị",
            "TieuDe": "Đèn đường không sáng",
            "NoiDung": f"Đèn đường trước ngõ số {number + 1} không sáng nhiều tối liền.",
            "AnDanh": False,
            "NguoiGui": {
                "HoTen": sender.full_name,
                "SoDinhDanh": sender.personal_id,
                "SoDienThoai": sender.phone,
            },
            "NoiXayRa": {"HeMa": "GSO-34", "MaDonViHanhChinh": unit.code},
            "NgayGui": sent,
            "TrangThai": "Mới tiếp nhận VPCP",
            "DonViXuLy": {"MaDinhDanh": unit.organisation, "Ten": f"Ủy ban nhân dân {unit.name}"},
            "NgayCapNhat": moment.isoformat(),
            "NgayPhanCong": moment.isoformat(),
        }

    def _sender(self, number: int) -> Person:
        return person(stream(self.seed, "assigned", number), _FIRST + number)


def _marked(place: Place) -> Counter[str]:
    effects = ask_json(f"{place.url(_NATION)}/{_EFFECTS}")
    return Counter(each["key"] for each in effects if each["operation"] == "acknowledged")
