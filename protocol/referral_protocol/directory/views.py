"""How a checkpoint that somebody shows stands to ours, and which log keys speak (DIRECTORY 7.1).

Law: a checkpoint says something only through the signature of a log key that the verified log
itself names, at a time at which that key spoke. Whoever shows it adds nothing to it and takes
nothing away. Two checkpoints that cannot both be true are never smoothed over: that is FORKED.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from referral_protocol.directory.notes import Checkpoint, verify_checkpoint
from referral_protocol.directory.replica import Replica
from referral_protocol.directory.state import LOG_KEY_LASTS, Directory
from referral_protocol.directory.tree import Tree
from referral_protocol.errors import ProtocolError

AT_ONCE: Final = 4096
"""Leaf hashes compared in one go."""


class View(StrEnum):
    """How a checkpoint that was shown stands to what is held."""

    SAME = "same"
    BEHIND = "behind"
    AHEAD = "ahead"
    """Its signature is right; only the log itself can show whether it extends ours."""
    FORKED = "forked"


class LogKey(NamedTuple):
    """A key that signs checkpoints, until ``until`` (ms UTC), or with no end yet."""

    key: bytes
    until: int | None


def speaking_keys(directory: Directory) -> list[LogKey]:
    """All log keys that the roots have named, the newest first."""
    found: list[LogKey] = []
    until: int | None = None
    last: bytes | None = None
    for version in reversed(directory.roots):
        key = version.root.log_key
        if key != last:
            found.append(LogKey(key, until))
            last = key
        until = version.acts_from + LOG_KEY_LASTS
    return found


def verify_shown(note: bytes, directory: Directory, now: int) -> Checkpoint:
    """Check a checkpoint of this log that anybody shows.

    Raises ``missing-signature`` if no key of the log signed it, ``wrong-key`` if one did whose time
    was over, ``clock`` for one of the future, ``bad-signature`` and ``bad-checkpoint``.
    """
    if not directory.roots:
        raise ProtocolError("bad-checkpoint", "checkpoint: nothing is held yet")
    origin = directory.roots[0].root.origin
    refused = ProtocolError("missing-signature", "checkpoint: of no log key that is known")
    for key in speaking_keys(directory):
        try:
            found = verify_checkpoint(note, origin, key.key, now)
        except ProtocolError as refusal:
            if refusal.code != "missing-signature":
                raise
            continue
        if found.size == 0:
            raise ProtocolError("bad-checkpoint", "checkpoint: of an empty log")
        if key.until is None or found.at <= key.until:
            return found
        refused = ProtocolError("wrong-key", "checkpoint: by a log key whose time was over")
    raise refused


def judge(replica: Replica, note: bytes, now: int) -> tuple[View, Checkpoint]:
    """How a shown checkpoint stands to the replica, and what it says. Changes nothing."""
    theirs = verify_shown(note, replica.directory, now)
    if theirs.size > replica.size:
        return View.AHEAD, theirs
    if replica.tree.root(theirs.size) != theirs.root:
        return View.FORKED, theirs
    return (View.SAME if theirs.size == replica.size else View.BEHIND), theirs


def common(ours: Tree, theirs: Tree) -> int:
    """How many leaves two trees have alike, from the first on: where the log forked."""
    least = min(ours.size, theirs.size)
    for start in range(0, least, AT_ONCE):
        count = min(AT_ONCE, least - start)
        one, other = ours.hashes(0, start, count), theirs.hashes(0, start, count)
        if one != other:
            return start + next(n for n in range(count) if one[n] != other[n])
    return least
