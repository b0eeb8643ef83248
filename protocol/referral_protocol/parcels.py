"""Parcels: up to 256 messages to one node, sealed to its transport prekey (SPEC 7).

Law: the header is signed by the sender's node key, comes first, and is verified before the rest is
read. The sealed part is bound to the header's fields; its padded size is all that an observer of
the bytes learns.

Wire: u16 length of the head, the head, the sealed part. Head: ``[header, signature, certificate]``.
"""

import hmac
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from referral_protocol import labels
from referral_protocol.certificates import CLOCK_AHEAD, MAX_CERTIFICATE, VerifiedTransportPrekey
from referral_protocol.directory.notes import MAX_NOTE
from referral_protocol.errors import ProtocolError
from referral_protocol.keys import prekey_id
from referral_protocol.messages import Message
from referral_protocol.suite import (
    SEAL_OVERHEAD,
    SUITE,
    Opener,
    SealKey,
    Signer,
    check_suite,
    digest,
    verify,
)
from referral_protocol.wire import Count, Hash, Id, Signature, Time, Wire, decode, encode

CLASSES: Final = tuple(1024 * n for n in (8, 16, 32, 64, 128, 256, 512, 1024))
SEALED_SIZES: Final = frozenset(SEAL_OVERHEAD + size for size in CLASSES)
MAX_MESSAGES: Final = 256
MAX_CHECKPOINT: Final = MAX_NOTE
"""Characters; a note with the lines of all its witnesses must fit."""
MAX_HEAD: Final = 1024
MAX_CONTENT: Final = CLASSES[-1] - 4
MAX_PARCEL: Final = 2 + MAX_HEAD + max(SEALED_SIZES)

Checkpoint = Annotated[str, Meta(min_length=1, max_length=MAX_CHECKPOINT)]


class Header(Wire, frozen=True):
    """What the sender's node signs: who to whom, when, to which prekey, and which sealed part."""

    suite: Count
    parcel: Id
    sender: Id
    recipient: Id
    at: Time
    prekey: Id
    length: Count
    hash: Hash


class Head(Wire, frozen=True):
    """Everything that comes before the sealed part."""

    content: Annotated[bytes, Meta(min_length=1, max_length=512)]
    signature: Signature
    certificate: Annotated[bytes, Meta(min_length=1, max_length=MAX_CERTIFICATE)]


class ParcelContent(Wire, frozen=True):
    """What the sealed part holds: the sender's directory checkpoint and the messages."""

    checkpoint: Checkpoint | None
    messages: Annotated[tuple[Message, ...], Meta(min_length=1, max_length=MAX_MESSAGES)]


class ParcelHead(msgspec.Struct, frozen=True):
    """A parsed head. Nothing in it is verified before :func:`verify_head`."""

    content: bytes
    signature: bytes
    certificate: bytes
    header: Header


def parcel_info(header: Header) -> bytes:
    """HPKE info: label, then the hash of the header's fields before the length."""
    bound = encode(
        (header.suite, header.parcel, header.sender, header.recipient, header.at, header.prekey)
    )
    return labels.SEAL_PARCEL + digest(labels.SEAL_PARCEL, bound)


def make_parcel(
    node: Signer,
    certificate: bytes,
    key: SealKey,
    prekey: VerifiedTransportPrekey,
    *,
    parcel: bytes,
    sender: bytes,
    now: int,
    content: ParcelContent,
) -> bytes:
    """Pad, seal and sign a parcel; ``parcel`` is its fresh random id, ``key`` the parsed prekey."""
    _check_content(content)
    padded = pad_content(encode(content))
    draft = Header(
        SUITE, parcel, sender, prekey.member, now, prekey_id(prekey.public), 0, bytes(32)
    )
    sealed = key.seal(parcel_info(draft), padded)
    header = encode(
        msgspec.structs.replace(
            draft, length=len(sealed), hash=digest(labels.SEALED_PARCEL, sealed)
        )
    )
    head = encode(Head(header, node.sign(labels.PARCEL, header), certificate))
    return len(head).to_bytes(2, "big") + head + sealed


