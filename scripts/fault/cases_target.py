"""Faults of the portal, the target of deliveries."""

from typing import Any

from lienthong_connectors.demo.ask import ask_json
from scripts.fault.arena import Needs
from scripts.fault.case import case
from scripts.fault.oracle import DELIVER, Verdict
from scripts.fault.stage import Stage

_IMPATIENT = Needs(changes={"connectors": {"portal": {"timeout_seconds": 2.0}}})


def _behave_for(stage: Stage, seconds: float, on: dict[str, Any], off: dict[str, Any]) -> None:
    arena = stage.arena
    arena.await_share(0.3)
    arena.behave(**on)
    arena.wait(seconds)
    arena.behave(**off)
    arena.heal()


def _spell(stage: Stage, seconds: float, on: dict[str, Any], off: dict[str, Any], status: str) -> None:
    arena = stage.arena
    _behave_for(stage, seconds, on, off)
    arena.wait(0.5)
    refused = arena.refused_calls().get(status, 0)
    if refused:
        arena.inject(f"{refused} calls refused with status {status}")


def _spoilt(stage: Stage, _verdict: Verdict) -> None:
    spoilt = ask_json(f"{stage.arena.portal}/_control/ledger")["spoilt_answers"]
    if spoilt:
        stage.arena.inject(f"{spoilt} answers spoilt")


@case("target-hang", "the portal takes calls and never answers", _IMPATIENT)
def target_hang(stage: Stage) -> None:
    """Leave calls without an answer until they time out."""
    _spell(stage, stage.seconds(6, 30), {"hang": True}, {"hang": False}, "0")


@case("target-503", "the portal answers 503")
def target_unavailable(stage: Stage) -> None:
    """Refuse every call for a while."""
    _spell(stage, stage.seconds(5, 60), {"outage": "unavailable"}, {"outage": None}, "503")


@case("target-reset", "the portal breaks every connection")
def target_reset(stage: Stage) -> None:
    """Break connections before anything is read."""
    _spell(stage, stage.seconds(5, 30), {"outage": "reset"}, {"outage": None}, "0")


@case("target-lost-answer", "calls take effect, and every third answer is lost", check=_spoilt)
def target_lost_answer(stage: Stage) -> None:
    """Break connections after the effect."""
    _behave_for(stage, stage.seconds(2, 10), {"lost_answer_rate": 0.3}, {"lost_answer_rate": 0.0})


@case(
    "target-half-answer",
    "calls take effect, and every third answer breaks off in the middle",
    check=_spoilt,
    is_quick=True,
)
def target_half_answer(stage: Stage) -> None:
    """Cut answers in half after the effect."""
    _behave_for(stage, stage.seconds(2, 10), {"half_answer_rate": 0.3}, {"half_answer_rate": 0.0})


@case("target-drip", "answers drip for longer than a call may take", _IMPATIENT, check=_spoilt)
def target_drip(stage: Stage) -> None:
    """Send answers byte by byte."""
    _behave_for(stage, stage.seconds(4, 20), {"drip_seconds": 30.0}, {"drip_seconds": 0.0})


@case("target-429", "a storm of 429 with Retry-After")
def target_too_many(stage: Stage) -> None:
    """Tell every caller to come back later."""
    storm = {"retry_after_seconds": 2, "share": 1.0}
    _spell(stage, stage.seconds(4, 30), {"too_many_requests": storm}, {"too_many_requests": None}, "429")


@case("target-html", "the portal answers every call with an HTML page and status 200")
def target_html(stage: Stage) -> None:
    """Answer with the maintenance page."""
    _spell(stage, stage.seconds(5, 30), {"maintenance": True}, {"maintenance": False}, "200")


@case("secret-rotation", "the portal's password changes; the hub gets the new one later")
def secret_rotation(stage: Stage) -> None:
    """Refuse the old password, then let the hub be deployed with the new one."""
    arena = stage.arena
    arena.await_share(0.3)
    ask_json(f"{arena.portal}/_control/options", "PUT", {"password": "rotated"})
    ask_json(f"{arena.portal}/_control/sessions", "DELETE")
    arena.wait(1)
    logins = _logins(stage)
    before = arena.watch.effects
    seconds = stage.seconds(4, 20)
    arena.wait(seconds)
    if arena.watch.effects == before and arena.restarts == 0:
        arena.inject(f"no effect and no crash while the password was refused; {_logins(stage) - logins} logins tried")
    if _logins(stage) - logins > seconds * 2:
        arena.problems.append("a storm of logins while the password was refused")
    if arena.restarts:
        arena.problems.append(f"workers ended {arena.restarts} times; a refused password must only pause the pipeline")
    arena.change_settings({"connectors": {"portal": {"password": "rotated"}}})
    for name in arena.workers(DELIVER):
        arena.stop_worker(name)
        arena.start_again(name)
    arena.heal()


def _logins(stage: Stage) -> int:
    calls = ask_json(f"{stage.arena.portal}/_control/ledger")["raw_calls"].get("login", {})
    return sum(calls.values())
