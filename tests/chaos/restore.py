"""One event of a storm: a backup by the command, life after it, then the node made anew of it."""

import asyncio
import shutil
import time
from collections import Counter

from chaos.ledger import Ledger
from chaos.plans import Event
from chaos.process import command, run
from chaos.world import Site, World


async def restore(
    world: World,
    ledger: Ledger,
    site: Site,
    event: Event,
    number: int,
    tally: Counter[str],
    filling: asyncio.Lock,
) -> None:
    """``filling``: whoever holds it keeps the disk from being filled."""
    place = world.folder / "copies" / f"{number}-backup"
    place.mkdir()
    async with site.lock, filling:
        since = time.monotonic()
        folder = str(site.folder.path)
        code, said = await command("node", "backup", "--to", str(place), "--state", folder)
        if code != 0:
            ledger.strange.append(f"{site.name}: backup ended with {code}: {said}")
            return
    tally["backups"] += 1
    await asyncio.sleep(4 + 2 * event.lasts)
    async with site.lock:
        await site.process.kill()
        tally["kills"] += 1
        async with filling:
            await asyncio.to_thread(world.set_aside, site)
            code, said = await run(
                *("-m", "chaos.roots", "restore", folder, str(site.clock.file)),
                *(str(next(place.iterdir())), str(world.kit_file(site))),
            )
            if code != 0:
                ledger.strange.append(f"{site.name}: restore ended with {code}: {said}")
                shutil.copytree(site.discarded[-1], site.folder.path)
        if code == 0:
            tally["messages forgotten"] += ledger.rolled_back(site.name, since)
            tally["restores"] += 1
        await world.restart(site)
