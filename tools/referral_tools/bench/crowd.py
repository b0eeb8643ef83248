"""A directory with as many members as wanted, made in seconds: every byte as they would make it.

Each member has keys, prekeys, a card and a profile of its own, and signs its own entry and bundle;
a registrar signs each entry. Only the way into the store is short: all rows at once, as the ledger
writes them one by one, with the checkpoint over all. The directory that is started on the folder
folds and checks them as always.
"""

import asyncio
import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final, NamedTuple

from referral_directory import registrars
from referral_directory.config import Config, Console, write_config
from referral_directory.folder import Folder, write_private
from referral_directory.log.beside import BOARD, RECORDS
from referral_directory.log.ledger import Ledger
from referral_directory.sealing import STRONG, write_log_key
from referral_directory.totp import new_secret
from referral_protocol import profiles
from referral_protocol.certificates import CASE_PREKEY_LIFE, Bundle, CasePrekey, make_bundle
from referral_protocol.directory.entries import (
    Card,
    Leaf,
    Root,
    entry_hash,
    make_member_entry,
    make_root_entry,
    sign_entry,
)
from referral_protocol.directory.notes import TreeHead, make_checkpoint
from referral_protocol.directory.records import Records, Salted, record_hashes, salted
from referral_protocol.directory.tiles import TILE_MEMBERS, pack_tile, tile_hash
from referral_protocol.directory.tree import Tree, leaf_hash
from referral_protocol.examples import LISBON, LVIV, UTRECHT
from referral_protocol.keys import member_id
from referral_protocol.suite import SUITE, Opener, Signer
from referral_tools.bench.members import ORIGIN

PREKEYS: Final = 4
"""Case prekeys of a bundle: as many as a new node makes."""
PIECE: Final = 250
NAME: Final = "bench"
PASSWORD: Final = "a bench measures nobody"  # noqa: S105 - of a registrar who lives for minutes
EXAMPLES: Final = (LISBON, UTRECHT, LVIV)


class Item(NamedTuple):
    """One member: its leaf, records and bundle, packed."""

    member: bytes
    leaf: bytes
    records: bytes
    bundle: bytes


@dataclass(frozen=True)
class Crowd:
    """A directory's folder with so many members. ``secret`` makes the keys of each of them."""

    folder: Path
    genesis: bytes
    secret: bytes
    totp: bytes
    """Of the registrar's codes."""
    made_at: int
    members: int
    bytes: int
    """Of all leaves, records and bundles: what a node fetches at its first sync."""


class Mine(NamedTuple):
    """A member whose node is measured, beside the crowd: its own keys and bundle."""

    vault: Signer
    node: Signer
    bundle: bytes


def key_of(secret: bytes, number: int, role: str) -> Signer:
    """The key of a member of the crowd in a role, ``vault`` or ``node``."""
    return Signer(_seed(secret, number, role))


def salted_of(secret: bytes, number: int) -> tuple[Salted, ...]:
    """The records of a member: one of the three examples, under a name of its own."""
    plain = EXAMPLES[number % len(EXAMPLES)]
    own = {**plain["organisation"], "name": f"{plain['organisation']['name']} {number}"}
    contents = profiles.split(profiles.encode({**plain, "organisation": own}))
    return salted(contents, {name: _seed(secret, number, name) for name in contents})


def endpoint_of(number: int) -> str:
    """Where a member of the crowd is said to be."""
    return f"https://node-{number}.example.org"


