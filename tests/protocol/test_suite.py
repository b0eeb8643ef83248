"""Suite 1: what it makes it reads, what it did not make it refuses, and secrets never show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_protocol import labels, suite
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import SEAL_OVERHEAD, Opener, SealKey, Signer, verify
from referral_tools.conformance.world import LISBON, UTRECHT, fixed

OPENER = UTRECHT.case
KEY = SealKey(OPENER.public)
SEALED = KEY.seal(b"info", b"plain")


def test_the_self_test_passes_here() -> None:
    suite.self_test()


@given(st.binary(max_size=300))
def test_what_was_signed_verifies_and_nothing_else_does(data: bytes) -> None:
    signature = LISBON.vault.sign(labels.RECEIPT, data)
    verify(LISBON.vault.public, labels.RECEIPT, data, signature, "test")
    with pytest.raises(ProtocolError, match="bad-signature"):
        verify(UTRECHT.vault.public, labels.RECEIPT, data, signature, "test")
    with pytest.raises(ProtocolError, match="bad-signature"):
        verify(LISBON.vault.public, labels.RECEIPT, data + b"\0", signature, "test")


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_a_key_or_signature_of_any_bytes_is_refused_with_a_code(key: bytes, sig: bytes) -> None:
    for public, signature in ((key, sig), (LISBON.vault.public, sig), (key.ljust(32)[:32], sig)):
        with pytest.raises(ProtocolError) as caught:
            verify(public, b"", b"data", signature, "test")
        assert caught.value.code in ("bad-key", "bad-signature")


@given(st.binary(max_size=100), st.binary(max_size=2000))
def test_what_was_sealed_opens_under_its_info_only(info: bytes, plain: bytes) -> None:
    sealed = KEY.seal(info, plain)
    assert len(sealed) == len(plain) + SEAL_OVERHEAD
    assert OPENER.open(info, sealed, "test") == plain
    with pytest.raises(ProtocolError, match="does-not-open"):
        OPENER.open(info + b"\0", sealed, "test")


@given(st.binary(max_size=1300))
def test_any_bytes_do_not_open(data: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        OPENER.open(b"info", data, "test")
    assert caught.value.code == ("truncated" if len(data) < SEAL_OVERHEAD else "does-not-open")


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_a_seal_with_one_changed_byte_does_not_open(place: int, change: int) -> None:
    changed = bytearray(SEALED)
    changed[place] ^= change
    with pytest.raises(ProtocolError, match="does-not-open"):
        OPENER.open(b"info", bytes(changed), "test")


def test_a_share_of_small_order_opens_nothing_and_cannot_be_sealed_to() -> None:
    zeros = SEALED[:1088] + bytes(32) + SEALED[1120:]
    with pytest.raises(ProtocolError, match="does-not-open"):
        OPENER.open(b"info", zeros, "test")
    with pytest.raises(ProtocolError, match="bad-key"):
        SealKey(OPENER.public[:1184] + bytes(32)).seal(b"info", b"plain")


@given(st.binary(max_size=1300) | st.binary(min_size=1216, max_size=1216))
def test_a_key_of_any_bytes_is_refused_or_usable(public: bytes) -> None:
    try:
        key = SealKey(public)
        key.seal(b"", b"")
    except ProtocolError as error:
        assert error.code == "bad-key"  # noqa: PT017 - a usable key is no fault


def test_lattice_coefficients_beyond_the_modulus_are_refused() -> None:
    with pytest.raises(ProtocolError, match="bad-key"):
        SealKey(b"\xff" * 1184 + OPENER.public[1184:])


def test_seeds_have_their_size() -> None:
    for make in (Signer, Opener):
        with pytest.raises(ProtocolError, match="bad-key"):
            make(bytes(31))
        assert make(fixed("seed")).seed() == fixed("seed")


def test_secrets_do_not_show() -> None:
    for key in (Signer(fixed("secret")), Opener(fixed("secret"))):
        shown = repr(key) + str(key)
        assert fixed("secret").hex() not in shown
        assert repr(fixed("secret")) not in shown


def test_derived_keys_differ_by_label() -> None:
    derived = {suite.derive(fixed("secret"), label) for label in labels.ALL}
    assert len(derived) == len(labels.ALL)
    assert all(len(key) == 32 for key in derived)
