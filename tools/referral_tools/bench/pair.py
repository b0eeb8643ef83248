"""Two nodes as two processes of one core each, known to each other through a log made here."""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from referral_protocol.directory.entries import (
    Card,
    Leaf,
    Root,
    entry_hash,
    make_member_entry,
    make_root_entry,
    sign_entry,
)
from referral_protocol.directory.notes import TreeHead, make_checkpoint
from referral_protocol.directory.tree import Tree, leaf_hash
from referral_protocol.keys import member_id
from referral_protocol.suite import SUITE, Signer

ORIGIN = "bench.example.org"


class Process:
    """One node in a process of its own."""

    def __init__(self, core: int, folder: Path) -> None:
        self.vault, self.node = Signer(os.urandom(32)), Signer(os.urandom(32))
        self.id = member_id(self.vault.public)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "referral_tools.bench.office", str(core)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        begun = self.order(
            "begin",
            folder=str(folder),
            vault=_text(self.vault.seed()),
            node=_text(self.node.seed()),
        )
        self.endpoint = f"http://127.0.0.1:{begun['port']}"
        self.bundle = str(begun["bundle"])

    def order(self, do: str, **what: Any) -> dict[str, Any]:
        """Tell it to do something; returns its answer."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the node's process has no pipes")
        self._process.stdin.write(json.dumps({"do": do, **what}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("a node of the benchmark ended; see what it wrote above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def pair(*, deliver: bool) -> Iterator[tuple[Process, Process]]:
    """A sender and a recipient. ``deliver``: the sender's courier runs from the beginning."""
    with tempfile.TemporaryDirectory(prefix="referral-bench-") as place:
        folders = [Path(place) / name for name in ("sender", "recipient")]
        processes: list[Process] = []
        try:
            for core, folder in enumerate(folders):
                folder.mkdir()
                processes.append(Process(core, folder))
            known = _log(processes)
            for number, process in enumerate(processes):
                process.order("know", deliver=deliver or number == 1, **known)
            yield processes[0], processes[1]
        finally:
            for process in processes:
                process.stop()


def _log(processes: list[Process]) -> dict[str, Any]:
    """A log with these members, as the two nodes are to verify it."""
    now = time.time_ns() // 1_000_000
    log, registrar = Signer(os.urandom(32)), Signer(os.urandom(32))
    roots = [Signer(os.urandom(32)) for _ in range(3)]
    root = Root(
        ORIGIN,
        log.public,
        (registrar.public,),
        1,
        tuple(sorted(key.public for key in roots)),
        2,
        (),
        0,
    )
    content = make_root_entry(root, now)
    genesis = entry_hash(content)
    leaves = [Leaf(now, content, sign_entry(content, *roots)).pack()]
    for each in processes:
        card = Card((SUITE,), each.vault.public, each.node.public, each.endpoint, (), ())
        entry = make_member_entry(genesis, each.id, card, now)
        signatures = sign_entry(entry, each.vault, each.node, registrar)
        leaves.append(Leaf(now, entry, signatures).pack())
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf_hash(leaf))
    note = make_checkpoint(TreeHead(ORIGIN, len(leaves), tree.root()), log, now)
    return {
        "genesis": _text(genesis),
        "note": _text(note),
        "leaves": [_text(leaf) for leaf in leaves],
        "bundles": [each.bundle for each in processes],
    }


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
