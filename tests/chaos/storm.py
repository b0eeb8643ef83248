"""Makes the events of a plan happen, and counts them.

Law: whatever is broken is mended again by the event that broke it. Who starts or stops a process
holds its site's lock; links, clocks and disks are broken at any time.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from chaos import plans
from chaos.ledger import Ledger
from chaos.plans import Event
from chaos.restore import restore
from chaos.world import DIRECTORY, NAMES, REMEMBERED, Site, World
from links import LATE, LOSE, LOSE_ANSWER, REPEAT, Broken, Link

HIGHEST: Final = 14 * 3_600_000
"""No clock is moved further ahead of the beginning than this."""


class Storm:
    """Runs until it is told to stop; then everything works again."""

    def __init__(self, world: World, ledger: Ledger, seed: str, without: frozenset[str]) -> None:
        self.hurry = 1.0
        """Below 1, events follow one another faster."""
        self.world = world
        self.ledger = ledger
        self.seed = seed
        self.without = without
        self.tally: Counter[str] = Counter()
        self.events = 0
        self._under_way: set[asyncio.Task[None]] = set()
        self._filling = asyncio.Lock()
        self._copies = 0
        self._faults: list[Exception] = []

    async def rage(self, stop: asyncio.Event) -> None:
        """Event after event; whatever ends it, none goes on afterwards."""
        try:
            await self._rage(stop)
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _rage(self, stop: asyncio.Event) -> None:
        for (a, b), link in self.world.links.items():
            link.weather = plans.weather(self.seed, f"{a}-{b}")
            link.lateness = 1.5
        while not stop.is_set() and not self._faults:
            happening = plans.event(self.seed, self.events)
            with suppress(TimeoutError):
                async with asyncio.timeout(happening.after * self.hurry):
                    await stop.wait()
                    break
            self.events += 1
            task = asyncio.create_task(self._happen(happening))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            self._trim()
        while self._under_way:
            await asyncio.wait(self._under_way)
        self._trim(0)
        for link in self.world.links.values():
            link.mend()
        if self._faults:
            raise self._faults[0]

    async def _happen(self, event: Event) -> None:
        kinds: dict[str, Callable[[Event], Awaitable[None]]] = {
            plans.KILL: self._kill,
            plans.STOP: self._stop,
            plans.OUTAGE: self._outage,
            plans.CUT: self._cut,
            plans.SLOW: self._slow,
            plans.CLOCK: self._clock,
            plans.FILL: self._fill,
            plans.REPLAY: self._replay,
            plans.ROLLBACK: self._roll_back,
            plans.RESTORE: self._restore,
        }
        if event.kind in self.without:
            return
        try:
            await kinds[event.kind](event)
        except Exception as error:  # noqa: BLE001 - raised again by `rage`
            self._faults.append(error)

    def _site(self, event: Event) -> Site:
        return self.world.sites[NAMES[int(event.which * len(NAMES))]]

    def _link(self, event: Event) -> Link:
        links = list(self.world.links.values())
        return links[int(event.which * len(links))]

    # processes

    async def _kill(self, event: Event) -> None:
        """Sometimes a second time while it starts."""
        site = self._site(event)
        async with site.lock:
            await site.process.kill()
            self.tally["kills"] += 1
            await asyncio.sleep(event.lasts / 3)
            if event.what < 0.3:
                await site.process.launch()
                await asyncio.sleep(event.what * 4)
                await site.process.kill()
                self.tally["kills"] += 1
            await self.world.restart(site)

    async def _stop(self, event: Event) -> None:
        site = self._site(event)
        async with site.lock:
            await site.process.stop()
            self.tally["clean stops"] += 1
            await asyncio.sleep(event.lasts / 3)
            await self.world.restart(site)

    async def _outage(self, event: Event) -> None:
        async with self.world.directory_lock:
            await self.world.directory_process.kill()
            self.tally["directory outages"] += 1
            self.tally["kills"] += 1
            await asyncio.sleep(event.lasts * 3)
            await self.world.directory_process.start()

    async def _roll_back(self, event: Event) -> None:
        """The folder as it was some seconds ago, as when a virtual machine's disk is put back."""
        site = self._site(event)
        async with site.lock:
            await site.process.kill()
            self.tally["kills"] += 1
            since = time.monotonic()
            self._copies += 1
            async with self._filling:  # a full disk would not take the copy back
                copy = await asyncio.to_thread(self.world.copy, site, self._copies)
            await self.world.restart(site)
        await asyncio.sleep(4 + 2 * event.lasts)
        async with site.lock:
            await site.process.kill()
            self.tally["kills"] += 1
            async with self._filling:
                await asyncio.to_thread(self.world.put_back, site, copy)
            self.tally["messages forgotten"] += self.ledger.rolled_back(site.name, since)
            self.tally["roll-backs"] += 1
            await self.world.restart(site)

    async def _restore(self, event: Event) -> None:
        """A backup by the command while the node serves; a while later the node comes from it."""
        site = self._site(event)
        self._copies += 1
        await restore(self.world, self.ledger, site, event, self._copies, self.tally, self._filling)

    # links, clocks, disks

    async def _cut(self, event: Event) -> None:
        """One way, both ways between two, or all of one end."""
        link = self._link(event)
        links = [link]
        if event.what < 0.3:
            a, b = link.name.split("-")
            links.append(self.world.links[b, a])
        elif event.what < 0.5:
            links = self.world.links_of(link.name.split("-")[0])
        for each in links:
            each.cut()
        self.tally["cuts"] += len(links)
        await asyncio.sleep(event.lasts)
        for each in links:
            each.restore()

    async def _slow(self, event: Event) -> None:
        """Slow, or dead without a word: what is sent waits in it until it lives again."""
        link = self._link(event)
        if event.what > 0.6:
            link.hold()
            self.tally["dead links"] += 1
            await asyncio.sleep(event.lasts * 2)
            link.release()
            return
        link.delay = event.what * 2
        self.tally["slow links"] += 1
        await asyncio.sleep(event.lasts)
        link.delay = 0.0

    async def _clock(self, event: Event) -> None:
        world = self.world
        hands = [*(site.clock for site in world.sites.values()), world.directory_clock]
        hand = hands[int(event.which * len(hands))]
        moved = hand.offset + event.move
        hand.set(max(world.start_offset, min(world.start_offset + HIGHEST, moved)))
        self.tally["clock moves"] += 1

    async def _fill(self, event: Event) -> None:
        if not self.world.disk.mounted:
            return
        async with self._filling:
            self.world.disk.fill((0, 0, 16_384, 262_144, 2_097_152)[int(event.what * 5)])
            self.tally["disk fills"] += 1
            await asyncio.sleep(event.lasts)
            self.world.disk.free()

    async def _replay(self, event: Event) -> None:
        """Parcels that passed before, once more, in another order."""
        chosen = self._link(event)
        links = chosen if DIRECTORY not in chosen.name else self.world.links[NAMES[0], NAMES[1]]
        parcels = links.parcels()
        again = event.chance.sample(parcels, min(len(parcels), 20))
        for request in again:
            with suppress(Broken):
                await links.replay(request)
                self.tally["repeats"] += 1
        self.tally["reorders"] += max(0, len(again) - 1)

    def _trim(self, keep: int = REMEMBERED) -> None:
        """Count what the weather did to parcels that are forgotten now."""
        names = {REPEAT: "repeats", LATE: "reorders", LOSE: "losses", LOSE_ANSWER: "losses"}
        for link in self.world.links.values():
            old = link.requests[: max(0, len(link.requests) - keep)]
            del link.requests[: len(old)]
            for request in old:
                if request.path == "/v1/parcels":
                    self.tally["parcels"] += 1
                    if request.fate in names:
                        self.tally[names[request.fate]] += 1
