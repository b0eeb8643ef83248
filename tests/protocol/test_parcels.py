"""Parcels and receipts: signed for, sealed, answered message by message."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from referral_protocol.errors import ProtocolError
from referral_protocol.messages import Message, make_husk
from referral_protocol.parcels import (
    CLASSES,
    MAX_CONTENT,
    MAX_PARCEL,
    ParcelContent,
    head_length,
    open_parcel,
    padded_size,
    parcel_info,
    split_parcel,
    verify_head,
)
from referral_protocol.receipts import (
    HELD,
    HELD_WITHOUT_BODY,
    REFUSED,
    Answer,
    Envelope,
    Receipt,
    make_receipt,
    match_receipt,
    parse_envelope,
    verify_receipt,
)
from referral_protocol.suite import SEAL_OVERHEAD, SUITE, SealKey
from referral_protocol.wire import encode
from referral_tools.conformance.world import (
    LISBON,
    LVIV,
    NOW,
    UTRECHT,
    fixed,
    opener,
    parcel,
    sealed_message,
)

FIRST = sealed_message(opener(b"one"), b"one", UTRECHT)
SECOND = make_husk(opener(b"two", seq=2), "expired")
PARCEL = parcel(LISBON, UTRECHT, FIRST, SECOND, checkpoint="a checkpoint")
HEAD, SEALED = split_parcel(PARCEL)


def test_a_parcel_comes_back_as_it_was_made() -> None:
    assert len(PARCEL) == 2 + head_length(PARCEL) + len(SEALED)
    verify_head(HEAD, UTRECHT.id, LISBON.node.public, NOW)
    content = open_parcel(UTRECHT.transport, HEAD.header, SEALED)
    assert content == ParcelContent("a checkpoint", (FIRST, SECOND))
    assert len(SEALED) - SEAL_OVERHEAD in CLASSES


@given(st.integers(0, len(PARCEL) - 1), st.integers(0, 7))
@settings(max_examples=300)
def test_a_parcel_with_one_flipped_bit_is_refused(place: int, bit: int) -> None:
    flipped = bytearray(PARCEL)
    flipped[place] ^= 1 << bit
    with pytest.raises(ProtocolError):
        _receive(bytes(flipped))


def _receive(data: bytes) -> None:
    """As a node does it: certificate, header, sealed part, contents."""
    head, sealed = split_parcel(data)
    # The certificate is checked against the vault key first; here one flipped bit must fail too.
    from_lisbon = head.certificate == LISBON.certificate
    verify_head(head, UTRECHT.id, LISBON.node.public if from_lisbon else bytes(32), NOW)
    open_parcel(UTRECHT.transport, head.header, sealed)


@given(st.integers(0, len(PARCEL) - 1))
def test_a_parcel_that_is_cut_off_or_goes_on_is_refused(length: int) -> None:
    for data in (PARCEL[:length], PARCEL + b"\0"):
        with pytest.raises(ProtocolError) as caught:
            split_parcel(data)
        assert caught.value.code in ("truncated", "trailing")


def test_the_head_is_checked_before_the_rest() -> None:
    for us, key, now, code in (
        (LVIV.id, LISBON.node.public, NOW, "not-for-us"),
        (UTRECHT.id, LVIV.node.public, NOW, "bad-signature"),
        (UTRECHT.id, LISBON.vault.public, NOW, "bad-signature"),
        (UTRECHT.id, LISBON.node.public, NOW - 600_001, "clock"),
    ):
        with pytest.raises(ProtocolError, match=code):
            verify_head(HEAD, us, key, now)
    for start, code in ((b"", "truncated"), (b"\0\0", "truncated"), (b"\xff\xff", "too-large")):
        with pytest.raises(ProtocolError, match=code):
            head_length(start)
    with pytest.raises(ProtocolError, match="too-large"):
        split_parcel(PARCEL.ljust(MAX_PARCEL + 1, b"\0"))


def test_every_field_of_the_header_before_the_length_is_bound_to_the_seal() -> None:
    header = HEAD.header
    others = [
        msgspec.structs.replace(header, suite=2),
        msgspec.structs.replace(header, parcel=fixed("p")[:16]),
        msgspec.structs.replace(header, sender=LVIV.id),
        msgspec.structs.replace(header, recipient=LVIV.id),
        msgspec.structs.replace(header, at=NOW + 1),
        msgspec.structs.replace(header, prekey=fixed("k")[:16]),
    ]
    assert len({parcel_info(other) for other in (header, *others)}) == 7
    for other in others:
        with pytest.raises(ProtocolError, match="does-not-open"):
            open_parcel(UTRECHT.transport, other, SEALED)


def reseal(padded: bytes) -> bytes:
    return SealKey(UTRECHT.transport.public).seal(parcel_info(HEAD.header), padded)


@pytest.mark.parametrize(
    ("padded", "code"),
    [
        (b"", "wrong-length"),
        (bytes(8000), "wrong-length"),
        ((8192).to_bytes(4, "big") + bytes(8188), "bad-length"),
        ((1).to_bytes(4, "big") + bytes(16380), "wrong-class"),
        ((1).to_bytes(4, "big") + b"\x90" + bytes(8186) + b"\1", "pad-not-zero"),
        ((1).to_bytes(4, "big") + b"\x90" + bytes(8187), "wrong-type"),
        (bytes(8192), "truncated"),
    ],
)
def test_a_sealed_part_that_is_not_as_it_should_be(padded: bytes, code: str) -> None:
    with pytest.raises(ProtocolError, match=code):
        open_parcel(UTRECHT.transport, HEAD.header, reseal(padded))


def test_a_parcel_holds_each_statement_once() -> None:
    again = Message(FIRST.content, FIRST.signature, None, "erased")
    with pytest.raises(ProtocolError, match="wrong-value"):
        parcel(LISBON, UTRECHT, FIRST, again)
    content = encode(ParcelContent(None, (FIRST, again)))
    padded = (len(content).to_bytes(4, "big") + content).ljust(8192, b"\0")
    with pytest.raises(ProtocolError, match="wrong-value"):
        open_parcel(UTRECHT.transport, HEAD.header, reseal(padded))
    with pytest.raises(ProtocolError, match="too-large"):
        parcel(LISBON, UTRECHT)


def test_the_classes_of_a_parcel() -> None:
    assert padded_size(0) == padded_size(8188) == 8192
    assert padded_size(8189) == 16384
    assert padded_size(MAX_CONTENT) == CLASSES[-1]
    with pytest.raises(ProtocolError, match="too-large"):
        padded_size(MAX_CONTENT + 1)


# --- receipts -------------------------------------------------------------------------------------

ANSWERS = (
    Answer(fixed("one"), fixed("one sealed"), HELD),
    Answer(fixed("two"), None, HELD_WITHOUT_BODY),
    Answer(fixed("three"), fixed("three sealed"), REFUSED, "expired"),
)
SENT = {answer.statement: answer.sealed for answer in ANSWERS}
RECEIPT = Receipt(SUITE, fixed("parcel")[:16], LISBON.id, UTRECHT.id, NOW, None, ANSWERS)


def match(receipt: Receipt, now: int = NOW, made_at: int = NOW) -> None:
    """Verify and match a receipt of Utrecht for the parcel of Lisbon."""
    signed = verify_receipt(*make_receipt(UTRECHT.node, receipt), UTRECHT.node.public)
    assert signed.receipt == receipt
    match_receipt(
        signed,
        parcel=RECEIPT.parcel,
        sender=LISBON.id,
        recipient=UTRECHT.id,
        sent=SENT,
        made_at=made_at,
        now=now,
    )


def test_a_receipt_answers_each_message_once() -> None:
    match(RECEIPT)
    match(msgspec.structs.replace(RECEIPT, answers=ANSWERS[::-1]))
    match(msgspec.structs.replace(RECEIPT, answers=(), code="busy"))
    match(RECEIPT, made_at=NOW + 600_000)
    # Whoever refuses because its clock is behind cannot say so in time.
    match(msgspec.structs.replace(RECEIPT, answers=(), code="clock"), made_at=NOW + 900_000)


def test_nothing_is_held_before_it_was_sent() -> None:
    with pytest.raises(ProtocolError, match="clock"):
        match(RECEIPT, made_at=NOW + 600_001)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"parcel": bytes(16)}, "wrong-seal"),
        ({"sender": LVIV.id}, "not-for-us"),
        ({"recipient": LVIV.id}, "wrong-sender"),
        ({"at": NOW + 600_001}, "clock"),
        ({"suite": 2}, "unknown-suite"),
        ({"answers": ANSWERS[:2]}, "wrong-seal"),
        ({"answers": (*ANSWERS, ANSWERS[0])}, "wrong-value"),
        ({"answers": (*ANSWERS, Answer(fixed("x"), None, HELD_WITHOUT_BODY))}, "wrong-seal"),
        ({"answers": (*ANSWERS[:2], Answer(fixed("three"), None, REFUSED, "expired"))}, "wrong-s"),
        ({"answers": (*ANSWERS[:2], Answer(fixed("three"), None, REFUSED))}, "wrong-value"),
        ({"answers": (Answer(fixed("one"), None, HELD), *ANSWERS[1:])}, "wrong-value"),
        ({"answers": (Answer(fixed("one"), fixed("o"), HELD, "busy"),)}, "wrong-value"),
        ({"answers": (Answer(fixed("one"), fixed("o"), "read"),)}, "wrong-value"),
        ({"code": "busy"}, "wrong-value"),
    ],
    ids=range(14),
)
def test_a_receipt_that_says_something_else(change: dict[str, object], code: str) -> None:
    with pytest.raises(ProtocolError, match=code):
        match(msgspec.structs.replace(RECEIPT, **change))


def test_a_receipt_is_signed_by_the_recipients_node() -> None:
    content, signature = make_receipt(UTRECHT.node, RECEIPT)
    for key in (UTRECHT.vault.public, LISBON.node.public):
        with pytest.raises(ProtocolError, match="bad-signature"):
            verify_receipt(content, signature, key)
    envelope = Envelope(content, signature, UTRECHT.certificate, UTRECHT.transport_prekey(), None)
    assert parse_envelope(encode(envelope)) == envelope
