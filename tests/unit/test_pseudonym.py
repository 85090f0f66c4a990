"""Aliases: stable, keyed, versioned, and the key file around them."""

import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.errors import ConfigurationError
from lienthong.pseudonym import Pseudonymizer

KEY = bytes(range(32))
PERSONAL_ID = "000199012345"


def test_an_alias_never_changes():
    """Aliases are stored for ever, so a new version of the hub must compute the same."""
    assert Pseudonymizer({1: KEY}).alias("personal_id", PERSONAL_ID) == "v1:43dca5366f719746ad5c301e8919f688"


@given(
    st.tuples(st.sampled_from(["personal_id", "cmnd"]), st.text(min_size=1)),
    st.tuples(st.sampled_from(["personal_id", "cmnd"]), st.text(min_size=1)),
)
def test_different_identifiers_have_different_aliases(one, other):
    """Type and value both count, and equal ones meet."""
    names = Pseudonymizer({1: KEY})

    assert (names.alias(*one) == names.alias(*other)) == (one == other)


def test_the_key_decides():
    """Without the key nobody can try all personal IDs."""
    one, other = Pseudonymizer({1: KEY}), Pseudonymizer({1: KEY[::-1]})

    assert one.alias("personal_id", PERSONAL_ID) != other.alias("personal_id", PERSONAL_ID)
    assert PERSONAL_ID not in one.alias("personal_id", PERSONAL_ID)


def test_after_a_rotation_old_aliases_are_still_found():
    """A new key version makes new aliases, and the old ones are among those to look for."""
    old, new = Pseudonymizer({1: KEY}), Pseudonymizer({2: KEY[::-1], 1: KEY})

    assert new.alias("cmnd", "012345678").startswith("v2:")
    assert new.aliases("cmnd", "012345678")[1:] == old.aliases("cmnd", "012345678")


@pytest.mark.parametrize(("kind", "value"), [("", "1"), ("Personal", "1"), ("cmnd", "")])
def test_half_an_identifier_has_no_alias(kind, value):
    """An empty value would give all persons without ID the same alias."""
    with pytest.raises(ValueError):
        Pseudonymizer({1: KEY}).alias(kind, value)


@pytest.mark.parametrize("keys", [{}, {1: KEY[:31]}, {1: KEY, 2: b""}])
def test_weak_keys_are_refused(keys):
    """A short key could be tried out."""
    with pytest.raises(ConfigurationError):
        Pseudonymizer(keys)


def test_a_new_file_is_private_and_works(tmp_path):
    """What the hub creates it can read, and nobody else."""
    path = tmp_path / "secrets" / "pseudonym"
    Pseudonymizer.create_file(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Pseudonymizer.from_file(path).alias("cmnd", "012345678").startswith("v1:")
    with pytest.raises(ConfigurationError, match="exists"):
        Pseudonymizer.create_file(path)


@pytest.mark.parametrize(
    "text",
    ["", "v1", "v1:", "v0:" + "A" * 44, "v1:***", "1:" + "A" * 44, "v1:é", "v1:AAAA",
     "v1:" + "A" * 43 + "=\nv1:" + "B" * 43 + "="],
)  # fmt: skip
def test_a_file_of_another_form_is_refused(tmp_path, text):
    """A mistake in the key file stops the hub before a wrong alias is made."""
    path = tmp_path / "pseudonym"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)

    with pytest.raises(ConfigurationError) as caught:
        Pseudonymizer.from_file(path)
    assert "AAAA" not in str(caught.value)


def test_a_readable_or_missing_file_is_refused(tmp_path):
    """A key that others can read is no key."""
    path = tmp_path / "pseudonym"
    with pytest.raises(ConfigurationError, match="cannot read"):
        Pseudonymizer.from_file(path)
    Pseudonymizer.create_file(path)
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        Pseudonymizer.from_file(path)


def test_keys_are_in_no_repr():
    """A key in a traceback or log line would be a leak."""
    assert repr(Pseudonymizer({1: KEY})) == "Pseudonymizer(versions=[1])"
