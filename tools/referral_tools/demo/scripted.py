"""The demo without a person: a fresh federation, the whole story, and nothing left running.

Law: it plays in a folder of its own, on free ports, so that it meddles with no other demo. What
goes wrong is told with the step, the cause and the end of the processes' logs, and the folder is
kept for whoever looks for the reason.
"""

import asyncio
import shutil
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from referral_tools.browser import NotThere
from referral_tools.demo.fleet import Fleet
from referral_tools.demo.live import bring_up
from referral_tools.demo.place import Place
from referral_tools.demo.ports import Ports, free_ports
from referral_tools.demo.show import Show
from referral_tools.demo.story import Stage, play
from referral_tools.demo.trouble import DemoTrouble

FOLDER: Final = "scripted"
"""Inside a state folder that was named, made anew each time."""
_LINES: Final = 6


async def scripted(state: Path | None, base_port: int | None, show: Show) -> None:
    """Play the story; DemoTrouble with the step and the cause if it does not go through."""
    folder = _fresh(state)
    try:
        await _play_in(folder, base_port, show)
    except asyncio.CancelledError:
        if state is None:
            shutil.rmtree(folder)
        raise
    show.heading("The story went through, and nothing is left running.")
    if state is None:
        shutil.rmtree(folder)
    else:
        show.say(f"Its state, logs and evidence: {folder}")


async def _play_in(folder: Path, base_port: int | None, show: Show) -> None:
    async with AsyncExitStack() as stack:
        place = stack.enter_context(Place(folder))
        fleet = await stack.enter_async_context(Fleet(place))
        stage = Stage(place, _ports(base_port), fleet, show, "setting it up")
        try:
            await bring_up(place, stage.ports, fleet, show, "info")
            await _watched(fleet, stage)
        except (DemoTrouble, NotThere, OSError) as cause:
            for each in fleet.all:
                show.log(each.name, each.tail(_LINES))
            show.say(f"Everything of this run is kept in {folder}")
            raise DemoTrouble(f"{stage.step}: {cause}") from cause


def _fresh(state: Path | None) -> Path:
    if state is None:
        return Path(tempfile.mkdtemp(prefix="referral-demo-"))
    folder = state / FOLDER
    if folder.exists():
        # Only what an earlier run made; the lock says that none is running.
        with Place(folder):
            pass
        shutil.rmtree(folder)
    return folder


def _ports(base_port: int | None) -> Ports:
    if base_port is not None:
        wanted = Ports(base_port)
        taken = wanted.taken()
        if taken is not None:
            raise DemoTrouble(f"port {taken} is in use: leave out --base-port, or name another one")
        return wanted
    free = free_ports()
    if free is None:
        raise DemoTrouble("no free range of ports was found")
    return free


async def _watched(fleet: Fleet, stage: Stage) -> None:
    """Play, and stop as soon as a process ends that was not meant to."""
    playing = asyncio.ensure_future(play(stage))
    dying = asyncio.ensure_future(fleet.died())
    try:
        await asyncio.wait((playing, dying), return_when=asyncio.FIRST_COMPLETED)
        if playing.done():
            playing.result()
        else:
            raise dying.result()
    finally:
        for each in (playing, dying):
            each.cancel()
        await asyncio.gather(playing, dying, return_exceptions=True)
