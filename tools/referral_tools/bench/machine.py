"""What a figure must be read beside: the machine, the versions, and what a synced commit costs."""

import os
import platform
import sqlite3
import statistics
import time
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict


class Spread(TypedDict):
    """One figure of several runs."""

    median: float
    min: float
    max: float


def spread(values: list[float], digits: int = 1) -> Spread:
    """Median, least and most of some runs."""
    return {
        "median": round(statistics.median(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
    }


def machine() -> dict[str, str]:
    """The machine and the versions that count."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        model = next(x.split(":", 1)[1].strip() for x in lines if x.startswith("model name"))
    except (OSError, StopIteration):
        pass  # another system than Linux: what platform says
    return {
        "cpu": model,
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "referral_exchange": version("referral-exchange"),
    }


def fsync_us(folder: Path, times: int = 50) -> list[float]:
    """Microseconds that writing 4 KiB and fdatasync took, each time, in this folder."""
    path = folder / "sync"
    took = []
    handle = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        for _ in range(times):
            os.write(handle, bytes(4096))
            began = time.perf_counter()
            os.fdatasync(handle)
            took.append((time.perf_counter() - began) * 1e6)
    finally:
        os.close(handle)
        path.unlink()
    return took


def bind(core: int) -> None:
    """Bind this process to one core, where the system can and there are so many."""
    if hasattr(os, "sched_setaffinity"):
        usable = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {usable[core % len(usable)]})
