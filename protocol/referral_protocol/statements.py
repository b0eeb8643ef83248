"""A statement: what one member says to another about one referral, signed (SPEC 5).

Law: a statement says nothing of the victim. Its hash, over label and content without the signature,
is the message's name everywhere. What can be checked from its bytes alone is checked here; what
needs the thread is in :mod:`chain`.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from referral_protocol import labels
from referral_protocol.certificates import DAY
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import SUITE, Signer, check_suite, digest, verify
from referral_protocol.wire import Code, Count, Hash, Id, Time, Wire, decode, encode

MAX_STATEMENT: Final = 2048
MAX_ATTACHMENTS: Final = 10
MAX_EXPIRES: Final = 30 * DAY
MAX_ATTACHMENT_SIZE: Final = 64 * 1024 * 1024
"""Largest padded ciphertext of an attachment (50 MiB of content, padded and framed)."""

OPEN: Final = "open"
STATE: Final = "state"
ASK: Final = "ask"
NOTE: Final = "note"
WITHDRAW: Final = "withdraw"
UNREADABLE: Final = "unreadable"
RETURN: Final = "return"

Nonzero = Annotated[int, Meta(ge=1, le=2**53 - 1)]


class Head(Wire, frozen=True):
    """The part of a statement that machines act on. What a kind does not use is nil."""

    thread_kind: Code | None = None
    priority: Code | None = None
    respond_by: Time | None = None
    state: Code | None = None


class Attachment(Wire, frozen=True):
    """Hash and size in bytes of one attachment's ciphertext."""

    hash: Hash
    size: Annotated[int, Meta(ge=1, le=MAX_ATTACHMENT_SIZE)]


class Statement(Wire, frozen=True):
    """The fields of a statement, in their order on the wire."""

    suite: Count
    sender: Id
    recipient: Id
    epoch: Time
    seq: Nonzero
    thread: Hash | None
    previous: Hash | None
    seen: Hash | None
    at: Time
    expires: Time
    kind: Code
    head: Head
    commitment: Hash
    attachments: Annotated[tuple[Attachment, ...], Meta(max_length=MAX_ATTACHMENTS)] = ()


# What a kind must (True) and may (False) have in its head; what is not named must be nil.
HEADS: Final[dict[str, dict[str, bool]]] = {
    OPEN: {"thread_kind": True, "priority": True, "respond_by": True},
    STATE: {"state": True},
    ASK: {"respond_by": False},
    NOTE: {"priority": False, "respond_by": False},
    WITHDRAW: {},
    UNREADABLE: {},
    RETURN: {},
}


class SignedStatement(msgspec.Struct, frozen=True):
    """A statement whose content is well-formed and whose signature was verified or made here.

    Made only by :func:`make_statement` and :func:`verify_statement`.
    """

    content: bytes
    signature: bytes
    statement: Statement
    hash: bytes

    @property
    def thread(self) -> bytes:
        """Hash of the thread's opening statement: its own, if it is the opener."""
        return self.hash if self.statement.thread is None else self.statement.thread


def statement_hash(content: bytes) -> bytes:
    """The name of a message: SHA-256 over label and content, 32 bytes."""
    return digest(labels.STATEMENT, content)


def make_statement(vault: Signer, statement: Statement) -> SignedStatement:
    """Check, encode and sign a statement with the sender's vault key."""
    check_statement(statement)
    content = encode(statement)
    if len(content) > MAX_STATEMENT:
        raise ProtocolError("too-large", f"statement: at most {MAX_STATEMENT} bytes")
    signature = vault.sign(labels.STATEMENT, content)
    return SignedStatement(content, signature, statement, statement_hash(content))


def parse_statement(content: bytes) -> Statement:
    """Parse and check a statement's content; its signature stays to be verified."""
    statement = decode(content, Statement, MAX_STATEMENT, "statement")
    check_statement(statement)
    return statement


def verify_statement(content: bytes, signature: bytes, vault_key: bytes) -> SignedStatement:
    """Parse a statement and verify that this vault key signed it."""
    statement = parse_statement(content)
    verify(vault_key, labels.STATEMENT, content, signature, "statement")
    return SignedStatement(content, signature, statement, statement_hash(content))


def check_statement(statement: Statement) -> None:
    """The rules that a statement's own fields decide, in the order of SPEC 5.2."""
    check_suite(statement.suite, "statement")
    if statement.sender == statement.recipient:
        raise ProtocolError("wrong-value", "statement: sender and recipient are the same")
    _check_thread(statement)
    _check_head(statement)
    if not statement.at < statement.expires <= statement.at + MAX_EXPIRES:
        raise ProtocolError("bad-times", "statement: expires")
    hashes = [a.hash for a in statement.attachments]
    if len(set(hashes)) != len(hashes):
        raise ProtocolError("wrong-value", "statement: the same attachment twice")


def _check_thread(statement: Statement) -> None:
    if statement.kind == OPEN:
        if statement.thread is not None:
            raise ProtocolError("bad-thread", "statement: an opener names no thread")
        if statement.previous is not None or statement.seen is not None:
            raise ProtocolError("bad-thread", "statement: an opener follows nothing")
    elif statement.thread is None:
        raise ProtocolError("bad-thread", f"statement: {statement.kind} without a thread")


def _check_head(statement: Statement) -> None:
    rules = HEADS.get(statement.kind)
    if rules is None:
        return  # an unknown kind is kept and shown as such
    for name in ("thread_kind", "priority", "respond_by", "state"):
        value = getattr(statement.head, name)
        if value is None and rules.get(name) is True:
            raise ProtocolError("wrong-value", f"statement: {statement.kind} needs head.{name}")
        if value is not None and name not in rules:
            raise ProtocolError("wrong-value", f"statement: {statement.kind} has no head.{name}")


__all__ = [
    "SUITE",
    "Attachment",
    "Head",
    "SignedStatement",
    "Statement",
    "check_statement",
    "make_statement",
    "parse_statement",
    "statement_hash",
    "verify_statement",
]
