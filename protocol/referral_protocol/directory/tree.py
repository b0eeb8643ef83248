"""The Merkle tree of RFC 6962 section 2.1 (the same in RFC 9162), and its proofs.

Law: a leaf hash and a node hash never collide, since each has a prefix byte of its own; the tree of
no leaves hashes to SHA-256 of nothing. A verifier here accepts a proof only if every hash in it was
used and has 32 bytes; consistency is never claimed from size 0, which would prove nothing.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from referral_protocol.errors import ProtocolError

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
MAX_PROOF: Final = 63
"""Most hashes of a proof: sizes on the wire stay below 2^53, and both sides of the path count."""


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 || leaf), 32 bytes."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right), 32 bytes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """All hashes of a growing tree: roots and proofs at any size up to the present one.

    ``_levels[k][i]`` is the hash of the complete subtree of 2^k leaves that begins at leaf i*2^k,
    so n leaves cost 2n hashes and an append about two.
    """

    __slots__ = ("_levels",)

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        for hashed in leaf_hashes:
            self.append(hashed)

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0])

    def copy(self) -> "Tree":
        """A tree of its own with the same leaves; costs pointers, no hashing."""
        other = Tree()
        other._levels = [list(level) for level in self._levels]
        return other

    def append(self, leaf: bytes) -> None:
        """Add a leaf by its hash (:func:`leaf_hash`)."""
        _check_hash(leaf)
        self._levels[0].append(leaf)
        level = 0
        while len(self._levels[level]) % 2 == 0:
            if level + 1 == len(self._levels):
                self._levels.append([])
            left, right = self._levels[level][-2:]
            self._levels[level + 1].append(node_hash(left, right))
            level += 1

    def root(self, size: int | None = None) -> bytes:
        """Root of the first ``size`` leaves (all of them, if not given)."""
        count = self.size if size is None else size
        if not 0 <= count <= self.size:
            raise ValueError("a root of more leaves than there are")
        return self._range(0, count) if count else EMPTY_ROOT

    def hashes(self, level: int, start: int, count: int) -> list[bytes]:
        """``count`` hashes of complete subtrees of 2^level leaves, from the ``start``-th one."""
        row = self._levels[level] if level < len(self._levels) else []
        if start < 0 or count < 0 or start + count > len(row):
            raise ValueError("hashes of subtrees that are not complete yet")
        return row[start : start + count]

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Proof that leaf ``index`` is in the tree of ``size``: RFC 6962 2.1.1."""
        if not 0 <= index < size <= self.size:
            raise ValueError("inclusion of a leaf outside the tree")
        low, high, path = 0, size, []
        while high - low > 1:
            middle = low + _split(high - low)
            if index < middle:
                path.append(self._range(middle, high))
                high = middle
            else:
                path.append(self._range(low, middle))
                low = middle
        return path[::-1]

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Proof that the tree of ``new`` leaves extends the one of ``old``: RFC 6962 2.1.2."""
        if not 1 <= old <= new <= self.size:
            raise ValueError("consistency from nothing, or of a tree that is not there")
        low, high, path, whole = 0, new, [], True
        while high != old:
            middle = low + _split(high - low)
            if old <= middle:
                path.append(self._range(middle, high))
                high = middle
            else:
                path.append(self._range(low, middle))
                low, whole = middle, False
        if not whole:
            # The old root itself is known to the verifier; any other node of it is not.
            path.append(self._range(low, high))
        return path[::-1]

    def _range(self, low: int, high: int) -> bytes:
        """Hash of the leaves from ``low`` to ``high``; ``low`` begins a subtree that holds them."""
        count = high - low
        if count & (count - 1) == 0:
            level = count.bit_length() - 1
            return self._levels[level][low >> level]
        middle = low + _split(count)
        return node_hash(self._range(low, middle), self._range(middle, high))


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """Root of a tree given by its leaf hashes."""
    return Tree(leaf_hashes).root()


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that the leaf with this hash is number ``index`` of the tree; ``bad-proof`` if not.

    RFC 9162 2.1.3.2.
    """
    _check_hashes(leaf, root, *proof[: MAX_PROOF + 1])
    if not 0 <= index < size or len(proof) > MAX_PROOF:
        raise ProtocolError("bad-proof", "inclusion: the index is outside the tree")
    place, last, hashed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProtocolError("bad-proof", "inclusion: more hashes than the tree is high")
        if place & 1 or place == last:
            hashed = node_hash(sibling, hashed)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            hashed = node_hash(hashed, sibling)
        place, last = place >> 1, last >> 1
    if last or hashed != root:
        raise ProtocolError("bad-proof", "inclusion: does not lead to the root")


def verify_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the newer tree extends the older one; ``bad-proof`` if not.

    RFC 9162 2.1.4.2.
    """
    _check_hashes(old_root, new_root, *proof[: MAX_PROOF + 1])
    if not 1 <= old_size <= new_size or len(proof) > MAX_PROOF:
        raise ProtocolError("bad-proof", "consistency: from size 0 or to a smaller tree")
    if old_size == new_size:
        if proof or old_root != new_root:
            raise ProtocolError("bad-proof", "consistency: two roots of one size")
        return
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)  # the old tree is one whole subtree: its root begins the path
    if not path:
        raise ProtocolError("bad-proof", "consistency: no hashes")
    place, last = old_size - 1, new_size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProtocolError("bad-proof", "consistency: more hashes than the tree is high")
        if place & 1 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        place, last = place >> 1, last >> 1
    if last or old != old_root or new != new_root:
        raise ProtocolError("bad-proof", "consistency: does not lead to both roots")


def _split(count: int) -> int:
    """The largest power of two smaller than ``count`` (at least 2)."""
    return 1 << ((count - 1).bit_length() - 1)


def _check_hash(value: bytes) -> None:
    if len(value) != HASH_SIZE:
        raise ProtocolError("bad-proof", "a hash has 32 bytes")


def _check_hashes(*values: bytes) -> None:
    for value in values:
        _check_hash(value)
