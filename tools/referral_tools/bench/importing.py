"""``referral bench import``: bodies opened per second after a sign-in, a third of them openers."""

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from referral_protocol.examples import first_message, reply
from referral_protocol.statements import NOTE, Head
from referral_tools.bench import bare
from referral_tools.bench.machine import machine, spread
from referral_tools.bench.played import Played, delivered, offices, say, send

AT_ONCE: Final = 512
"""As many as a page opens at once."""
SENDERS: Final = 16


def measure(
    count: int, runs: int, told: Callable[[str], None] = lambda _words: None
) -> dict[str, Any]:
    """Bodies per second, by the clock on the wall and by that of the processor."""
    beside = bare.measure()
    found: dict[str, list[float]] = {}
    for run in range(runs):
        told(f"import: run {run + 1} of {runs}")
        with tempfile.TemporaryDirectory(prefix="referral-bench-") as place:
            for name, value in asyncio.run(_run(Path(place), count)).items():
                found.setdefault(name, []).append(value)
    return {
        "machine": machine(),
        "bodies": count,
        **{name: spread(values) for name, values in found.items()},
        **beside.figures(),
        "ratio_to_primitives": spread([each / beside.rate for each in found["bodies_per_s"]], 2),
    }


async def _run(place: Path, count: int) -> dict[str, float]:
    async with offices(place, time.time_ns() // 1_000_000) as pair:
        first, second = pair.offices
        for _ in range(-(-count // (3 * SENDERS))):
            await asyncio.gather(*(_thread(pair) for _ in range(SENDERS)))
        await delivered(first)
        done, left, longest = 0, 1, 0.0
        began, used = time.perf_counter(), time.process_time()
        while left:
            at = time.perf_counter()
            result = await second.exchange.importing.run(second.vault, second.actor, AT_ONCE)
            longest = max(longest, time.perf_counter() - at)
            done, left = done + result.imported, result.left
        took, used = time.perf_counter() - began, time.process_time() - used
    return {
        "bodies_per_s": done / took,
        "bodies_per_cpu_s": done / used,
        "longest_wait_ms": longest * 1000,
    }


async def _thread(pair: Played) -> None:
    first, second = pair.offices
    thread = (await send(first, second, pair.clock)).thread
    for content in (first_message(), reply()):
        await say(first, thread, NOTE, Head(), content)
