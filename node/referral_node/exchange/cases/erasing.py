"""Erasing a case: its key and all contents go; signed statements and receipts stay.

Law: a person decides; the node carries it out at once, or as soon as nothing of ours still waits to
be sealed, since sealing needs the content. What stays says that something was exchanged, and
nothing of whom. Afterwards the write-ahead log is emptied, so that no file holds a word of it.
"""

from referral_node.exchange.core import Actor, Core
from referral_node.exchange.files.clearing import clear, drop_case
from referral_node.exchange.rows import audit
from referral_node.store import Tx

ERASED = "erased"


async def decide(core: Core, actor: Actor, thread: bytes) -> bool:
    """Erase a case; True if it was done at once, False if something has to be sealed first."""
    now = core.clock()
    done = await core.store.write(lambda tx: decide_in(tx, actor, thread, now))
    if done:
        await core.store.truncate()
        await clear(core)
        core.changes.changed(thread)
    return done


async def decide_in(tx: Tx, actor: Actor, thread: bytes, now: int) -> bool:
    """The same inside a transaction: whoever tells others that all is erased commits both at once,
    and calls :meth:`Store.truncate` and :func:`clear` afterwards."""
    await tx.execute(
        "UPDATE threads SET erase_at = COALESCE(erase_at, ?) WHERE id = ?", (now, thread)
    )
    await audit(tx, now, actor.id, "erase", thread)
    waits = await tx.row(
        "SELECT 1 FROM messages WHERE thread = ? AND body = 'unsealed' LIMIT 1", (thread,)
    )
    if waits is None:
        await _erase(tx, thread, now)
    return waits is None


async def carry_out(core: Core) -> set[bytes]:
    """Erase what was decided and may go now; cheap when nothing was decided."""
    rows = await core.store.rows(
        "SELECT id FROM threads t WHERE erase_at IS NOT NULL AND erased_at IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.thread = t.id AND m.body = 'unsealed')"
    )
    threads = {bytes(row["id"]) for row in rows}
    if not threads:
        return set()
    now = core.clock()

    async def work(tx: Tx) -> None:
        for thread in threads:
            await _erase(tx, thread, now)

    await core.store.write(work)
    await core.store.truncate()
    await clear(core)
    core.changes.changed(*threads)
    return threads


async def _erase(tx: Tx, thread: bytes, now: int) -> None:
    await tx.execute(
        "UPDATE threads SET case_key = NULL, summary = NULL, attention = 0, erased_at = ?, "
        "follow_up_at = NULL WHERE id = ?",
        (now, thread),
    )
    # Theirs that nobody opened go too; ours on the way out are sealed, to another's key.
    await tx.execute(
        "DELETE FROM bodies WHERE message IN "
        "(SELECT number FROM messages WHERE thread = ? AND mine = 0)",
        (thread,),
    )
    await tx.execute(
        "DELETE FROM contents WHERE message IN (SELECT number FROM messages WHERE thread = ?)",
        (thread,),
    )
    await tx.execute(
        "UPDATE messages SET withheld = ?, body = CASE WHEN mine = 0 THEN 'none' "
        "ELSE body END WHERE thread = ?",
        (ERASED, thread),
    )
    await drop_case(tx, thread)
    await audit(tx, now, None, ERASED, thread)
