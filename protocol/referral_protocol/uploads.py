"""How an attachment travels from node to node: in ranges, each signed for (ATTACHMENTS.md).

Law: a range begins where what is held ends, or it is refused; so nothing is stored twice, nothing
is left out, and after a cut both sides agree by one question. Every range and every answer is
signed by a node key; an answer never speaks of more than is on disk.

Wire: u16 length of the head, the head, the bytes of the range. A range of no bytes only asks.
"""

import hmac
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from referral_protocol import labels
from referral_protocol.attachments import SEALED_SIZES
from referral_protocol.certificates import CLOCK_AHEAD, MAX_CERTIFICATE
from referral_protocol.errors import ProtocolError
from referral_protocol.parcels import Head
from referral_protocol.suite import SUITE, Signer, check_suite, digest, verify
from referral_protocol.wire import Code, Count, Hash, Id, Signature, Time, Wire, decode, encode

MAX_RANGE: Final = 1024 * 1024
"""Most bytes of a range."""
MAX_HEAD: Final = 1024
MAX_UPLOAD: Final = 2 + MAX_HEAD + MAX_RANGE
MAX_ANSWER: Final = 1024


class Range(Wire, frozen=True):
    """What the sender's node signs: a part of which attachment, from where, how long, which bytes.

    ``hash`` and ``size`` are those of the whole ciphertext; ``part`` is H(attachment range, bytes).
    """

    suite: Count
    sender: Id
    recipient: Id
    hash: Hash
    size: Count
    at: Time
    offset: Count
    length: Count
    part: Hash


class Progress(Wire, frozen=True):
    """What the recipient's node signs: how many bytes are held on disk now, or why not.

    ``range`` is H(attachment range, the content of the head that is answered).
    """

    suite: Count
    sender: Id
    recipient: Id
    range: Hash
    at: Time
    held: Count
    code: Code | None


class ProgressEnvelope(Wire, frozen=True):
    """The body of an answer."""

    content: Annotated[bytes, Meta(min_length=1, max_length=512)]
    signature: Signature
    certificate: Annotated[bytes, Meta(min_length=1, max_length=MAX_CERTIFICATE)]


class RangeHead(msgspec.Struct, frozen=True):
    """A parsed head. Nothing in it is verified before :func:`verify_range`."""

    content: bytes
    signature: bytes
    certificate: bytes
    range: Range

    @property
    def name(self) -> bytes:
        """What an answer names this head by, 32 bytes."""
        return digest(labels.ATTACHMENT_RANGE, self.content)


def make_range(
    node: Signer,
    certificate: bytes,
    *,
    sender: bytes,
    recipient: bytes,
    hash: bytes,
    size: int,
    now: int,
    offset: int,
    data: bytes,
) -> tuple[RangeHead, bytes]:
    """Sign for a range; the parsed head, and all bytes of the request."""
    part = digest(labels.ATTACHMENT_RANGE, data)
    said = Range(SUITE, sender, recipient, hash, size, now, offset, len(data), part)
    content = encode(said)
    signature = node.sign(labels.ATTACHMENT_RANGE, content)
    head = encode(Head(content, signature, certificate))
    parsed = RangeHead(content, signature, certificate, said)
    return parsed, len(head).to_bytes(2, "big") + head + data


def parse_range(data: bytes) -> RangeHead:
    """Parse a head (without the length before it); nothing is verified yet."""
    head = decode(data, Head, MAX_HEAD, "range head")
    said = decode(head.content, Range, 512, "range")
    check_suite(said.suite, "range")
    if said.size not in SEALED_SIZES:
        raise ProtocolError("wrong-length", "range: size")
    if said.length > MAX_RANGE:
        raise ProtocolError("too-large", f"range: at most {MAX_RANGE} bytes")
    return RangeHead(head.content, head.signature, head.certificate, said)


def verify_range(head: RangeHead, us: bytes, node_key: bytes, now: int) -> None:
    """Check addressee, signature of the sender's node, and clock."""
    if head.range.recipient != us:
        raise ProtocolError("not-for-us", "range: recipient")
    verify(node_key, labels.ATTACHMENT_RANGE, head.content, head.signature, "range")
    if head.range.at > now + CLOCK_AHEAD:
        raise ProtocolError("clock", "range: at")


def check_place(said: Range, held: int) -> None:
    """Refuse a range that overlaps, goes back, leaves a gap or goes past the end.

    A range of no bytes asks how much is held: it may stand anywhere.
    """
    if said.length and said.offset != held:
        raise ProtocolError("bad-range", f"range: held are {held} bytes")
    if said.length > said.size - held:
        raise ProtocolError("bad-range", "range: goes past the end")


def check_part(said: Range, data: bytes) -> None:
    """Refuse bytes that are not those that were signed for."""
    if len(data) < said.length:
        raise ProtocolError("truncated", "range: bytes")
    if len(data) > said.length:
        raise ProtocolError("trailing", "range: bytes")
    if not hmac.compare_digest(digest(labels.ATTACHMENT_RANGE, data), said.part):
        raise ProtocolError("wrong-seal", "range: bytes")


def make_progress(
    node: Signer, certificate: bytes, head: RangeHead, now: int, held: int, code: str | None = None
) -> bytes:
    """The signed answer to a head, ready to be sent."""
    said = head.range
    content = encode(Progress(SUITE, said.sender, said.recipient, head.name, now, held, code))
    signature = node.sign(labels.ATTACHMENT_PROGRESS, content)
    return encode(ProgressEnvelope(content, signature, certificate))


def parse_progress(data: bytes) -> ProgressEnvelope:
    """Parse an answer's body; nothing in it is verified yet."""
    return decode(data, ProgressEnvelope, MAX_ANSWER, "range answer")


def verify_progress(
    envelope: ProgressEnvelope, node_key: bytes, head: RangeHead, now: int
) -> Progress:
    """Verify that this node key answered this very head."""
    said = decode(envelope.content, Progress, 512, "range answer")
    check_suite(said.suite, "range answer")
    verify(
        node_key, labels.ATTACHMENT_PROGRESS, envelope.content, envelope.signature, "range answer"
    )
    if said.range != head.name:
        raise ProtocolError("wrong-seal", "range answer: of another range")
    if (said.sender, said.recipient) != (head.range.sender, head.range.recipient):
        raise ProtocolError("wrong-sender", "range answer: of other members")
    if said.at > now + CLOCK_AHEAD:
        raise ProtocolError("clock", "range answer: at")
    if said.held > head.range.size:
        raise ProtocolError("wrong-value", "range answer: held")
    return said
