"""Epochs: under which our counters are counted, so that none is ever used twice (CATCHUP 4).

Law: a node takes a new epoch at every start, above its clock and above every epoch that it used,
and raises it above whatever a peer shows that it holds of ours. So neither a disk that is put back
nor a backup that is restored twice can give one counter to two statements. A machine that is put
back together with its memory starts nothing: its clock leaps, and that counts as a start.
"""

from collections.abc import Callable
from typing import Final

from referral_node.exchange.core import Core
from referral_node.store import Store, StoreError, Tx
from referral_node.store.facts import EPOCH, fact, keep, time_bytes, time_of

ASLEEP: Final = 3 * 60 * 1000
"""Ms between two looks at the clock after which this process cannot have been running."""


async def new_epoch(store: Store, now: int, entropy: Callable[[int], bytes]) -> int:
    """The epoch of this start; kept before anything is said under it."""
    kept = await fact(store, EPOCH)
    used = await store.row("SELECT MAX(epoch) FROM counters")
    last = 0 if used is None or used[0] is None else int(used[0])
    epoch = _above(max(last, 0 if kept is None else time_of(kept)), now, entropy)

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
        core.epoch = _above(shown, core.clock(), core.entropy)
        await keep(tx, EPOCH, time_bytes(core.epoch))


def _above(used: int, now: int, entropy: Callable[[int], bytes]) -> int:
    """The clock, or what lies above all that was used.

    A clock that is behind says nothing new: two starts from one copy of a disk would both count on
    from the same number, and use the same counters. Then chance says how far on, up to 4.6 hours.
    """
    return now if now > used else used + 1 + int.from_bytes(entropy(3), "big")


def look(core: Core) -> bool:
    """Look at the clock; True if this process did not run since the last look, or was put back."""
    now = core.clock()
    leapt = not core.awake_at - ASLEEP <= now <= core.awake_at + ASLEEP
    core.awake_at = now
    core.slept = core.slept or leapt
    return leapt


async def current(tx: Tx, core: Core) -> int:
    """The epoch of what is said now: a new one if this process slept since the last."""
    look(core)
    if core.slept:
        await raise_above(tx, core, core.epoch)
        core.slept = False
    return core.epoch
