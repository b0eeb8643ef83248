"""The directory and the nodes as processes: started together, stopped together.

Law: leaving the block ends them all, after an error and after Ctrl-C too, and the nodes before the
directory.
"""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

from referral_tools.demo.cast import DIRECTORY, PLAYERS
from referral_tools.demo.place import Place
from referral_tools.demo.process import Process
from referral_tools.demo.trouble import DemoTrouble


class Fleet:
    """All processes of one demo. Nothing is started by making it."""

    def __init__(self, place: Place) -> None:
        self.directory = Process(
            "The directory",
            ("directory", "serve", "--state", place.node(DIRECTORY)),
            place.log(DIRECTORY),
        )
        self.nodes = {
            player.code: Process(
                f"The node of {player.readable}",
                ("node", "serve", "--state", place.node(player.code)),
                place.log(player.code),
            )
            for player in PLAYERS
        }

    @property
    def all(self) -> list[Process]:
        return [self.directory, *self.nodes.values()]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start all of them at once; DemoTrouble of the first that cannot."""
        await together(*(each.start() for each in self.all))

    async def stop(self) -> None:
        """Stop all of them."""
        await asyncio.gather(*(node.stop() for node in self.nodes.values()))
        await self.directory.stop()

    async def died(self) -> DemoTrouble:
        """Wait until one of them ends without having been asked to."""
        watched = [asyncio.ensure_future(each.died()) for each in self.all]
        try:
            done, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            return next(iter(done)).result()
        finally:
            for each in watched:
                each.cancel()
            await asyncio.gather(*watched, return_exceptions=True)


async def together(*works: Coroutine[Any, Any, None]) -> None:
    """Do these at the same time; the first error ends the others, and is raised as it is."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
