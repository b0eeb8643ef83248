"""What a person has seen: a look marks a case as read. And which peers cannot be reached.

Law: marking as read changes the list alone, never a message or a state.
"""

import msgspec

from referral_node.exchange.cases.summaries import keep_summary, read_summary
from referral_node.exchange.core import Core
from referral_node.store import Tx
from referral_node.vault.at_rest import Unsealable
from referral_node.vault.vault import UnlockedVault


async def mark_read(core: Core, vault: UnlockedVault, thread: bytes) -> None:
    """Nothing of this thread is new any more. Cheap when nothing was."""

    async def work(tx: Tx) -> bool:
        row = await tx.row(
            "SELECT case_key, summary, summary_version FROM threads WHERE id = ?", (thread,)
        )
        if row is None or row["case_key"] is None or row["summary"] is None:
            return False
        key = vault.case_key(thread, bytes(row["case_key"]))
        version = int(row["summary_version"])
        try:
            summary = read_summary(key, thread, version, bytes(row["summary"]))
        except Unsealable:
            return False  # damaged, and shown so in lists; the case itself can be looked at
        if not summary.unread:
            return False
        read = msgspec.structs.replace(summary, unread=0)
        await keep_summary(tx, key, thread, version + 1, read)
        return True

    if await core.store.write(work):
        core.changes.changed(thread)


async def out_of_reach(core: Core) -> set[bytes]:
    """Members whose node did not answer the last time it was tried."""
    rows = await core.store.rows("SELECT member FROM peers WHERE failures > 0")
    return {bytes(row["member"]) for row in rows}
