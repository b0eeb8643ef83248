"""No decoder raises anything but the protocol's own error, whatever it is given.

Arbitrary bytes rarely get past the first check, so each decoder is also given its own valid bytes
with something cut, doubled, flipped or exchanged in them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_protocol import asks, certificates, labels, parcels, receipts, statements
from referral_protocol.errors import ProtocolError
from referral_protocol.messages import Message, make_husk, verify_message
from referral_protocol.signed import parse_signed
from referral_protocol.suite import SUITE, SealKey
from referral_protocol.wire import encode
from referral_tools.conformance.world import (
    LISBON,
    NOW,
    UTRECHT,
    fixed,
    opener,
    parcel,
    say,
    sealed_message,
)


class Decoder(NamedTuple):
    """A decoder of the protocol, and bytes that it accepts."""

    read: Callable[[bytes], Any]
    valid: bytes


OPENER = opener(b"content")
NOTE = say(
    UTRECHT,
    LISBON,
    "note",
    thread=OPENER,
    attachments=(statements.Attachment(fixed("a"), 262_144),),
)
MESSAGE = sealed_message(OPENER, b"content", UTRECHT)
PARCEL = parcel(LISBON, UTRECHT, make_husk(OPENER, "erased"), make_husk(NOTE, "erased"))
HEAD, SEALED = parcels.split_parcel(PARCEL)
RECEIPT = receipts.Receipt(
    SUITE,
    fixed("p")[:16],
    LISBON.id,
    UTRECHT.id,
    NOW,
    None,
    (receipts.Answer(OPENER.hash, fixed("s"), "held"),),
)
CONTENT, SIGNATURE = receipts.make_receipt(UTRECHT.node, RECEIPT)
ENVELOPE = receipts.Envelope(
    CONTENT, SIGNATURE, UTRECHT.certificate, UTRECHT.transport_prekey(), "checkpoint"
)
BUNDLE = certificates.make_bundle(
    UTRECHT.vault, certificates.Bundle(SUITE, UTRECHT.id, NOW, (UTRECHT.case_prekey(),))
)


WANTED = asks.Ask(
    SUITE, fixed("ask")[:16], LISBON.id, UTRECHT.id, NOW, asks.RESTORE, since=NOW, cursor=b"1"
)
ASK = asks.make_ask(LISBON.node, LISBON.certificate, LISBON.transport_prekey(), WANTED)
PAGE = asks.Page(
    asks.Number(NOW, 1),
    (asks.Brought(OPENER.content, OPENER.signature),),
    b"2",
    (asks.Outcome(OPENER.hash, asks.COMING),),
)
ANSWER = asks.make_answer(
    UTRECHT.node, UTRECHT.certificate, LISBON.verified_transport_prekey(), WANTED, PAGE, NOW
)


def ask_of(data: bytes) -> asks.ArrivedAsk:
    """An ask of any bytes, in its envelope."""
    prekey = LISBON.transport_prekey()
    return asks.parse_ask(encode(asks.AskEnvelope(data, bytes(64), LISBON.certificate, prekey)))


def page_of(data: bytes) -> asks.Page:
    """A page of any bytes, padded and sealed as it should be."""
    arrived = asks.parse_answer(ANSWER)
    sealed = SealKey(LISBON.transport.public).seal(
        asks.answer_info(arrived.header), parcels.pad_content(data)
    )
    return asks.open_answer(
        LISBON.transport, asks.ArrivedAnswer(arrived.head, arrived.header, sealed)
    )


def signed_inside(data: bytes) -> Message:
    """A statement of any bytes, so that the decoder behind the signature is reached."""
    return Message(data, LISBON.vault.sign(b"", data), None, "erased")


def open_content(data: bytes) -> parcels.ParcelContent:
    """Contents of a parcel of any bytes, padded and sealed as they should be."""
    key = certificates.verify_transport_prekey(
        UTRECHT.transport_prekey(), UTRECHT.id, UTRECHT.node.public, NOW
    )
    size = parcels.padded_size(len(data))
    padded = (len(data).to_bytes(4, "big") + data).ljust(size, b"\0")
    sealed = SealKey(key.public).seal(parcels.parcel_info(HEAD.header), padded)
    return parcels.open_parcel(UTRECHT.transport, HEAD.header, sealed)


DECODERS = {
    "signed": Decoder(lambda data: parse_signed(data, 20_000, "test"), BUNDLE),
    "certificate": Decoder(
        lambda data: certificates.verify_certificate(data, LISBON.id, LISBON.vault.public),
        LISBON.certificate,
    ),
    "transport prekey": Decoder(
        lambda data: certificates.verify_transport_prekey(
            data, UTRECHT.id, UTRECHT.node.public, NOW
        ),
        UTRECHT.transport_prekey(),
    ),
    "bundle": Decoder(
        lambda data: certificates.verify_bundle(data, UTRECHT.id, UTRECHT.vault.public, NOW),
        BUNDLE,
    ),
    "opener": Decoder(statements.parse_statement, OPENER.content),
    "note": Decoder(statements.parse_statement, NOTE.content),
    "message": Decoder(
        lambda data: verify_message(signed_inside(data), LISBON.vault.public), OPENER.content
    ),
    "parcel head": Decoder(parcels.parse_head, PARCEL[2 : -len(SEALED)]),
    "parcel": Decoder(parcels.split_parcel, PARCEL),
    "parcel content": Decoder(
        open_content, encode(parcels.open_parcel(UTRECHT.transport, HEAD.header, SEALED))
    ),
    "receipt": Decoder(
        lambda data: receipts.verify_receipt(
            data, UTRECHT.node.sign(labels.RECEIPT, data), UTRECHT.node.public
        ),
        CONTENT,
    ),
    "envelope": Decoder(receipts.parse_envelope, encode(ENVELOPE)),
    "ask": Decoder(asks.parse_ask, ASK),
    "ask content": Decoder(ask_of, encode(asks.parse_ask(ASK).ask)),
    "answer": Decoder(asks.parse_answer, ANSWER),
    "page": Decoder(page_of, encode(PAGE)),
}


def read(decoder: Decoder, data: bytes) -> None:
    """Read, and let nothing through but the protocol's refusal."""
    try:
        decoder.read(data)
    except ProtocolError:
        pass


