"""The profile ``day``: 26 hours in some 40 seconds, with quota, night window, ending sessions and refused officers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from rich.console import Console

from lienthong.clock import Clock
from lienthong_connectors.demo.ask import ask_json
from lienthong_connectors.demo.compare import Check, compare
from lienthong_connectors.demo.day_checks import Night, day_checks
from lienthong_connectors.demo.meters import Stage
from lienthong_connectors.demo.observe import Platforms, Topics
from lienthong_connectors.demo.publish import Publication
from lienthong_connectors.demo.result import Options
from lienthong_connectors.demo.run import Demonstration
from lienthong_connectors.demo.strain import Strain, measure, strain_checks
from lienthong_connectors.demo.weather import Spell
from lienthong_connectors.demo.week import Expectation, Prepared
from lienthong_schemas.generator.day import HOURS, NEW_OFFICER, NEW_PROCEDURE, NIGHT_HOURS, Day, make_day

#: Shortest length of one hour; more records make the day longer, because the machine is as fast as it is.
_LEAST_HOUR_SECONDS: Final = 1.4
_RECORDS_PER_HOUR_SECOND: Final = 1_400
#: How long the last process may need before the day begins.
_LEAD: Final = timedelta(seconds=5)
#: Of what the quota allows in the open hours, so much is needed: a backlog of the peaks is cleared by the evening.
_LOAD: Final = 0.8
#: ASSUMED: 300 ms, ten times faster in a day that is 2,500 times faster, because a machine cannot be.
_LATENCY: Final = {"latency_seconds": "0.03", "latency_log_normal_sigma": "0.5"}
#: Four hours of the shortest day. ASSUMED.
_SESSION_SECONDS: Final = "5.6"
_OFFICER_CODE, _SERVICE_CODE = "CB-005", "LT-004"
#: A page for people with status 200, where JSON should be.
_SPELLS: Final = (Spell("maintenance_page", 0.45, 2.0, {"maintenance": True}, {"maintenance": False}),)
_PROBED: Final = 40


class DayDemonstration(Demonstration):
    """Runs a day in one work directory.

    Args:
        options: What was asked for.
        console: Where to say what happens.
        clock: Tells how long things take.
    """

    def __init__(self, options: Options, console: Console, clock: Clock) -> None:
        super().__init__(options, console, clock)
        self._hour_seconds = max(_LEAST_HOUR_SECONDS, options.records / _RECORDS_PER_HOUR_SECOND)
        self._begins = clock.now()

    @property
    def _limited(self) -> str:
        return "population"

    @property
    def _late(self) -> str:
        return "verify-dossier"

    def _prepare(self) -> Day:
        return make_day(self._options.records, self._options.seed)

    def _plan_strain(self) -> Strain:
        self._begins = self._clock.now() + _LEAD
        closes, opens = (self._at(hours) for hours in NIGHT_HOURS)
        open_seconds = (HOURS - (NIGHT_HOURS[1] - NIGHT_HOURS[0])) * self._hour_seconds
        rate = max(1, math.ceil(self._questions / _LOAD / open_seconds))
        return Strain(rate, closes, opens)

    def _at(self, hours: float) -> datetime:
        # Whole seconds, because arrivals are counted by the second.
        return (self._begins + timedelta(seconds=hours * self._hour_seconds)).replace(microsecond=0)

    def _document(self) -> dict[str, Any]:
        document = super()._document()
        portal, population = document["connectors"]["portal"], document["connectors"]["population"]
        limits = portal.pop("limits", None)
        if limits:
            population["limits"] = limits
        population["officers"][NEW_OFFICER] = {"officer_code": _OFFICER_CODE, "account": "canbo-005"}
        population["service_code_by_procedure"] = {NEW_PROCEDURE.code: _SERVICE_CODE}
        return document

    def _simulate(self, name: str, options: Mapping[str, str], process: str = "") -> None:
        own = {
            "portal": {"session_seconds": _SESSION_SECONDS},
            "population": {"denied_officers": _OFFICER_CODE, "denied_procedures": _SERVICE_CODE},
        }
        super()._simulate(name, {**options, **own[name], **_LATENCY}, process)

    def _spells(self) -> Sequence[Spell]:
        return _SPELLS

    def _due_seconds(self, scenario: Prepared) -> Sequence[float]:
        wait = max(0.0, (self._begins - self._clock.now()).total_seconds())
        hours = scenario.timetable() if isinstance(scenario, Day) else ()
        return [wait + self._hour_seconds * each for each in hours]

    def _backlog(self, expected: Expectation, stages: Mapping[str, Stage]) -> int:
        del stages
        asked = ask_json(f"{self._place.url(self._limited)}/_control/ledger")["effect_count"]
        return expected.questions - int(asked)

    def _compare(
        self, expected: Expectation, publication: Publication, topics: Topics, platforms: Platforms
    ) -> list[Check]:
        self._crew.begin("probe", ["reconcile", "--probe", str(_PROBED), "--seed", str(self._options.seed)])
        counted = ask_json(f"{self._place.url(self._limited)}/_control/quota")
        logins = ask_json(f"{self._place.url('portal')}/_control/sessions")["logins"]
        drain = measure(self._strain, counted, self._waiting or 0)
        self._result.night = Night.of(drain, self._strain.requests_per_second, self._hour_seconds)
        group = "CSDL dân cư 22:00-05:00 / population database"
        return [
            *day_checks(
                compare(expected, publication.result, topics, platforms, has_weather=False),
                expected, topics, platforms, logins=logins,
            ),
            *(replace(check, group=group) for check in strain_checks(self._strain, counted, drain)),
            self._probed(*self._crew.finish("probe")),
        ]  # fmt: skip

    def _probed(self, code: int, said: str) -> Check:
        title = "Hỏi lại Cổng DVCQG / lienthong reconcile --probe"
        return Check("Trục liên thông / hub", title, "exit code", 0, code, [] if code == 0 else said.splitlines()[:5])
