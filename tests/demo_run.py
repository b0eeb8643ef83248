"""The demo as somebody runs it at a terminal: what it said, and whether anything is left of it."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from referral_tools.demo.cast import PLAYERS
from referral_tools.demo.place import Place
from referral_tools.demo.ports import Ports

DEMO = [sys.executable, "-P", "-m", "referral_tools", "demo"]


class Run:
    """One run of `referral demo`; what it says goes into the file ``out``."""

    def __init__(self, out: Path, *arguments: str | Path) -> None:
        self._out = out
        with out.open("wb") as file:
            self.child = subprocess.Popen(
                [*DEMO, *map(str, arguments)], stdout=file, stderr=subprocess.STDOUT
            )

    def said(self) -> str:
        return self._out.read_text("utf-8")

    async def until(self, words: str, within: float = 90) -> str:
        """Wait until it has said this."""
        async with asyncio.timeout(within):
            while words not in self.said():
                assert self.child.poll() is None, self.said()
                await asyncio.sleep(0.05)
        return self.said()

    async def end(self, number: signal.Signals | None = None, within: float = 120) -> int:
        """Its exit status, once it has ended; ``number`` is sent to it first."""
        if number is not None:
            self.child.send_signal(number)
        return await asyncio.wait_for(asyncio.to_thread(self.child.wait), within)


def pids(state: Path) -> dict[str, int]:
    """The nodes' processes of a state folder, the last ones that ran, by their folders' locks."""
    return {player.code: int((state / player.code / "lock").read_text()) for player in PLAYERS}


def nothing_runs(state: Path) -> bool:
    """Whether no process of a state folder is left, and all of its ports are free."""
    for pid in pids(state).values():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            continue
        return False
    progress = Place(state).progress
    return progress is not None and Ports(progress.base_port).taken() is None
