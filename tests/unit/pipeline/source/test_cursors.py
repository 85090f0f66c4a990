"""Where polls go on."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from tests.unit.pipeline.source.conftest import POLL

from lienthong.errors import FatalError, TopicDriftError
from lienthong.pipeline.cursors import Cursors
from lienthong.record import Place
from lienthong.testing.clock import START


class View:
    """A cluster with the topic of the cursors."""

    def __init__(self, partitions=4, records=()):
        self.records = list(records)
        self.number = partitions

    def partitions(self, topics):
        """Return the partitions of the topic."""
        (topic,) = topics
        assert topic == "hue.cursors"
        return [Place(topic, number) for number in range(self.number)]

    def spans(self, topics, numbers):
        """Return what is asked for."""
        return {Place(topic, number): (0, 9) for topic in topics for number in numbers}

    @contextmanager
    def whole(self, spans):
        """Give a reader of everything."""
        ((topic, partition),) = spans
        mine = [SimpleNamespace(key=each.key, value=each.value) for each in self.records if each.partition == partition]
        assert topic == "hue.cursors"
        yield SimpleNamespace(records=lambda: iter(mine))


@pytest.fixture
def make(make_pipeline):
    """Give a function that makes the cursors of a pipeline."""

    def of(name, view):
        made = Cursors(make_pipeline(name=name, sources=[], poll=POLL), view)
        made.find_partition()
        return made

    return of


def test_what_was_saved_last_under_the_own_name_is_read(make) -> None:
    """Cursors of other pipelines in the same partition are none of ours."""
    view = View(partitions=1)
    mine, other = make("poll-a", view), make("poll-b", view)
    assert mine.load() == ""
    view.records = [mine.record("1", START), mine.record("2", START), other.record("9", START)]
    assert (mine.load(), other.load()) == ("2", "9")


def test_every_worker_knows_the_same_partition(make) -> None:
    """The owner of that partition polls; the names spread over all of them."""
    view = View()
    found = {name: make(name, view).partition for name in map("poll-{}".format, range(40))}
    assert found == {name: make(name, view).partition for name in found}
    assert set(found.values()) == {0, 1, 2, 3}
    assert all(make(name, view).record("1", START).partition == number for name, number in found.items())


def test_a_missing_topic_is_told(make) -> None:
    """Nobody polls without a place for the cursor."""
    with pytest.raises(TopicDriftError, match="topics apply"):
        make("poll-a", View(partitions=0))


def test_a_cursor_of_an_unknown_form_is_never_guessed(make) -> None:
    """A downgrade stops, rather than read everything again."""
    view = View(partitions=1)
    mine = make("poll-a", view)
    for value in (b'{"v": 2, "cursor": "1"}', b"{}", b"no json"):
        view.records = [mine.record("1", START)._replace(value=value)]
        with pytest.raises(FatalError):
            mine.load()
