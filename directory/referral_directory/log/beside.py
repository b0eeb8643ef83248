"""Records and bundles as tiles: what changed for one member, and the tile that it stands in.

Law: a tile and the rows that it is made of change in the same transaction as the entry that caused
it. A tile that was replaced is served for one more hour, so that a node that has just read the
index finds what it names.
"""

import sqlite3
from typing import Final, NamedTuple

from referral_directory.log.store import Store, Tx
from referral_protocol.directory.records import Records
from referral_protocol.directory.tiles import (
    EMPTY_TILE,
    TILE_MEMBERS,
    Index,
    pack_tile,
    tile_hash,
)

RECORDS: Final = "records"
BOARD: Final = "board"
KINDS: Final = (RECORDS, BOARD)
KEPT: Final = 3600 * 1000

_COLUMN: Final = {RECORDS: "records", BOARD: "bundle"}


class NewTile(NamedTuple):
    """A tile that takes its place in the index once its transaction is on disk."""

    kind: str
    number: int
    hash: bytes


class Beside:
    """The indexes as they are served, and the transactions that change them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tiles: dict[str, list[bytes]] = {kind: [] for kind in KINDS}
        self._packed: dict[str, bytes] = {kind: Index(()).pack() for kind in KINDS}

    async def load(self) -> None:
        """Read the indexes from the store."""
        for kind in KINDS:
            rows = await self._store.rows(
                "SELECT number, hash FROM tiles WHERE kind = ? AND replaced_at IS NULL", (kind,)
            )
            for row in rows:
                self._place(NewTile(kind, row["number"], bytes(row["hash"])))

    def index(self, kind: str) -> bytes:
        """The bytes of the index of ``records`` or ``board``."""
        return self._packed[kind]

    def tiles(self, kind: str) -> tuple[bytes, ...]:
        """The hashes of the tiles of ``records`` or ``board`` as they are served now."""
        return tuple(self._tiles[kind])

    async def tile(self, kind: str, name: bytes) -> bytes | None:
        """A tile by its hash, or None if it is not served (any more)."""
        row = await self._store.row(
            "SELECT content FROM tiles WHERE kind = ? AND hash = ?", (kind, name)
        )
        return None if row is None else bytes(row["content"])

    def take(self, tiles: list[NewTile]) -> None:
        """Serve these from now on: their transaction is on disk."""
        for tile in tiles:
            self._place(tile)

    def _place(self, tile: NewTile) -> None:
        tiles = self._tiles[tile.kind]
        while len(tiles) <= tile.number:
            tiles.append(EMPTY_TILE)
        tiles[tile.number] = tile.hash
        self._packed[tile.kind] = Index(tuple(tiles)).pack()


async def joined(tx: Tx, slot: int, records: Records, bundle: bytes | None) -> None:
    """A member's first row."""
    await tx.execute(
        "INSERT INTO members (member, slot, records, bundle) VALUES (?, ?, ?, ?)",
        (records.member, slot, records.pack(), bundle),
    )


async def member_row(tx: Tx, member: bytes) -> sqlite3.Row:
    """A member's row; it has one since it joined."""
    found = await tx.rows("SELECT * FROM members WHERE member = ?", (member,))
    return found[0]


async def set_records(tx: Tx, records: Records) -> None:
    """Replace a member's records; without any, nothing of them stays."""
    packed = records.pack() if records.records else None
    await tx.execute("UPDATE members SET records = ? WHERE member = ?", (packed, records.member))


async def set_bundle(tx: Tx, member: bytes, bundle: bytes | None) -> None:
    """Replace a member's bundle on the board, or take it off."""
    await tx.execute("UPDATE members SET bundle = ? WHERE member = ?", (bundle, member))


async def remake_tile(tx: Tx, kind: str, slot: int, now: int) -> NewTile:
    """Make the tile of this slot anew and keep the one before for an hour."""
    number = slot // TILE_MEMBERS
    column = _COLUMN[kind]
    rows = await tx.rows(
        f"SELECT {column} AS item FROM members "  # noqa: S608 - the column's name is ours
        f"WHERE slot >= ? AND slot < ? AND {column} IS NOT NULL ORDER BY slot",
        (number * TILE_MEMBERS, (number + 1) * TILE_MEMBERS),
    )
    content = pack_tile([bytes(row["item"]) for row in rows])
    name = tile_hash(content)
    await tx.execute(
        "UPDATE tiles SET replaced_at = ? WHERE kind = ? AND number = ? AND replaced_at IS NULL",
        (now, kind, number),
    )
    await tx.execute(
        "INSERT INTO tiles (kind, hash, number, content) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (kind, hash) DO UPDATE SET replaced_at = NULL, number = excluded.number",
        (kind, name, number, content),
    )
    await tx.execute("DELETE FROM tiles WHERE kind = ? AND replaced_at < ?", (kind, now - KEPT))
    return NewTile(kind, number, name)
