"""What is to be asked of each peer now, and what comes of it (CATCHUP).

Law: what a peer brings is held only if the vault of its sender signed it and the rules of admission
allow it. Each page is committed together with the cursor of the next one, so whatever ends the node
in between, it goes on there.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
import structlog

from referral_node.exchange.catchup import bringing
from referral_node.exchange.catchup.progress import (
    GAP_KEPT,
    GAP_SHOWN,
    HOUR,
    ask_since,
    begin_in,
    doubt,
)
from referral_node.exchange.core import Core
from referral_node.exchange.directory.members import ACTIVE
from referral_node.exchange.keys.own import left_behind
from referral_node.exchange.rows import audit, listed
from referral_node.store import StoreError, Tx
from referral_node.store.facts import (
    CATCH_UP_BEGUN,
    CATCH_UP_SINCE,
    RESTORED_AT,
    RESTORED_FROM,
    ROLLED_BACK_AT,
    fact,
    keep,
    time_bytes,
    time_of,
)
from referral_protocol.asks import (
    BODIES,
    COMING,
    GAPS,
    GONE,
    MAX_NAMED,
    RESTORE,
    Ask,
    Number,
    Page,
)
from referral_protocol.certificates import DAY
from referral_protocol.messages import ERASED, EXPIRED, WITHDRAWN
from referral_protocol.suite import SUITE

SINCE_LAST: Final = 6 * HOUR
"""How much further back than our last sign of life peers are asked at a start: clocks differ."""
FEW: Final = 64
"""Up to so many members, all are asked at a start; else those with whom something was exchanged."""
AGAIN: Final = DAY
"""What is missing is asked for again after this long."""
FOR_GOOD: Final = (GONE, ERASED, WITHDRAWN, EXPIRED)
"""Outcomes after which a content is not asked for again. An unknown one may change."""

log = structlog.get_logger()


class Wanting:
    """Everything that is missing here and somebody may have."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._asked_upto: dict[bytes, int] = {}
        self._to_note: Callable[[Tx], Awaitable[None]] | None = None

    async def start(self) -> None:
        """At every start, before anything is said: what may have been lost meanwhile?

        On a full disk it is noted later, as it was found now: that keeps nobody from starting.
        """
        core = self._core
        now = core.clock()
        restored, since = await fact(core.store, RESTORED_AT), await fact(core.store, RESTORED_FROM)
        begun = await fact(core.store, CATCH_UP_BEGUN)
        last = await core.store.row("SELECT at FROM audit ORDER BY number DESC LIMIT 1")
        peers = await core.store.rows(
            "SELECT member FROM peers UNION SELECT peer FROM counters UNION SELECT peer FROM heard"
        )
        asked = {bytes(row["member"]) for row in peers}
        others = [m.id for m in core.members.all() if m.status == ACTIVE and m.id != core.us]
        if len(others) <= FEW:
            asked |= set(others)  # the very first word between us may be what was lost
        fresh = restored is not None and (begun is None or time_of(begun) < time_of(restored))

        async def work(tx: Tx) -> None:
            if last is not None:
                since_then = max(0, min(last["at"], now) - SINCE_LAST)
                for peer in sorted(asked):
                    await ask_since(tx, peer, since_then, now)
            if fresh and since is not None:
                await begin_in(tx, core, time_of(since), now)

        self._to_note = work
        try:
            await self._note_start()
        except StoreError as error:
            log.error("asker.store", code=error.code)

    async def _note_start(self) -> None:
        """What the start has found, if it is not in the store yet."""
        if self._to_note is not None:
            await self._core.store.write(self._to_note)
            self._to_note = None

    async def due(self) -> list[bytes]:
        """Members that are to be asked something now."""
        await self._note_start()
        core = self._core
        now = core.clock()
        await self._all_of_them(now)
        rows = await core.store.rows(_PEERS, (now, now, now, *_old(now), now, *_old(now), now))
        found = []
        for row in rows:
            member = core.members.get(bytes(row["peer"]))
            if member is not None and member.status == ACTIVE and member.id != core.us:
                found.append(member.id)
        return found

    async def _all_of_them(self, now: int) -> None:
        """While all are asked: members that the directory named since are asked too."""
        core = self._core
        since, begun = (
            await fact(core.store, CATCH_UP_SINCE),
            await fact(core.store, CATCH_UP_BEGUN),
        )
        if since is None or begun is None:
            return
        rows = await core.store.rows("SELECT peer, done_at FROM catching")
        known = {bytes(row["peer"]): row["done_at"] for row in rows}
        active = [m for m in core.members.all() if m.status == ACTIVE and m.id != core.us]
        new = [m.id for m in active if m.id not in known and m.since <= time_of(begun)]
        checked = core.members.checked_at
        fresh = checked is not None and checked >= time_of(begun)
        over = fresh and not new and all(known.get(m.id, 0) is not None for m in active)
        if not new and not over:
            return

        async def work(tx: Tx) -> None:
            for peer in new:
                await ask_since(tx, peer, time_of(since), now)
            if over:
                await tx.execute("DELETE FROM facts WHERE name = ?", (CATCH_UP_SINCE,))
                await audit(tx, now, None, "caught-up", None)

        await core.store.write(work)
        if over:
            log.info("catch-up.done")

    async def next_ask(self, peer: bytes) -> Ask | None:
        """What to ask this peer now, one thing after the other; None when that is all."""
        core = self._core
        now = core.clock()
        row = await core.store.row("SELECT * FROM catching WHERE peer = ?", (peer,))
        if row is not None and row["next_at"] > now:
            return None
        if row is not None and row["since"] is not None and row["done_at"] is None:
            cursor = None if row["cursor"] is None else bytes(row["cursor"])
            return self._ask(peer, RESTORE, since=row["since"], cursor=cursor)
        if row is None or row["bodies_at"] <= now:
            rows = await core.store.rows(
                "SELECT number, hash FROM messages WHERE body = 'lost' AND peer = ? "
                "AND number > ? ORDER BY number LIMIT ?",
                (peer, self._asked_upto.get(peer, -1), MAX_NAMED),
            )
            if rows:
                self._asked_upto[peer] = rows[-1]["number"]
                return self._ask(peer, BODIES, hashes=tuple(bytes(r["hash"]) for r in rows))
            self._asked_upto.pop(peer, None)
            await self._schedule(peer, bodies_at=now + AGAIN)
        return await self._gaps(peer, now)

    async def _gaps(self, peer: bytes, now: int) -> Ask | None:
        numbers = await self._core.store.rows(_NUMBERS, (peer, *_old(now), MAX_NAMED))
        hashes = await self._core.store.rows(_HASHES, (peer, *_old(now), MAX_NAMED))
        if not numbers and not hashes:
            return None
        return self._ask(
            peer,
            GAPS,
            numbers=tuple(Number(row["epoch"], row["seq"]) for row in numbers),
            hashes=tuple(bytes(row["hash"]) for row in hashes),
        )

    def _ask(self, peer: bytes, kind: str, **what: Any) -> Ask:
        core = self._core
        base = Ask(SUITE, core.entropy(16), core.us, peer, core.clock(), kind)
        return msgspec.structs.replace(base, **what)

    async def take(self, ask: Ask, page: Page) -> int:
        """Hold what a verified answer brings; returns how many statements were missing here."""
        core = self._core
        keys = {m: core.members.vault_keys(m) for m in (core.us, ask.recipient)}
        without = await left_behind(core.store)
        signed = await asyncio.to_thread(bringing.verified, page, keys, without)
        now = core.clock()

        async def work(tx: Tx) -> tuple[bringing.Taken, bool]:
            taken = await bringing.hold(tx, core, ask.recipient, signed, now)
            back = await self._note(tx, ask, page, taken, now)
            return taken, back

        taken, back = await core.store.write(work)
        core.changes.changed(*taken.threads)
        if taken.found or taken.refused:
            log.info(
                "catch-up.brought",
                peer=ask.recipient.hex(),
                messages=taken.found,
                refused=taken.refused,
            )
        if back:
            log.warning("node.rolled-back", peer=ask.recipient.hex(), messages=taken.found)
        return taken.found

    async def _note(self, tx: Tx, ask: Ask, page: Page, taken: bringing.Taken, now: int) -> bool:
        """Where the asking of this peer stands after a page; True if a rollback was found out."""
        peer = ask.recipient
        await _row(tx, peer, now)
        await tx.execute(
            "UPDATE catching SET attempts = 0, next_at = 0, code = NULL, found = found + ?, "
            "bodies_at = CASE WHEN ? THEN 0 ELSE bodies_at END WHERE peer = ?",
            (taken.found, taken.found > 0, peer),
        )
        behind = await bringing.behind(tx, self._core, peer, page.held)
        if ask.kind == BODIES:
            await _outcomes(tx, ask, page)
        elif ask.kind == GAPS:
            await _asked(tx, ask, now)
        else:
            await self._turned(tx, ask, page, behind=behind, now=now)
        if behind and ask.kind != RESTORE:
            await doubt(tx, peer, now)
        return await self._found_out(tx, ask, taken, now)

    async def _turned(self, tx: Tx, ask: Ask, page: Page, *, behind: bool, now: int) -> None:
        """A page of everything since a time: the next one, or that was all."""
        peer = ask.recipient
        if page.cursor is not None:
            await tx.execute("UPDATE catching SET cursor = ? WHERE peer = ?", (page.cursor, peer))
        elif behind and ask.since:
            # It holds something of ours from before that time: then everything, once.
            await tx.execute("UPDATE catching SET since = 0, cursor = NULL WHERE peer = ?", (peer,))
        else:
            await tx.execute(
                "UPDATE catching SET cursor = NULL, done_at = ? WHERE peer = ?", (now, peer)
            )

    async def _found_out(self, tx: Tx, ask: Ask, taken: bringing.Taken, now: int) -> bool:
        """What nobody expected to be missing is: this folder was put back to an earlier state."""
        if ask.kind != RESTORE or not taken.found:
            return False
        begun = await tx.row("SELECT value FROM facts WHERE name = ?", (CATCH_UP_BEGUN,))
        before = 0 if begun is None else time_of(bytes(begun["value"])) + 1
        expected = await tx.row(
            "SELECT 1 FROM catching WHERE peer = ? AND begun_at < ?", (ask.recipient, before)
        )
        if expected is not None:
            return False
        await keep(tx, ROLLED_BACK_AT, time_bytes(now))
        await audit(tx, now, None, "rolled-back", ask.recipient)
        row = await tx.row("SELECT found FROM catching WHERE peer = ?", (ask.recipient,))
        await begin_in(tx, self._core, ask.since or 0, now)
        await tx.execute(
            "UPDATE catching SET found = ? WHERE peer = ?",
            (0 if row is None else row["found"], ask.recipient),
        )
        return True

    async def failed(self, peer: bytes, code: str, next_at: int) -> None:
        """This peer did not answer: later again."""
        await self._schedule(peer, next_at=next_at, code=code)

    async def attempts(self, peer: bytes) -> int:
        """How often in a row this peer did not answer."""
        row = await self._core.store.row("SELECT attempts FROM catching WHERE peer = ?", (peer,))
        return 0 if row is None else int(row["attempts"])

    async def _schedule(
        self,
        peer: bytes,
        *,
        bodies_at: int | None = None,
        next_at: int | None = None,
        code: str | None = None,
    ) -> None:
        now = self._core.clock()

        async def work(tx: Tx) -> None:
            await _row(tx, peer, now)
            if bodies_at is not None:
                await tx.execute(
                    "UPDATE catching SET bodies_at = ? WHERE peer = ?", (bodies_at, peer)
                )
            if next_at is not None:
                await tx.execute(
                    "UPDATE catching SET next_at = ?, code = ?, attempts = attempts + 1 "
                    "WHERE peer = ?",
                    (next_at, code, peer),
                )

        await self._core.store.write(work)


