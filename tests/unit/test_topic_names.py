"""Names of topics and groups."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.errors import NamingError
from lienthong.topic_names import TopicNames, check_part

PART = st.from_regex(r"[a-z0-9]+(-[a-z0-9]+){0,3}", fullmatch=True)
HUE = TopicNames("hue")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (HUE.inbound("dossier", "one-stop"), "hue.inbound.dossier.one-stop"),
        (HUE.records("dossier"), "hue.records.dossier"),
        (HUE.of_pipeline("parked", "deliver-dossier"), "hue.parked.deliver-dossier"),
        (HUE.receipts, "hue.receipts"),
        (HUE.review, "hue.review"),
        (HUE.access_log, "hue.access-log"),
        (HUE.group("deliver-dossier"), "hue.lienthong.deliver-dossier"),
        (TopicNames().records("dossier"), "records.dossier"),
    ],
)
def test_names_have_the_province_in_front(name, expected):
    """Access lists and dashboards rely on these names."""
    assert name == expected


@given(st.just("") | PART, PART, PART)
def test_the_province_can_be_taken_off_again(prefix, domain, system):
    """The catalogue finds a topic of the cluster whatever the province is called."""
    names = TopicNames(prefix)

    assert names.bare(names.inbound(domain, system)) == f"inbound.{domain}.{system}"


def test_a_foreign_topic_keeps_its_name():
    """Topics of another province are not taken for ours."""
    assert HUE.bare("hanoi.records.dossier") == "hanoi.records.dossier"
    assert HUE.bare("hues.records.dossier") == "hues.records.dossier"


@pytest.mark.parametrize("part", ["", "A", "a_b", "a.b", "-a", "a-", "a--b", "hồ-sơ", "a b", "a\n"])
def test_other_characters_are_refused(part):
    """A name that Kafka or a metric would mangle is refused before anything is created."""
    with pytest.raises(NamingError):
        check_part(part)
