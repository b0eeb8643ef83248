"""Which URLs a directory answers on, and the entry bundles of C2SP tlog-tiles (DIRECTORY 6).

Law: everything that is fetched is fetched as a whole, in pieces that all members fetch alike: no
path names a member, but the one on which a member publishes its own bundle.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from referral_protocol.directory.entries import MAX_LEAF
from referral_protocol.errors import ProtocolError

CHECKPOINT: Final = "/checkpoint"
ENTRIES: Final = "/tile/entries/"
BOARD: Final = "/v1/board"
RECORDS: Final = "/v1/records"
REQUESTS: Final = "/v1/requests"
SUBMIT: Final = "/v1/entries"
COSIGNATURES: Final = "/v1/cosignatures"

COPY: Final = "/v1/log"
"""What stands before a log's paths where another member serves its copy."""

TILE_WIDTH: Final = 256
MAX_BUNDLE_BYTES: Final = TILE_WIDTH * (2 + MAX_LEAF)

_NUMBER: Final = re.compile(r"(?:x[0-9]{3}/)*[0-9]{3}", re.ASCII)
_WIDTH: Final = re.compile(r"[1-9][0-9]{0,2}", re.ASCII)


class EntriesPath(NamedTuple):
    """A path of entries to fetch: ``width`` leaves, of which the first ``skip`` are held."""

    path: str
    width: int
    skip: int


def tile_suffix(number: int, width: int = TILE_WIDTH) -> str:
    """``x001/x234/067`` and, for a tile that is not full, ``.p/<width>``."""
    digits = f"{number:03d}"
    digits = digits.rjust(-(-len(digits) // 3) * 3, "0")
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    path = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def parse_tile_suffix(text: str) -> tuple[int, int]:
    """Number and width of a tile from its path; ``wrong-value`` if it is not the one spelling."""
    path, partial, width_text = text.partition(".p/")
    if not _NUMBER.fullmatch(path) or len(path) > 19:
        raise ProtocolError("wrong-value", "tile: the number")
    number = int(path.replace("x", "").replace("/", ""))
    width = TILE_WIDTH
    if partial:
        if not _WIDTH.fullmatch(width_text) or int(width_text) >= TILE_WIDTH:
            raise ProtocolError("wrong-value", "tile: the width")
        width = int(width_text)
    if tile_suffix(number, width) != text:
        raise ProtocolError("wrong-value", "tile: not the one spelling of its number")
    return number, width


def entries_paths(held: int, size: int) -> Iterator[EntriesPath]:
    """What to fetch in order to go from ``held`` leaves to ``size``."""
    for number in range(held // TILE_WIDTH, -(-size // TILE_WIDTH)):
        start = number * TILE_WIDTH
        width = min(size - start, TILE_WIDTH)
        yield EntriesPath(ENTRIES + tile_suffix(number, width), width, max(held - start, 0))


def hashes_path(level: int, number: int, width: int = TILE_WIDTH) -> str:
    """Where a tile of hashes lies: of complete subtrees of 256^level leaves."""
    return f"/tile/{level}/{tile_suffix(number, width)}"


def pack_entries(leaves: Sequence[bytes]) -> bytes:
    """An entry bundle: each leaf after its length, two bytes big-endian."""
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)


def parse_entries(data: bytes, count: int) -> list[bytes]:
    """The ``count`` leaves of an entry bundle, exactly; ``truncated`` or ``trailing`` if not."""
    if len(data) > MAX_BUNDLE_BYTES:
        raise ProtocolError("too-large", f"entries: at most {MAX_BUNDLE_BYTES} bytes")
    leaves: list[bytes] = []
    place = 0
    for _ in range(count):
        start = place + 2
        end = start + int.from_bytes(data[place:start], "big")
        if start > len(data) or end > len(data):
            raise ProtocolError("truncated", "entries: fewer leaves than the path says")
        if end - start > MAX_LEAF:
            raise ProtocolError("too-large", f"leaf: at most {MAX_LEAF} bytes")
        leaves.append(data[start:end])
        place = end
    if place != len(data):
        raise ProtocolError("trailing", "entries: more than the path says")
    return leaves


def board_tile_path(tile: bytes) -> str:
    """Where a tile of the board lies, by its hash."""
    return f"{BOARD}/tiles/{tile.hex()}"


def records_tile_path(tile: bytes) -> str:
    """Where a tile of the records lies, by its hash."""
    return f"{RECORDS}/tiles/{tile.hex()}"


def publish_path(member: bytes) -> str:
    """Where a member puts its own bundle."""
    return f"{BOARD}/{member.hex()}"


def request_path(request: bytes) -> str:
    """Where the state of a request to join stands."""
    return f"{REQUESTS}/{request.hex()}"