_PEERS: Final = (
    "SELECT peer FROM catching "
    "WHERE since IS NOT NULL AND done_at IS NULL AND next_at <= ? "
    "UNION SELECT DISTINCT m.peer FROM messages m LEFT JOIN catching c ON c.peer = m.peer "
    "WHERE m.body = 'lost' AND (c.peer IS NULL OR (c.bodies_at <= ? AND c.next_at <= ?)) "
    "UNION SELECT g.peer FROM gaps g LEFT JOIN catching c ON c.peer = g.peer "
    "WHERE g.code IS NULL AND g.since <= ? AND g.since > ? "
    "AND (g.asked_at IS NULL OR g.asked_at <= ?) AND (c.peer IS NULL OR c.next_at <= ?) "
    "UNION SELECT g.peer FROM missing g LEFT JOIN catching c ON c.peer = g.peer "
    "WHERE g.code IS NULL AND g.since <= ? AND g.since > ? "
    "AND (g.asked_at IS NULL OR g.asked_at <= ?) AND (c.peer IS NULL OR c.next_at <= ?)"
)
_NUMBERS: Final = (
    "SELECT epoch, seq FROM gaps WHERE peer = ? AND code IS NULL AND since <= ? AND since > ? "
    "AND (asked_at IS NULL OR asked_at <= ?) ORDER BY epoch, seq LIMIT ?"
)
_HASHES: Final = (
    "SELECT hash FROM missing WHERE peer = ? AND code IS NULL AND since <= ? AND since > ? "
    "AND (asked_at IS NULL OR asked_at <= ?) LIMIT ?"
)


