"""One run: found a small exchange, let people work in it while it is broken, mend it, check it."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from chaos import accounts, oracle, plans, settling
from chaos.accounts import Accounts
from chaos.keyholder import Hand
from chaos.ledger import SENT, UNKNOWN, Ledger
from chaos.oracle import Rows, first
from chaos.storm import Storm
from chaos.world import NAMES, World

HANDS: Final = 2
"""Browsers at each node."""
AT_MOST: Final = 3
"""So many times as long as it was asked for a storm may last, until enough was said."""
PER_MINUTE: Final = {
    "kills": 3,
    "clean stops": 0.4,
    "directory outages": 0.4,
    "cuts": 3,
    "slow links": 0.2,
    "dead links": 0.2,
    "clock moves": 1.5,
    "disk fills": 0.4,
    "repeats": 5,
    "reorders": 5,
    "losses": 3,
    "roll-backs": 0.2,
    "restores": 0.2,
    "messages": 400,
}
"""What a run must have had at least, for each minute; rounded down."""


@dataclass
class Run:
    """What came of it. ``faults`` is empty when all is well."""

    seed: str
    seconds: float
    tally: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    took: dict[str, float] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    told: Accounts = field(default_factory=Accounts)
    finals: list[Rows] = field(default_factory=list)
    torn: frozenset[bytes] = frozenset()
    left_out: set[str] = field(default_factory=set)
    """Counts that this run cannot have."""

    def too_few(self) -> list[str]:
        """What happened too seldom to prove anything."""
        return [
            f"too few to prove anything: {self.tally[name]} {name}, at least {least}"
            for name, rate in PER_MINUTE.items()
            if name not in self.left_out
            and self.tally[name] < (least := int(rate * self.seconds / 60))
        ]

    def lines(self) -> Iterator[str]:
        """What is printed at the end."""
        yield f"seed {self.seed}, {self.seconds:.0f} s of storm"
        for name, count in sorted(self.tally.items()):
            yield f"  {count:6} {name}"
        yield "  " + ", ".join(f"{name} {took:.0f} s" for name, took in self.took.items())
        for said, count in self.refusals.most_common(8):
            yield f"  refused {count}: {said}"
        yield from (f"FAULT {fault}" for fault in self.faults)
        yield f"seed {self.seed}: " + ("FAILED" if self.faults else "ended clean")


async def run(
    folder: Path,
    seed: str,
    seconds: float,
    without: frozenset[str] = frozenset(),
    hurry: float = 1.0,
) -> Run:
    """The whole of it. ``without``: kinds of events that are left out; ``hurry``: below 1, events
    follow one another faster."""
    found = Run(seed, seconds)
    world, ledger = World(folder), found.ledger
    found.left_out = {_COUNTED[kind] for kind in without if kind in _COUNTED}
    if not world.disk.mounted:
        found.left_out.add(_COUNTED[plans.FILL])
    hands: list[Hand] = []
    try:
        await world.found()
        hands = [
            Hand(site, number, seed, ledger)
            for site in world.sites.values()
            for number in range(HANDS)
        ]
        await _introduce(world, hands)
        storm = Storm(world, ledger, seed, without)
        storm.hurry = hurry
        began = time.monotonic()
        await _storm(storm, hands, seconds)
        found.took["storm"] = time.monotonic() - began
        found.tally += storm.tally
        found.tally["events"] = storm.events
        await _check(world, hands, found)
    finally:
        for hand in hands:
            await hand.browser.close()
        await world.close()
        world.clear()
    _count(found, hands)
    return found


async def _introduce(world: World, hands: list[Hand]) -> None:
    """Everybody has compared everybody's fingerprint by telephone."""
    for hand in hands:
        hand.others = [world.sites[name] for name in NAMES if name != hand.site.name]
    for hand in hands[::HANDS]:
        for other in hand.others:
            await _patiently(hand, partial(hand.compare, other))
    for hand in hands:  # the directory's news may have come after the first look
        hand.ledger.strange.clear()


async def _patiently(hand: Hand, work: Callable[[], Awaitable[None]]) -> None:
    for _ in range(200):
        if await hand.attempt(work):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{hand.name}: does not get on: {hand.ledger.strange[-1:]}")


async def _storm(storm: Storm, hands: list[Hand], seconds: float) -> None:
    """For these seconds; a machine that is busy with other work gets some more, to say enough."""
    stop = asyncio.Event()
    least = int(PER_MINUTE["messages"] * seconds / 60)

    async def watch() -> None:
        began = time.monotonic()
        while time.monotonic() - began < seconds * AT_MOST:
            enough = storm.ledger.counts()[SENT] >= least
            if enough and time.monotonic() - began >= seconds:
                break
            await asyncio.sleep(0.25)
        stop.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(watch())
        group.create_task(storm.rage(stop))
        for hand in hands:
            group.create_task(hand.work(stop))


async def _check(world: World, hands: list[Hand], found: Run) -> None:
    """All that must be true now; each fault is a line."""
    ledger = found.ledger
    began = time.monotonic()
    one_each = hands[::HANDS]
    found.faults += first(
        f"does not come to rest: {s}" for s in await settling.settle(world, one_each)
    )
    found.took["settling"] = time.monotonic() - began
    began = time.monotonic()
    found.faults += first(await settling.commands(world))
    told = found.told = await accounts.read(one_each, world.anchor)
    found.tally["referrals"] = len(told.by_thread)
    there = {n for each in told.everything() for numbers in each.contents.values() for n in numbers}
    given_back = [e for e in ledger.entries if e.may_be_lost and e.number in there]
    found.tally["messages forgotten and given back"] = len(given_back)
    found.took["reading"] = time.monotonic() - began
    began = time.monotonic()
    for process in world.processes():
        await process.stop()
        found.faults += process.wrong
        found.tally["starts"] += process.started
    world.flush()
    found.faults += first(ledger.strange)
    found.faults += first(told.faults)
    found.faults += first(oracle.said_and_held(ledger, told))
    found.faults += first(oracle.logs(sorted((world.folder / "logs").iterdir())))
    found.faults += first(await asyncio.to_thread(lambda: list(oracle.plaintext(world.folder))))
    sites = list(world.sites.values())
    finals = found.finals = [Rows(site, site.folder.path) for site in sites]
    discarded = [Rows(site, folder) for site in sites for folder in site.discarded]
    found.torn = oracle.torn(finals, discarded)
    found.faults += first(oracle.same_on_both_sides(told, found.torn))
    found.faults += first(oracle.counters(finals, discarded))
    found.faults += first(oracle.databases(finals))
    found.took["checking"] = time.monotonic() - began


def _count(found: Run, hands: list[Hand]) -> None:
    counts = found.ledger.counts()
    found.tally["messages"] = counts[SENT]
    found.tally["messages unknown"] = counts[UNKNOWN]
    found.tally["steps"] = sum(hand.steps for hand in hands)
    for hand in hands:
        found.refusals.update(hand.refusals)


_COUNTED: Final = {
    plans.ROLLBACK: "roll-backs",
    plans.RESTORE: "restores",
    plans.FILL: "disk fills",
}
"""What a kind of event that is left out would have been counted as."""
