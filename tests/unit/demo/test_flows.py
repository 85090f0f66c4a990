"""Each flow of a full demonstration: what it publishes is valid, its truth names nobody, and its checks see faults."""

from collections import Counter
from datetime import date, timedelta
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from lienthong.registry.schemas import SchemaRegistry
from lienthong.validation import validate
from lienthong_connectors.demo import (
    flow_accounts,
    flow_alerts,
    flow_counter,
    flow_feedback,
    flow_feedback_down,
    flow_life_events,
    flow_national,
)
from lienthong_connectors.demo.flow_accounts import AccountFlow
from lienthong_connectors.demo.flow_alerts import AlertFlow
from lienthong_connectors.demo.flow_counter import CounterFlow
from lienthong_connectors.demo.flow_feedback import FeedbackFlow
from lienthong_connectors.demo.flow_feedback_down import FeedbackDownFlow
from lienthong_connectors.demo.flow_life_events import LifeEventFlow
from lienthong_connectors.demo.flow_national import NationalFlow
from lienthong_connectors.demo.flows import FlowTruth, Starter, all_flows, receipt_checks
from lienthong_connectors.demo.observe import Topics
from lienthong_connectors.demo.place import choose_place
from lienthong_connectors.demo.result import FlowResult

FLOWS = [type(flow) for flow in all_flows(1)]


@pytest.fixture
def place(tmp_path):
    """Give a work directory with ports."""
    found = choose_place(tmp_path)
    found.ports.update(
        {
            "app-hue-s": 1,
            "app-partner": 2,
            "app-gone": 3,
            "alert-centre": 4,
            "one-stop": 5,
            "national-dossiers": 6,
            "feedback": 7,
            "civil-status": 8,
            "life-events": 9,
            "feedback-desk": 10,
            "vneid": 11,
            "insurance-card": 12,
            "stored-papers": 13,
        }
    )
    return found


def _topics(flow, truth):
    topics = Topics()
    for pipeline in flow.pipelines:
        for name, kinds in truth.named(pipeline).items():
            topics.receipts[pipeline][name] = {("topic", 0, number): kind for number, kind in enumerate(kinds)}
    topics.counts["verified.account"] = truth.numbers.get("linked", 0)
    return topics


@pytest.mark.parametrize("kind", FLOWS)
def test_the_truth_is_read_back_as_it_was_written_and_names_nobody(kind, tmp_path):
    """What is compared is what stood in the file before the first record."""
    flow = kind(3)
    flow.truth().write(tmp_path / "truth.json")
    assert FlowTruth.read(tmp_path / "truth.json") == flow.truth() == kind(3).truth()
    text = (tmp_path / "truth.json").read_text("utf-8")
    for row in flow.people():
        assert row["personal_id"] not in text
        assert row["full_name"] not in text


@pytest.mark.parametrize("kind", FLOWS)
def test_receipts_that_are_as_they_must_be_agree_and_others_are_named(kind):
    """One lost receipt of hundreds is enough."""
    flow = kind(3)
    truth = flow.truth()
    assert all(check.agrees for check in receipt_checks(flow, truth, _topics(flow, truth)))
    for number, pipeline in enumerate(flow.pipelines):
        topics = _topics(flow, truth)
        lost = next(iter(topics.receipts[pipeline]))
        del topics.receipts[pipeline][lost]
        check = receipt_checks(flow, truth, topics)[number]
        assert (check.agrees, check.differing) == (False, [f"{lost[0]} {lost[1]}"])


