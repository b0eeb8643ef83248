"""What is missing of what peers said: counters below those held, and hashes that are named.

Law: only rows that are new since the last look are looked at, by the database, slice by slice; a
parcel costs nothing more for it. What is missing is remembered with the time at which that was
noticed, and forgotten when it comes.
"""

from typing import Final

import msgspec

from referral_node.exchange.catchup.progress import GAP_KEPT, GAP_SHOWN, doubt
from referral_node.exchange.core import Core
from referral_node.store import Store, Tx
from referral_node.store.facts import HEARD_UPTO, fact, keep, time_bytes, time_of
from referral_protocol.wire import MAX_TIME

SLICE: Final = 4096
"""Rows looked at in one go."""
MOST: Final = 1024
"""Missing counters remembered of one member: more say nothing more."""


class Gap(msgspec.Struct, frozen=True):
    """What one member said and we miss. ``asked_at``: when we last asked for it."""

    peer: bytes
    count: int
    since: int
    asked_at: int | None


async def look(core: Core) -> bool:
    """Look at the next slice of what came; True if there is more."""
    seen = await fact(core.store, HEARD_UPTO)
    low = 0 if seen is None else time_of(seen)
    top = await core.store.row("SELECT MAX(number) AS top FROM messages")
    last = 0 if top is None or top["top"] is None else int(top["top"])
    high = min(low + SLICE, last)
    now = core.clock()
    if high > low:
        await core.store.write(lambda tx: _slice(tx, low, high, now))
    open_ones = await core.store.row(
        "SELECT (SELECT COUNT(*) FROM gaps) + (SELECT COUNT(*) FROM missing) AS count"
    )
    if open_ones is not None and open_ones["count"]:
        await core.store.write(_close)
    return high < last


async def look_on(core: Core) -> None:
    """Look at all that came."""
    more = True
    while more:
        more = await look(core)


async def shown(store: Store, now: int) -> list[Gap]:
    """Gaps that a person is told of: a day old and asked for, the oldest first."""
    return await _open(store, now - GAP_SHOWN, now - GAP_KEPT)


async def every(store: Store) -> list[Gap]:
    """All gaps, new and old, for the administrator."""
    return await _open(store, MAX_TIME, -1)


async def _open(store: Store, old: int, kept: int) -> list[Gap]:
    rows = await store.rows(
        "SELECT peer, COUNT(*) AS count, MIN(since) AS since, MAX(asked_at) AS asked_at FROM ("
        "SELECT peer, since, asked_at FROM gaps WHERE since <= ? AND since > ? UNION ALL "
        "SELECT peer, since, asked_at FROM missing WHERE since <= ? AND since > ? AND NOT EXISTS "
        "(SELECT 1 FROM gaps g WHERE g.peer = missing.peer)) "
        "AS open_ones GROUP BY peer ORDER BY MIN(since)",
        (old, kept, old, kept),
    )
    return [Gap(bytes(r["peer"]), r["count"], r["since"], r["asked_at"]) for r in rows]


async def _slice(tx: Tx, low: int, high: int, now: int) -> None:
    groups = await tx.rows(
        "SELECT peer, epoch, MIN(seq) AS first, MAX(seq) AS last, COUNT(*) AS count "
        "FROM messages WHERE number > ? AND number <= ? AND mine = 0 GROUP BY peer, epoch",
        (low, high),
    )
    for group in groups:
        peer, epoch = bytes(group["peer"]), int(group["epoch"])
        row = await tx.row("SELECT top FROM heard WHERE peer = ? AND epoch = ?", (peer, epoch))
        top = 0 if row is None else int(row["top"])
        whole = group["count"] == group["last"] - group["first"] + 1
        if not whole or group["first"] != top + 1:
            rows = await tx.rows(
                "SELECT seq FROM messages WHERE number > ? AND number <= ? AND mine = 0 "
                "AND peer = ? AND epoch = ? ORDER BY seq",
                (low, high, peer, epoch),
            )
            await _remember(tx, peer, epoch, _between(top, [int(r["seq"]) for r in rows]), now)
        if group["last"] > top:
            await tx.execute(
                "INSERT INTO heard (peer, epoch, top) VALUES (?, ?, ?) "
                "ON CONFLICT (peer, epoch) DO UPDATE SET top = excluded.top",
                (peer, epoch, group["last"]),
            )
    await _named(tx, low, high, now)
    await keep(tx, HEARD_UPTO, time_bytes(high))


def _between(top: int, numbers: list[int]) -> list[int]:
    """What is missing above ``top`` below the highest of these, at most :data:`MOST`."""
    missing: list[int] = []
    for number in numbers:
        missing.extend(range(top + 1, min(number, top + 1 + MOST - len(missing))))
        top = max(top, number)
    return missing


async def _remember(tx: Tx, peer: bytes, epoch: int, numbers: list[int], now: int) -> None:
    if not numbers:
        return
    row = await tx.row("SELECT COUNT(*) FROM gaps WHERE peer = ?", (peer,))
    room = MOST - (0 if row is None else int(row[0]))
    await tx.many(
        "INSERT INTO gaps (peer, epoch, seq, since) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (peer, epoch, seq) DO NOTHING",
        [(peer, epoch, number, now) for number in numbers[: max(0, room)]],
    )


async def _named(tx: Tx, low: int, high: int, now: int) -> None:
    """Hashes that these rows name and that are not here."""
    for sql in (_NO_PREVIOUS, _NO_THREAD):
        rows = await tx.rows(sql, (low, high, MOST))
        await tx.many(
            "INSERT INTO missing (hash, peer, thread, since) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (hash) DO NOTHING",
            [(r["named"], r["peer"], r["thread"], now) for r in rows],
        )
    # They read something of ours that is not here: either they err, or we were put back.
    rows = await tx.rows(
        "SELECT DISTINCT m.peer FROM messages m WHERE m.number > ? AND m.number <= ? "
        "AND m.mine = 0 AND m.seen IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM messages p WHERE p.hash = m.seen)",
        (low, high),
    )
    for row in rows:
        await doubt(tx, bytes(row["peer"]), now)


_NO_PREVIOUS: Final = (
    "SELECT DISTINCT m.previous AS named, m.peer, m.thread FROM messages m "
    "WHERE m.number > ? AND m.number <= ? AND m.mine = 0 AND m.previous IS NOT NULL "
    "AND NOT EXISTS (SELECT 1 FROM messages p WHERE p.hash = m.previous) LIMIT ?"
)
_NO_THREAD: Final = (
    "SELECT DISTINCT m.thread AS named, m.peer, m.thread FROM messages m "
    "WHERE m.number > ? AND m.number <= ? AND m.mine = 0 "
    "AND NOT EXISTS (SELECT 1 FROM messages p WHERE p.hash = m.thread) LIMIT ?"
)


async def _close(tx: Tx) -> None:
    """Forget what came."""
    await tx.execute(
        "DELETE FROM gaps WHERE EXISTS (SELECT 1 FROM messages m WHERE m.peer = gaps.peer "
        "AND m.mine = 0 AND m.epoch = gaps.epoch AND m.seq = gaps.seq)"
    )
    await tx.execute(
        "DELETE FROM missing WHERE EXISTS (SELECT 1 FROM messages m WHERE m.hash = missing.hash)"
    )
