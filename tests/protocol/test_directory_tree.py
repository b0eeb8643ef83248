"""The Merkle tree against the values that Certificate Transparency's own tests use, and against a
second way of computing everything, straight from RFC 6962's definitions."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_protocol.directory.tree import (
    EMPTY_ROOT,
    Tree,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from referral_protocol.errors import ProtocolError

# The reference leaves, roots and proofs of Certificate Transparency's tests (google/
# certificate-transparency, merkletree tests; the same in transparency-dev/merkle, testonly).
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    bytes.fromhex(text)
    for text in (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
INCLUSION = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}
CONSISTENCY = {
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
    (2, 8): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}


def reference_tree() -> Tree:
    return Tree(leaf_hash(leaf) for leaf in LEAVES)


def plain_root(hashes: list[bytes]) -> bytes:
    """RFC 6962 2.1, word for word and without any memory of earlier work."""
    if not hashes:
        return hashlib.sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    left, right = plain_root(hashes[:split]), plain_root(hashes[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def some_hashes(count: int) -> list[bytes]:
    return [leaf_hash(i.to_bytes(4, "big")) for i in range(count)]


@pytest.mark.parametrize("size", range(9))
def test_reference_roots(size: int) -> None:
    assert reference_tree().root(size) == ROOTS[size]
    assert root_of(leaf_hash(leaf) for leaf in LEAVES[:size]) == ROOTS[size]


def test_root_of_nothing_is_sha256_of_nothing() -> None:
    assert ROOTS[0] == EMPTY_ROOT
    assert Tree().root() == ROOTS[0]


@pytest.mark.parametrize("case", INCLUSION)
def test_reference_inclusion(case: tuple[int, int]) -> None:
    index, size = case
    proof = [bytes.fromhex(text) for text in INCLUSION[case]]
    assert reference_tree().inclusion(index, size) == proof
    verify_inclusion(leaf_hash(LEAVES[index]), index, size, proof, ROOTS[size])


@pytest.mark.parametrize("case", CONSISTENCY)
def test_reference_consistency(case: tuple[int, int]) -> None:
    old, new = case
    proof = [bytes.fromhex(text) for text in CONSISTENCY[case]]
    assert reference_tree().consistency(old, new) == proof
    verify_consistency(old, ROOTS[old], new, ROOTS[new], proof)


def test_every_root_and_proof_up_to_seventy() -> None:
    hashes = some_hashes(70)
    tree = Tree(hashes)
    roots = [plain_root(hashes[:size]) for size in range(71)]
    for size in range(71):
        assert tree.root(size) == roots[size]
        for index in range(size):
            verify_inclusion(hashes[index], index, size, tree.inclusion(index, size), roots[size])
        for old in range(1, size + 1):
            proof = tree.consistency(old, size)
            verify_consistency(old, roots[old], size, roots[size], proof)


@given(st.integers(1, 300), st.data())
def test_wrong_inclusion_is_refused(size: int, data: st.DataObject) -> None:
    hashes = some_hashes(size)
    tree = Tree(hashes)
    index = data.draw(st.integers(0, size - 1))
    proof = tree.inclusion(index, size)
    other = data.draw(st.integers(0, size - 1).filter(lambda i: i != index) | st.just(size))
    with pytest.raises(ProtocolError, match="bad-proof"):
        verify_inclusion(hashes[index], other, size, proof, tree.root())
    with pytest.raises(ProtocolError, match="bad-proof"):
        verify_inclusion(leaf_hash(b"another"), index, size, proof, tree.root())
    with pytest.raises(ProtocolError, match="bad-proof"):
        verify_inclusion(hashes[index], index, size, [*proof, bytes(32)], tree.root())
    if proof:
        with pytest.raises(ProtocolError, match="bad-proof"):
            verify_inclusion(hashes[index], index, size, proof[:-1], tree.root())
        place = data.draw(st.integers(0, len(proof) - 1))
        changed = [*proof]
        changed[place] = bytes([proof[place][0] ^ 1]) + proof[place][1:]
        with pytest.raises(ProtocolError, match="bad-proof"):
            verify_inclusion(hashes[index], index, size, changed, tree.root())


@given(st.integers(2, 300), st.data())
def test_wrong_consistency_is_refused(new: int, data: st.DataObject) -> None:
    tree = Tree(some_hashes(new))
    old = data.draw(st.integers(1, new - 1))
    proof = tree.consistency(old, new)
    verify_consistency(old, tree.root(old), new, tree.root(), proof)
    other = node_hash(tree.root(old), tree.root())
    for old_root, new_root, path in (
        (other, tree.root(), proof),
        (tree.root(old), other, proof),
        (tree.root(old), tree.root(), [*proof, bytes(32)]),
        (tree.root(old), tree.root(), proof[:-1]),
        (tree.root(old), tree.root(), [*proof[:-1], other]),
    ):
        with pytest.raises(ProtocolError, match="bad-proof"):
            verify_consistency(old, old_root, new, new_root, path)


@given(st.integers(1, 200), st.integers(1, 200))
def test_two_histories_have_no_consistency(old: int, more: int) -> None:
    """A log that replaced one leaf cannot prove that it extends the other."""
    honest = some_hashes(old)
    forged = [*honest[:-1], leaf_hash(b"replaced"), *some_hashes(more)]
    tree = Tree(forged)
    with pytest.raises(ProtocolError, match="bad-proof"):
        verify_consistency(
            old, plain_root(honest), len(forged), tree.root(), tree.consistency(old, len(forged))
        )


def test_consistency_from_nothing_is_refused() -> None:
    tree = reference_tree()
    with pytest.raises(ProtocolError, match="bad-proof"):
        verify_consistency(0, EMPTY_ROOT, 8, tree.root(), [])
    with pytest.raises(ValueError, match="consistency from nothing"):
        tree.consistency(0, 8)


def test_equal_sizes_need_equal_roots_and_no_proof() -> None:
    verify_consistency(8, ROOTS[8], 8, ROOTS[8], [])
    for root, proof in ((ROOTS[7], []), (ROOTS[8], [bytes(32)])):
        with pytest.raises(ProtocolError, match="bad-proof"):
            verify_consistency(8, ROOTS[8], 8, root, proof)


def test_smaller_than_before_is_refused() -> None:
    with pytest.raises(ProtocolError, match="bad-proof"):
        verify_consistency(8, ROOTS[8], 6, ROOTS[6], [])


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_hashes_have_thirty_two_bytes(length: int) -> None:
    """Sixty-four bytes in the place of a hash would let a node pass for its two children."""
    tree = reference_tree()
    proof = tree.inclusion(5, 8)
    wrong = bytes(length)
    with pytest.raises(ProtocolError, match="bad-proof"):
        verify_inclusion(leaf_hash(LEAVES[5]), 5, 8, [wrong, *proof[1:]], ROOTS[8])
    with pytest.raises(ProtocolError, match="bad-proof"):
        verify_inclusion(wrong, 5, 8, proof, ROOTS[8])
    with pytest.raises(ProtocolError, match="bad-proof"):
        verify_consistency(6, ROOTS[6], 8, wrong, tree.consistency(6, 8))
    with pytest.raises(ProtocolError, match="bad-proof"):
        tree.append(wrong)


def test_a_copy_grows_alone() -> None:
    tree = reference_tree()
    other = tree.copy()
    other.append(leaf_hash(b"more"))
    assert (tree.size, other.size) == (8, 9)
    assert tree.root() == ROOTS[8]
    assert other.root() == plain_root([*(leaf_hash(x) for x in LEAVES), leaf_hash(b"more")])


def test_hashes_of_whole_subtrees() -> None:
    tree = reference_tree()
    assert tree.hashes(3, 0, 1) == [ROOTS[8]]
    assert tree.hashes(0, 1, 2) == [leaf_hash(LEAVES[1]), leaf_hash(LEAVES[2])]
    for level, start, count in ((3, 1, 1), (9, 0, 1), (0, 8, 1), (0, -1, 1)):
        with pytest.raises(ValueError, match="not complete"):
            tree.hashes(level, start, count)
