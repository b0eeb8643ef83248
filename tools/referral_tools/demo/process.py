"""One process of the demo: started, waited for until it says that it is ready, ended.

Law: whatever was started here is ended here: asked to stop first, killed after a limit; and should
the demo itself be killed, it stops by itself. A child is the leader of its own session, so that
Ctrl-C at the terminal reaches the demo alone, which then stops its children in their order. All
that a child says goes into its log.
"""

import asyncio
import os
import signal
import subprocess
import sys
from asyncio.subprocess import Process as Child
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from referral_tools.demo.trouble import DemoTrouble

# -P: what lies in the folder from which the demo was started is not to be imported.
REFERRAL: Final = (sys.executable, "-P", "-m", "referral_tools")
CHILD: Final = (sys.executable, "-P", "-m", "referral_tools.demo.child")
"""The same, and it stops by itself when its standard input ends: when the demo is gone."""
READY_WITHIN: Final = 60.0
COMMAND_WITHIN: Final = 120.0
STOP_WITHIN: Final = 15.0
LOOK_EVERY: Final = 0.02
TAIL_LINES: Final = 12
_TAIL_BYTES: Final = 16 * 1024


@dataclass(frozen=True)
class Ran:
    """A command that ended."""

    code: int
    out: str
    err: str


async def run(*arguments: str | Path, within: float = COMMAND_WITHIN) -> Ran:
    """Run `referral ...` to its end. DemoTrouble if it does not end in time."""
    child = await asyncio.create_subprocess_exec(
        *REFERRAL,
        *map(str, arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(within):
            out, err = await child.communicate()
    except TimeoutError:
        raise DemoTrouble(f"`{_shown(arguments)}` did not end within {within:.0f} s") from None
    finally:
        await _end(child, 0)
    return Ran(
        child.returncode or 0, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
    )


async def need(*arguments: str | Path) -> str:
    """Run `referral ...` and give what it printed; DemoTrouble with its own words if it failed."""
    ran = await run(*arguments)
    if ran.code:
        words = ran.err.strip() or ran.out.strip() or "it said nothing"
        raise DemoTrouble(f"`{_shown(arguments)}` failed: {words}")
    return ran.out


class Process:
    """A process that serves: `referral ... serve`. ``name`` is what people call it."""

    def __init__(self, name: str, arguments: Sequence[str | Path], log: Path) -> None:
        self.name = name
        self.log = log
        self.url = ""
        """Where it answers, from its ``ready`` line."""
        self._arguments = tuple(arguments)
        self._child: Child | None = None
        self._stopping = False

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.returncode is None

    @property
    def pid(self) -> int:
        """Of the running process, 0 when there is none."""
        return self._child.pid if self._child is not None and self.running else 0

    async def start(self) -> None:
        """Start it and wait until it is ready; DemoTrouble if it ends before, or takes too long."""
        handle = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            begin = os.lseek(handle, 0, os.SEEK_END)
            child = await asyncio.create_subprocess_exec(
                *CHILD,
                *map(str, self._arguments),
                stdin=subprocess.PIPE,
                stdout=handle,
                stderr=handle,
                start_new_session=True,
            )
        finally:
            os.close(handle)
        # Together: whoever watches must not take the end of an earlier child for that of this one.
        self._child, self._stopping = child, False
        try:
            async with asyncio.timeout(READY_WITHIN):
                while not (url := self._ready(begin)):
                    if not self.running:
                        raise self.ended()
                    await asyncio.sleep(LOOK_EVERY)
        except TimeoutError:
            lines = self.tail()
            raise DemoTrouble(
                f"{self.name} was not ready within {READY_WITHIN:.0f} s", self.name, lines
            ) from None
        self.url = url

    async def stop(self, within: float = STOP_WITHIN) -> None:
        """Ask it to stop, wait, kill it if it does not; nothing to do if it has ended."""
        self._stopping = True
        if self._child is not None:
            await _end(self._child, within)

    async def kill(self) -> None:
        """End it at once, as a power cut would."""
        await self.stop(0)

    async def died(self) -> DemoTrouble:
        """Wait until it ends without having been asked to."""
        while True:
            child = self._child
            if child is not None and not self._stopping:
                await child.wait()
                if child is self._child and not self._stopping:
                    return self.ended()
            await asyncio.sleep(LOOK_EVERY)

    def ended(self) -> DemoTrouble:
        """That it has ended, how, and what it said last."""
        code = self._child.returncode if self._child is not None else None
        how = f"signal {-code}" if code is not None and code < 0 else f"status {code}"
        return DemoTrouble(f"{self.name} has ended with {how}", self.name, self.tail())

    def tail(self, lines: int = TAIL_LINES) -> list[str]:
        """The last lines of its log."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
                return file.read().decode("utf-8", "replace").splitlines()[-lines:]
        except OSError:
            return []

    def _ready(self, begin: int) -> str:
        """The address of the ``ready`` line that stands after ``begin``, "" while there is none."""
        with self.log.open("rb") as file:
            file.seek(begin)
            for line in file:
                if line.startswith(b"ready ") and line.endswith(b"\n"):
                    return line.removeprefix(b"ready ").decode("utf-8", "replace").strip()
        return ""


async def _end(child: Child, within: float) -> None:
    """End a child for certain: SIGTERM and ``within`` seconds of patience, then SIGKILL."""
    if child.returncode is None and within:
        _send(child, signal.SIGTERM)
        try:
            async with asyncio.timeout(within):
                await child.wait()
        except TimeoutError:
            pass  # what follows does not ask
    if child.returncode is None:
        _send(child, signal.SIGKILL)
        await child.wait()


def _send(child: Child, number: signal.Signals) -> None:
    try:
        child.send_signal(number)
    except ProcessLookupError:
        pass  # it has ended meanwhile


def _shown(arguments: Sequence[str | Path]) -> str:
    return " ".join(["referral", *map(str, arguments[:2])])