def test_account_requests_are_records_and_every_case_is_there(monkeypatch, place):
    """Nobody is asked about a conflict or without a number, and only matches are linked."""
    sent = []
    citizens, profiles = [], []
    monkeypatch.setattr(flow_accounts, "publish_all", lambda events, *_: sent.extend(events))
    monkeypatch.setattr(flow_accounts, "ask", lambda _url, _method, citizen: citizens.append(citizen))
    monkeypatch.setattr(
        flow_accounts, "sign_in", lambda _place, _account, profile: profiles.append(profile) or "linked"
    )
    flow = AccountFlow(5)
    flow.start(place, None)
    assert [each["level"] for each in citizens] == [2] * 6 + [1]
    others = [
        one["personal_id"] != two["holder"]["identifiers"][0]["value"]
        for one, two in zip(citizens, profiles, strict=True)
    ]
    assert others == [False] * 5 + [True, False]
    registry = SchemaRegistry.installed()
    for event in sent:
        validate(registry.find(event.attributes["type"], event.attributes["dataschema"]), event.data)
    truth = flow.truth()
    together = truth.outcomes["link-account"].pop("/hue/sign-in ")
    assert len(sent) == len(truth.outcomes["link-account"]) == 36
    assert Counter(truth.outcomes["link-account"].values()) == {"delivered": 20, "review": 16}
    assert Counter(together.split()) == {"delivered": 4, "review": 2}
    assert truth.questions == 37
    assert len({row["personal_id"] for row in flow.people()}) == len(flow.people()) == 40


def test_results_and_sign_ins_that_are_too_many_or_too_few_are_seen(monkeypatch, place):
    """An account that waits for an official is not linked, and one of too low a level is not even asked for."""
    flow = AccountFlow(5)
    truth = flow.truth()
    topics = _topics(flow, truth)
    topics.elsewhere["vneid"] = set(range(7))
    ledger = {"effects": {"token": 7}}
    monkeypatch.setattr(flow_accounts, "ask_json", lambda _: ledger)
    flow._told = ["linked"] * 6 + ["refused"]
    assert [check.agrees for check in flow.evidence(truth, place, topics)] == [True] * 5
    topics.counts["verified.account"] += 1
    topics.elsewhere["vneid"].pop()
    ledger["effects"]["token"] = 8
    flow._told[-1] = "linked"
    assert [check.agrees for check in flow.evidence(truth, place, topics)] == [False] * 5


@pytest.fixture
def alerts(monkeypatch, place):
    """Give the flow of warnings with what the centre and the applications say they got; the test may change it."""
    flow = AlertFlow(2)
    names = flow._names()
    got = {app: names + [each["messageId"] for each in flow._national()] for app in ("app-hue-s", "app-partner")}
    got["alert-centre"] = [*names, *(event.attributes["id"] for event in flow._observations())]
    calls = [1]

    def ask_json(url):
        if url.endswith("/_control/ledger"):
            return {"raw_call_count": calls[0]}
        app = next(name for name in got if url.startswith(f"{place.url(name)}/"))
        return [{"key": name, "detail": {"message_id": name}} for name in got[app]]

    monkeypatch.setattr(flow_alerts, "ask_json", ask_json)
    return SimpleNamespace(
        got=got, calls=calls, agree=lambda: [each.agrees for each in flow.evidence(flow.truth(), place, Topics())]
    )


def test_warnings_that_arrive_once_each_agree(alerts):
    """The centre and two applications have everything, and the third was asked once."""
    assert alerts.agree() == [True] * 4


def test_a_warning_of_the_nation_that_an_application_lacks_or_that_goes_back_is_seen(alerts):
    """What comes down from the nation is for citizens, and never for the nation again."""
    alerts.got["alert-centre"].append(alerts.got["app-hue-s"].pop())
    assert alerts.agree() == [False, False, True, True]


def test_a_lost_a_repeated_and_an_unwanted_warning_are_seen(alerts):
    """Also when the numbers happen to be right."""
    first, second, centre = alerts.got.values()
    first[0] = first[1]
    second.append(second[0])
    centre[-1] = centre[0]
    alerts.calls[0] = 2
    assert alerts.agree() == [False] * 4


@pytest.fixture
def national(monkeypatch, place):
    """Give the flow from the nation with what both sides show; the test may change it."""
    flow = NationalFlow(1)
    codes = [code for _, code in flow_national._codes()]
    shown = SimpleNamespace(
        submitted={code: {"is_received": True, "marked": 1} for code in codes},
        held={code: {} for code in codes},
        effects={"create": len(codes)},
    )

    def ask_json(url):
        if url.endswith("/_control/ledger"):
            return {"effects": shown.effects}
        return shown.held if url.startswith(f"{place.url('one-stop')}/") else shown.submitted

    monkeypatch.setattr(flow_national, "ask_json", ask_json)
    shown.agree = lambda: [each.agrees for each in flow.evidence(flow.truth(), place, Topics())]
    shown.is_done = lambda: flow.is_done(flow.truth(), place)
    return shown


