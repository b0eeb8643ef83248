"""A node or directory of a benchmark as it really runs: in a process of its own."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from referral_tools.demo.process import CHILD


@dataclass(frozen=True)
class Serving:
    """A process that serves. ``ready_s``: seconds from its start to its ``ready`` line;
    ``console``: where the registrars' pages of a directory are."""

    pid: int
    url: str
    ready_s: float
    console: str = ""

    def rss_mb(self) -> float:
        """Resident memory now, in MB of 1,000,000 bytes."""
        lines = Path(f"/proc/{self.pid}/status").read_text("ascii").splitlines()
        kilobytes = next(int(x.split()[1]) for x in lines if x.startswith("VmRSS"))
        return kilobytes * 1024 / 1e6


@contextmanager
def serving(folder: Path, what: str = "node") -> Iterator[Serving]:
    """Run the node or the directory of this folder until the end of the block."""
    began = time.perf_counter()
    log = folder.parent / f"{folder.name}.log"
    with log.open("ab") as said:
        process = subprocess.Popen(
            [*CHILD, what, "serve", "--state", folder],
            stdin=subprocess.PIPE,  # its end stops the node, should the benchmark be killed
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
    try:
        line = "" if process.stdout is None else process.stdout.readline()
        if not line.startswith("ready "):
            raise RuntimeError(f"the {what} did not start; it said: {log.read_text()[-2000:]}")
        ready = time.perf_counter() - began
        second = process.stdout.readline() if process.stdout and what == "directory" else ""
        console = second.split()[-1].rstrip("/") if second.split() else ""
        yield Serving(process.pid, line.split()[1].rstrip("/"), ready, console)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def cpu_seconds(pid: int) -> float:
    """Seconds of processor that a process has used so far."""
    # By thread, to the nanosecond; /proc/PID/stat counts in hundredths of a second.
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text("ascii").split()[0]) for thread in threads) / 1e9
