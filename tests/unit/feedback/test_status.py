"""The fourteen national states of feedback, both ways, with an answer for everything else."""

import unicodedata
from typing import get_args

import pytest

from lienthong.errors import TransformError
from lienthong_connectors.feedback.status import (
    FROM_NATIONAL,
    TO_NATIONAL,
    status_from_national,
    status_to_national,
)
from lienthong_schemas.feedback import FeedbackStatus

STATES = get_args(FeedbackStatus)


def test_all_fourteen_national_states_are_known() -> None:
    """Each of them becomes a state of the hub."""
    assert len(FROM_NATIONAL) == 14
    assert set(FROM_NATIONAL.values()) <= set(STATES)


@pytest.mark.parametrize("status", STATES)
def test_every_state_of_the_hub_has_an_answer(status: str) -> None:
    """What goes up comes down as the same; the one state that the nation does not have is refused by name."""
    if status == "withdrawn":
        with pytest.raises(TransformError) as caught:
            status_to_national(status)
        assert caught.value.reason == "status_unmapped"
    else:
        assert status_from_national(status_to_national(status)) == status
    assert set(TO_NATIONAL) == set(STATES) - {"withdrawn"}


@pytest.mark.parametrize("text", FROM_NATIONAL)
def test_spelling_does_not_matter(text: str) -> None:
    """The states are texts that people typed."""
    changed = unicodedata.normalize("NFD", f"  {text.upper().replace(' ', '  ')} ")
    assert status_from_national(changed) == FROM_NATIONAL[text]


def test_an_unknown_national_state_is_refused_without_being_shown() -> None:
    """A new wording shows up at once, and the text does not get into an error."""
    with pytest.raises(TransformError) as caught:
        status_from_national("Đang xem xét lại")
    assert caught.value.reason == "national_status_unmapped"
    assert "xem" not in str(caught.value)
