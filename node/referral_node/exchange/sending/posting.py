"""What waits for each peer, and what became of it: the courier's view of the store.

Law: a message leaves the outbox only in the transaction that stores the receipt for it. What is
refused for good stays visible with its code; what is refused for now is tried again.
"""

import sqlite3
from collections.abc import Collection
from typing import Final

import msgspec

from referral_node.exchange.catchup.progress import doubt
from referral_node.exchange.core import RANK_ELSE, Core
from referral_node.exchange.files.filing import bring_again
from referral_node.exchange.rows import audit, listed
from referral_node.store import Tx
from referral_protocol.errors import CODES, Retry
from referral_protocol.messages import EXPIRED, Message
from referral_protocol.parcels import MAX_CHECKPOINT, MAX_CONTENT, MAX_MESSAGES
from referral_protocol.receipts import HELD, HELD_WITHOUT_BODY, Envelope, SignedReceipt
from referral_protocol.retry import PATIENCE

ROOM: Final = MAX_CONTENT - MAX_CHECKPOINT - 2 * 1024
"""Bytes of messages in one parcel; the rest is for the checkpoint and for framing."""
REUSED: Final = "counter-reused"
UNDELIVERED: Final = "undelivered"
"""Code of a message whose patience is over. Shown, never sent."""
MISSING: Final = "attachment-missing"
EACH: Final = 128
"""Bytes that a message needs beside its statement and body, at most."""


class Waiting(msgspec.Struct, frozen=True):
    """One message to be delivered. ``number`` is its row, ``sealed_hash`` that of its body, if it
    goes with one."""

    number: int
    hash: bytes
    thread: bytes
    message: Message
    sealed_hash: bytes | None


