"""Notices: what somebody has to be told, found in the store's clear rows and kept until it is told.

Law: a notice is told once, whatever stops in between, and is dropped untold when it has become
untrue meanwhile. Its row holds codes, ids and times, nothing of a case, and nobody has to be signed
in for it. Nothing here waits for mail: looking costs a few statements, and mailing goes on its own.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from referral_node.exchange.core import Core
from referral_node.exchange.notices.duty import ADMINISTRATOR
from referral_node.exchange.notices.judging import OF_THREADS, THREAD, Finding, judge
from referral_node.exchange.notices.troubles import RECOVERY, troubles
from referral_node.exchange.rows import listed
from referral_node.store import Tx
from referral_protocol.certificates import DAY
from referral_protocol.ladder import DELIVERY_WARN, delivery_times

MESSAGE: Final = "message"
MESSAGE_NOT_HELD: Final = "message-not-held"
MESSAGE_NOT_DELIVERED: Final = "message-not-delivered"
AT_ONCE: Final = 128
"""Threads judged in one transaction."""
MOST: Final = 2_000
"""Messages looked at in one go: of what has come the rest is next, of the outbox the oldest do."""
SLOWLY: Final = 5 * 60_000
"""Between two looks at what takes longer and changes slowly: the outbox, the node's troubles."""
KEPT: Final = 30 * DAY
"""How long a notice that was told is remembered after nothing is open about it any more."""


_LATE: Final = (
    "SELECT m.thread, t.priority, o.queued_at, o.code "
    "FROM outbox o JOIN messages m ON m.number = o.message JOIN threads t ON t.id = m.thread "
    "WHERE (which) AND (o.code IS NOT NULL OR o.queued_at <= ?) ORDER BY o.message LIMIT ?"
)


class Told(msgspec.Struct, frozen=True):
    """A notice that still holds. ``number`` is its row's."""

    number: int
    audience: str
    finding: Finding


class Waits(msgspec.Struct, frozen=True):
    """What one person is not told yet: since when (ms), and since when something urgent; or None.

    All of it was true when it was found.
    """

    since: int | None
    urgent_since: int | None


