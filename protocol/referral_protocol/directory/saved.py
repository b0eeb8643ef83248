"""A whole log in one file, for anybody to check offline: the checkpoint and all leaves.

The file is the line :data:`BEGINS`, the checkpoint's length as u32 big-endian, the checkpoint, then
each leaf after its length as u16 big-endian, to the end of the file.

Law: reading a file proves nothing. What it holds is checked as a node checks what a directory
sends: the checkpoint's signatures, the root over all leaves, every entry in its order.
"""

from typing import Final

from referral_protocol.directory.entries import MAX_LEAF, entry_hash, parse_leaf
from referral_protocol.directory.notes import MAX_NOTE
from referral_protocol.directory.replica import Replica
from referral_protocol.errors import ProtocolError

BEGINS: Final = b"referral-exchange/1 saved log\n"
MAX_SAVED: Final = 512 * 1024 * 1024
"""Most bytes of a saved log that are read."""


def saved_head(note: bytes) -> bytes:
    """What comes before the leaves."""
    return BEGINS + len(note).to_bytes(4, "big") + note


def parse_saved(data: bytes) -> tuple[bytes, list[bytes]]:
    """Checkpoint and leaves of a saved log, unverified; ``truncated``, ``too-large``."""
    if len(data) > MAX_SAVED:
        raise ProtocolError("too-large", f"saved log: at most {MAX_SAVED} bytes")
    if not data.startswith(BEGINS):
        raise ProtocolError("wrong-value", "saved log: the first line")
    start = len(BEGINS) + 4
    end = start + int.from_bytes(data[len(BEGINS) : start], "big")
    if end - start > MAX_NOTE:
        raise ProtocolError("too-large", f"note: at most {MAX_NOTE} bytes")
    if end > len(data):
        raise ProtocolError("truncated", "saved log: checkpoint")
    note, leaves, place = data[start:end], [], end
    while place < len(data):
        start = place + 2
        place = start + int.from_bytes(data[place:start], "big")
        if start > len(data) or place > len(data):
            raise ProtocolError("truncated", "saved log: a leaf")
        if place - start > MAX_LEAF:
            raise ProtocolError("too-large", f"leaf: at most {MAX_LEAF} bytes")
        leaves.append(data[start:place])
    return note, leaves


def verify_saved(
    data: bytes, now: int, genesis: bytes | None = None, *, allow_loopback: bool = False
) -> Replica:
    """The replica that a saved log makes, every entry and signature checked as a node does.

    Without ``genesis`` the file's own entry 0 is taken, whose anchor somebody then has to compare.
    """
    note, leaves = parse_saved(data)
    if not leaves:
        raise ProtocolError("truncated", "saved log: no entries")
    own = entry_hash(parse_leaf(leaves[0]).content)
    empty = Replica(own if genesis is None else genesis, allow_loopback)
    return empty.extend(note, leaves, now)
