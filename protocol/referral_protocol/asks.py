"""Asking a peer for what is missing here, and its sealed answer (CATCHUP 1 and 2).

Law: an ask is signed by the asker's node key and made for one peer; the answer is signed by that
peer's node key, sealed to the transport prekey that came with the ask, and padded as a parcel is.
The statements in it are worth what the vault signatures on them are worth, and no more. No answer
proves that something does not exist.

Wire of an answer: u16 length of the head, the head, the sealed part. Head: ``[header, signature,
certificate]``. A refusal has a code and no sealed part.
"""

import hmac
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from referral_protocol import labels
from referral_protocol.certificates import (
    CLOCK_AHEAD,
    MAX_CERTIFICATE,
    MAX_TRANSPORT_PREKEY,
    VerifiedTransportPrekey,
    verify_transport_prekey,
)
from referral_protocol.directory.earlier import VaultKey, verify_known
from referral_protocol.errors import ProtocolError
from referral_protocol.keys import prekey_id
from referral_protocol.parcels import (
    MAX_CONTENT,
    SEALED_SIZES,
    head_length,
    pad_content,
    unpad_content,
)
from referral_protocol.statements import (
    MAX_STATEMENT,
    Nonzero,
    SignedStatement,
    parse_statement,
)
from referral_protocol.suite import SUITE, Opener, SealKey, Signer, check_suite, digest, verify
from referral_protocol.wire import Code, Count, Hash, Id, Signature, Time, Wire, decode, encode

GAPS: Final = "gaps"
"""Statements of the asked that are missing here, by counter or by hash."""
RESTORE: Final = "restore"
"""All statements of both sides that the asked sent or got since a time, page by page."""
BODIES: Final = "bodies"
"""The contents of statements that are held here without them."""
KINDS: Final = (GAPS, RESTORE, BODIES)

COMING: Final = "coming"
"""The content is here: it is sealed again or returned at a keyholder's next page."""
GONE: Final = "gone"
"""No content of this statement is here either."""

MAX_ASK_CONTENT: Final = 14 * 1024
MAX_ASK: Final = 16 * 1024
MAX_NAMED: Final = 256
"""Counters, and hashes, in one ask."""
MAX_BROUGHT: Final = 512
"""Statements in one page."""
MAX_CURSOR: Final = 32
MAX_ANSWER: Final = 2 + 1024 + max(SEALED_SIZES)


class Number(Wire, frozen=True):
    """A counter of one sender towards one recipient."""

    epoch: Time
    seq: Nonzero


class Ask(Wire, frozen=True):
    """What is asked. What a kind does not use is nil or empty; ``cursor`` is the asked's own."""

    suite: Count
    ask: Id
    sender: Id
    recipient: Id
    at: Time
    kind: Code
    since: Time | None = None
    cursor: Annotated[bytes, Meta(min_length=1, max_length=MAX_CURSOR)] | None = None
    numbers: Annotated[tuple[Number, ...], Meta(max_length=MAX_NAMED)] = ()
    hashes: Annotated[tuple[Hash, ...], Meta(max_length=MAX_NAMED)] = ()


class AskEnvelope(Wire, frozen=True):
    """What travels: the signed ask, who may sign it, and what the answer is sealed to."""

    content: Annotated[bytes, Meta(min_length=1, max_length=MAX_ASK_CONTENT)]
    signature: Signature
    certificate: Annotated[bytes, Meta(min_length=1, max_length=MAX_CERTIFICATE)]
    prekey: Annotated[bytes, Meta(min_length=1, max_length=MAX_TRANSPORT_PREKEY)]


class ArrivedAsk(msgspec.Struct, frozen=True):
    """A parsed ask. Nothing in it is verified before :func:`verify_ask`."""

    envelope: AskEnvelope
    ask: Ask


class AnswerHeader(Wire, frozen=True):
    """What the asked's node signs: which ask it answers, and with what."""

    suite: Count
    ask: Id
    sender: Id
    recipient: Id
    at: Time
    code: Code | None
    prekey: Id | None
    length: Count
    hash: Hash | None


class AnswerHead(Wire, frozen=True):
    """Everything that comes before the sealed part."""

    content: Annotated[bytes, Meta(min_length=1, max_length=512)]
    signature: Signature
    certificate: Annotated[bytes, Meta(min_length=1, max_length=MAX_CERTIFICATE)]


