"""One process that may be killed at any moment and started again; its log and how it ended stay."""

import asyncio
import json
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

READY_WITHIN: Final = 60.0
STOPPED_WITHIN: Final = 45.0
"""Seconds; the machine may be busy with other work."""


class NotReady(Exception):
    """It ended, or was killed, before it answered."""


@dataclass
class Process:
    """``arguments`` follow `python -m`; ``ports`` are those of the process that runs now."""

    name: str
    arguments: list[str]
    log: Path
    ports: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    """Ends that nobody asked for."""
    started: int = 0
    _process: asyncio.subprocess.Process | None = None
    _told: bool = False

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def launch(self) -> None:
        """Begin to start; :meth:`ready` waits for it."""
        assert not self.running, self.name
        self.ports, self._told = {}, False
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", *self.arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PYTHONWARNINGS": "default", "PYTHONPATH": _paths()},
            )
        self.started += 1

    async def ready(self) -> None:
        """Until it answers; NotReady if it ends before."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        async with asyncio.timeout(READY_WITHIN):
            line = await process.stdout.readline()
        if not line:
            await process.wait()
            if not self._told:
                self.wrong.append(f"{self.name} ended with {process.returncode} while starting")
            raise NotReady(self.name)
        self.ports = json.loads(line)

    async def start(self) -> None:
        await self.launch()
        await self.ready()

    async def kill(self) -> None:
        """SIGKILL, in the middle of whatever it does."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """SIGTERM; it must end well, and in time."""
        await self._end(signal.SIGTERM)

    async def _end(self, how: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        expected = -signal.SIGKILL if how is signal.SIGKILL else 0
        starting = not self.ports
        self.ports, self._told = {}, True
        if process.returncode is None:
            process.send_signal(how)
        elif not starting:
            self.wrong.append(f"{self.name} had ended by itself with {process.returncode}")
            return
        try:
            async with asyncio.timeout(STOPPED_WITHIN):
                code = await process.wait()
        except TimeoutError:
            self.wrong.append(f"{self.name} did not stop within {STOPPED_WITHIN:.0f} s")
            process.kill()
            code = await process.wait()
            return
        if code != expected and not starting:
            self.wrong.append(f"{self.name} ended with {code}, not {expected}")


def _paths() -> str:
    """Where this process found what it runs."""
    return os.pathsep.join(path for path in sys.path if path)


async def command(*arguments: str) -> tuple[int, Any]:
    """Run a `referral` command; its status, and what it printed as JSON (or its error's text)."""
    return await run("-c", "from referral_tools.cli import main; main()", *arguments)


async def run(*arguments: str) -> tuple[int, Any]:
    """The same of any Python program."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": _paths()},
    )
    out, err = await process.communicate()
    code = process.returncode or 0
    if code != 0:
        return code, err.decode("utf-8", "replace")
    try:
        return code, json.loads(out)
    except ValueError:
        return code, out.decode("utf-8", "replace")
