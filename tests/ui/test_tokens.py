"""Form tokens: one session, one form, one key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_ui.tokens import FormTokens

TOKENS = FormTokens(b"k" * 32)


def test_a_token_serves_its_own_session_and_form_only() -> None:
    token = TOKENS.make("session", "/accept")
    assert TOKENS.check("session", "/accept", token)
    assert not TOKENS.check("session", "/decline", token)
    assert not TOKENS.check("another", "/accept", token)
    assert not FormTokens(b"l" * 32).check("session", "/accept", token)
    assert not TOKENS.check("session", "/accept", token[:-1])
    assert not TOKENS.check("session", "/accept", "")
    assert not TOKENS.check("session", "/accept", "é")


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_no_two_pairs_share_a_token(one: str, a: str, other: str, b: str) -> None:
    assert (TOKENS.make(one, a) == TOKENS.make(other, b)) == ((one, a) == (other, b))


def test_shifting_letters_between_session_and_path_changes_the_token() -> None:
    assert TOKENS.make("a\0b", "c") != TOKENS.make("a", "b\0c")
    assert TOKENS.make("ab", "c") != TOKENS.make("a", "bc")


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_has_its_size(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        FormTokens(b"k" * size)
