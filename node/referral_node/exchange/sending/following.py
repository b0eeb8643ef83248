"""What a case is followed by, known here alone: another referral, or a word why there is none.

Law: nothing of this is ever sent, and nothing of it stands in the clear: that two referrals are of
one person is known only to who opens the vault. A person stays on Today until one of the two is so.
"""

from collections.abc import Callable

import msgspec

from referral_node.exchange.cases.summaries import CaseSummary, Closing, keep_summary, read_summary
from referral_node.exchange.core import Actor, Core
from referral_node.exchange.rows import audit
from referral_node.exchange.sending.saying import UnknownThread
from referral_node.store import Tx
from referral_node.vault.at_rest import Unsealable
from referral_node.vault.vault import UnlockedVault


async def close_case(
    core: Core, vault: UnlockedVault, actor: Actor, thread: bytes, reason: str, text: str
) -> None:
    """Nothing more is to do for this person, and why: it leaves Today. ``UnknownThread`` if there
    is no such case, or nothing of it is kept any more."""
    now = core.clock()
    closing = Closing(reason, text, actor.display, now)

    async def work(tx: Tx) -> None:
        def closed(case: CaseSummary) -> CaseSummary:
            return msgspec.structs.replace(case, undecided=False, closing=closing)

        if not await _change(tx, vault, thread, closed):
            raise UnknownThread("nothing of this case is kept here")
        await audit(tx, now, actor.id, "closed", thread)

    await core.store.write(work)
    core.changes.changed(thread)


async def follow_in(tx: Tx, vault: UnlockedVault, earlier: bytes, later: bytes) -> None:
    """One thread goes on from another: each knows the other, inside the transaction that opens it.

    What was erased or damaged meanwhile stays as it is.
    """

    def goes_on(case: CaseSummary) -> CaseSummary:
        return msgspec.structs.replace(case, undecided=False, later=(*case.later, later))

    await _change(tx, vault, earlier, goes_on)
    await _change(tx, vault, later, lambda case: msgspec.structs.replace(case, earlier=earlier))


async def asked_for_in(tx: Tx, vault: UnlockedVault, thread: bytes, draft: bytes) -> None:
    """A question was asked for this draft, inside the transaction that asks it."""
    await _change(tx, vault, thread, lambda case: msgspec.structs.replace(case, asked_for=draft))


async def _change(
    tx: Tx, vault: UnlockedVault, thread: bytes, change: Callable[[CaseSummary], CaseSummary]
) -> bool:
    """Replace what is kept of a case; False if nothing of it can be read."""
    row = await tx.row(
        "SELECT case_key, summary, summary_version FROM threads WHERE id = ?", (thread,)
    )
    if row is None or row["case_key"] is None or row["summary"] is None:
        return False
    key = vault.case_key(thread, bytes(row["case_key"]))
    version = int(row["summary_version"])
    try:
        before = read_summary(key, thread, version, bytes(row["summary"]))
    except Unsealable:
        return False  # damaged, and shown so in lists
    await keep_summary(tx, key, thread, version + 1, change(before))
    return True
