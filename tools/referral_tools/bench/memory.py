"""``referral bench memory``: a node at rest with nobody signed in, and how soon it is ready."""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from referral_tools.bench import bare
from referral_tools.bench.large import large
from referral_tools.bench.machine import machine, spread
from referral_tools.bench.serving import serving

REST: Final = 2.0
"""Seconds after which a node that was started is at rest."""
NOTHING: Final = (
    "print(next(l.split()[1] for l in open('/proc/self/status') if l.startswith('VmRSS')))"
)


def measure(
    threads: int, runs: int, told: Callable[[str], None] = lambda _words: None
) -> dict[str, Any]:
    """Resident memory (MB) and seconds to readiness, nearly empty and with so many threads."""
    beside = bare.measure()
    found: dict[str, list[float]] = {}
    for name, wanted in (("", 12), ("_large", threads)):  # 12 threads were played
        with tempfile.TemporaryDirectory(prefix="referral-bench-") as place:
            made = asyncio.run(large(Path(place), wanted, told))
            for run in range(runs):
                told(f"memory: run {run + 1} of {runs}, {made.threads:,} threads")
                with serving(made.folder) as node:
                    time.sleep(REST)
                    found.setdefault(f"rss{name}_mb", []).append(node.rss_mb())
                    found.setdefault(f"ready{name}_s", []).append(node.ready_s)
    bare_mb, bare_s = _interpreter()
    return {
        "machine": machine(),
        "threads": threads,
        **{name: spread(values, 2) for name, values in found.items()},
        "interpreter_mb": spread([bare_mb]),
        "ratio_to_interpreter": spread([each / bare_mb for each in found["rss_mb"]], 2),
        "ready_in_interpreter_starts": spread([each / bare_s for each in found["ready_s"]]),
        **beside.figures(),
    }


def _interpreter() -> tuple[float, float]:
    """Resident memory (MB) of a Python that does nothing, and seconds that it runs for."""
    began = time.perf_counter()
    said = subprocess.run([sys.executable, "-c", NOTHING], capture_output=True, check=True)
    return int(said.stdout) * 1024 / 1e6, time.perf_counter() - began
