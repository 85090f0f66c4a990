"""Ids of effects and attempts."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lienthong.delivery.effect import AttemptIds, digest, effect_key, new_attempt_id


def test_an_effect_key_never_changes():
    """Targets remember it for years, so a new version of the hub must compute the same."""
    key = effect_key("deliver-dossier", "upsert", "/hue/one-stop", "e-1")

    assert key == "a93bd8c5691dd4df7d3930da57e8433c"


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_different_parts_have_different_digests(one, other):
    """Where one part ends matters, so no two effects share a key by accident of concatenation."""
    assume(one != other)

    assert digest(*one) != digest(*other)


@pytest.mark.parametrize(("source", "event_id"), [("", "e-1"), ("/hue/one-stop", "")])
def test_an_effect_needs_an_identity(source, event_id):
    """A place in a topic is no identity: it changes with a replay."""
    with pytest.raises(ValueError, match="source and id"):
        effect_key("deliver-dossier", "upsert", source, event_id)


def test_each_attempt_has_its_own_id():
    """National systems refuse a request id that they have seen, and take at most 40 characters."""
    one, other = AttemptIds(), AttemptIds()
    made = [source.new() for _ in range(1000) for source in (one, other)] + [new_attempt_id() for _ in range(1000)]

    assert len(set(made)) == 3000
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in made)
