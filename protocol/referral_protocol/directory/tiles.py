"""What lies beside the log and is served whole: an index of tiles, and tiles by their hash
(DIRECTORY 5).

Members stand in the order in which they joined, 64 to a tile. The index lists the SHA-256 of every
tile; a tile's path is its hash, so it never changes and any web server may keep a copy. A node
fetches the index, then every tile that it does not hold.

Law: a node fetches all tiles, always, never some of them: whom it wants to write to must not show.
A parser here needs no more than the bytes it is given, whatever lengths they claim.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Annotated, Final

from msgspec import Meta

from referral_protocol.errors import ProtocolError
from referral_protocol.wire import Hash, Wire, decode, encode

TILE_MEMBERS: Final = 64
MAX_TILES: Final = 1024
MAX_INDEX: Final = 64 * 1024
CONTENT_TYPE: Final = "application/msgpack"
TILE_TYPE: Final = "application/octet-stream"


class Index(Wire, frozen=True):
    """The hashes of all tiles, in order. An empty tile has the hash of nothing."""

    tiles: Annotated[tuple[Hash, ...], Meta(max_length=MAX_TILES)]

    def pack(self) -> bytes:
        """The bytes that are served."""
        return encode(self)

    def missing(self, held: Iterable[bytes]) -> list[bytes]:
        """The hashes of the tiles to fetch, each once."""
        have = {EMPTY_TILE, *held}
        return [tile for tile in dict.fromkeys(self.tiles) if tile not in have]


def parse_index(data: bytes) -> Index:
    """Parse an index of tiles."""
    return decode(data, Index, MAX_INDEX, "index")


def tile_hash(tile: bytes) -> bytes:
    """SHA-256 of a tile's bytes: its name."""
    return hashlib.sha256(tile).digest()


EMPTY_TILE: Final = tile_hash(b"")


def pack_tile(items: Sequence[bytes]) -> bytes:
    """A tile: each item after its length, four bytes big-endian."""
    if len(items) > TILE_MEMBERS:
        raise ValueError("more items than a tile has members")
    return b"".join(len(item).to_bytes(4, "big") + item for item in items)


def parse_tile(data: bytes, name: bytes, limit: int, what: str) -> list[bytes]:
    """The items of a tile, after its bytes have been found to be the ones that were named.

    ``limit`` is the most bytes of one item. ``wrong-record`` if the hash is another.
    """
    if len(data) > tile_limit(limit):
        raise ProtocolError("too-large", f"{what}: at most {tile_limit(limit)} bytes")
    if tile_hash(data) != name:
        raise ProtocolError("wrong-record", f"{what}: not the tile that the index names")
    items: list[bytes] = []
    place = 0
    while place < len(data):
        start = place + 4
        end = start + int.from_bytes(data[place:start], "big")
        if end > len(data):
            raise ProtocolError("truncated", f"{what}: an item ends after the tile")
        if end - start > limit:
            raise ProtocolError("too-large", f"{what}: an item of more than {limit} bytes")
        items.append(data[start:end])
        if len(items) > TILE_MEMBERS:
            raise ProtocolError("too-large", f"{what}: at most {TILE_MEMBERS} items")
        place = end
    return items


def tile_limit(limit: int) -> int:
    """Most bytes of a tile whose items have at most ``limit`` bytes."""
    return TILE_MEMBERS * (4 + limit)