class ArrivedAnswer(msgspec.Struct, frozen=True):
    """A parsed answer. Nothing in it is verified before :func:`verify_answer`."""

    head: AnswerHead
    header: AnswerHeader
    sealed: bytes


class Brought(Wire, frozen=True):
    """A statement as it was signed."""

    content: Annotated[bytes, Meta(min_length=1, max_length=MAX_STATEMENT)]
    signature: Signature


class Outcome(Wire, frozen=True):
    """What becomes of a content that was asked for: coming, gone, or why it is withheld."""

    statement: Hash
    code: Code


class Page(Wire, frozen=True):
    """What the sealed part holds.

    ``held``: the highest counter of the asker's that the asked holds; ``cursor``: there is more.
    """

    held: Number | None
    statements: Annotated[tuple[Brought, ...], Meta(max_length=MAX_BROUGHT)] = ()
    cursor: Annotated[bytes, Meta(min_length=1, max_length=MAX_CURSOR)] | None = None
    outcomes: Annotated[tuple[Outcome, ...], Meta(max_length=MAX_NAMED)] = ()


# the ask


def make_ask(node: Signer, certificate: bytes, prekey: bytes, ask: Ask) -> bytes:
    """Check, encode and sign an ask; ``prekey`` is the asker's signed transport prekey."""
    check_ask(ask)
    content = encode(ask)
    return encode(AskEnvelope(content, node.sign(labels.ASK, content), certificate, prekey))


def parse_ask(data: bytes) -> ArrivedAsk:
    """Parse and check an ask by its bytes alone; nothing is verified yet."""
    envelope = decode(data, AskEnvelope, MAX_ASK, "ask envelope")
    ask = decode(envelope.content, Ask, MAX_ASK_CONTENT, "ask")
    check_ask(ask)
    return ArrivedAsk(envelope, ask)


def check_ask(ask: Ask) -> None:
    """The rules that the fields alone decide, in the order of CATCHUP 1."""
    check_suite(ask.suite, "ask")
    if ask.sender == ask.recipient:
        raise ProtocolError("wrong-value", "ask: sender and recipient are the same")
    if ask.kind not in KINDS:
        raise ProtocolError("wrong-value", "ask: kind")
    if (ask.since is not None) != (ask.kind == RESTORE):
        raise ProtocolError("wrong-value", "ask: since")
    if ask.cursor is not None and ask.kind != RESTORE:
        raise ProtocolError("wrong-value", "ask: cursor")
    if ask.numbers and ask.kind != GAPS:
        raise ProtocolError("wrong-value", "ask: numbers")
    if (ask.hashes and ask.kind == RESTORE) or (not ask.hashes and ask.kind == BODIES):
        raise ProtocolError("wrong-value", "ask: hashes")
    if len(set(ask.numbers)) != len(ask.numbers) or len(set(ask.hashes)) != len(ask.hashes):
        raise ProtocolError("wrong-value", "ask: the same twice")


def verify_ask(
    arrived: ArrivedAsk, us: bytes, node_key: bytes, now: int
) -> VerifiedTransportPrekey:
    """Check addressee, signature, clock and prekey; returns what the answer is sealed to."""
    ask, envelope = arrived.ask, arrived.envelope
    if ask.recipient != us:
        raise ProtocolError("not-for-us", "ask: recipient")
    verify(node_key, labels.ASK, envelope.content, envelope.signature, "ask")
    if ask.at > now + CLOCK_AHEAD:
        raise ProtocolError("clock", "ask: at")
    return verify_transport_prekey(envelope.prekey, ask.sender, node_key, now)


# the answer


def answer_info(header: AnswerHeader) -> bytes:
    """HPKE info: label, then the hash of the header's fields before the length."""
    bound = encode(
        (
            header.suite,
            header.ask,
            header.sender,
            header.recipient,
            header.at,
            header.code,
            header.prekey,
        )
    )
    return labels.SEAL_ANSWER + digest(labels.SEAL_ANSWER, bound)


def make_answer(
    node: Signer,
    certificate: bytes,
    prekey: VerifiedTransportPrekey,
    ask: Ask,
    page: Page,
    now: int,
) -> bytes:
    """Pad, seal and sign a page for whoever asked; ``too-large`` if it has over a mebibyte."""
    _check_page(page)
    header = AnswerHeader(
        SUITE, ask.ask, ask.recipient, ask.sender, now, None, prekey_id(prekey.public), 0, None
    )
    sealed = SealKey(prekey.public).seal(answer_info(header), pad_content(encode(page)))
    header = msgspec.structs.replace(
        header, length=len(sealed), hash=digest(labels.SEALED_ANSWER, sealed)
    )
    return _signed(node, certificate, header) + sealed