@pytest.mark.parametrize("name", [name for name in DECODERS if name != "message"])
def test_each_decoder_takes_its_own_bytes(name: str) -> None:
    decoder = DECODERS[name]
    decoder.read(decoder.valid)


@pytest.mark.parametrize("name", DECODERS)
@given(data=st.binary(max_size=2000))
def test_arbitrary_bytes(name: str, data: bytes) -> None:
    read(DECODERS[name], data)


@st.composite
def changes(draw: st.DrawFn, valid: bytes) -> bytes:
    """Valid bytes with up to four places changed."""
    data = valid
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(data) - 1, 0)))
        # Most of the first bytes decide about the structure; a change far back is often in a key.
        place = draw(st.sampled_from([place, place % 64, place % 300]))
        length = draw(st.integers(0, 40))
        before, part, after = data[:place], data[place : place + length], data[place + length :]
        kind = draw(st.sampled_from(["cut", "double", "flip", "replace", "claim"]))
        if kind == "cut":
            data = before + after
        elif kind == "double":
            data = before + part + part + after
        elif kind == "flip" and part:
            data = before + bytes([part[0] ^ (1 << draw(st.integers(0, 7)))]) + part[1:] + after
        elif kind == "replace":
            data = before + draw(st.binary(max_size=40)) + after
        else:
            claim = draw(st.sampled_from([0xC6, 0xC9, 0xDB, 0xDD, 0xDF]))
            data = before + bytes([claim]) + draw(st.binary(min_size=4, max_size=4)) + part + after
    return data


@pytest.mark.parametrize("name", DECODERS)
@given(data=st.data())
def test_valid_bytes_with_changes(name: str, data: st.DataObject) -> None:
    decoder = DECODERS[name]
    read(decoder, data.draw(changes(decoder.valid)))


FIELDS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=40)
    | st.binary(max_size=70),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


def exchange(value: Any, chance: st.DataObject) -> Any:
    """The value with one of its fields, at some depth, made into something else."""
    if isinstance(value, list) and value and chance.draw(st.integers(0, 3)):
        place = chance.draw(st.integers(0, len(value) - 1))
        return [*value[:place], exchange(value[place], chance), *value[place + 1 :]]
    return chance.draw(FIELDS)


@pytest.mark.parametrize("name", [name for name in DECODERS if name not in ("parcel", "answer")])
@given(data=st.data())
def test_one_field_of_another_type_or_value(name: str, data: st.DataObject) -> None:
    plain = msgpack.unpackb(DECODERS[name].valid)
    other = msgpack.packb(exchange(plain, data), use_bin_type=True)
    read(DECODERS[name], other)
