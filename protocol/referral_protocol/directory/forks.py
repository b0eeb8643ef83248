"""Fork proofs: two checkpoints of one log that cannot both be true, for anybody to check offline.

Law: a proof stands on the signatures of the log's own keys and on arithmetic, never on the word of
whoever made or brought it. The anchor on paper says which log it is about; the root entries lead
from it to the log keys. What cannot be proved so is not a fork proof (DIRECTORY 7.2).
"""

from collections.abc import Sequence
from typing import Annotated, Final, NamedTuple

from msgspec import Meta

from referral_protocol.directory.entries import (
    MAX_LEAF,
    ROOT,
    entry_hash,
    parse_entry,
    parse_leaf,
)
from referral_protocol.directory.notes import MAX_NOTE, Checkpoint
from referral_protocol.directory.replica import Replica
from referral_protocol.directory.state import Directory
from referral_protocol.directory.tree import MAX_PROOF, Tree, verify_consistency
from referral_protocol.directory.views import verify_shown
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import SUITE, check_suite
from referral_protocol.wire import Code, Count, Hash, Id, Time, Wire, decode, encode

KIND: Final = "fork-proof"
SUFFIX: Final = ".fork"
"""How the name of a file with one ends."""
MAX_ROOTS: Final = 64
MAX_FORK_PROOF: Final = 2 * 1024 * 1024
BEGINS: Final = b"\x99\xaa" + KIND.encode("ascii")
"""The first bytes of every proof: an array of nine, the first one its kind."""

Note = Annotated[str, Meta(min_length=1, max_length=MAX_NOTE)]
LeafBytes = Annotated[bytes, Meta(min_length=1, max_length=MAX_LEAF)]


class ForkProof(Wire, frozen=True):
    """The proof as it travels. ``first`` is of no more entries than ``second``; ``prefix`` is the
    root that the first so many entries of ``second``'s tree have, and ``path`` shows it.

    ``shown_by``: the member that showed the one that was new to the maker; nil: the directory.
    Neither that nor ``at`` is proved by anything.
    """

    kind: Code
    suite: Count
    roots: Annotated[tuple[LeafBytes, ...], Meta(min_length=1, max_length=MAX_ROOTS)]
    first: Note
    second: Note
    prefix: Hash
    path: Annotated[tuple[Hash, ...], Meta(max_length=MAX_PROOF)]
    shown_by: Id | None
    at: Time


class Fork(NamedTuple):
    """What a proof proves: this log's keys signed both checkpoints, and they contradict."""

    genesis: bytes
    first: Checkpoint
    second: Checkpoint
    shown_by: bytes | None
    at: int


def root_leaves(leaves: Sequence[bytes]) -> list[bytes]:
    """The leaves of a log that are root entries."""
    marked = [leaf for leaf in leaves if b"\xa4root" in leaf]  # most need no parsing
    return [leaf for leaf in marked if parse_entry(parse_leaf(leaf).content).kind == ROOT]


def make_fork_proof(
    replica: Replica,
    roots: Sequence[bytes],
    theirs: Checkpoint,
    tree: Tree | None,
    shown_by: bytes | None,
    now: int,
) -> bytes:
    """The proof that ``theirs`` and the replica's own checkpoint cannot both be true.

    ``tree`` is that of ``theirs``, and needed only if it has more entries than the replica.
    """
    ours = replica.checkpoint
    if ours is None:
        raise ValueError("a replica without a checkpoint proves nothing")
    first, second, of = theirs, ours, replica.tree
    if theirs.size > ours.size:
        if tree is None or tree.size < theirs.size:
            raise ValueError("the tree of the larger checkpoint is needed")
        first, second, of = ours, theirs, tree
    path = of.consistency(first.size, second.size)
    proof = ForkProof(
        KIND,
        SUITE,
        tuple(roots),
        first.note.decode("utf-8"),
        second.note.decode("utf-8"),
        of.root(first.size),
        tuple(path),
        shown_by,
        now,
    )
    return encode(proof)


def verify_fork_proof(data: bytes, now: int, genesis: bytes | None = None) -> Fork:
    """Check a proof offline; ``genesis`` is what the anchor on paper says, if it is at hand.

    Raises the codes of DIRECTORY 3 for a root entry, those of a checkpoint for a note, and
    ``bad-proof`` if the two notes can both be true or the path does not lead where it must.
    """
    proof = decode(data, ForkProof, MAX_FORK_PROOF, "fork proof")
    if proof.kind != KIND:
        raise ProtocolError("wrong-value", "fork proof: kind")
    check_suite(proof.suite, "fork proof")
    directory = _roots(proof.roots, genesis)
    first = verify_shown(proof.first.encode("utf-8"), directory, now)
    second = verify_shown(proof.second.encode("utf-8"), directory, now)
    if first.size == second.size:
        if proof.path or proof.prefix != second.root:
            raise ProtocolError("bad-proof", "fork proof: a path between trees of one size")
    else:
        verify_consistency(first.size, proof.prefix, second.size, second.root, proof.path)
    if proof.prefix == first.root:
        raise ProtocolError("bad-proof", "fork proof: both checkpoints can be true")
    return Fork(directory.genesis, first, second, proof.shown_by, proof.at)


def _roots(leaves: Sequence[bytes], genesis: bytes | None) -> Directory:
    """The root entries alone, folded: each is signed by the thresholds of the one before it."""
    first = entry_hash(parse_leaf(leaves[0]).content)
    directory = Directory(first if genesis is None else genesis)
    for number, leaf in enumerate(leaves):
        if parse_entry(parse_leaf(leaf).content).kind != ROOT:
            raise ProtocolError("wrong-value", "fork proof: an entry that is no root")
        directory.apply(leaf, number)
    return directory
