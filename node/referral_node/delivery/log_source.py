"""Reading a log from whoever serves a copy of it: the directory, or another member (DIRECTORY 6).

Law: nothing that is read here is believed before it was verified. Every answer is bounded in size,
every reading in time and in number; what does not fit is an error, never a part of an answer.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from referral_node.delivery.http import Http, Unreachable
from referral_node.exchange.directory.members import Member
from referral_protocol.directory.notes import MAX_NOTE
from referral_protocol.directory.paths import (
    CHECKPOINT,
    COPY,
    MAX_BUNDLE_BYTES,
    TILE_WIDTH,
    entries_paths,
    hashes_path,
    parse_entries,
)
from referral_protocol.directory.replica import MAX_LOG
from referral_protocol.directory.tree import HASH_SIZE, Tree
from referral_protocol.errors import ProtocolError

CHECKPOINT_WITHIN: Final = 15.0
"""Seconds that a checkpoint may take."""
LOG_WITHIN: Final = 600.0
"""Seconds that the leaves, or the hashes, of one log may take."""
MOST_BYTES: Final = 256 * 1024 * 1024
"""Bytes of leaves taken in one go: a first copy of some hundred thousand entries."""
MEMBER_WITHIN: Final = 60.0
MEMBER_BYTES: Final = 32 * 1024 * 1024
"""The same for a member's copy: one that stalls must not hold up what others show."""
MOST_HASHES: Final = 2**20
"""Leaf hashes that are fetched in order to show where two logs part: 32 MiB."""


class LogSource(NamedTuple):
    """Where a copy of the log is served. ``member`` None: by the directory itself."""

    http: Http
    base: str
    pins: tuple[bytes, ...]
    member: bytes | None

    @classmethod
    def of_member(cls, http: Http, member: Member) -> "LogSource":
        """The copy that a member's node serves."""
        return cls(http, member.endpoint.rstrip("/") + COPY, member.pins, member.id)

    @classmethod
    def of_directory(cls, http: Http, url: str) -> "LogSource":
        """The log itself."""
        return cls(http, url, (), None)

    async def checkpoint(self) -> bytes:
        """The newest checkpoint there, not verified."""
        async with _within(CHECKPOINT_WITHIN):
            return await self._get(CHECKPOINT, MAX_NOTE)

    async def leaves(self, start: int, size: int) -> list[bytes]:
        """The leaves from ``start`` up to ``size``."""
        if size > MAX_LOG:
            raise ProtocolError("too-large", f"log: at most {MAX_LOG} entries")
        found: list[bytes] = []
        room = MOST_BYTES if self.member is None else MEMBER_BYTES
        async with _within(self._patience):
            for path in entries_paths(start, size):
                data = await self._get(path.path, MAX_BUNDLE_BYTES)
                room -= len(data)
                if room < 0:
                    raise ProtocolError("too-large", "leaves: more than are taken at once")
                found += parse_entries(data, path.width)[path.skip :]
        return found

    async def tree(self, size: int) -> Tree:
        """The tree of ``size`` leaves, by their hashes alone."""
        if size > MOST_HASHES:
            raise ProtocolError("too-large", f"hashes: at most {MOST_HASHES}")
        hashes: list[bytes] = []
        async with _within(self._patience):
            for number, width in _tiles(size):
                data = await self._get(hashes_path(0, number, width), TILE_WIDTH * HASH_SIZE)
                if len(data) != width * HASH_SIZE:
                    raise ProtocolError("truncated", "tile: not as many hashes as it says")
                hashes += [data[n : n + HASH_SIZE] for n in range(0, len(data), HASH_SIZE)]
        return await asyncio.to_thread(Tree, hashes)

    @property
    def _patience(self) -> float:
        return LOG_WITHIN if self.member is None else MEMBER_WITHIN

    async def _get(self, path: str, limit: int) -> bytes:
        answer = await self.http.request("GET", self.base + path, limit=limit, pins=self.pins)
        if answer.status != 200:
            raise Unreachable(f"http-{answer.status}", left=False, status=answer.status)
        return answer.body


def _tiles(size: int) -> Iterator[tuple[int, int]]:
    for number in range(-(-size // TILE_WIDTH)):
        yield number, min(TILE_WIDTH, size - number * TILE_WIDTH)


@asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    """A time limit that ends in Unreachable, as everything else that does not answer does."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise Unreachable("time-out", left=False) from None