async def make_crowd(
    folder: Path,
    members: int,
    now: int,
    mine: Mine,
    told: Callable[[str], None] = lambda _words: None,
) -> Crowd:
    """Make a directory in ``folder`` with so many members, ``mine`` the first of them."""
    secret = os.urandom(32)
    log_key = Signer(_seed(secret, 0, "log"))
    registrar = Signer(_seed(secret, 0, "registrar"))
    person = registrars.Registrar(NAME, "Bench", registrar, new_secret(os.urandom))
    roots = [Signer(_seed(secret, number, "root")) for number in range(3)]
    keys = tuple(sorted(key.public for key in roots))
    root = Root(ORIGIN, log_key.public, (registrar.public,), 1, keys, 2, (), 0)
    content = make_root_entry(root, now)
    genesis = entry_hash(content)
    place = Folder(folder)
    place.make()
    write_log_key(place.log_key, log_key)
    registrars.write(place, person, PASSWORD, STRONG, os.urandom)
    await Ledger.found(place.database, content, sign_entry(content, *roots), log_key, lambda: now)
    config = Config(port=0, allow_loopback=True, console=Console(("localhost",), port=0))
    write_private(place.config, write_config(config).encode())
    first = _item(secret, genesis, registrar, now, 0, mine)
    items = [first]
    context = get_context("spawn")  # a fork of a process with threads can hang
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        pieces = [(secret, genesis, now, each) for each in _pieces(1, members)]
        for made in pool.map(_some, pieces):
            items += made
            told(f"members: {len(items):,} of {members:,}")
    await asyncio.to_thread(_fill, place.database, items, log_key, now)
    size = sum(len(x.leaf) + len(x.records) + len(x.bundle) for x in items)
    return Crowd(folder, genesis, secret, person.secret, now, members, size)


def _seed(secret: bytes, number: int, role: str) -> bytes:
    return hashlib.sha256(b"%s %d %s" % (secret, number, role.encode())).digest()


def _pieces(first: int, end: int) -> Iterator[range]:
    for start in range(first, end, PIECE):
        yield range(start, min(end, start + PIECE))


def _some(order: tuple[bytes, bytes, int, range]) -> list[Item]:
    """A piece of the crowd; runs in a process of its own."""
    secret, genesis, now, numbers = order
    registrar = Signer(_seed(secret, 0, "registrar"))
    return [_item(secret, genesis, registrar, now, number) for number in numbers]


def _item(
    secret: bytes,
    genesis: bytes,
    registrar: Signer,
    now: int,
    number: int,
    mine: Mine | None = None,
) -> Item:
    vault = mine.vault if mine else key_of(secret, number, "vault")
    node = mine.node if mine else key_of(secret, number, "node")
    member = member_id(vault.public)
    records = salted_of(secret, number)
    card = Card(
        (SUITE,), vault.public, node.public, endpoint_of(number), (), record_hashes(records)
    )
    content = make_member_entry(genesis, member, card, now)
    leaf = Leaf(now, content, sign_entry(content, vault, node, registrar)).pack()
    bundle = mine.bundle if mine else _bundle(secret, number, vault, now)
    return Item(member, leaf, Records(member, records).pack(), bundle)


def _bundle(secret: bytes, number: int, vault: Signer, now: int) -> bytes:
    keys = []
    for term in range(PREKEYS):
        starts = now + term * CASE_PREKEY_LIFE
        public = Opener(_seed(secret, number, f"prekey {term}")).public
        keys.append(CasePrekey(SUITE, public, now, starts, starts + CASE_PREKEY_LIFE))
    return make_bundle(vault, Bundle(SUITE, member_id(vault.public), now, tuple(keys)))


def _fill(database: Path, items: Sequence[Item], log_key: Signer, now: int) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        tree = Tree(
            leaf_hash(row[0])
            for row in connection.execute("SELECT leaf FROM entries ORDER BY number")
        )
        for item in items:
            tree.append(leaf_hash(item.leaf))
        note = make_checkpoint(TreeHead(ORIGIN, tree.size, tree.root()), log_key, now)
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO entries (number, leaf) VALUES (?, ?)",
            ((number, item.leaf) for number, item in enumerate(items, 1)),
        )
        connection.executemany(
            "INSERT INTO members (member, slot, records, bundle) VALUES (?, ?, ?, ?)",
            ((x.member, slot, x.records, x.bundle) for slot, x in enumerate(items)),
        )
        connection.executemany(
            "INSERT INTO tiles (kind, hash, number, content) VALUES (?, ?, ?, ?)",
            _tiles(items),
        )
        connection.execute("UPDATE checkpoint SET size = ?, note = ?", (tree.size, note))
        connection.execute("COMMIT")


def _tiles(items: Sequence[Item]) -> Iterable[tuple[str, bytes, int, bytes]]:
    for number, start in enumerate(range(0, len(items), TILE_MEMBERS)):
        some = items[start : start + TILE_MEMBERS]
        for kind, contents in (
            (RECORDS, [each.records for each in some]),
            (BOARD, [each.bundle for each in some]),
        ):
            tile = pack_tile(contents)
            yield kind, tile_hash(tile), number, tile
