"""Reading what lies beside the log: an index, and every tile of it that was not read (DIRECTORY 5).

Law: all tiles that are new are fetched, always, never some of them: whom we write to must not show.
A tile counts as read only if all of it held; one of which something was left out is read again when
the log has changed, for it may hold then. Some tiles at a time are fetched, checked and stored, so
that memory does not grow with the directory.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set
from typing import Final, Generic, NamedTuple, TypeVar

from referral_node.delivery.ending import end
from referral_protocol.directory.tiles import EMPTY_TILE, TILE_MEMBERS, Index
from referral_protocol.errors import ProtocolError

T = TypeVar("T")
AT_ONCE: Final = 8
"""Tiles fetched and stored together."""


class Shelf:
    """Which tiles of one index were read."""

    def __init__(self) -> None:
        self._read: set[bytes] = set()
        self._again: set[int] = set()

    def look_again(self, places: Iterable[int]) -> None:
        """Entries about the members in these places of the order of joining are new."""
        self._again.update(place // TILE_MEMBERS for place in places)

    def missing(self, index: Index) -> list[bytes]:
        """The tiles to fetch now."""
        again = {index.tiles[number] for number in self._again if number < len(index.tiles)}
        self._again.clear()
        self._read = (self._read & set(index.tiles)) - again
        return index.missing(self._read)

    def put(self, names: Iterable[bytes]) -> None:
        """These were read whole."""
        self._read.update(names)


class Found(NamedTuple, Generic[T]):
    """What some tiles held. ``whole``: the tiles of which nothing was left out."""

    items: list[T]
    refused: int
    whole: list[bytes]


Read = Callable[[bytes, bytes], tuple[list[T], list[ProtocolError]]]
"""The items of a tile (its bytes, its name) that hold, and why each other one does not."""


def found_in(tiles: Iterable[tuple[bytes, bytes]], read: Read[T]) -> Found[T]:
    """All that these tiles, each as name and bytes, hold."""
    items: list[T] = []
    refused, whole = 0, []
    for name, data in tiles:
        held, errors = read(data, name)
        items += held
        refused += len(errors)
        if not errors:
            whole.append(name)
    return Found(items, refused, whole)


def absent(
    members: Sequence[bytes], index: Index, present: Mapping[bytes, Set[bytes]]
) -> list[bytes]:
    """Of all members in their order, those of whom their tile holds nothing (any more).

    ``present``: whom each tile that was read whole holds; of other tiles nothing is said.
    """
    found: list[bytes] = []
    for start in range(0, len(members), TILE_MEMBERS):
        number = start // TILE_MEMBERS
        name = index.tiles[number] if number < len(index.tiles) else EMPTY_TILE
        there = frozenset[bytes]() if name == EMPTY_TILE else present.get(name)
        if there is not None:
            found += [m for m in members[start : start + TILE_MEMBERS] if m not in there]
    return found


async def read_all(
    names: list[bytes],
    fetch: Callable[[bytes], Awaitable[bytes]],
    read: Read[T],
    store: Callable[[Found[T]], Awaitable[bool]],
) -> bool:
    """Fetch, check and store these tiles; True if ``store`` said of any that it was news."""
    pieces = [names[start : start + AT_ONCE] for start in range(0, len(names), AT_ONCE)]
    if not pieces:
        return False
    news = False
    coming = asyncio.ensure_future(_fetched(pieces[0], fetch))
    try:
        for number in range(1, len(pieces) + 1):
            tiles = await coming
            if number < len(pieces):  # comes while these are checked and stored
                coming = asyncio.ensure_future(_fetched(pieces[number], fetch))
            found = await asyncio.to_thread(found_in, tiles, read)
            news = await store(found) or news
    finally:
        await end([coming])
        if not coming.cancelled():
            coming.exception()  # looked at: what ended us is told already
    return news


async def _fetched(
    names: list[bytes], fetch: Callable[[bytes], Awaitable[bytes]]
) -> list[tuple[bytes, bytes]]:
    tasks = [asyncio.ensure_future(fetch(name)) for name in names]
    try:
        return list(zip(names, await asyncio.gather(*tasks), strict=True))
    except BaseException:
        await end(tasks)  # one failed: the others are not waited for
        raise
