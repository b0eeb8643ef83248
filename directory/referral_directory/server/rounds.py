"""Asking every member's endpoint once a day, so that VSE sees who cannot be reached.

Law: little at a time and never all at once: each member has its own time of the day, at most four
are asked together, a round asks a bounded number. What is asked is what :mod:`probe` asks: a path
that every node answers to anybody.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from referral_directory.log.endpoints import Endpoints
from referral_directory.log.ledger import Ledger
from referral_protocol.directory.entries import ACTIVE, Card

EVERY: Final = 24 * 3600 * 1000
JITTER: Final = 4 * 3600 * 1000
"""How much earlier than after a day a member may be asked: by its id, so that they spread out."""
AT_ONCE: Final = 4
MOST: Final = 64
"""Most that one round asks: at a round a minute, ten thousand members take under three hours."""

Ask = Callable[[Card, bytes], Awaitable[str]]
"""Asks the endpoint of a card, of the member with this id."""


class Rounds:
    """The rounds of one directory. ``ask`` gives a code of :mod:`probe`."""

    def __init__(self, ledger: Ledger, ask: Ask) -> None:
        self._ledger = ledger
        self._endpoints = Endpoints(ledger.store)
        self._ask = ask

    async def go(self) -> int:
        """Ask those whose time has come, the longest unasked first; how many that were."""
        now = self._ledger.clock()
        asked = await self._endpoints.asked()
        due = [
            (asked.get(member.id, 0), member.id)
            for member in self._ledger.directory.members()
            if member.status(now) == ACTIVE and now >= asked.get(member.id, 0) + _pause(member.id)
        ]
        chosen = [member for _, member in sorted(due)[:MOST]]
        turn = asyncio.Semaphore(AT_ONCE)

        async def one(member: bytes) -> None:
            async with turn:
                answer = await self._ask(self._ledger.directory.known(member).card, member)
                await self._endpoints.keep(member, answer, self._ledger.clock())

        await asyncio.gather(*(one(member) for member in chosen))
        return len(chosen)


def _pause(member: bytes) -> int:
    return EVERY - int.from_bytes(member[:4], "big") % JITTER