class Notices:
    """Finds what has to be told, and knows to whom it was told."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._mark: int | None = None
        """The newest message that was looked at."""
        self._slow_at = 0

    # Finding.

    async def look(self) -> None:
        """Find what is new, and make notices of it."""
        now = self._core.clock()
        await self._messages(now)
        if now >= self._slow_at or now < self._slow_at - SLOWLY:
            self._slow_at = now + SLOWLY
            await self._slow(now)
        while await self._threads(now) == AT_ONCE:
            pass

    async def _threads(self, now: int) -> int:
        """Judge the next threads whose time has come; how many there were."""

        async def work(tx: Tx) -> int:
            rows = await tx.rows(
                THREAD + "WHERE t.look_at <= ? ORDER BY t.look_at LIMIT ?",
                (now, AT_ONCE),
            )
            judged = [(bytes(row["id"]), judge(row, now)) for row in rows]
            await tx.many(
                "UPDATE threads SET look_at = ? WHERE id = ?",
                [(each.look_at, thread) for thread, each in judged],
            )
            await _insert(tx, (f for _, e in judged for f in e.findings), now)
            return len(rows)

        # Most looks find nothing: those shall not cost a commit.
        some = await self._core.store.row(
            "SELECT 1 FROM threads WHERE look_at <= ? LIMIT 1", (now,)
        )
        return 0 if some is None else await self._core.store.write(work)

    async def _messages(self, now: int) -> None:
        """What came in cases that are known here and nobody has opened yet."""
        if self._mark is None:
            row = await self._core.store.row(
                "SELECT MAX(occasion) FROM notices WHERE reason = ?", (MESSAGE,)
            )
            self._mark = 0 if row is None or row[0] is None else int(row[0])
        rows = await self._core.store.rows(
            "SELECT m.number, m.thread, t.priority, t.kind FROM messages m "
            "JOIN threads t ON t.id = m.thread AND t.peer = m.peer "
            "WHERE m.body = 'sealed' AND m.mine = 0 AND m.number > ? AND m.kind <> 'open' "
            "ORDER BY m.number LIMIT ?",
            (self._mark, MOST),
        )
        if not rows:
            return
        # The newest of each thread stands for those before it.
        findings = {bytes(row["thread"]): _message(row) for row in rows}.values()

        async def work(tx: Tx) -> None:
            await _insert(tx, findings, now)

        await self._core.store.write(work)
        self._mark = max(row["number"] for row in rows)

    async def _slow(self, now: int) -> None:
        """The outbox, the node's own troubles, and what nobody needs any more."""
        late = await self._late(now)
        wrong = await troubles(self._core, now)

        async def work(tx: Tx) -> None:
            # An opener that will not be tried again says so before its time.
            await tx.execute(
                "UPDATE threads SET look_at = 0 WHERE id IN (SELECT m.hash "
                "FROM outbox o JOIN messages m ON m.number = o.message WHERE o.code IS NOT NULL)"
            )
            await tx.execute(
                "DELETE FROM notices WHERE closed_at < ? AND NOT EXISTS "
                "(SELECT 1 FROM threads t WHERE t.id = notices.subject AND t.ended = 0)",
                (now - KEPT,),
            )
            await _insert(tx, late, now)
            await _insert(tx, wrong, now, audience=ADMINISTRATOR)
            await _insert(tx, [each for each in wrong if each.reason == RECOVERY], now)

        await self._core.store.write(work)

    async def _late(self, now: int, threads: Sequence[bytes] = ()) -> list[Finding]:
        """Messages of ours, but for openers, that are not held by their node in time."""
        which = "m.kind <> 'open' AND m.thread IN (*)" if threads else "m.kind <> 'open'"
        rows = await self._core.store.rows(
            listed(_LATE.replace("(which)", which), *([len(threads)] if threads else [])),
            (*threads, now - min(DELIVERY_WARN.values()), MOST),
        )
        by_thread: dict[bytes, list[sqlite3.Row]] = {}
        for row in rows:
            by_thread.setdefault(bytes(row["thread"]), []).append(row)
        found = (_undelivered(thread, some, now) for thread, some in by_thread.items())
        return [each for each in found if each is not None]

    # Telling.

    async def waits(self, person: bytes, audiences: Sequence[str]) -> Waits:
        """Since when something waits to be told to this person."""
        rows = await self._core.store.rows(
            listed(
                "SELECT n.urgent, MIN(n.made_at) AS since FROM notices n "
                "WHERE n.closed_at IS NULL AND n.audience IN (*) AND NOT EXISTS "
                "(SELECT 1 FROM notices_told t WHERE t.notice = n.number AND t.person = ?) "
                "GROUP BY n.urgent",
                len(audiences),
            ),
            (*audiences, person),
        )
        since = {bool(row["urgent"]): int(row["since"]) for row in rows}
        return Waits(min(since.values(), default=None), since.get(True))

    async def standing(self) -> list[Told]:
        """All that is not told to everybody yet and still holds; the rest is dropped."""
        core = self._core
        now = core.clock()
        rows = await core.store.rows(
            "SELECT number, audience, reason, subject, occasion FROM notices "
            "WHERE closed_at IS NULL ORDER BY number"
        )
        holds = await self._hold(rows, now)
        told, gone = [], []
        for row in rows:
            found = holds.get((row["reason"], bytes(row["subject"]), row["occasion"]))
            if found is None:
                gone.append((now, row["number"]))
            else:
                told.append(Told(row["number"], row["audience"], found))
        if gone:

            async def work(tx: Tx) -> None:
                await tx.many("UPDATE notices SET closed_at = ? WHERE number = ?", gone)

            await core.store.write(work)
        return told

    async def _hold(
        self, rows: Iterable[sqlite3.Row], now: int
    ) -> dict[tuple[str, bytes, int], Finding]:
        """Everything that is true now, of the subjects of these notices."""
        by_reason: dict[bool, set[bytes]] = {True: set(), False: set()}
        administrator = False
        for row in rows:
            if row["audience"] == ADMINISTRATOR or row["reason"] == RECOVERY:
                administrator = True
            else:
                by_reason[row["reason"] in OF_THREADS].add(bytes(row["subject"]))
        found: list[Finding] = []
        for some in _parts(by_reason[True]):
            threads = await self._core.store.rows(
                listed(THREAD + "WHERE t.id IN (*)", len(some)), some
            )
            found += [each for row in threads for each in judge(row, now).findings]
        for some in _parts(by_reason[False]):
            found += await self._late(now, some)
            messages = await self._core.store.rows(
                listed(
                    "SELECT m.thread, m.number, t.priority, t.kind FROM messages m "
                    "JOIN threads t ON t.id = m.thread AND t.peer = m.peer "
                    "WHERE m.body = 'sealed' AND m.mine = 0 AND m.kind <> 'open' "
                    "AND m.thread IN (*)",
                    len(some),
                ),
                some,
            )
            found += [_message(row) for row in messages]
        if administrator:
            found += await troubles(self._core, now)
        return {(each.reason, each.subject, each.occasion): each for each in found}

    async def told_to(self, person: bytes) -> set[int]:
        """Numbers of notices that are still open and were told to this person."""
        rows = await self._core.store.rows(
            "SELECT notice FROM notices_told WHERE person = ?", (person,)
        )
        return {row["notice"] for row in rows}

    async def missed(self, person: bytes, failures: int, next_at: int, code: str) -> None:
        """A mail to this person was not taken: how often in a row, when to try again, and why."""

        async def work(tx: Tx) -> None:
            await tx.execute(
                "INSERT INTO mailings (person, failures, next_at, code) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (person) DO UPDATE SET failures = excluded.failures, "
                "next_at = excluded.next_at, code = excluded.code",
                (person, failures, next_at, code),
            )

        await self._core.store.write(work)

    async def was_told(self, person: bytes, numbers: Sequence[int], now: int) -> None:
        """The mail with these was taken by the mail server."""

        async def work(tx: Tx) -> None:
            await tx.many(
                "INSERT INTO notices_told (notice, person) VALUES (?, ?) ON CONFLICT DO NOTHING",
                [(number, person) for number in numbers],
            )
            await tx.execute(
                "INSERT INTO mailings (person, mailed_at) VALUES (?, ?) ON CONFLICT (person) "
                "DO UPDATE SET mailed_at = excluded.mailed_at, failures = 0, next_at = 0, "
                "code = NULL",
                (person, now),
            )

        await self._core.store.write(work)

    async def close(self, audience: str, people: Sequence[bytes]) -> None:
        """Close what everybody of an audience was told."""
        now = self._core.clock()

        async def work(tx: Tx) -> None:
            # A mark of its own for nobody at all: an empty list is no SQL.
            names = people or (b"",)
            await tx.execute(
                listed(
                    "UPDATE notices SET closed_at = ? WHERE closed_at IS NULL AND audience = ? "
                    "AND (SELECT COUNT(t.person) FROM notices_told t "
                    "WHERE t.notice = notices.number AND t.person IN (*)) = ?",
                    len(names),
                ),
                (now, audience, *names, len(people)),
            )
            await tx.execute(
                "DELETE FROM notices_told WHERE notice IN "
                "(SELECT number FROM notices WHERE closed_at IS NOT NULL)"
            )

        await self._core.store.write(work)