def test_dossiers_that_came_down_and_were_marked_agree(national):
    """The counter has each of them, and the nation knows."""
    assert national.agree() == [True] * 4
    assert national.is_done()


def test_a_lost_a_repeated_and_an_unmarked_dossier_are_seen(national):
    """A dossier that the nation shows as waiting is submitted again by the citizen."""
    code = next(iter(national.submitted))
    national.submitted[code] = {"is_received": False, "marked": 0}
    assert not national.is_done()
    del national.held[code]
    national.effects = {"create": 41, "update": 1}
    assert national.agree() == [False] * 4


def test_feedback_from_the_nation_that_is_handled_and_marked_agrees_and_other_is_seen(monkeypatch, place):
    """A lost, a repeated, a spoilt and an unmarked feedback are differences."""
    flow = FeedbackDownFlow(6)
    held = [{"key": code, "detail": {"content": text}} for code, text in flow._contents().items()]
    marked = [{"key": code, "operation": "acknowledged"} for code in flow._contents()]
    desk = place.url("feedback-desk")
    monkeypatch.setattr(flow_feedback_down, "ask_json", lambda url: held if url.startswith(f"{desk}/") else marked)
    agree = lambda: [each.agrees for each in flow.evidence(flow.truth(), place, Topics())]  # noqa: E731

    assert agree() == [True] * 3
    assert flow.is_done(flow.truth(), place)
    held[0] = held[1]
    held[2]["detail"] = {"content": "x"}
    marked.pop()
    assert agree() == [False] * 3
    assert not flow.is_done(flow.truth(), place)


def test_births_that_the_declared_recipient_holds_agree_and_all_else_is_seen(monkeypatch, place):
    """A lost birth, a death that nobody may be told of, a field too many and a repeat are four differences."""
    flow = LifeEventFlow(3, date(2030, 2, 1))
    births = [each.result for each in flow._events() if each.result and each.result_type == "person.created"]
    told = {
        str(number): {"type": "person.created", "data": {name: each[name] for name in flow_life_events._FIELDS}}
        for number, each in enumerate(births)
    }
    effects = {"create": len(births)}
    answers = {"held": {"health-insurance": told}, "ledger": {"effects": effects}}
    monkeypatch.setattr(flow_life_events, "ask_json", lambda url: answers[url.rpartition("/")[2]])
    agree = lambda: [each.agrees for each in flow.evidence(flow.truth(), place, Topics())]  # noqa: E731

    assert agree() == [True] * 4
    told["0"]["type"] = "person.deceased"
    told["1"]["data"]["gender"] = "male"
    effects["replace"] = 1
    assert agree() == [False] * 4


def test_births_and_deaths_are_of_the_days_before_the_demonstration():
    """A source reads a limited number of days back, whatever year it is."""
    today = date(2030, 2, 1)
    moments = [update["occurred_at"][:10] for each in LifeEventFlow(3, today)._events() for update in each.updates]
    assert (today - timedelta(days=8)).isoformat() < min(moments) <= max(moments) < today.isoformat()


def test_records_that_share_a_name_agree_in_any_order_and_only_in_the_same_number():
    """Copies for one recipient come from several partitions; one too few among many is still seen."""
    flow = LifeEventFlow(3)
    truth = flow.truth()
    topics = _topics(flow, truth)
    (name,) = truth.named("deliver-life-event")
    kinds = list(reversed(truth.named("deliver-life-event")[name]))
    topics.receipts["deliver-life-event"][name] = {("topic", 0, number): kind for number, kind in enumerate(kinds)}
    assert all(check.agrees for check in receipt_checks(flow, truth, topics))
    topics.receipts["deliver-life-event"][name].popitem()
    assert not all(check.agrees for check in receipt_checks(flow, truth, topics))


