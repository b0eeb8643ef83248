"""What has to go after its time, without anyone asking (SPEC 8.1).

Law: only what no peer and no person can need any more: receipts that we gave are kept longer than
any sender goes on trying.
"""

from typing import Final

from referral_node.exchange.core import Core
from referral_node.store import Tx
from referral_protocol.certificates import DAY
from referral_protocol.retry import PATIENCE

GIVEN_KEPT: Final = PATIENCE + 16 * DAY
"""Thirty days: past it a sender has given up for two weeks."""


async def forget_given(core: Core) -> int:
    """Delete receipts that we gave so long ago that nobody asks for them again; how many."""
    before = core.clock() - GIVEN_KEPT
    some = await core.store.row("SELECT 1 FROM given WHERE at < ? LIMIT 1", (before,))
    if some is None:
        return 0

    async def work(tx: Tx) -> int:
        return await tx.execute("DELETE FROM given WHERE at < ?", (before,))

    return await core.store.write(work)