def _check_content(content: ParcelContent) -> None:
    if not 0 < len(content.messages) <= MAX_MESSAGES:
        raise ProtocolError("too-large", f"parcel: 1 to {MAX_MESSAGES} messages")
    # A receipt answers each statement once; twice in one parcel it could not say which body.
    if len({message.content for message in content.messages}) != len(content.messages):
        raise ProtocolError("wrong-value", "parcel: the same statement twice")


def pad_content(content: bytes) -> bytes:
    """Length, content and zeros, to the smallest class that holds them."""
    length = len(content)
    return length.to_bytes(4, "big") + content + bytes(padded_size(length) - 4 - length)


def padded_size(length: int) -> int:
    """Size in bytes of the class for a content of this length."""
    for size in CLASSES:
        if 4 + length <= size:
            return size
    raise ProtocolError("too-large", f"parcel: content of at most {MAX_CONTENT} bytes")


def head_length(start: bytes) -> int:
    """Bytes of the head, from the first two bytes of a parcel."""
    if len(start) < 2:
        raise ProtocolError("truncated", "parcel: no head")
    length = int.from_bytes(start[:2], "big")
    if length == 0:
        raise ProtocolError("truncated", "parcel: a head of no bytes")
    if length > MAX_HEAD:
        raise ProtocolError("too-large", f"parcel: head of at most {MAX_HEAD} bytes")
    return length


def parse_head(data: bytes) -> ParcelHead:
    """Parse the head's bytes (without the length before them); nothing is verified yet."""
    head = decode(data, Head, MAX_HEAD, "parcel head")
    header = decode(head.content, Header, 512, "parcel header")
    check_suite(header.suite, "parcel header")
    if header.length not in SEALED_SIZES:
        raise ProtocolError("wrong-length", "parcel header: length")
    return ParcelHead(head.content, head.signature, head.certificate, header)


def verify_head(head: ParcelHead, us: bytes, node_key: bytes, now: int) -> None:
    """Check addressee, signature of the sender's node, and clock (SPEC 7.2)."""
    if head.header.recipient != us:
        raise ProtocolError("not-for-us", "parcel header: recipient")
    verify(node_key, labels.PARCEL, head.content, head.signature, "parcel header")
    if head.header.at > now + CLOCK_AHEAD:
        raise ProtocolError("clock", "parcel header: at")


def check_sealed_part(header: Header, sealed: bytes) -> None:
    """Refuse a sealed part that is not the one the header was signed for."""
    if len(sealed) < header.length:
        raise ProtocolError("truncated", "parcel: sealed part")
    if len(sealed) > header.length:
        raise ProtocolError("trailing", "parcel: sealed part")
    if not hmac.compare_digest(digest(labels.SEALED_PARCEL, sealed), header.hash):
        raise ProtocolError("wrong-seal", "parcel: sealed part")


def open_parcel(opener: Opener, header: Header, sealed: bytes) -> ParcelContent:
    """Open a checked sealed part, unpad it and parse what it holds."""
    padded = opener.open(parcel_info(header), sealed, "parcel")
    unpadded = unpad_content(padded, "parcel")
    content = decode(unpadded, ParcelContent, MAX_CONTENT, "parcel content")
    _check_content(content)
    return content


def unpad_content(padded: bytes, what: str) -> bytes:
    """The content of a padded one; refuses a wrong class and a pad that is not zero."""
    if len(padded) not in CLASSES:
        raise ProtocolError("wrong-length", f"{what}: not the size of a class")
    length = int.from_bytes(padded[:4], "big")
    end = 4 + length
    if end > len(padded):
        raise ProtocolError("bad-length", f"{what}: longer than its class")
    if len(padded) != padded_size(length):
        raise ProtocolError("wrong-class", what)
    if padded.count(0, end) != len(padded) - end:
        raise ProtocolError("pad-not-zero", what)
    return padded[4:end]


def split_parcel(data: bytes) -> tuple[ParcelHead, bytes]:
    """A whole parcel to its parsed head and its sealed part, checked against the header's hash."""
    if len(data) > MAX_PARCEL:
        raise ProtocolError("too-large", f"parcel: at most {MAX_PARCEL} bytes")
    end = 2 + head_length(data)
    if len(data) < end:
        raise ProtocolError("truncated", "parcel: head")
    head = parse_head(data[2:end])
    sealed = data[end:]
    check_sealed_part(head.header, sealed)
    return head, sealed
