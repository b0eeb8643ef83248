"""What one session keeps between two pages, beside its keys: cases of a list, and what was done.

Law: it hangs on the session and goes with it. Of what a form held only a keyed digest is kept.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from referral_node.exchange import Cases
from referral_node.vault import Session
from referral_ui.formdata import FormData

_REMEMBERED: Final = 500
"""Forms whose outcome is remembered; a browser resends within seconds, not after so many."""


class OtherContent(Exception):
    """The same page was sent a second time with something else in it: nothing was done."""


class Unfinished(Exception):
    """The request that did this ended before it was done."""


class Kept:
    """Hangs on ``Session.index``."""

    def __init__(self) -> None:
        self.cases = Cases()
        self.told: str | None = None
        """What the next page tells about the last action, once."""
        self.shown: dict[bytes, int] = {}
        """Cases that this session opened, and when first."""
        self.revealed: dict[bytes, int] = {}
        """Cases whose number is shown after a reason was given, and until when."""
        self.typed: dict[bytes, dict[str, str]] = {}
        """What was typed beside files that were added to a case, until it is sent."""
        self.opened = 0
        """Messages opened so far, while much is being opened."""
        self._done: OrderedDict[str, tuple[bytes, asyncio.Future[str]]] = OrderedDict()

    @classmethod
    def of(cls, session: Session) -> "Kept":
        """What this session keeps; begun at its first page."""
        if not isinstance(session.index, cls):
            session.index = cls()
        return session.index

    async def outcome(self, nonce: str, content: bytes) -> str | None:
        """Where this very form led, once that is known; None if it did not come before."""
        known = self._done.get(nonce)
        if known is None:
            return None
        if known[0] != content:
            raise OtherContent
        return await asyncio.shield(known[1])

    async def once(self, nonce: str, content: bytes, work: Callable[[], Awaitable[str]]) -> str:
        """Do ``work`` for this form unless it was done or is under way; where it led to.

        Work that fails is forgotten: the same form may be sent again.
        """
        known = await self.outcome(nonce, content)
        if known is not None:
            return known
        outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._done[nonce] = (content, outcome)
        while len(self._done) > _REMEMBERED:
            self._done.popitem(last=False)
        try:
            where = await work()
        except BaseException as error:
            self._done.pop(nonce, None)
            outcome.set_exception(error if isinstance(error, Exception) else Unfinished())
            outcome.exception()  # Asked for here: perhaps nobody else waits for it.
            raise
        outcome.set_result(where)
        return where


def digest(secret: bytes, data: FormData) -> bytes:
    """Which content a form had, for this process's memory alone."""
    mark = hashlib.blake2b(key=secret[:64], digest_size=16)
    for name in data.names():
        for value in data.all(name):
            for part in (name, value):
                raw = part.encode("utf-8", "surrogatepass")
                mark.update(b"%d:" % len(raw) + raw)
    return mark.digest()