def test_feedback_that_the_nation_shows_as_it_is_agrees_and_other_is_seen(monkeypatch, place):
    """An answer that never reached the citizen, or a name that was made public without consent, is a difference."""
    flow = FeedbackFlow(6)
    held = {
        each.feedback_code: {
            "PhienBan": each.sequences[-1],
            "parts": ["answer"] * each.answered + ["feedbacks"] + ["publication"] * each.published,
        }
        for each in flow._truths()
    }
    monkeypatch.setattr(flow_feedback, "ask_json", lambda _: held)
    agree = lambda: [each.agrees for each in flow.evidence(flow.truth(), place, Topics())]  # noqa: E731

    assert agree() == [True] * 3
    silent = next(each for each in flow._truths() if not each.answered)
    held[silent.feedback_code]["parts"] = ["answer", "feedbacks", "publication"]
    assert agree() == [False] * 3


def test_secrets_of_applications_are_made_for_one_run_alone(place):
    """A webhook secret in a repository would be everybody's."""
    document = {"gateway": {"publishers": {}}, "connectors": {}}
    AlertFlow(2).configure(document, place)
    endpoints = document["connectors"]["citizen-alerts"]["endpoints"]
    (present, following) = endpoints["hue-s"]["secrets"]
    assert present != following
    known = {each.options.get("secrets") for each in AlertFlow(2).simulators(place)}
    assert known - {None} == {present, following}


def _counter(outcomes):
    flow = CounterFlow(4)
    flow._refused = 403
    flow._answers = [
        (
            200,
            {"outcome": outcome, "verification_id": str(number), "disclosed": {"x": 1} if outcome == "found" else None},
        )
        for number, outcome in enumerate(outcomes)
    ]
    topics = Topics()
    topics.intents = {str(number) for number in range(len(outcomes))}
    topics.answered = set(topics.intents)
    for name, answers in flow_counter._FURTHER.items():
        flow._further[name] = list(answers)
        topics.elsewhere[name] = {str(number) for number in range(len(answers))}
    return flow, topics


@pytest.fixture
def disclosed(monkeypatch):
    """Let the targets' own ledgers tell how often they were asked; the test may change it."""
    counts = {name: len(answers) for name, answers in flow_counter._FURTHER.items()}
    ports = {12: "insurance-card", 13: "stored-papers"}
    monkeypatch.setattr(flow_counter, "ask_json", lambda url: {"effect_count": counts[ports[urlsplit(url).port]]})
    return counts


RIGHT = ["found"] * 8 + ["mismatch"] * 3 + ["not_found"] * 3


@pytest.mark.usefixtures("disclosed")
def test_right_answers_at_the_counter_agree(place):
    """Every question is answered as the database knows it, and logged."""
    flow, topics = _counter(RIGHT)
    assert all(check.agrees for check in flow.evidence(flow.truth(), place, topics))


def test_a_wrong_an_unlogged_and_an_unlawful_answer_are_seen(place, disclosed):
    """A citizen who is not found although the database has them goes home for nothing."""
    flow, topics = _counter(["not_found", *RIGHT[1:]])
    topics.answered.pop()
    flow._refused = 200
    assert sum(not check.agrees for check in flow.evidence(flow.truth(), place, topics)) == 5
    flow._further["insurance-card"][0] = "not_found"
    topics.elsewhere["insurance-card"].pop()
    disclosed["stored-papers"] += 1
    assert sum(not check.agrees for check in flow.evidence(flow.truth(), place, topics)) == 8


def test_a_flow_that_cannot_start_ends_the_run():
    """A flow that published nothing must not look like one that is still busy."""

    class Broken:
        def start(self, *_):
            raise KeyError("x")

    starter = Starter([Broken()], None, None)
    starter.start()
    starter._thread.join(5)
    with pytest.raises(KeyError):
        starter.is_done()


def test_a_row_of_the_table_agrees_only_with_all_of_its_numbers():
    """One line for each flow must not hide a difference."""
    checks = [SimpleNamespace(agrees=True), SimpleNamespace(agrees=False)]
    row = FlowResult.of("x", "y", ("p",), checks)
    assert (row.agrees, row.as_document()["agreeing"]) == (False, 1)
