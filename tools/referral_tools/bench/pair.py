"""Two nodes as two processes of one core each, known to each other through a log made here."""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from referral_protocol.keys import member_id
from referral_protocol.suite import Signer
from referral_tools.bench.members import Listed, make_log


@dataclass(frozen=True)
class Place:
    """Where a node lies and who it is: the same again finds the same node."""

    folder: Path
    vault: Signer = field(default_factory=lambda: Signer(os.urandom(32)))
    node: Signer = field(default_factory=lambda: Signer(os.urandom(32)))

    @property
    def id(self) -> bytes:
        return member_id(self.vault.public)


class Process:
    """One node in a process of its own."""

    def __init__(self, core: int, place: Place) -> None:
        self.place, self.id = place, place.id
        self._process = subprocess.Popen(
            [sys.executable, "-m", "referral_tools.bench.office", str(core)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        begun = self.order(
            "begin",
            folder=str(place.folder),
            vault=_text(place.vault.seed()),
            node=_text(place.node.seed()),
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

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


@contextmanager
def pair(*, deliver: bool) -> Iterator[tuple[Process, Process]]:
    """A new sender and recipient. ``deliver``: the sender's courier runs from the beginning."""
    with tempfile.TemporaryDirectory(prefix="referral-bench-") as place:
        folders = [Path(place) / name for name in ("sender", "recipient")]
        for folder in folders:
            folder.mkdir()
        with running([Place(folder) for folder in folders], deliver=deliver) as both:
            yield both


@contextmanager
def running(places: Sequence[Place], *, deliver: bool) -> Iterator[tuple[Process, Process]]:
    """The same where the two lie already, with all that is stored there."""
    processes: list[Process] = []
    try:
        for core, place in enumerate(places):
            processes.append(Process(core, place))
        known = _log(processes)
        for number, process in enumerate(processes):
            process.order("know", deliver=deliver or number == 1, **known)
        yield processes[0], processes[1]
    finally:
        for process in processes:
            process.stop()


def _log(processes: list[Process]) -> dict[str, Any]:
    """A log with these members, as the two nodes are to verify it."""
    listed = [Listed(each.endpoint, each.place.vault, each.place.node) for each in processes]
    log = make_log(listed, time.time_ns() // 1_000_000)
    return {
        "genesis": _text(log.genesis),
        "note": _text(log.note),
        "leaves": [_text(leaf) for leaf in log.leaves],
        "bundles": [each.bundle for each in processes],
    }


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
