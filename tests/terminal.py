"""`referral node ...` at a terminal of its own, read and typed into as a person does."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

REFERRAL = [sys.executable, "-c", "from referral_tools.cli import main; main()", "node"]


class Terminal:
    """A command at a terminal of its own, read and typed into as a person does."""

    def __init__(self, *arguments: str | Path) -> None:
        self.handle, inner = pty.openpty()
        self.process = subprocess.Popen(
            [*REFERRAL, *map(str, arguments)],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
        )
        os.close(inner)
        self.seen = ""
        self.read = 0

    def answer(self, prompt: str, text: str) -> None:
        """Wait for the prompt, and type."""
        self.wait(prompt)
        os.write(self.handle, text.encode() + b"\n")

    def wait(self, words: str) -> str:
        """Wait until these words come after what was read so far; what stood before them."""
        until = time.monotonic() + 30
        while (found := self.seen.find(words, self.read)) < 0:
            assert time.monotonic() < until, self.seen
            assert self.more(), self.seen
        before, self.read = self.seen[self.read : found], found + len(words)
        return before

    def more(self) -> bool:
        ready, _, _ = select.select([self.handle], [], [], 1)
        if not ready:
            return True
        try:
            data = os.read(self.handle, 4096)
        except OSError:
            return False  # the other end is closed
        self.seen += data.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(data)

    def end(self) -> int:
        """Read to the end; the command's status."""
        while self.more():
            pass
        os.close(self.handle)
        return self.process.wait(20)
