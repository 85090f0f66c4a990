"""A small generated week and what a faultless hub would show of it."""

from collections import Counter
from types import SimpleNamespace

import pytest

from lienthong_connectors.demo.compare import POPULATION_DATABASE, PORTAL_STATUS, wire_moment
from lienthong_connectors.demo.observe import Platforms, Topics
from lienthong_connectors.demo.publish import Published
from lienthong_connectors.demo.week import PIPELINES, prepare, read_expectation, write_truth


@pytest.fixture(scope="session")
def scenario():
    """Give one scenario to all tests."""
    return prepare(800, 5)


@pytest.fixture
def expected(scenario, tmp_path):
    """Give what its truth file says."""
    path = tmp_path / "truth.jsonl"
    write_truth(path, scenario.each_dossier())
    return read_expectation(path)


@pytest.fixture
def observed(expected):
    """Give publication, topics and platforms as they are when every promise is kept."""
    published = Published(
        acknowledged=sum(event.route == "kafka" for event in expected.events),
        accepted=sum(event.gateway == "accepted" for event in expected.events),
        rejected=dict.fromkeys(expected.rejected, "malformed"),
    )
    return SimpleNamespace(published=published, topics=_topics(expected), platforms=_platforms(expected))


def _topics(expected):
    topics = Topics()
    for pipeline in PIPELINES:
        for name, kinds in expected.outcomes[pipeline].items():
            for offset, kind in enumerate(kinds):
                topics.receipts[pipeline][name]["topic", 0, offset] = kind
    topics.counts["deadletters.intake"] = sum(event.intake == "dead_lettered" for event in expected.events)
    topics.intents = {str(number) for number in range(expected.questions)}
    topics.answered = set(topics.intents)
    return topics


def _platforms(expected):
    dossiers, effects = {}, Counter()
    for code, arrivals in expected.arrivals.items():
        truth = expected.dossiers[code]
        rows = [[n, each.kind, PORTAL_STATUS[each.status], wire_moment(each.occurred_at), "f"]
                for n, each in enumerate(arrivals)]  # fmt: skip
        effects.update(each.kind for each in arrivals)
        if truth.verification_link:
            effects["link"] += 1
            rows.insert(1, [99, "link", rows[0][2], "", "f"])
        dossiers[code] = {
            "TrangThaiHoSo": PORTAL_STATUS[truth.last_status],
            "DSKetNoiCSDL": [POPULATION_DATABASE] if truth.verification_link else [],
            "counts": {},
            "lost_links": [],
            "arrivals": rows,
        }
    writes = effects["create"] + effects["update"] + effects["link"]
    calls = {
        "DongBoHoSoMC": {"200": writes},
        "CapNhatTienDoHoSoMC": {"200": effects["progress"]},
        "refused": {"503": 5, "429": 5},
    }
    return Platforms(
        dossiers=dossiers,
        portal={"effects": dict(effects), "raw_calls": calls},
        population={"raw_calls": {"lookup": {"200": expected.questions}}, "effect_count": expected.questions},
        people_asked=Counter(range(expected.questions)),
    )
