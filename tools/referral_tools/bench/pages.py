"""``referral bench pages``: how soon pages come from a node with many threads.

Asked over loopback, one after the other, as one person's browser does; the time is from the request
to the last byte, so it is more than the server's own.
"""

import asyncio
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from referral_tools.bench import bare
from referral_tools.bench.large import large
from referral_tools.bench.machine import machine, spread
from referral_tools.bench.played import NAME, PASSWORD
from referral_tools.bench.serving import Serving, cpu_seconds, serving
from referral_tools.browser import Browser

PAGES: Final = ("today", "referral", "all")


def measure(
    threads: int, count: int, runs: int, told: Callable[[str], None] = lambda _words: None
) -> dict[str, Any]:
    """Each kind of page ``count`` times after a sign-in, ``runs`` times over."""
    beside = bare.measure()
    with tempfile.TemporaryDirectory(prefix="referral-bench-") as place:
        made = asyncio.run(large(Path(place), threads, told))
        found: dict[str, list[float]] = {}
        for run in range(runs):
            told(f"pages: run {run + 1} of {runs}")
            with serving(made.folder) as node:
                for name, value in asyncio.run(_run(node, made.folder, count, run)).items():
                    found.setdefault(name, []).append(value)
    figures = {name: spread(values, 2) for name, values in found.items()}
    ratios = {
        f"{name}_p95_in_messages": spread([beside.messages(t) for t in found[f"{name}_p95_ms"]])
        for name in PAGES
    }
    counted = {"machine": machine(), "threads": made.threads, "messages": made.messages}
    return counted | figures | beside.figures() | ratios


async def _run(node: Serving, folder: Path, count: int, run: int) -> dict[str, float]:
    chance = random.Random(run)  # noqa: S311 - which pages are looked at
    threads = _threads(folder)
    paths = {
        "today": ["/"] * count,
        "referral": [f"/referral/{chance.choice(threads)}" for _ in range(count)],
        "all": [_of_all(chance, len(threads)) for _ in range(count)],
    }
    found: dict[str, float] = {}
    async with Browser() as browser:
        page = await browser.open(f"{node.url}/sign-in")
        form = page.form("Sign in").fill("Name", NAME).fill("Password", PASSWORD)
        began = time.perf_counter()
        await browser.press(form, "Sign in")  # Today comes, its cases are decrypted for it
        found["sign_in_s"] = time.perf_counter() - began
        for name, wanted in paths.items():
            used = cpu_seconds(node.pid)
            took = [await _one(browser, node.url + path) for path in wanted]
            found[f"{name}_p50_ms"] = _percentile(took, 50)
            found[f"{name}_p95_ms"] = _percentile(took, 95)
            found[f"{name}_cpu_ms"] = (cpu_seconds(node.pid) - used) / count * 1000
    found["rss_signed_in_mb"] = node.rss_mb()
    return found


async def _one(browser: Browser, url: str) -> float:
    """Milliseconds until this page was there."""
    began = time.perf_counter()
    page = await browser.open(url)
    took = (time.perf_counter() - began) * 1000
    if page.status != 200:
        raise RuntimeError(f"{url} answered {page.status}")
    return took


def _threads(folder: Path) -> list[str]:
    connection = sqlite3.connect(f"file:{folder / 'node.db'}?mode=ro", uri=True)
    try:
        return [row[0].hex() for row in connection.execute("SELECT id FROM threads")]
    finally:
        connection.close()


def _of_all(chance: random.Random, threads: int) -> str:
    which, page = chance.choice(("open", "ended", "all")), chance.randint(1, max(1, threads // 50))
    return f"/referrals?which={which}&page={page}"


def _percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
