"""Ids, fingerprints, and a recovery kit that survives a typist."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from referral_protocol import keys
from referral_protocol.errors import ProtocolError
from referral_tools.conformance.world import LISBON, UTRECHT, fixed

SECRETS = st.binary(min_size=32, max_size=32)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def test_an_id_has_sixteen_bytes_and_follows_from_the_first_key() -> None:
    assert len(LISBON.id) == 16
    assert LISBON.id == keys.member_id(LISBON.vault.public) != UTRECHT.id
    assert keys.prekey_id(LISBON.case.public) != keys.prekey_id(LISBON.transport.public)


def test_a_fingerprint_has_sixty_digits_and_covers_both_keys() -> None:
    shown = keys.fingerprint(LISBON.vault.public, LISBON.node.public)
    groups = shown.split(" ")
    assert [len(group) for group in groups] == [5] * 12
    assert all(group.isdigit() for group in groups)
    assert shown != keys.fingerprint(UTRECHT.vault.public, LISBON.node.public)
    assert shown != keys.fingerprint(LISBON.vault.public, UTRECHT.node.public)
    assert shown != keys.fingerprint(LISBON.node.public, LISBON.vault.public)


@given(st.text(alphabet=" \n\t-.", max_size=10), st.integers(0, 59), st.integers(1, 9))
def test_a_typed_fingerprint_counts_by_its_digits(noise: str, place: int, change: int) -> None:
    expected = keys.fingerprint(LISBON.vault.public, LISBON.node.public)
    digits = expected.replace(" ", "")
    assert keys.same_fingerprint(noise.join(digits), expected)
    wrong = digits[:place] + str((int(digits[place]) + change) % 10) + digits[place + 1 :]
    assert not keys.same_fingerprint(wrong, expected)
    assert not keys.same_fingerprint(digits[:-1], expected)
    assert not keys.same_fingerprint(digits + "0", expected)
    assert not keys.same_fingerprint("", expected)


@given(SECRETS)
def test_a_kit_comes_back_as_it_was_printed_or_nearly(secret: bytes) -> None:
    text = keys.kit_text(secret)
    assert [len(group) for group in text.split(" ")] == [4] * 14
    for typed in (text, text.lower(), text.replace(" ", ""), text.replace(" ", "-\n")):
        assert keys.kit_secret(typed) == secret
    misread = text.replace("O", "0").replace("I", "1").replace("B", "8")
    assert keys.kit_secret(misread) == secret


@given(SECRETS, st.integers(0, 55), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_found(secret: bytes, place: int, letter: str) -> None:
    text = keys.kit_text(secret).replace(" ", "")
    assume(text[place] != letter)
    with pytest.raises(ProtocolError, match="bad-key"):
        keys.kit_secret(text[:place] + letter + text[place + 1 :])


@given(st.text(max_size=70))
def test_any_other_text_is_no_kit(text: str) -> None:
    with pytest.raises(ProtocolError, match="bad-key"):
        keys.kit_secret(text)


def test_a_kit_gives_two_unlike_keys() -> None:
    secret = fixed("kit")
    slot, backup = keys.kit_slot_key(secret), keys.kit_backup_seed(secret)
    assert len({secret, slot, backup}) == 3
    assert len(slot) == len(backup) == 32
    with pytest.raises(ProtocolError, match="bad-key"):
        keys.kit_text(b"short")
