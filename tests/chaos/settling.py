"""After the storm: everything works again, time goes on, and everybody reads what came.

Law: nothing is repaired here. Clocks are put right, forwards; nodes are stopped and started; pages
are opened, as people do after a bad day.
"""

import asyncio
import time
from typing import Any, Final

from chaos.keyholder import Hand
from chaos.process import command
from chaos.world import World
from referral_node.control import NotServing, ask
from referral_node.trouble import Trouble

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
WITHIN: Final = 240.0
"""Seconds in which all must be delivered and opened."""
PATIENT: Final = 12.0
"""Seconds after which the clocks are moved on, as long as something waits."""
RESTARTS: Final = (3, 8)
"""After so many moves everything is started anew, a day later."""
QUIET: Final = 3
"""Looks in a row at which nothing waits anywhere."""


async def settle(world: World, hands: list[Hand]) -> list[str]:
    """What does not come to rest; nothing if all does. Everything runs afterwards."""
    await restart_all(world, 2 * HOUR)
    waits = await _rest(world, hands)
    for hand in hands:  # the first look at a referral is told to the other side
        for thread in await hand.everything():
            await hand.browser.get(f"/referral/{thread}")
    return waits or await _rest(world, hands)


async def _rest(world: World, hands: list[Hand]) -> list[str]:
    """Until nothing waits anywhere; what does, when it takes too long."""
    began, quiet, moved = time.monotonic(), 0, 0
    waits: list[str] = []
    while time.monotonic() - began < WITHIN:
        read = [await hand.attempt(hand.read_all) for hand in hands]
        waits = await _waiting(world) + ["somebody could not read"] * (not all(read))
        quiet = 0 if waits else quiet + 1
        if quiet >= QUIET:
            return []
        # What was tried in vain is tried again after an hour, what is missing after a day.
        if waits and time.monotonic() - began > PATIENT * (moved + 1):
            moved += 1
            if moved in RESTARTS:
                await restart_all(world, DAY + HOUR)
            else:
                _move_on(world, HOUR + HOUR // 6)
        await asyncio.sleep(0.5)
    return waits


async def restart_all(world: World, forward: int) -> None:
    """Stop everything, move all clocks on, start everything."""
    for process in world.processes():
        if process.running:
            await process.stop()
    _move_on(world, forward)
    await world.directory_process.start()
    await asyncio.gather(*(world.restart(site) for site in world.sites.values()))


def _move_on(world: World, forward: int) -> None:
    """All clocks as far as the furthest, and further."""
    hands = [*(site.clock for site in world.sites.values()), world.directory_clock]
    furthest = max(hand.offset for hand in hands)
    for hand in hands:
        hand.set(furthest + forward)


async def _waiting(world: World) -> list[str]:
    """What `status` says that still waits, for each node."""
    found = []
    for site in world.sites.values():
        try:
            told = await ask(site.folder.control, "status", {})
        except (NotServing, Trouble) as error:
            found.append(f"{site.name}: no status: {error}")
            continue
        found += [f"{site.name}: {line}" for line in _left(told)]
    return found


def _left(told: dict[str, Any]) -> list[str]:
    """What must not be left. A counter that stays missing may have been lost with a disk."""
    lines = [f"waits: {each}" for each in told["waiting"]]
    lines += [f"{what}: {told[what]}" for what in ("without_key", "to_import") if told[what]]
    missing = told["missing"]
    lines += [
        f"{what}: {missing[what]}" for what in ("going", "lost", "unanswered") if missing[what]
    ]
    return lines


async def commands(world: World) -> list[str]:
    """`referral node status` of every node that runs: its exit code, and what it prints."""
    wrong = []
    for site in world.sites.values():
        code, told = await command("node", "status", "--state", str(site.folder.path), "--json")
        if code != 0:
            wrong.append(f"{site.name}: status ended with {code}: {told}")
        else:
            wrong += [f"{site.name}: {line}" for line in _left(told)]
    return wrong
