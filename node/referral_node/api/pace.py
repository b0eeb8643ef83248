"""How much one sender may ask of this node: buckets that empty with requests and fill with time.

Law: a member is counted by its id, and only after its signature was verified, so nobody else can
use up its share. Whoever has proved nothing is counted by the network that it comes from, and only
for what was worth nothing; behind a web server of ours that server's limits hold instead.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from typing import Final

from referral_ui.connections import network

PARCELS_PER_MINUTE: Final = 6000
"""Of each member: a hundred a second, or 25,600 messages; its own node sends a few at a time."""
STRANGERS_PER_MINUTE: Final = 60
"""Worthless requests from each network; prekeys asked for count as such."""
READERS_PER_MINUTE: Final = 600
"""Pieces of the log's copy for each network: a first copy of 150,000 entries in a minute."""
MOST: Final = 10_000
"""Buckets kept; the one used longest ago is forgotten, which only ever forgives."""


class Buckets:
    """A bucket for each name: ``size`` requests at once, ``per_second`` in the long run."""

    def __init__(self, size: float, per_second: float, monotonic: Callable[[], float]) -> None:
        self._size = size
        self._per_second = per_second
        self._monotonic = monotonic
        self._left: OrderedDict[bytes | str, tuple[float, float]] = OrderedDict()

    def wait(self, name: bytes | str) -> int:
        """Whole seconds until a request of this one is welcome; 0: it is welcome now."""
        left = self._now(name)[0]
        return 0 if left >= 1 else max(1, ceil((1 - left) / self._per_second))

    def take(self, name: bytes | str) -> int:
        """Count a request; 0, or the seconds to wait if it is one too many (it is not counted)."""
        wait = self.wait(name)
        if not wait:
            left, now = self._now(name)
            self._left[name] = (left - 1, now)
            self._left.move_to_end(name)
            if len(self._left) > MOST:
                self._left.popitem(last=False)
        return wait

    def _now(self, name: bytes | str) -> tuple[float, float]:
        now = self._monotonic()
        left, since = self._left.get(name, (self._size, now))
        return min(self._size, left + (now - since) * self._per_second), now


class Pace:
    """The buckets of one listener: a minute's worth at once for each."""

    def __init__(
        self,
        parcels: int = PARCELS_PER_MINUTE,
        strangers: int = STRANGERS_PER_MINUTE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._members = Buckets(parcels, parcels / 60, monotonic)
        self._strangers = Buckets(strangers, strangers / 60, monotonic)
        self._readers = Buckets(READERS_PER_MINUTE, READERS_PER_MINUTE / 60, monotonic)

    def member(self, member: bytes) -> int:
        """Count a parcel whose sender is proved; 0, or the seconds that it has to wait."""
        return self._members.take(member)

    def stranger(self, address: str | None) -> int:
        """The seconds that this address has to wait before anything of it is looked at; or 0."""
        name = network(address or "")
        return self._strangers.wait(name) if name else 0

    def reader(self, address: str | None) -> int:
        """Count a request for a piece of the log; 0, or the seconds that it has to wait."""
        name = network(address or "")
        return self._readers.take(name) if name else 0

    def worthless(self, address: str | None) -> None:
        """Count what this address sent as worth nothing."""
        name = network(address or "")
        if name:
            self._strangers.take(name)
