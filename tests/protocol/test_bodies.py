"""Bodies: sizes that say a class and nothing more, and content that is what was committed to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_protocol import bodies
from referral_protocol.bodies import CLASSES, HEADER_SIZE, MAX_CONTENT, pad, padded_size, unpad
from referral_protocol.errors import ProtocolError
from referral_protocol.messages import (
    WITHHELD,
    Message,
    check_message,
    make_husk,
    make_message,
    verify_message,
)
from referral_tools.conformance.world import LISBON, UTRECHT, fixed, opener, salt, sealed_message

SALT = fixed("salt")
LENGTHS = st.integers(0, 20_000) | st.sampled_from(
    [size - HEADER_SIZE + step for size in CLASSES for step in (-1, 0, 1)][:-1]
)


@given(LENGTHS)
def test_a_content_comes_back_from_the_smallest_class(length: int) -> None:
    content = b"\0" * length
    padded = pad(SALT, content)
    assert len(padded) in CLASSES
    assert len(padded) == min(size for size in CLASSES if size >= length + HEADER_SIZE)
    assert unpad(padded) == (SALT, content)


@given(st.binary(max_size=3000), st.data())
def test_a_pad_with_one_changed_byte_is_refused(content: bytes, data: st.DataObject) -> None:
    padded = bytearray(pad(SALT, content))
    place = data.draw(st.integers(HEADER_SIZE + len(content), len(padded) - 1))
    padded[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ProtocolError, match="pad-not-zero"):
        unpad(bytes(padded))


def test_a_larger_class_than_needed_is_refused() -> None:
    with pytest.raises(ProtocolError, match="wrong-class"):
        unpad(pad(SALT, b"content") + bytes(4096))
    with pytest.raises(ProtocolError, match="bad-length"):
        unpad((4061).to_bytes(4, "big") + bytes(4092))
    with pytest.raises(ProtocolError, match="wrong-length"):
        unpad(bytes(5000))
    with pytest.raises(ProtocolError, match="too-large"):
        padded_size(MAX_CONTENT + 1)
    with pytest.raises(ProtocolError, match="wrong-length"):
        pad(b"short", b"")


@given(st.binary(max_size=5000))
def test_unpad_takes_any_bytes(data: bytes) -> None:
    for padded in (data, data.ljust(4096, b"\0")[:4096]):
        try:
            found = unpad(padded)
        except ProtocolError:
            continue
        assert pad(*found) == padded


def test_a_body_opens_for_its_statement_and_against_its_commitment() -> None:
    content = b"what is said"
    signed = opener(content)
    message = sealed_message(signed, content, UTRECHT)
    assert message.sealed is not None
    sealed = bodies.check_sealed(message.sealed)
    assert bodies.sealed_to(sealed) == bodies.sealed_to(sealed)[:16]
    opened = bodies.open_body(UTRECHT.case, sealed, signed.hash, signed.statement.commitment)
    assert opened == (salt(content), content)
    with pytest.raises(ProtocolError, match="does-not-open"):
        bodies.open_body(UTRECHT.case, sealed, fixed("other"), signed.statement.commitment)
    with pytest.raises(ProtocolError, match="does-not-open"):
        bodies.open_body(LISBON.case, sealed, signed.hash, signed.statement.commitment)
    with pytest.raises(ProtocolError, match="wrong-commitment"):
        bodies.open_body(UTRECHT.case, sealed, signed.hash, fixed("other"))


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_two_contents_never_share_a_commitment(one: bytes, other: bytes) -> None:
    same = bodies.commitment(SALT, one) == bodies.commitment(SALT, other)
    assert same == (one == other)


def test_a_message_has_a_body_or_says_why_not() -> None:
    signed = opener()
    message = sealed_message(signed, b"", UTRECHT)
    assert message.sealed_hash == bodies.sealed_hash(message.sealed or b"")
    assert verify_message(message, LISBON.vault.public) == signed
    for reason in WITHHELD:
        husk = make_husk(signed, reason)
        assert husk.sealed_hash is None
        assert verify_message(husk, LISBON.vault.public) == signed
    check_message(Message(signed.content, signed.signature, None, "a-reason-of-tomorrow"))
    for sealed, withheld in ((None, None), (message.sealed, "erased")):
        with pytest.raises(ProtocolError, match="wrong-value"):
            check_message(Message(signed.content, signed.signature, sealed, withheld))
    with pytest.raises(ProtocolError, match="wrong-value"):
        make_husk(signed, "lost")
    with pytest.raises(ProtocolError, match="wrong-length"):
        check_message(make_message(signed, bodies.SealedBody(bytes(100))))
