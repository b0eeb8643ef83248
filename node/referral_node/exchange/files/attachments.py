"""Receiving attachments: each range is checked, synced, then answered for (ATTACHMENTS.md 3, 4).

Law: an answer never speaks of more than is on disk. A range is taken where what is held ends, or
not at all; a whole that does not have its hash is deleted. A peer fills its own room and nobody
else's; what no message has claimed after two days goes. Nothing here ever has a whole file in
memory, or can read one.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from referral_node.exchange.core import Core
from referral_node.exchange.directory.members import ACTIVE
from referral_node.exchange.files.folder import Lost
from referral_node.exchange.receiving.senders import proved
from referral_node.exchange.rows import listed
from referral_node.store import Tx
from referral_protocol.certificates import DAY
from referral_protocol.errors import ProtocolError
from referral_protocol.statements import SignedStatement
from referral_protocol.uploads import (
    Range,
    RangeHead,
    check_part,
    check_place,
    make_progress,
    verify_range,
)

UNCLAIMED_KEPT: Final = 2 * DAY
GIB: Final = 1024 * 1024 * 1024


class Quota(msgspec.Struct, frozen=True):
    """What one peer may fill: bytes that no message has claimed, bytes in all, and how many files
    that no message has claimed. A message may have ten files of 50 MiB."""

    unclaimed: int = GIB
    total: int = 64 * GIB
    files: int = 256


class Held(msgspec.Struct, frozen=True):
    """What is here of a ciphertext."""

    size: int
    held: int
    state: str


class Attachments:
    """The receiving end of this node for files."""

    def __init__(self, core: Core, quota: Quota | None = None) -> None:
        self._core = core
        self._quota = quota or Quota()
        self._under_way: set[tuple[bytes, bytes]] = set()
        self._storing: dict[tuple[bytes, bytes], asyncio.Task[int]] = {}

    async def accept(self, head: RangeHead) -> None:
        """Check everything that the head alone decides, before the rest is read."""
        core, said = self._core, head.range
        if said.recipient != core.us:
            raise ProtocolError("not-for-us", "range: recipient")

        def verified(node_key: bytes) -> None:
            verify_range(head, core.us, node_key, core.clock())

        member = await proved(core, said.sender, head.certificate, verified)
        if member.status != ACTIVE:
            raise ProtocolError("suspended", "range: sender")

    @asynccontextmanager
    async def turn(self, said: Range) -> AsyncIterator[int]:
        """A place for this range: what is held; ``busy`` while another one of it is under way.

        Room for the whole is reserved with its first range. A question reserves nothing.
        """
        name = (said.sender, said.hash)
        if name in self._under_way:
            raise ProtocolError("busy", "range: another one of this attachment is under way")
        self._under_way.add(name)
        try:
            yield await self._begin(said)
        finally:
            storing = self._storing.pop(name, None)
            if storing is None or storing.done():
                self._under_way.discard(name)
            else:  # this request was broken off, its bytes are still on their way to the disk
                storing.add_done_callback(lambda task: self._ended(name, task))

    def _ended(self, name: tuple[bytes, bytes], task: asyncio.Task[int]) -> None:
        self._under_way.discard(name)
        if not task.cancelled():
            task.exception()  # looked at, so that it is not reported as forgotten

    async def store(self, said: Range, data: bytes) -> int:
        """Sync the bytes of a range whose turn it is; how many are held then.

        Raises ``wrong-attachment`` if it was the last one and the whole does not have its hash:
        then nothing is held any more. Once begun it goes on to its end, whatever becomes of the
        request: the turn ends with it.
        """
        check_part(said, data)
        task = asyncio.ensure_future(self._store(said, data))
        self._storing[said.sender, said.hash] = task
        return await asyncio.shield(task)

    async def _store(self, said: Range, data: bytes) -> int:
        core = self._core
        path = core.files.coming(said.sender, said.hash)
        try:
            await asyncio.to_thread(core.files.write, path, said.offset, data)
        except Lost:
            await self._forget(said)
            raise ProtocolError("bad-range", "range: nothing is held any more") from None
        held = said.offset + said.length
        whole = held == said.size
        if whole:
            if await asyncio.to_thread(core.files.digest, path) != said.hash:
                await self._forget(said)
                raise ProtocolError("wrong-attachment", "range: hash of the whole")
            await asyncio.to_thread(core.files.keep, path, said.hash)

        async def work(tx: Tx) -> None:
            if not await tx.execute(
                "UPDATE attachments SET held = ?, state = ? "
                "WHERE mine = 0 AND peer = ? AND hash = ? AND state = 'coming'",
                (held, "kept" if whole else "coming", said.sender, said.hash),
            ):
                raise ProtocolError("busy", "range: its time was over")

        await core.store.write(work)
        return held

    async def held(self, said: Range) -> int:
        """How many bytes of it are held, as last committed."""
        row = await self._row(said)
        return 0 if row is None or row.size != said.size or row.state == "dropped" else row.held

    def answer(self, head: RangeHead, held: int, code: str | None = None) -> bytes:
        """The signed answer to a range."""
        core = self._core
        return make_progress(core.node, core.certificate, head, core.clock(), held, code)

    async def _begin(self, said: Range) -> int:
        row = await self._row(said)
        if row is not None and row.state == "dropped":
            raise ProtocolError("busy", "range: an older copy is being deleted")
        if row is not None and row.size != said.size:
            raise ProtocolError("bad-range", "range: another size than before")
        held = 0 if row is None else row.held
        check_place(said, held)
        if said.length and not self._core.room():
            raise ProtocolError("disk", "range: the rest of the disk is kept for our own")
        if row is None and said.length:
            await self._reserve(said)
        return held

    async def _row(self, said: Range) -> Held | None:
        row = await self._core.store.row(
            "SELECT size, held, state FROM attachments WHERE mine = 0 AND peer = ? AND hash = ?",
            (said.sender, said.hash),
        )
        return None if row is None else Held(row["size"], row["held"], row["state"])

    async def _reserve(self, said: Range) -> None:
        """A row for the whole, if its sender has room for it."""
        quota, now = self._quota, self._core.clock()

        async def work(tx: Tx) -> None:
            row = await tx.row(
                "SELECT COALESCE(SUM(size), 0) AS total, COALESCE(SUM(CASE WHEN message IS NULL "
                "THEN size ELSE 0 END), 0) AS unclaimed, COALESCE(SUM(CASE WHEN message IS NULL "
                "THEN 1 ELSE 0 END), 0) AS files FROM attachments WHERE mine = 0 AND peer = ?",
                (said.sender,),
            )
            if row is not None and (
                row["unclaimed"] + said.size > quota.unclaimed
                or row["total"] + said.size > quota.total
                or row["files"] >= quota.files
            ):
                raise ProtocolError("quota", "range: this member's room is full")
            await tx.execute(
                "INSERT INTO attachments (hash, mine, peer, size, held, state, begun_at) "
                "VALUES (?, 0, ?, ?, 0, 'coming', ?)",
                (said.hash, said.sender, said.size, now),
            )

        await self._core.store.write(work)

    async def _forget(self, said: Range) -> None:
        core = self._core
        await asyncio.to_thread(core.files.remove, core.files.coming(said.sender, said.hash))

        async def work(tx: Tx) -> None:
            await tx.execute(
                "DELETE FROM attachments "
                "WHERE mine = 0 AND peer = ? AND hash = ? AND state = 'coming'",
                (said.sender, said.hash),
            )

        await core.store.write(work)


# inside a transaction


async def are_here(tx: Tx, sender: bytes, signed: SignedStatement) -> bool:
    """Whether all that a statement lists is here.

    What another message of this sender has claimed does not count: a file has one message.
    """
    wanted = {each.hash: each.size for each in signed.statement.attachments}
    if not wanted:
        return True
    rows = await tx.rows(
        listed(
            "SELECT hash, size FROM attachments WHERE mine = 0 AND peer = ? AND state = 'kept' "
            "AND (message IS NULL OR message = ?) AND hash IN (*)",
            len(wanted),
        ),
        [sender, signed.hash, *wanted],
    )
    return {bytes(row["hash"]): row["size"] for row in rows} == wanted


async def claim(tx: Tx, sender: bytes, signed: SignedStatement) -> None:
    """What this statement lists is its own from now on."""
    hashes = [each.hash for each in signed.statement.attachments]
    if hashes:
        await tx.execute(
            listed(
                "UPDATE attachments SET message = ? WHERE mine = 0 AND peer = ? AND hash IN (*)",
                len(hashes),
            ),
            [signed.hash, sender, *hashes],
        )


async def let_go(tx: Tx, named: bytes) -> None:
    """Nobody needs the files of this message of theirs any more: they go with the next round."""
    await tx.execute(
        "UPDATE attachments SET state = 'dropped', private = NULL WHERE mine = 0 AND message = ?",
        (named,),
    )
