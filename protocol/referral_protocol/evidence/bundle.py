"""Evidence bundles: one thread's statements and receipts, with what proves whose keys they bear.

A bundle is one file that anybody can check who has nothing but the file and, on paper, the anchor
of the directory. It says nothing of a case, unless a keyholder has added contents on purpose.

Law: nothing in a bundle is believed that is not signed. Who made it, and when, is a claim. What the
log, its anchor or its proofs do not bear out refuses the whole bundle; a statement, receipt or
content that does not hold is reported as a problem and counts for nothing else. A bundle can leave
things out: it proves what was said, never that nothing else was.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Final

from msgspec import Meta

from referral_protocol.bodies import MAX_CONTENT, check_content
from referral_protocol.certificates import MAX_CERTIFICATE
from referral_protocol.directory.entries import MAX_LEAF, ROOT, parse_entry, parse_leaf
from referral_protocol.directory.notes import MAX_NOTE
from referral_protocol.directory.tree import HASH_SIZE, MAX_PROOF, Tree
from referral_protocol.errors import ProtocolError
from referral_protocol.receipts import MAX_RECEIPT
from referral_protocol.statements import MAX_STATEMENT, SignedStatement
from referral_protocol.suite import SUITE, check_suite
from referral_protocol.wire import Count, Hash, Id, Signature, Time, Wire, decode, encode

FORM: Final = "referral-exchange evidence"
MAX_EVIDENCE: Final = 32 * 1024 * 1024
MAX_ENTRIES: Final = 1024
MAX_STATEMENTS: Final = 1024
MAX_RECEIPTS: Final = 1024


class LogEntry(Wire, frozen=True):
    """A leaf of the log, its number, and the hashes that lead from it to the checkpoint's root.

    The hashes stand joined in one field, so that a bundle of many entries stays within the number
    of values that any structure may have.
    """

    index: Count
    leaf: Annotated[bytes, Meta(min_length=1, max_length=MAX_LEAF)]
    proof: Annotated[bytes, Meta(max_length=MAX_PROOF * HASH_SIZE)]

    def path(self) -> list[bytes]:
        """The hashes of the proof; a last one that is too short is no hash."""
        return [self.proof[i : i + HASH_SIZE] for i in range(0, len(self.proof), HASH_SIZE)]


class Stated(Wire, frozen=True):
    """A statement's content, with its signature by the sender's vault key."""

    content: Annotated[bytes, Meta(min_length=1, max_length=MAX_STATEMENT)]
    signature: Signature


class Given(Wire, frozen=True):
    """A receipt's content and signature, with the certificate of the node key that made it."""

    content: Annotated[bytes, Meta(min_length=1, max_length=MAX_RECEIPT)]
    signature: Signature
    certificate: Annotated[bytes, Meta(min_length=1, max_length=MAX_CERTIFICATE)]


class Disclosed(Wire, frozen=True):
    """What a statement committed to: only in a bundle whose maker wanted it there."""

    statement: Hash
    salt: Hash
    content: Annotated[bytes, Meta(max_length=MAX_CONTENT)]

    def check(self, signed: SignedStatement) -> None:
        """``wrong-commitment`` unless the signed statement committed to this content."""
        check_content(self.salt, self.content, signed.statement.commitment)


class EvidenceBundle(Wire, frozen=True):
    """The file. ``entries``: entry 0, every root, and all entries of both members, by index."""

    form: Annotated[str, Meta(max_length=32)]
    suite: Count
    made_at: Time
    made_by: Id
    thread: Hash
    checkpoint: Annotated[str, Meta(min_length=1, max_length=MAX_NOTE)]
    entries: Annotated[tuple[LogEntry, ...], Meta(min_length=1, max_length=MAX_ENTRIES)]
    statements: Annotated[tuple[Stated, ...], Meta(min_length=1, max_length=MAX_STATEMENTS)]
    receipts: Annotated[tuple[Given, ...], Meta(max_length=MAX_RECEIPTS)]
    contents: Annotated[tuple[Disclosed, ...], Meta(max_length=MAX_STATEMENTS)]

    def pack(self) -> bytes:
        """The bytes of the file."""
        return encode(self)


def parse_evidence(data: bytes) -> EvidenceBundle:
    """Parse a bundle; nothing in it is verified yet."""
    bundle = decode(data, EvidenceBundle, MAX_EVIDENCE, "evidence")
    if bundle.form != FORM:
        raise ProtocolError("wrong-value", "evidence: form")
    check_suite(bundle.suite, "evidence")
    return bundle


def log_entries(leaves: Iterable[bytes], tree: Tree, members: set[bytes]) -> tuple[LogEntry, ...]:
    """The entries that a bundle about these members needs, proved in the tree of all ``leaves``."""
    needed = []
    for index, leaf in enumerate(leaves):
        entry = parse_entry(parse_leaf(leaf).content)
        if entry.kind == ROOT or entry.member in members:
            needed.append(LogEntry(index, leaf, b"".join(tree.inclusion(index, tree.size))))
    return tuple(needed)


def make_evidence(
    *,
    made_by: bytes,
    now: int,
    checkpoint: bytes,
    entries: tuple[LogEntry, ...],
    statements: Sequence[SignedStatement],
    receipts: Sequence[Given],
    contents: Sequence[Disclosed] = (),
) -> bytes:
    """The file for one thread: ``statements`` of both sides in any order, the opener among them.

    ``checkpoint`` is the log's note whose tree ``entries`` are proved in.
    """
    threads = {signed.thread for signed in statements}
    if len(threads) != 1:
        raise ProtocolError("bad-thread", "evidence: statements of one thread")
    ordered = sorted(statements, key=lambda s: (s.statement.at, s.hash))
    bundle = EvidenceBundle(
        FORM,
        SUITE,
        now,
        made_by,
        threads.pop(),
        checkpoint.decode("utf-8"),
        entries,
        tuple(Stated(s.content, s.signature) for s in ordered),
        tuple(receipts),
        tuple(contents),
    )
    data = bundle.pack()
    parse_evidence(data)  # what we make passes what others check, limits included
    return data


__all__ = [
    "FORM",
    "MAX_EVIDENCE",
    "Disclosed",
    "EvidenceBundle",
    "Given",
    "LogEntry",
    "Stated",
    "log_entries",
    "make_evidence",
    "parse_evidence",
]
