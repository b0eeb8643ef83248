"""Catching up: beginning it, and how far it has come (CATCHUP 4).

Law: what is to be asked is rows of the store, so a restart forgets none of it; the running node
asks. Nobody waits for it: delivery and people go on, under an epoch that no peer has seen.

At every start each peer is asked for what it held since our last sign of life. If that brings
anything that is not here, this folder was put back to an earlier state: then all are asked.
"""

from typing import Final

import msgspec

from referral_node.exchange.core import Core
from referral_node.exchange.directory.members import ACTIVE
from referral_node.exchange.rows import audit
from referral_node.store import Store, Tx
from referral_node.store.facts import (
    CATCH_UP_BEGUN,
    CATCH_UP_SINCE,
    RESTORED_AT,
    ROLLED_BACK_AT,
    fact,
    keep,
    time_bytes,
    time_of,
)
from referral_protocol.certificates import DAY

HOUR: Final = DAY // 24
MARGIN: Final = DAY
"""How much further back than the copy's moment all are asked: clocks differ."""
GAP_SHOWN: Final = DAY
"""A gap this old is shown and asked for (SPEC 5.4)."""
GAP_KEPT: Final = 30 * DAY
"""A gap this old is not asked for any more; it stays shown."""


class Standing(msgspec.Struct, frozen=True):
    """How far the catching up has come, for people. ``since``: None when all is done.

    ``asked`` and ``answered`` count members; ``found``: statements that were missing here;
    ``lost``: messages whose content is still to come.
    """

    restored_at: int | None
    rolled_back_at: int | None
    begun_at: int | None
    since: int | None
    asked: int
    answered: int
    found: int
    lost: int


async def begin(core: Core, since: int) -> None:
    """Ask every active member for everything that either of us held since this time (ms UTC).

    Returns at once; the running node does the asking. Begun again while one is under way, the
    earlier time counts.
    """
    now = core.clock()

    async def work(tx: Tx) -> None:
        await begin_in(tx, core, since, now)

    await core.store.write(work)


async def begin_in(tx: Tx, core: Core, since: int, now: int) -> None:
    """The same inside a transaction."""
    since = max(0, since - MARGIN)
    row = await tx.row("SELECT value FROM facts WHERE name = ?", (CATCH_UP_SINCE,))
    if row is not None:
        since = min(since, time_of(bytes(row["value"])))
    await keep(tx, CATCH_UP_SINCE, time_bytes(since))
    await keep(tx, CATCH_UP_BEGUN, time_bytes(now))
    await audit(tx, now, None, "catch-up", None)
    for member in core.members.all():
        if member.status == ACTIVE and member.id != core.us:
            await ask_since(tx, member.id, since, now)


async def ask_since(tx: Tx, peer: bytes, since: int, now: int) -> None:
    """Ask this peer for what was held since then. What is under way goes on from its cursor."""
    row = await tx.row("SELECT since, done_at FROM catching WHERE peer = ?", (peer,))
    if row is None:
        await tx.execute(
            "INSERT INTO catching (peer, since, begun_at) VALUES (?, ?, ?)", (peer, since, now)
        )
    elif row["since"] is None or row["done_at"] is not None:
        await tx.execute(
            "UPDATE catching SET since = ?, begun_at = ?, cursor = NULL, done_at = NULL, "
            "found = 0, next_at = 0, attempts = 0, code = NULL WHERE peer = ?",
            (since, now, peer),
        )
    elif since < row["since"]:
        await tx.execute(
            "UPDATE catching SET since = ?, cursor = NULL, next_at = 0, attempts = 0 "
            "WHERE peer = ?",
            (since, peer),
        )
    else:  # tried in vain before: now is another time, and the first waits are short again
        await tx.execute("UPDATE catching SET next_at = 0, attempts = 0 WHERE peer = ?", (peer,))


async def doubt(tx: Tx, peer: bytes, now: int) -> None:
    """A peer knows something of us that we do not: ask it, but not again and again."""
    row = await tx.row("SELECT since, done_at FROM catching WHERE peer = ?", (peer,))
    if row is not None and row["done_at"] is not None and row["done_at"] > now - HOUR:
        return
    since = now - GAP_KEPT if row is None or row["since"] is None else row["since"]
    await ask_since(tx, peer, max(0, since), now)


async def standing(store: Store) -> Standing:
    """What to tell people."""
    times = [
        await fact(store, name)
        for name in (RESTORED_AT, ROLLED_BACK_AT, CATCH_UP_BEGUN, CATCH_UP_SINCE)
    ]
    restored, rolled, begun, since = (None if t is None else time_of(t) for t in times)
    rows = await store.rows("SELECT done_at, found, begun_at FROM catching")
    rows = [r for r in rows if begun is not None and r["begun_at"] >= begun]
    lost = await store.row("SELECT COUNT(*) FROM messages WHERE body = 'lost'")
    return Standing(
        restored,
        rolled,
        begun,
        since,
        len(rows),
        sum(r["done_at"] is not None for r in rows),
        sum(r["found"] for r in rows),
        0 if lost is None else int(lost[0]),
    )