class Posting:
    """Takes messages out for delivery and puts the answers in."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def peers(self) -> list[bytes]:
        """All members for whom something waits and may still be tried."""
        rows = await self._core.store.rows("SELECT DISTINCT peer FROM outbox WHERE code IS NULL")
        return [bytes(row["peer"]) for row in rows]

    async def due(self, peer: bytes, without: Collection[int] = ()) -> tuple[list[Waiting], bool]:
        """The next parcelful for a peer, the most urgent first, and whether more is due.

        What has files goes once the peer has them; a husk needs none.
        ``without``: rows that are under way already. Sizes are looked at before any body is read:
        no more of them comes into memory than one parcel takes.
        """
        core = self._core
        now = core.clock()
        sizes = await core.store.rows(
            listed(
                "SELECT o.message, LENGTH(m.statement) + COALESCE(LENGTH(b.sealed), 0) AS size "
                "FROM outbox o JOIN messages m ON m.number = o.message "
                "LEFT JOIN bodies b ON b.message = o.message "
                "WHERE o.peer = ? AND o.code IS NULL AND o.next_at <= ? "
                "AND o.message NOT IN (*) "
                "AND (NOT EXISTS (SELECT 1 FROM attachments a WHERE a.waits = o.message) "
                "OR m.expires < ? OR b.sealed IS NULL) "
                "ORDER BY o.rank, o.message LIMIT ?",
                len(without),
            ),
            (peer, now, *without, now, MAX_MESSAGES),
        )
        chosen = _fit(sizes)
        if not chosen:
            return [], False
        rows = await core.store.rows(
            listed(
                "SELECT m.number, m.hash, m.thread, m.statement, m.signature, m.expires, "
                "m.withheld, m.body_hash, b.sealed "
                "FROM outbox o JOIN messages m ON m.number = o.message "
                "LEFT JOIN bodies b ON b.message = o.message "
                "WHERE o.message IN (*) ORDER BY o.rank, o.message",
                len(chosen),
            ),
            chosen,
        )
        more = len(chosen) < len(sizes) or len(sizes) == MAX_MESSAGES
        return [_waiting(row, now) for row in rows], more

    async def hurries(self, peer: bytes, after: int) -> bool:
        """Whether something urgent is due for a peer, of a row after this one."""
        row = await self._core.store.row(
            "SELECT 1 FROM outbox WHERE peer = ? AND rank < ? AND code IS NULL "
            "AND next_at <= ? AND message > ? LIMIT 1",
            (peer, RANK_ELSE, self._core.clock(), after),
        )
        return row is not None

    async def last(self, peer: bytes) -> int:
        """The newest row that waits for a peer, or 0."""
        row = await self._core.store.row("SELECT MAX(message) FROM outbox WHERE peer = ?", (peer,))
        return 0 if row is None or row[0] is None else int(row[0])

    async def next_due(self, peer: bytes) -> int | None:
        """When the next message for a peer is due; None if none waits but for its files."""
        row = await self._core.store.row(
            "SELECT MIN(next_at) FROM outbox o WHERE peer = ? AND code IS NULL "
            "AND NOT EXISTS (SELECT 1 FROM attachments a WHERE a.waits = o.message)",
            (peer,),
        )
        return None if row is None or row[0] is None else int(row[0])

    async def answered(
        self,
        peer: bytes,
        sent: list[Waiting],
        envelope: Envelope,
        signed: SignedReceipt,
        later: int,
    ) -> None:
        """Store a verified receipt and what it says of each message, in one transaction.

        ``later``: when to try again what was refused for now.
        """
        core = self._core
        receipt = signed.receipt
        by_hash = {waiting.hash: waiting for waiting in sent}
        now = core.clock()

        async def work(tx: Tx) -> None:
            await tx.execute(
                "INSERT INTO receipts (parcel, peer, at, content, signature, certificate) "
                "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (parcel) DO NOTHING",
                (
                    receipt.parcel,
                    peer,
                    receipt.at,
                    signed.content,
                    signed.signature,
                    envelope.certificate,
                ),
            )
            answers = [(by_hash[a.statement], a) for a in receipt.answers]
            await tx.many(
                "INSERT INTO answers (message, parcel, status, code, at) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (message, parcel) DO NOTHING",
                [(w.number, receipt.parcel, a.status, a.code, receipt.at) for w, a in answers],
            )
            await tx.execute(
                "UPDATE peers SET failures = 0, trouble = NULL, reached_at = ? WHERE member = ?",
                (now, peer),
            )
            stale = await _sealed_since(tx, [waiting for waiting, _ in answers])
            answers = [(w, a) for w, a in answers if w.number not in stale]
            await _held(tx, [w.number for w, a in answers if a.status == HELD], receipt.at)
            for taken in (True, False):
                bare = [
                    w.number
                    for w, a in answers
                    if a.status == HELD_WITHOUT_BODY and taken == (w.sealed_hash is not None)
                ]
                await _held_without_body(tx, bare, receipt.at, taken=taken)
            for waiting, answer in answers:
                if answer.code is not None:
                    await _refused(tx, waiting, answer.code, later)
                    await audit(tx, now, None, "refused-by-peer", waiting.hash, answer.code)

        await core.store.write(work)
        core.changes.changed(*{waiting.thread for waiting in sent})
        core.answered(by_hash.keys())
        if any(answer.code == REUSED for answer in receipt.answers):
            # It holds other words of ours: this node was put back. Nothing more under this epoch.
            core.slept = True
            await core.store.write(lambda tx: doubt(tx, peer, now))
        if any(answer.code == MISSING for answer in receipt.answers):
            core.carry(peer)

    async def postponed(
        self, sent: list[Waiting], next_at: int, *, sent_at: int | None, code: str | None = None
    ) -> None:
        """An attempt failed: try again later. ``sent_at``: it left, and no answer came."""

        async def work(tx: Tx) -> None:
            await tx.many(
                "UPDATE outbox SET attempts = attempts + 1, next_at = ?, code = ?, "
                "sent_at = COALESCE(sent_at, ?) WHERE message = ?",
                [(next_at, code, sent_at, waiting.number) for waiting in sent],
            )

        await self._core.store.write(work)
        self._core.changes.changed(*{waiting.thread for waiting in sent})

    async def give_up(self, peer: bytes) -> int:
        """Say of what has waited for 14 days that it was not delivered; returns how many."""
        core = self._core
        now = core.clock()

        async def work(tx: Tx) -> list[bytes]:
            rows = await tx.rows(
                "SELECT m.thread FROM outbox o JOIN messages m ON m.number = o.message "
                "WHERE o.peer = ? AND o.code IS NULL AND o.queued_at <= ?",
                (peer, now - PATIENCE),
            )
            await tx.execute(
                "UPDATE outbox SET code = ? WHERE peer = ? AND code IS NULL AND queued_at <= ?",
                (UNDELIVERED, peer, now - PATIENCE),
            )
            return [bytes(row["thread"]) for row in rows]

        threads = await core.store.write(work)
        core.changes.changed(*threads)
        return len(threads)


def _fit(rows: list[sqlite3.Row]) -> list[int]:
    """The first of these messages that one parcel takes."""
    room = ROOM
    chosen: list[int] = []
    for row in rows:
        room -= EACH + int(row["size"])
        if room < 0:
            break
        chosen.append(int(row["message"]))
    return chosen


def _waiting(row: sqlite3.Row, now: int) -> Waiting:
    sealed = None if row["sealed"] is None else bytes(row["sealed"])
    withheld = row["withheld"]
    if sealed is not None and now > row["expires"]:
        sealed, withheld = None, EXPIRED
    message = Message(
        bytes(row["statement"]),
        bytes(row["signature"]),
        sealed,
        None if sealed is not None else withheld or EXPIRED,
    )
    return Waiting(
        row["number"],
        bytes(row["hash"]),
        bytes(row["thread"]),
        message,
        None if sealed is None else bytes(row["body_hash"]),
    )


async def _sealed_since(tx: Tx, sent: list[Waiting]) -> set[int]:
    """Rows whose body was sealed again after these bytes left: what waits now is another body.

    An answer lost on the way, then `unreadable`, then the old parcel once more: its receipt speaks
    of the old body, and the new one must still go.
    """
    bodies = {w.number: w.sealed_hash for w in sent if w.sealed_hash is not None}
    if not bodies:
        return set()
    rows = await tx.rows(
        listed("SELECT number, body_hash FROM messages WHERE number IN (*)", len(bodies)),
        list(bodies),
    )
    return {row["number"] for row in rows if row["body_hash"] != bodies[row["number"]]}


async def _leave(tx: Tx, numbers: list[int]) -> None:
    """Out of the outbox, and the sealed copies with them."""
    await tx.execute(listed("DELETE FROM outbox WHERE message IN (*)", len(numbers)), numbers)
    await tx.execute(listed("DELETE FROM bodies WHERE message IN (*)", len(numbers)), numbers)


async def _held_without_body(tx: Tx, numbers: list[int], at: int, *, taken: bool) -> None:
    """Their node holds the statements and not the bodies: a person is told why.

    ``taken``: the bodies were with them. Then their node had let these go before, and its first
    answer was lost: a referral withdrawn before anybody opened it, or a case erased there.
    """
    if not numbers:
        return
    await _leave(tx, numbers)
    await tx.execute(
        listed(
            "UPDATE messages SET body = 'none', held_at = ?, withheld = COALESCE(withheld, "
            "CASE WHEN ? = 0 THEN 'expired' "
            "WHEN (SELECT withdrawn FROM threads t WHERE t.id = messages.thread) <> 0 "
            "THEN 'withdrawn' ELSE 'erased' END) WHERE number IN (*)",
            len(numbers),
        ),
        [at, int(taken), *numbers],
    )


async def _held(tx: Tx, numbers: list[int], at: int) -> None:
    """Their node holds these, bodies included."""
    if not numbers:
        return
    await _leave(tx, numbers)
    await tx.execute(
        listed(
            "UPDATE messages SET body = 'gone', held_at = ?, code = NULL WHERE number IN (*)",
            len(numbers),
        ),
        [at, *numbers],
    )


async def _refused(tx: Tx, waiting: Waiting, code: str, later: int) -> None:
    if code == "expired":
        # Too late for the body, never for the statement: send the husk at once.
        await tx.execute("DELETE FROM bodies WHERE message = ?", (waiting.number,))
        await tx.execute(
            "UPDATE messages SET body = 'none', withheld = ? WHERE number = ?",
            (EXPIRED, waiting.number),
        )
        return
    if code == MISSING:
        await bring_again(tx, waiting.hash, waiting.number)
    refusal = CODES.get(code)
    if refusal is None or refusal.retry is not Retry.NEVER:  # what we do not know: later
        await tx.execute(
            "UPDATE outbox SET next_at = ?, attempts = attempts + 1 WHERE message = ?",
            (later, waiting.number),
        )
        return
    await tx.execute("UPDATE outbox SET code = ? WHERE message = ?", (code, waiting.number))
