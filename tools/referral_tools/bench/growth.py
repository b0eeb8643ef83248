"""``referral bench growth``: what a message costs two nodes that hold many already.

Both stores are filled before the run with rows of threads that were really played. Small and large
stores are measured in turn, so that what else the machine does falls on both.
"""

import asyncio
import base64
import multiprocessing
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

from referral_node.store import Store, facts
from referral_node.vault.vault import UnlockedVault
from referral_tools.bench import bare
from referral_tools.bench.filling import Filler, Sample, sample
from referral_tools.bench.machine import machine, spread
from referral_tools.bench.pair import Place, running
from referral_tools.bench.played import played
from referral_tools.bench.serving import cpu_seconds

SMALL: Final = 1_000
SIZES: Final = (100_000, 1_000_000)
FEW: Final = 10_000
"""So many are filled in here; more, both stores at once, each by a process of its own."""
SENDERS: Final = 256
WARM: Final = 256
"""Messages before the clock starts: what is read once is in memory then."""


def measure(
    most: int, count: int, runs: int, told: Callable[[str], None] = lambda _words: None
) -> dict[str, Any]:
    """Milliseconds for each of ``count`` messages with 1,000 and up to ``most`` stored before."""
    sizes = [size for size in SIZES if size < most] + [most]
    beside = bare.measure()
    cost: dict[int, list[float]] = {size: [] for size in (SMALL, *sizes)}
    used: dict[int, list[float]] = {size: [] for size in (SMALL, *sizes)}
    stored: dict[int, float] = {}
    with tempfile.TemporaryDirectory(prefix="referral-bench-") as whole:
        place = Path(whole)
        samples = asyncio.run(_samples(place / "played"))
        large: dict[int, list[Place]] = {}
        for size in sizes:
            told(f"growth: filling two stores with {size:,} messages each")
            large[size] = _filled(place / str(size), samples, size)
            stored[size] = sum((p.folder / "node.db").stat().st_size for p in large[size]) / 2e6
        for run in range(runs):
            small = _filled(place / f"small-{run}", samples, SMALL)  # anew: it grows by each run
            for size, places in ((SMALL, small), *large.items()):
                told(f"growth: run {run + 1} of {runs}, {size:,} stored")
                took, processor = _run(places, count)
                cost[size].append(took)
                used[size].append(processor)
    figures: dict[str, Any] = {"machine": machine(), "messages": count}
    for size in (SMALL, *sizes):
        figures[f"ms_at_{size:_}"] = spread(cost[size], 4)
        figures[f"cpu_ms_at_{size:_}"] = spread(used[size], 4)
    for size in sizes:
        figures[f"ratio_at_{size:_}"] = spread(_ratios(cost, size), 3)
        figures[f"cpu_ratio_at_{size:_}"] = spread(_ratios(used, size), 3)
        figures[f"mb_at_{size:_}"] = spread([stored[size]])
    figures["small_in_messages"] = spread([beside.messages(each) for each in cost[SMALL]], 2)
    return figures | beside.figures()


def _ratios(cost: dict[int, list[float]], size: int) -> list[float]:
    return [large / small for large, small in zip(cost[size], cost[SMALL], strict=True)]


def _run(places: Sequence[Place], count: int) -> tuple[float, float]:
    """Milliseconds by the clock on the wall, and of both processors together, for each message."""
    for place in places:
        _forget(place.folder / "node.db")
    with running(places, deliver=True) as (sender, recipient):
        peer = {"peer": base64.b64encode(recipient.id).decode("ascii"), "wait": True}
        sender.order("create", count=WARM, senders=SENDERS, **peer)
        pids = (sender.pid, recipient.pid)
        before = sum(map(cpu_seconds, pids))
        took = sender.order("create", count=count, senders=SENDERS, **peer)["seconds"]
        used = sum(map(cpu_seconds, pids)) - before
    return float(took) / count * 1000, used / count * 1000


def _forget(path: Path) -> None:
    """The directory of an earlier run: each run has its own, as ports change."""
    connection = sqlite3.connect(path)
    try:
        for table in ("log_entries", "bundles", "peers"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own tables
        connection.execute(
            "DELETE FROM facts WHERE name IN (?, ?)", (facts.CHECKPOINT, facts.CHECKED_AT)
        )
        connection.commit()
    finally:
        connection.close()


async def _samples(place: Path) -> list[Sample]:
    async with played(place, time.time_ns() // 1_000_000) as pair:
        first = pair.offices[0]
        return [
            sample(first.folder.database, first.vault, thread) for thread in first.threads.values()
        ]


def _filled(place: Path, samples: Sequence[Sample], messages: int) -> list[Place]:
    """Two nodes that hold so many messages of each other."""
    place.mkdir()
    places = [Place(place / name) for name in ("sender", "recipient")]
    jobs = []
    for one, other in (places, places[::-1]):
        one.folder.mkdir()
        jobs.append((one.folder / "node.db", one.id, other.id, samples, messages))
    if messages <= FEW:
        for job in jobs:
            _fill(*job)
        return places
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done in [pool.submit(_fill, *job) for job in jobs]:
            done.result()
    return places


def _fill(path: Path, us: bytes, peer: bytes, samples: Sequence[Sample], messages: int) -> None:
    """Fill one store; in a process of its own."""
    each = sum(len(chosen.messages) for chosen in samples) / len(samples)
    vault = UnlockedVault.found(os.urandom(32), os.urandom(32))
    filler = Filler(us, vault, [peer], time.time_ns() // 1_000_000)

    async def work() -> None:
        store = await Store.open(path)
        try:
            await filler.fill(store, samples, max(1, round(messages / each)))
        finally:
            await store.close()

    asyncio.run(work())