async def _insert(
    tx: Tx, findings: Iterable[Finding], now: int, audience: str | None = None
) -> None:
    """Make notices of what is new among these."""
    await tx.many(
        "INSERT INTO notices (audience, reason, subject, occasion, urgent, made_at) "
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [
            (each, f.reason, f.subject, f.occasion, int(f.urgent), now)
            for f in findings
            for each in (f.audiences if audience is None else (audience,))
        ],
    )


def _message(row: sqlite3.Row) -> Finding:
    plain = row["kind"] not in ("referral", "transfer")
    return Finding(MESSAGE, bytes(row["thread"]), row["number"], row["priority"], None, plain)


def _undelivered(thread: bytes, rows: Sequence[sqlite3.Row], now: int) -> Finding | None:
    """What is to be told of one thread's messages in the outbox."""
    priority, since = rows[0]["priority"], min(row["queued_at"] for row in rows)
    refused = any(row["code"] is not None for row in rows)
    warn, fail = delivery_times(priority, since, None)
    if now < warn and not refused:
        return None
    reason = MESSAGE_NOT_DELIVERED if refused or now >= fail else MESSAGE_NOT_HELD
    return Finding(reason, thread, since, priority)


def _parts(subjects: Iterable[bytes]) -> list[list[bytes]]:
    everything = sorted(subjects)
    return [everything[start : start + 256] for start in range(0, len(everything), 256)]
