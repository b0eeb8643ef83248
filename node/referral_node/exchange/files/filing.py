"""Files of our own people: added to a draft or a thread, sealed as they come, then said.

Law: no plaintext of a file is on disk, ever, and no whole file in memory: what comes is encrypted
piece by piece under a key of its own. Until it is said, what the body will say of a file (its key
is among it) lies under the case key of its draft or thread, and goes with it. A file is said once.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import structlog

from referral_node.exchange.core import Actor, Core
from referral_node.exchange.files.folder import PIECE
from referral_node.exchange.files.kinds import Inspection, Kind, RefusedFile
from referral_node.exchange.rows import audit, listed
from referral_node.store import StoreError, Tx
from referral_node.vault.at_rest import Unsealable
from referral_node.vault.vault import CaseKey, UnlockedVault
from referral_protocol.attachments import KEY_SIZE, LARGEST, Opening, Sealing, sealed_size
from referral_protocol.statements import MAX_ATTACHMENTS, SignedStatement

PRIVATE_VERSION: Final = 1

log = structlog.get_logger()


class FileEntry(msgspec.Struct, frozen=True):
    """What a body says of one file (FORMS.md, ``files``)."""

    hash: bytes
    key: bytes
    name: str
    type: str
    size: int

    def row(self) -> dict[str, Any]:
        """As it stands in a content."""
        return msgspec.structs.asdict(self)


class TooMany(Exception):
    """A message has no room for another file."""


class FilesGone(Exception):
    """A file that was added is there no more: it was removed, said, or its time was over."""


class Filing:
    """Files between a person and a message."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def add(
        self,
        vault: UnlockedVault,
        actor: Actor,
        owner: bytes,
        name: Callable[[Kind], str],
        pieces: AsyncIterable[bytes],
    ) -> FileEntry:
        """Take a file for a draft or a thread. ``name``: what it is called, given its kind.

        Raises RefusedFile (its words say why), TooMany, FilesGone if there is no such owner,
        StoreError. Whatever is raised, nothing of it stays.
        """
        core = self._core
        if len(await self._rows(owner)) >= MAX_ATTACHMENTS:
            raise TooMany
        self._check_room()
        key = core.entropy(KEY_SIZE)
        making = await asyncio.to_thread(core.files.begin, core.entropy(16))
        try:
            sealing, kind = await self._seal(key, pieces, making.add)
        except BaseException:
            making.abandon()  # not in a thread: a request that was cut off must leave nothing
            raise
        entry = FileEntry(sealing.hash, key, name(kind), kind.type, sealing.length)

        async def keep() -> None:
            await asyncio.to_thread(making.finish, entry.hash)
            await self._put(vault, actor, owner, entry, sealing.size)

        # All of it is here: who goes away now finds it added, or not at all.
        await asyncio.shield(asyncio.ensure_future(keep()))
        return entry

    def _check_room(self) -> None:
        """The reserve of the disk is for messages: a few files would fill it."""
        if not self._core.room():
            raise StoreError("disk", "the rest of the disk is kept for messages")

    async def _seal(
        self, key: bytes, pieces: AsyncIterable[bytes], write: Callable[[bytes], None]
    ) -> tuple[Sealing, Kind]:
        """Encrypt what comes, and look at it; what is not wanted raises."""
        sealing, looked = Sealing(key), Inspection()

        def take(data: bytes) -> None:
            looked.add(data)
            write(sealing.add(data))

        def end() -> Kind:
            kind = looked.kind()
            for piece in sealing.finish():
                write(piece)
            return kind

        pending = bytearray()
        async for piece in pieces:
            pending += piece
            if sealing.length + len(pending) > LARGEST:
                raise RefusedFile("too-large")
            if len(pending) >= PIECE:
                self._check_room()
                await asyncio.to_thread(take, bytes(pending))
                pending.clear()
        await asyncio.to_thread(take, bytes(pending))
        return sealing, await asyncio.to_thread(end)

    async def _put(
        self, vault: UnlockedVault, actor: Actor, owner: bytes, entry: FileEntry, size: int
    ) -> None:
        core = self._core
        now = core.clock()

        async def work(tx: Tx) -> None:
            key = await _owner_key(tx, vault, owner)
            rows = await tx.rows(
                "SELECT 1 FROM attachments WHERE owner = ? AND state = 'kept'", (owner,)
            )
            if len(rows) >= MAX_ATTACHMENTS:  # two windows at once
                raise TooMany
            private = key.seal(msgspec.msgpack.encode(entry), _place(entry.hash))
            await tx.execute(
                "INSERT INTO attachments (hash, mine, size, held, state, begun_at, owner, private) "
                "VALUES (?, 1, ?, ?, 'kept', ?, ?, ?)",
                (entry.hash, size, size, now, owner, private),
            )
            await audit(tx, now, actor.id, "file-added", owner)

        try:
            await core.store.write(work)
        except BaseException:
            await asyncio.to_thread(core.files.remove, core.files.path(entry.hash))
            raise

    async def added(self, vault: UnlockedVault, owner: bytes) -> list[FileEntry]:
        """What was added to a draft or thread and is not said yet, in its order."""
        rows = await self._rows(owner)
        if not rows:
            return []
        key = await self._core.store.write(lambda tx: _owner_key(tx, vault, owner))
        found = []
        for row in rows:
            try:
                found.append(_entry(key, row))
            except Unsealable:
                log.error("file.damaged", code="damaged")
        return found

    async def remove(self, actor: Actor, owner: bytes, hash: bytes) -> bool:
        """A file that was added is not wanted; False if it was there no more."""
        core = self._core

        async def work(tx: Tx) -> bool:
            gone = await tx.execute(
                "UPDATE attachments SET state = 'dropped', private = NULL, owner = NULL "
                "WHERE mine = 1 AND owner = ? AND hash = ? AND message IS NULL",
                (owner, hash),
            )
            if gone:
                await audit(tx, core.clock(), actor.id, "file-removed", owner)
            return bool(gone)

        return await core.store.write(work)

    async def _rows(self, owner: bytes) -> list[sqlite3.Row]:
        return await self._core.store.rows(
            "SELECT hash, private FROM attachments WHERE owner = ? AND mine = 1 "
            "AND message IS NULL AND state = 'kept' ORDER BY number",
            (owner,),
        )

    # reading

    async def look(self, entry: FileEntry) -> Kind:
        """Open a file from end to end and say what it is, before any of it is handed out.

        Raises ProtocolError if it does not open, FilesGone if it is not here, RefusedFile if it is
        nothing that this node would have taken.
        """
        path = self._core.files.path(entry.hash)

        def whole() -> Kind:
            if not path.exists():
                raise FilesGone
            looked, opening = Inspection(), Opening(entry.key, entry.size)
            for piece in self._core.files.pieces(path):
                looked.add(opening.add(piece))
            opening.finish()
            return looked.kind()

        return await asyncio.to_thread(whole)

    async def read(self, entry: FileEntry) -> AsyncIterator[bytes]:
        """The file, piece by piece, each authenticated. Raises ProtocolError."""
        opening = Opening(entry.key, entry.size)
        files, whole = self._core.files, sealed_size(entry.size)
        for offset in range(0, whole, PIECE):
            piece = await asyncio.to_thread(files.read, entry.hash, offset, PIECE)
            yield await asyncio.to_thread(opening.add, piece)
        opening.finish()