def make_refusal(node: Signer, certificate: bytes, ask: Ask, code: str, now: int) -> bytes:
    """The signed refusal of an ask."""
    header = AnswerHeader(SUITE, ask.ask, ask.recipient, ask.sender, now, code, None, 0, None)
    return _signed(node, certificate, header)


def _signed(node: Signer, certificate: bytes, header: AnswerHeader) -> bytes:
    content = encode(header)
    head = encode(AnswerHead(content, node.sign(labels.ANSWER, content), certificate))
    return len(head).to_bytes(2, "big") + head


def parse_answer(data: bytes) -> ArrivedAnswer:
    """Parse an answer's head and take its sealed part; nothing is verified yet."""
    if len(data) > MAX_ANSWER:
        raise ProtocolError("too-large", f"answer: at most {MAX_ANSWER} bytes")
    end = 2 + head_length(data)
    if len(data) < end:
        raise ProtocolError("truncated", "answer: head")
    head = decode(data[2:end], AnswerHead, end, "answer head")
    header = decode(head.content, AnswerHeader, 512, "answer header")
    check_suite(header.suite, "answer header")
    refused = header.code is not None
    if refused != (header.prekey is None) or refused != (header.hash is None):
        raise ProtocolError("wrong-value", "answer header: a code, or a sealed part")
    if header.length not in SEALED_SIZES and not (refused and header.length == 0):
        raise ProtocolError("wrong-length", "answer header: length")
    return ArrivedAnswer(head, header, data[end:])


def verify_answer(answer: ArrivedAnswer, ask: Ask, node_key: bytes, now: int) -> None:
    """Check that this answers our ask, who signed it, and that it is whole (CATCHUP 2)."""
    header, sealed = answer.header, answer.sealed
    if header.ask != ask.ask:
        raise ProtocolError("wrong-seal", "answer: of another ask")
    if header.sender != ask.recipient:
        raise ProtocolError("wrong-sender", "answer: sender")
    if header.recipient != ask.sender:
        raise ProtocolError("not-for-us", "answer: recipient")
    verify(node_key, labels.ANSWER, answer.head.content, answer.head.signature, "answer")
    if header.at > now + CLOCK_AHEAD:
        raise ProtocolError("clock", "answer: at")
    if len(sealed) < header.length:
        raise ProtocolError("truncated", "answer: sealed part")
    if len(sealed) > header.length:
        raise ProtocolError("trailing", "answer: sealed part")
    hashed = digest(labels.SEALED_ANSWER, sealed)
    if header.hash is not None and not hmac.compare_digest(hashed, header.hash):
        raise ProtocolError("wrong-seal", "answer: sealed part")


def open_answer(opener: Opener, answer: ArrivedAnswer) -> Page:
    """Open a verified answer that is no refusal, unpad it and parse its page."""
    padded = opener.open(answer_info(answer.header), answer.sealed, "answer")
    page = decode(unpad_content(padded, "answer"), Page, MAX_CONTENT, "page")
    _check_page(page)
    return page


def _check_page(page: Page) -> None:
    if len({brought.content for brought in page.statements}) != len(page.statements):
        raise ProtocolError("wrong-value", "page: the same statement twice")
    if len({outcome.statement for outcome in page.outcomes}) != len(page.outcomes):
        raise ProtocolError("wrong-value", "page: the same outcome twice")


def verify_brought(
    brought: Brought, keys: Mapping[bytes, Sequence[VaultKey]], without: Collection[bytes] = ()
) -> SignedStatement:
    """Check a statement of a page: between the two, signed by its sender's vault.

    ``keys``: the vault keys of both sides by member id, the present one first. What was said before
    a key was replaced bears that key; ``without``: keys that are not to be taken for anything.
    """
    statement = parse_statement(brought.content)
    if statement.sender not in keys or statement.recipient not in keys:
        raise ProtocolError("wrong-sender", "page: a statement between others")
    signed, _ = verify_known(brought.content, brought.signature, keys[statement.sender], without)
    return signed
