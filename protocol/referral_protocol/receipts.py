"""Receipts: the machine's signed word on every message of a parcel (SPEC 8).

Law: a receipt leaves only after what it says is committed to disk. A refusal is signed like an
acceptance. A receipt proves which bytes were held; only ``seen`` in a later statement proves that
the content was read.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from referral_protocol import labels
from referral_protocol.certificates import CLOCK_AHEAD, MAX_CERTIFICATE, MAX_TRANSPORT_PREKEY
from referral_protocol.errors import ProtocolError
from referral_protocol.parcels import MAX_MESSAGES, Checkpoint
from referral_protocol.suite import SUITE, Signer, check_suite, verify
from referral_protocol.wire import Code, Count, Hash, Id, Signature, Time, Wire, decode, encode

HELD: Final = "held"
HELD_WITHOUT_BODY: Final = "held-without-body"
REFUSED: Final = "refused"
STATUSES: Final = (HELD, HELD_WITHOUT_BODY, REFUSED)
MAX_RECEIPT: Final = 48 * 1024
MAX_ENVELOPE: Final = 64 * 1024
MAX_PREKEY_ANSWER: Final = 20 * 1024


class Answer(Wire, frozen=True):
    """What became of one message: the hashes of its statement and of its sealed body."""

    statement: Hash
    sealed: Hash | None
    status: Code
    code: Code | None = None


class Receipt(Wire, frozen=True):
    """Content of a receipt. ``code`` is there if the parcel was refused as a whole."""

    suite: Count
    parcel: Id
    sender: Id
    recipient: Id
    at: Time
    code: Code | None
    answers: Annotated[tuple[Answer, ...], Meta(max_length=MAX_MESSAGES)]


class Envelope(Wire, frozen=True):
    """What the response carries: the signed receipt, and what the sender needs to go on.

    ``prekey`` is the recipient's next transport prekey and ``checkpoint`` its directory checkpoint;
    both carry their own signatures.
    """

    content: Annotated[bytes, Meta(min_length=1, max_length=MAX_RECEIPT)]
    signature: Signature
    certificate: Annotated[bytes, Meta(min_length=1, max_length=MAX_CERTIFICATE)]
    prekey: Annotated[bytes, Meta(min_length=1, max_length=MAX_TRANSPORT_PREKEY)] | None
    checkpoint: Checkpoint | None


class PrekeyAnswer(Wire, frozen=True):
    """What ``GET /v1/prekey`` gives: the same as an envelope, but for the receipt."""

    prekey: Annotated[bytes, Meta(min_length=1, max_length=MAX_TRANSPORT_PREKEY)]
    certificate: Annotated[bytes, Meta(min_length=1, max_length=MAX_CERTIFICATE)]
    checkpoint: Checkpoint | None


class SignedReceipt(msgspec.Struct, frozen=True):
    """A receipt whose signature was verified; kept as evidence with its exact bytes."""

    content: bytes
    signature: bytes
    receipt: Receipt


def make_receipt(node: Signer, receipt: Receipt) -> tuple[bytes, bytes]:
    """Content and signature of a receipt by the recipient's node key."""
    return sign_receipt(node, encode(receipt))


def sign_receipt(node: Signer, content: bytes) -> tuple[bytes, bytes]:
    """A receipt that was made before, and its signature by the node key of now."""
    return content, node.sign(labels.RECEIPT, content)


def parse_envelope(data: bytes) -> Envelope:
    """Parse a response's body; nothing in it is verified yet."""
    return decode(data, Envelope, MAX_ENVELOPE, "receipt envelope")


def parse_prekey_answer(data: bytes) -> PrekeyAnswer:
    """Parse the answer to ``GET /v1/prekey``; nothing in it is verified yet."""
    return decode(data, PrekeyAnswer, MAX_PREKEY_ANSWER, "prekey answer")


def verify_receipt(content: bytes, signature: bytes, node_key: bytes) -> SignedReceipt:
    """Parse a receipt and verify that this node key signed it."""
    receipt = decode(content, Receipt, MAX_RECEIPT, "receipt")
    check_suite(receipt.suite, "receipt")
    verify(node_key, labels.RECEIPT, content, signature, "receipt")
    for answer in receipt.answers:
        if answer.status not in STATUSES:
            raise ProtocolError("wrong-value", "receipt: status")
        if (answer.status == REFUSED) != (answer.code is not None):
            raise ProtocolError("wrong-value", "receipt: a refusal has a code, nothing else has")
        if answer.status == HELD and answer.sealed is None:
            raise ProtocolError("wrong-value", "receipt: held, without naming the sealed body")
    if receipt.code is not None and receipt.answers:
        raise ProtocolError("wrong-value", "receipt: a refused parcel has no answers")
    return SignedReceipt(content, signature, receipt)


def match_receipt(
    signed: SignedReceipt,
    *,
    parcel: bytes,
    sender: bytes,
    recipient: bytes,
    sent: dict[bytes, bytes | None],
    made_at: int,
    now: int,
) -> None:
    """Refuse a receipt that does not answer this parcel message by message.

    ``sent`` maps the hash of each statement of the parcel to the hash of its sealed body. A parcel
    holds each statement once, so the receipt must answer each once, and nothing else. ``made_at``
    is the parcel's own time: nothing of it can have been held before.
    """
    receipt = signed.receipt
    if receipt.parcel != parcel:
        raise ProtocolError("wrong-seal", "receipt: of another parcel")
    if receipt.sender != sender:
        raise ProtocolError("not-for-us", "receipt: sender")
    if receipt.recipient != recipient:
        raise ProtocolError("wrong-sender", "receipt: recipient")
    if receipt.at > now + CLOCK_AHEAD:
        raise ProtocolError("clock", "receipt: at")
    if receipt.code is not None:
        return  # also by a clock that is so far behind that it says just that
    if receipt.at < made_at - CLOCK_AHEAD:
        raise ProtocolError("clock", "receipt: at, before the parcel was made")
    if {answer.statement: answer.sealed for answer in receipt.answers} != sent:
        raise ProtocolError("wrong-seal", "receipt: not the messages that were sent")
    if len(receipt.answers) != len(sent):
        raise ProtocolError("wrong-value", "receipt: a message answered twice")


__all__ = [
    "HELD",
    "HELD_WITHOUT_BODY",
    "REFUSED",
    "SUITE",
    "Answer",
    "Envelope",
    "PrekeyAnswer",
    "Receipt",
    "SignedReceipt",
    "make_receipt",
    "match_receipt",
    "parse_envelope",
    "parse_prekey_answer",
    "sign_receipt",
    "verify_receipt",
]