def _old(now: int) -> tuple[int, int, int]:
    """Gaps noticed before, and after, these times, and asked for before that one, are due."""
    return now - GAP_SHOWN, now - GAP_KEPT, now - AGAIN


async def _row(tx: Tx, peer: bytes, now: int) -> None:
    await tx.execute(
        "INSERT INTO catching (peer, begun_at, done_at) VALUES (?, ?, ?) "
        "ON CONFLICT (peer) DO NOTHING",
        (peer, now, now),
    )


async def _outcomes(tx: Tx, ask: Ask, page: Page) -> None:
    """Contents that will never come: said so, and not asked for again."""
    asked = set(ask.hashes)
    for outcome in page.outcomes:
        if outcome.statement not in asked or outcome.code == COMING:
            continue
        if outcome.code in FOR_GOOD:
            await tx.execute(
                "UPDATE messages SET body = CASE WHEN mine = 1 THEN 'gone' ELSE 'none' END, "
                "withheld = CASE WHEN mine = 1 THEN withheld ELSE ? END "
                "WHERE hash = ? AND peer = ? AND body = 'lost'",
                (outcome.code, outcome.statement, ask.recipient),
            )


async def _asked(tx: Tx, ask: Ask, now: int) -> None:
    for number in ask.numbers:
        await tx.execute(
            "UPDATE gaps SET asked_at = ? WHERE peer = ? AND epoch = ? AND seq = ?",
            (now, ask.recipient, number.epoch, number.seq),
        )
    if ask.hashes:
        await tx.execute(
            listed("UPDATE missing SET asked_at = ? WHERE hash IN (*)", len(ask.hashes)),
            [now, *ask.hashes],
        )
