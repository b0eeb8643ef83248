"""The tree and the notes against Go's own `sumdb/tlog` and `sumdb/note`, both ways.

`go/vectors.jsonl` was made once by `go/compare.go`; where Go and its `x/mod` package are installed
(Debian: golang-go, golang-golang-x-mod-dev), it is made again and compared, and what is made here
is checked there.
"""

import base64
import hashlib
import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from referral_protocol.directory.notes import (
    TreeHead,
    make_checkpoint,
    parse_note,
    sign_note,
    verify_checkpoint,
    verify_note,
)
from referral_protocol.directory.tree import (
    Tree,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import Signer

HERE: Final = Path(__file__).parent / "go"
SEED: Final = "the directory's log"
TREES, NOTES, MOST = 2000, 60, 4096
GOPATH: Final = Path("/usr/share/gocode")  # where Debian keeps Go's packages
NO_GO: Final = shutil.which("go") is None or not (GOPATH / "src/golang.org/x/mod/sumdb").is_dir()
needs_go = pytest.mark.skipif(
    NO_GO, reason="Go is not here: apt install golang-go golang-golang-x-mod-dev"
)
NOW: Final = 1_800_000_000_000


def leaf(seed: str, number: int) -> bytes:
    return hashlib.sha256(f"{seed}/{number}".encode()).digest()[: number % 33]


@cache
def tree_of(seed: str) -> Tree:
    return Tree(leaf_hash(leaf(seed, number)) for number in range(MOST))


def unbase64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def base64s(values: Iterable[bytes]) -> list[str]:
    return [base64.b64encode(value).decode("ascii") for value in values]


def vectors() -> list[dict[str, Any]]:
    lines = (HERE / "vectors.jsonl").read_text("ascii").splitlines()
    return [json.loads(line) for line in lines]


def digest(hashes: list[bytes]) -> bytes:
    return hashlib.sha256(b"".join(hashes)).digest()


def test_trees_and_proofs_are_those_of_go() -> None:
    tree = tree_of(SEED)
    trees = [line["tree"] for line in vectors() if "tree" in line]
    assert len(trees) == TREES
    for given in trees:
        size, index, old = given["size"], given["index"], given["old"]
        root = tree.root(size)
        assert root == unbase64(given["root"]), size
        inclusion, consistency = tree.inclusion(index, size), tree.consistency(old, size)
        assert digest(inclusion) == unbase64(given["inclusion"]), (index, size)
        assert digest(consistency) == unbase64(given["consistency"]), (old, size)
        verify_inclusion(leaf_hash(leaf(SEED, index)), index, size, inclusion, root)
        verify_consistency(old, tree.root(old), size, root, consistency)


def test_notes_are_those_of_go() -> None:
    notes = [line["note"] for line in vectors() if "note" in line]
    assert len(notes) == NOTES
    for given in notes:
        signer, whole = Signer(unbase64(given["seed"])), unbase64(given["note"])
        note = parse_note(whole)
        verify_note(note, given["name"], signer.public)
        line = sign_note(note.text, given["name"], signer)
        assert (note.text + "\n" + line).encode("utf-8") == whole
        with pytest.raises(ProtocolError):
            verify_note(parse_note(whole.replace(b"log", b"lag", 1)), given["name"], signer.public)


# where Go is installed


@pytest.fixture(scope="module")
def compare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built offline from what is on this machine."""
    place = tmp_path_factory.mktemp("go")
    program = place / "compare"
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": str(GOPATH),
        "GOCACHE": str(place / "cache"),
        "GOFLAGS": "",
    }
    subprocess.run(
        ["go", "build", "-o", str(program), str(HERE / "compare.go")],
        env=environment,
        check=True,
        timeout=300,
    )
    return program


def run(program: Path, *arguments: str, given: str = "") -> list[str]:
    done = subprocess.run(
        [str(program), *arguments],
        input=given,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout.splitlines()


@needs_go
def test_go_makes_the_same_vectors_again(compare: Path) -> None:
    made = run(compare, "make", SEED, str(TREES), str(NOTES))
    assert made == (HERE / "vectors.jsonl").read_text("ascii").splitlines()


@needs_go
def test_go_accepts_what_is_made_here_and_refuses_what_was_changed(compare: Path) -> None:
    """Fresh trees, proofs and checkpoints each time; the seed is told if it fails."""
    seed = os.urandom(8).hex()
    chance = random.Random(seed)
    tree, lines, expected = tree_of(seed), [], []
    for number in range(3000):
        given = _tree_line(tree, seed, chance)
        broken = number % 3 == 0 and _break(given, chance)
        lines.append({"tree": given})
        expected.append(not broken)
    for number in range(200):
        signer, name = Signer(chance.randbytes(32)), f"log{number}.example.org"
        head = TreeHead(name, chance.randrange(1, 2**40), chance.randbytes(32))
        note = make_checkpoint(head, signer, NOW)
        verify_checkpoint(note, name, signer.public, NOW)
        if number % 4 == 0:
            note = note.replace(name.encode(), name.replace("log", "lag").encode(), 1)
        whole = {"name": name, "seed": base64s([signer.seed()])[0], "note": base64s([note])[0]}
        lines.append({"note": whole})
        expected.append(number % 4 != 0)
    answers = run(compare, "check", given="\n".join(json.dumps(line) for line in lines) + "\n")
    assert [answer == "ok" for answer in answers] == expected, seed
    assert sum(expected) > 2000
    assert len(expected) - sum(expected) > 500


def _tree_line(tree: Tree, seed: str, chance: random.Random) -> dict[str, Any]:
    size = chance.randrange(1, MOST + 1)
    index, old = chance.randrange(size), chance.randrange(1, size + 1)
    root, old_root, content = base64s([tree.root(size), tree.root(old), leaf(seed, index)])
    return {
        "size": size,
        "root": root,
        "index": index,
        "leaf": content,
        "old": old,
        "old_root": old_root,
        "includes": base64s(tree.inclusion(index, size)),
        "extends": base64s(tree.consistency(old, size)),
    }


def _break(given: dict[str, Any], chance: random.Random) -> bool:
    """Change one bit of a proof, or leave out one of its hashes; False if it has none."""
    name = chance.choice(["includes", "extends"])
    if not given[name]:
        return False
    place = chance.randrange(len(given[name]))
    if chance.random() < 0.5:
        del given[name][place]
    else:
        changed = bytearray(unbase64(given[name][place]))
        changed[chance.randrange(32)] ^= 1 << chance.randrange(8)
        given[name][place] = base64s([bytes(changed)])[0]
    return True
