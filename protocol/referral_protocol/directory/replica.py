"""What a node keeps of the log: all leaves, verified, and the newest checkpoint (DIRECTORY 4).

Law: a checkpoint counts only if it extends what is held, entry by entry, every entry verified. A
refusal changes nothing: :meth:`Replica.extend` gives a new replica and leaves the old one as it
was, so that the caller stores leaves and note in one transaction and then takes the new one.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from referral_protocol.directory.entries import MAX_LEAF
from referral_protocol.directory.notes import (
    CLOCK_AHEAD,
    Checkpoint,
    TreeHead,
    peek_checkpoint,
    peek_time,
    verify_checkpoint,
)
from referral_protocol.directory.state import Directory
from referral_protocol.directory.tree import Tree, leaf_hash
from referral_protocol.errors import ProtocolError

HOUR: Final = 3600 * 1000
DAY: Final = 24 * HOUR
MAX_LOG: Final = 2**22
"""Most entries that a replica takes: four million."""


class Freshness(StrEnum):
    """How old the newest checkpoint is, and what follows from it (DIRECTORY 4)."""

    CURRENT = "current"
    LATE = "late"
    """Over 24 hours: a banner."""
    STALE = "stale"
    """Over 7 days: keys that were never seen before are not used for the first time."""
    LOST = "lost"
    """Over 30 days: a person must confirm."""


class Standing(StrEnum):
    """How somebody else's checkpoint stands to ours; a fork is an error, never a value."""

    SAME = "same"
    BEHIND = "behind"
    AHEAD = "ahead"


def freshness(at: int, now: int) -> Freshness:
    """The tier of a checkpoint of time ``at``."""
    age = now - at
    if age <= DAY:
        return Freshness.CURRENT
    if age <= 7 * DAY:
        return Freshness.LATE
    return Freshness.STALE if age <= 30 * DAY else Freshness.LOST


class Replica:
    """A verified copy of the log. ``checkpoint`` is None only before the first sync."""

    __slots__ = ("checkpoint", "directory", "tree")

    def __init__(self, genesis: bytes, allow_loopback: bool = False) -> None:
        self.directory = Directory(genesis, allow_loopback)
        self.tree = Tree()
        self.checkpoint: Checkpoint | None = None

    @property
    def size(self) -> int:
        """How many entries are held."""
        return self.directory.size

    def extend(self, note: bytes, leaves: Sequence[bytes], now: int) -> "Replica":
        """The replica that this note and these leaves after the held ones lead to.

        ``leaves`` are those from :attr:`size` up to the note's size, in order. Raises
        ``older-checkpoint`` or ``forked-log`` for a checkpoint that does not extend what is held,
        ``bad-checkpoint``, ``bad-signature``, ``missing-signature`` or ``clock`` for one that is
        not this log's now, ``truncated`` or ``trailing`` for too few or too many leaves, and
        the codes of DIRECTORY 3 for an entry that breaks a rule.
        """
        return self._extend(note, leaves, now, True)

    @classmethod
    def restore(
        cls,
        genesis: bytes,
        note: bytes,
        leaves: Sequence[bytes],
        now: int,
        allow_loopback: bool = False,
    ) -> "Replica":
        """Fold again, at start, what this machine verified before it stored it.

        Everything is checked but the arithmetic of the entries' signatures: the log's own
        signature over the root covers them. Nor is the time: it was, by this machine's clock of
        then, and a clock that is behind now must not stop a start.
        """
        at = max(now, peek_time(note))
        return cls(genesis, allow_loopback)._extend(note, leaves, at, False)

    def compare(self, note: bytes, now: int) -> Standing:
        """How a checkpoint that a peer or witness shows stands to ours; ``forked-log`` if apart.

        AHEAD says only that its signature is right: fetch the log, then compare again.
        """
        held = self._held()
        theirs = self._verify(note, now)
        if theirs.size > held.size:
            return Standing.AHEAD
        if self.tree.root(theirs.size) != theirs.root:
            raise ProtocolError("forked-log", "checkpoint: another root of a size that is held")
        return Standing.SAME if theirs.size == held.size else Standing.BEHIND

    def _held(self) -> Checkpoint:
        if self.checkpoint is None:
            raise ProtocolError("bad-checkpoint", "replica: nothing is held yet")
        return self.checkpoint

    def _verify(self, note: bytes, now: int) -> Checkpoint:
        root = self.directory.root_at(now).root
        return verify_checkpoint(note, root.origin, root.log_key, now)

    def _extend(
        self, note: bytes, leaves: Sequence[bytes], now: int, signatures: bool
    ) -> "Replica":
        head = peek_checkpoint(note)
        if self.checkpoint is not None and head.size <= self.size:
            return self._refreshed(note, leaves, now)
        _check_count(head, self.size, leaves)
        tree = self.tree.copy()
        for leaf in leaves:
            tree.append(leaf_hash(leaf))
        if tree.root() != head.root:
            self._refuse(note, now)
        directory = self.directory.copy()
        for number, leaf in enumerate(leaves, self.size):
            directory.apply(leaf, number, signatures=signatures)
        if directory.logged > now + CLOCK_AHEAD:
            raise ProtocolError("clock", "leaf: logged ahead of this clock")
        new = Replica(directory.genesis, directory.allow_loopback)
        new.directory, new.tree = directory, tree
        # Only now is it known which log key acts: the new leaves may hold a new root.
        new.checkpoint = new._verify(note, now)
        return new

    def _refreshed(self, note: bytes, leaves: Sequence[bytes], now: int) -> "Replica":
        held = self._held()
        if self.compare(note, now) is Standing.BEHIND:
            raise ProtocolError("older-checkpoint", "checkpoint: of fewer entries than are held")
        if leaves:
            raise ProtocolError("trailing", "leaves: more than the checkpoint has")
        theirs = self._verify(note, now)
        new = Replica(self.directory.genesis, self.directory.allow_loopback)
        new.directory, new.tree = self.directory, self.tree
        # Of the same time it is the same with more or other cosignatures: the newer fetch counts.
        new.checkpoint = theirs if theirs.at >= held.at else held
        return new

    def _refuse(self, note: bytes, now: int) -> None:
        """Say why leaves and note do not belong together, by what the signature is worth."""
        if self.checkpoint is None:
            raise ProtocolError("bad-checkpoint", "checkpoint: not of these leaves")
        self._verify(note, now)
        raise ProtocolError("forked-log", "checkpoint: not of the leaves held and these")


def _check_count(head: TreeHead, held: int, leaves: Sequence[bytes]) -> None:
    if head.size > MAX_LOG:
        raise ProtocolError("too-large", f"log: at most {MAX_LOG} entries")
    if len(leaves) < head.size - held:
        raise ProtocolError("truncated", "leaves: fewer than the checkpoint has")
    if len(leaves) > head.size - held:
        raise ProtocolError("trailing", "leaves: more than the checkpoint has")
    if head.size == 0:
        raise ProtocolError("bad-checkpoint", "checkpoint: of an empty log")
    if any(len(leaf) > MAX_LEAF for leaf in leaves):
        raise ProtocolError("too-large", f"leaf: at most {MAX_LEAF} bytes")
