"""Epochs: under which our counters are counted, so that none is ever used twice (CATCHUP 4).

Law: a node takes a new epoch at every start, above its clock and above every epoch that it used,
and raises it above whatever a peer shows that it holds of ours. So neither a disk that is put back
nor a backup that is restored twice can give one counter to two statements.
"""

from referral_node.exchange.core import Core
from referral_node.store import Store, StoreError, Tx
from referral_node.store.facts import EPOCH, fact, keep, time_bytes, time_of


async def new_epoch(store: Store, now: int) -> int:
    """The epoch of this start; kept before anything is said under it."""
    kept = await fact(store, EPOCH)
    used = await store.row("SELECT MAX(epoch) FROM counters")
    last = 0 if used is None or used[0] is None else int(used[0])
    epoch = max(now, 1 + last, 1 + (0 if kept is None else time_of(kept)))

    async def work(tx: Tx) -> None:
        await keep(tx, EPOCH, time_bytes(epoch))

    try:
        await store.write(work)
    except StoreError:
        # A full disk keeps nobody from receiving or reading. Whatever is said under this epoch
        # brings its row of counters with it, in the same commit.
        pass
    return epoch


async def raise_above(tx: Tx, core: Core, shown: int) -> None:
    """A peer holds something of ours under this epoch: ours is above it from now on."""
    if shown >= core.epoch:
        core.epoch = max(core.clock(), shown + 1)
        await keep(tx, EPOCH, time_bytes(core.epoch))