def entry_of(row: Mapping[str, Any]) -> FileEntry | None:
    """A row of a content's ``files``; None if it is not of the form."""
    try:
        return msgspec.convert({k: row.get(k) for k in FileEntry.__struct_fields__}, FileEntry)
    except msgspec.ValidationError:
        return None


# inside a transaction


async def put_in(tx: Tx, signed: SignedStatement, number: int) -> None:
    """These files are said with this message: it waits until its peer has them.

    Raises FilesGone if one is there no more, or was said before.
    """
    hashes = [each.hash for each in signed.statement.attachments]
    if not hashes:
        return
    taken = await tx.execute(
        listed(
            "UPDATE attachments SET message = ?, waits = ?, peer = ?, owner = NULL, private = NULL "
            "WHERE mine = 1 AND message IS NULL AND state = 'kept' AND hash IN (*)",
            len(hashes),
        ),
        [signed.hash, number, signed.statement.recipient, *hashes],
    )
    if taken != len(hashes):
        raise FilesGone


async def bring_again(tx: Tx, named: bytes, number: int) -> None:
    """The peer lacks files of this message: it waits until they were brought."""
    await tx.execute(
        "UPDATE attachments SET waits = ? WHERE mine = 1 AND message = ?", (number, named)
    )


async def discard_in(tx: Tx, owner: bytes) -> None:
    """A draft is gone: what was added to it and not said goes too."""
    await tx.execute(
        "UPDATE attachments SET state = 'dropped', private = NULL, owner = NULL "
        "WHERE mine = 1 AND owner = ? AND message IS NULL",
        (owner,),
    )


async def _owner_key(tx: Tx, vault: UnlockedVault, owner: bytes) -> CaseKey:
    for table in ("drafts", "threads"):
        row = await tx.row(f"SELECT case_key FROM {table} WHERE id = ?", (owner,))  # noqa: S608 - names of ours
        if row is not None and row["case_key"] is not None:
            return vault.case_key(owner, bytes(row["case_key"]))
    raise FilesGone


def _place(hash: bytes) -> tuple[str, bytes, int]:
    return "attachments", hash, PRIVATE_VERSION


def _entry(key: CaseKey, row: sqlite3.Row) -> FileEntry:
    plain = key.unseal(bytes(row["private"]), _place(bytes(row["hash"])))
    return msgspec.msgpack.decode(plain, type=FileEntry)


def rows_of(entries: Sequence[FileEntry]) -> list[dict[str, Any]]:
    """A content's ``files``."""
    return [entry.row() for entry in entries]
