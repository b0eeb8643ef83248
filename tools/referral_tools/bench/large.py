"""A node's folder with as many threads as wanted: real ones, multiplied, a few of them open."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from referral_tools.bench.filling import Filler, Sample, sample
from referral_tools.bench.played import ENDED, played

OPEN_PERCENT: Final = 2
"""Of all threads of a member that has worked with the exchange for years."""


@dataclass(frozen=True)
class Large:
    """A folder that ``serve`` takes. ``threads``, ``messages``: how many lie in it."""

    folder: Path
    threads: int
    messages: int


async def large(
    place: Path, threads: int, told: Callable[[str], None] = lambda _words: None
) -> Large:
    """Make such a folder in ``place``; its keyholder is :data:`played.NAME`."""
    now = time.time_ns() // 1_000_000
    async with played(place, now) as pair:
        first = pair.offices[0]
        samples = {
            name: sample(first.folder.database, first.vault, thread)
            for name, thread in first.threads.items()
        }
        filler = Filler(first.exchange.us, first.vault, pair.peers, now)
        wanted = threads - len(first.threads)
        lively = wanted * OPEN_PERCENT // 100
        count = 0
        for chosen, number in (
            (_chosen(samples, ended=True), wanted - lively),
            (_chosen(samples, ended=False), lively),
        ):
            count += await filler.fill(
                first.exchange.store,
                chosen,
                number,
                lambda done, of=number: told(f"filling: {done:,} of {of:,} threads"),  # type: ignore[misc]  # one for each store
            )
        count += sum(len(each.messages) for each in samples.values())
        return Large(first.folder.path, threads, count)


def _chosen(samples: dict[str, Sample], *, ended: bool) -> list[Sample]:
    return [each for name, each in samples.items() if (name.split()[0] in ENDED) == ended]
