"""Attachments that nobody needs any more: their files go, then their rows (ATTACHMENTS.md 4).

Law: a row says that a file may go before it goes, so a crash in between leaves nothing behind that
nobody knows of. A file that two rows name goes with the last of them. At a start, before anybody
may send, whatever lies in the folder and stands in no row goes too.
"""

import asyncio
from typing import Final

from referral_node.exchange.core import Core
from referral_node.exchange.files.attachments import UNCLAIMED_KEPT
from referral_node.store import Tx

AT_ONCE: Final = 256
"""Files deleted in one round."""


async def clear(core: Core) -> int:
    """Delete what was dropped: after an erasure, and with each round; how many files."""
    rows = await core.store.rows(
        "SELECT number, hash, peer, mine FROM attachments WHERE state = 'dropped' LIMIT ?",
        (AT_ONCE,),
    )
    if not rows:
        return 0
    files = core.files
    for row in rows:
        name = bytes(row["hash"])
        needed = await core.store.row(
            "SELECT 1 FROM attachments WHERE hash = ? AND state = 'kept' LIMIT 1", (name,)
        )
        if needed is None:
            await asyncio.to_thread(files.remove, files.path(name))
        if not row["mine"]:
            await asyncio.to_thread(files.remove, files.coming(bytes(row["peer"]), name))

    async def work(tx: Tx) -> None:
        await tx.many(
            "DELETE FROM attachments WHERE number = ? AND state = 'dropped'",
            [(row["number"],) for row in rows],
        )

    await core.store.write(work)
    return len(rows)


async def drop_case(tx: Tx, thread: bytes) -> None:
    """A case is erased: all its files go but those of ours that its peer does not have yet."""
    await tx.execute(
        "UPDATE attachments SET state = 'dropped', private = NULL, owner = NULL "
        "WHERE owner = ? OR (waits IS NULL AND message IN "
        "(SELECT hash FROM messages WHERE thread = ?))",
        (thread, thread),
    )


async def drop_old(core: Core) -> int:
    """Drop what its time is over for: theirs that no message claimed, ours that was added to a
    thread and never said, and ours of an erased case once its peer has it; how many."""
    before = core.clock() - UNCLAIMED_KEPT
    old = (
        "state <> 'dropped' AND ("
        "(message IS NULL AND begun_at <= ? AND (mine = 0 OR NOT EXISTS "
        "(SELECT 1 FROM drafts d WHERE d.id = attachments.owner))) "
        "OR (mine = 1 AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.message = attachments.waits "
        "AND o.code IS NULL) AND EXISTS (SELECT 1 FROM messages m JOIN threads t "
        "ON t.id = m.thread WHERE m.hash = attachments.message AND t.erased_at IS NOT NULL)))"
    )
    some = await core.store.row(f"SELECT 1 FROM attachments WHERE {old} LIMIT 1", (before,))  # noqa: S608 - a constant
    if some is None:
        return 0

    async def work(tx: Tx) -> int:
        return await tx.execute(
            f"UPDATE attachments SET state = 'dropped', private = NULL, owner = NULL WHERE {old}",  # noqa: S608 - a constant
            (before,),
        )

    return await core.store.write(work)


async def sweep(core: Core) -> int:
    """Delete what lies in the folder and stands in no row: a crash left it; how many files."""
    rows = await core.store.rows("SELECT hash, peer, mine, state FROM attachments")
    known = set()
    for row in rows:
        name = bytes(row["hash"])
        known.add(core.files.path(name).name)
        if not row["mine"]:
            known.add(core.files.coming(bytes(row["peer"]), name).name)
    names = await asyncio.to_thread(core.files.names)
    strange = [each for each in names if each not in known]
    for each in strange:
        await asyncio.to_thread(core.files.remove, core.files.folder / each)
    return len(strange)
