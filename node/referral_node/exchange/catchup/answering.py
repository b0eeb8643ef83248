"""What we tell a peer that misses something: statements of us both, and contents (CATCHUP 2, 3).

Law: a peer is told only what was said between the two of us. What it asks changes nothing here but
which contents are sealed again or returned, and that costs it nothing to ask twice; a case that was
erased stays so.
"""

import sqlite3
from typing import Final

from referral_node.exchange.core import Core
from referral_node.exchange.directory.members import REMOVED, SUSPENDED
from referral_node.exchange.rows import audit, listed, state_of
from referral_node.store import Tx
from referral_protocol.asks import (
    BODIES,
    COMING,
    GAPS,
    GONE,
    MAX_BROUGHT,
    ArrivedAsk,
    Ask,
    Brought,
    Number,
    Outcome,
    Page,
    make_answer,
    make_refusal,
    verify_ask,
)
from referral_protocol.certificates import VerifiedTransportPrekey
from referral_protocol.errors import ProtocolError
from referral_protocol.messages import ERASED, WITHDRAWN
from referral_protocol.statements import OPEN, RETURN

ROOM: Final = 1000 * 1024
"""Bytes of statements in one page; the rest of the mebibyte is for framing."""
EACH: Final = 128
"""Bytes that a statement needs beside its content, at most."""
_BEGIN: Final = -1


class Answering:
    """The asked side of this node."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def accept(self, arrived: ArrivedAsk) -> VerifiedTransportPrekey:
        """Check who asks (CATCHUP 1); returns what the answer is sealed to."""
        core, ask = self._core, arrived.ask
        if ask.recipient != core.us:
            raise ProtocolError("not-for-us", "ask: recipient")
        member = core.members.known(ask.sender)
        if member.status == REMOVED:
            raise ProtocolError("removed", "ask: sender")
        core.members.check_not_doubtful(member.id)
        data = arrived.envelope.certificate
        certificate = core.members.certificate_of(member.id, data)
        known = core.members.certified(member.id)
        prekey = verify_ask(arrived, core.us, certificate.node_key, core.clock())
        new = core.members.certify(member.id, certificate, data)
        if not new and known is None and certificate.node_key != core.members.node_key(member.id):
            raise ProtocolError("wrong-key", "ask: certificate")
        if member.status == SUSPENDED:
            raise ProtocolError("suspended", "ask: sender")
        return prekey

    async def answer(self, ask: Ask, prekey: VerifiedTransportPrekey) -> bytes:
        """The sealed answer to an accepted ask."""
        core = self._core
        if ask.kind == GAPS:
            page = Page(await self._held(ask.sender), await self._named(ask))
        elif ask.kind == BODIES:
            outcomes = await core.store.write(lambda tx: self._contents(tx, ask))
            page = Page(await self._held(ask.sender), outcomes=outcomes)
        else:
            page = await self._since(ask)
        return make_answer(core.node, core.certificate, prekey, ask, page, core.clock())

    def refuse(self, ask: Ask, code: str) -> bytes:
        """The signed refusal of an ask."""
        core = self._core
        return make_refusal(core.node, core.certificate, ask, code, core.clock())

    async def _held(self, peer: bytes) -> Number | None:
        row = await self._core.store.row(
            "SELECT epoch, seq FROM messages WHERE peer = ? AND mine = 0 "
            "ORDER BY epoch DESC, seq DESC LIMIT 1",
            (peer,),
        )
        return None if row is None else Number(row["epoch"], row["seq"])

    async def _named(self, ask: Ask) -> tuple[Brought, ...]:
        """Statements of ours that the peer names and misses."""
        rows = []
        for epoch in {number.epoch for number in ask.numbers}:
            seqs = [number.seq for number in ask.numbers if number.epoch == epoch]
            rows += await self._core.store.rows(
                listed(
                    "SELECT hash, statement, signature FROM messages "
                    "WHERE peer = ? AND mine = 1 AND epoch = ? AND seq IN (*)",
                    len(seqs),
                ),
                [ask.sender, epoch, *seqs],
            )
        if ask.hashes:
            rows += await self._core.store.rows(
                listed(
                    "SELECT hash, statement, signature FROM messages "
                    "WHERE peer = ? AND mine = 1 AND hash IN (*)",
                    len(ask.hashes),
                ),
                [ask.sender, *ask.hashes],
            )
        once = {bytes(row["hash"]): row for row in rows}
        return _fit(list(once.values()))[0]

    async def _since(self, ask: Ask) -> Page:
        """One page of everything that either of us held since a time, by when it was held."""
        since = ask.since or 0
        at, number = (since, _BEGIN) if ask.cursor is None else _place(ask.cursor)
        await self._forget_paid(ask.sender, since)
        rows = await self._core.store.rows(
            "SELECT number, held_at, statement, signature FROM messages "
            "WHERE peer = ? AND held_at IS NOT NULL AND (held_at, number) > (?, ?) "
            "ORDER BY held_at, number LIMIT ?",
            (ask.sender, at, number, MAX_BROUGHT + 1),
        )
        brought, last = _fit(rows)
        cursor = None
        if len(brought) < len(rows) and last is not None:
            cursor = _cursor(last["held_at"], last["number"])
        return Page(await self._held(ask.sender), brought, cursor)

    async def _forget_paid(self, peer: bytes, since: int) -> None:
        """What we returned since then may be lost again: it is returned anew if it is asked for."""
        given = (peer, since)
        some = await self._core.store.row(
            "SELECT 1 FROM owed WHERE peer = ? AND paid_at >= ? LIMIT 1", given
        )
        if some is not None:
            await self._core.store.write(
                lambda tx: tx.execute("DELETE FROM owed WHERE peer = ? AND paid_at >= ?", given)
            )

    async def _contents(self, tx: Tx, ask: Ask) -> tuple[Outcome, ...]:
        """What becomes of each content that was asked for."""
        rows = await tx.rows(
            listed(
                "SELECT m.number, m.hash, m.thread, m.mine, m.kind, m.body, m.expires, m.withheld, "
                "c.message IS NOT NULL AS here, t.erase_at, o.code AS refused "
                "FROM messages m LEFT JOIN threads t ON t.id = m.thread AND t.peer = m.peer "
                "LEFT JOIN outbox o ON o.message = m.number "
                "LEFT JOIN contents c ON c.message = m.number "
                "WHERE m.peer = ? AND m.hash IN (*)",
                len(ask.hashes),
            ),
            [ask.sender, *ask.hashes],
        )
        found = {bytes(row["hash"]): row for row in rows}
        outcomes = []
        for named in ask.hashes:
            row = found.get(named)
            code = GONE if row is None else await self._content(tx, ask.sender, row)
            outcomes.append(Outcome(named, code))
        return tuple(outcomes)

    async def _content(self, tx: Tx, peer: bytes, row: sqlite3.Row) -> str:
        now = self._core.clock()
        if row["erase_at"] is not None:
            return ERASED
        if row["kind"] == RETURN:
            return GONE  # what it carried is asked for itself
        if row["mine"] and row["kind"] == OPEN and await _unmoved(tx, bytes(row["hash"])):
            return WITHDRAWN
        if row["mine"] and row["body"] in ("outgoing", "unsealed"):
            if row["refused"] is not None:
                await tx.execute(
                    "UPDATE outbox SET code = NULL, next_at = ?, queued_at = ? WHERE message = ?",
                    (now, now, row["number"]),
                )
            return COMING
        if not row["here"]:
            if row["body"] == "sealed":  # theirs, and nobody has opened it here yet
                await _owe(tx, peer, row["number"], now)
                return COMING
            return str(row["withheld"] or GONE)
        if row["mine"] and now <= row["expires"]:
            await tx.execute(
                "UPDATE messages SET body = 'unsealed' WHERE number = ?", (row["number"],)
            )
            await audit(tx, now, None, "asked-again", bytes(row["hash"]))
        else:
            await _owe(tx, peer, row["number"], now)
        return COMING


async def _owe(tx: Tx, peer: bytes, number: int, now: int) -> None:
    await tx.execute(
        "INSERT INTO owed (message, peer, asked_at) VALUES (?, ?, ?) "
        "ON CONFLICT (message) DO UPDATE SET asked_at = excluded.asked_at",
        (number, peer, now),
    )


async def _unmoved(tx: Tx, thread: bytes) -> bool:
    """Whether a thread was withdrawn before anything had moved: then nobody opens it any more."""
    state = await state_of(tx, thread)
    return state is not None and state.withdrawn is not None and state.since is None


def _fit(rows: list[sqlite3.Row]) -> tuple[tuple[Brought, ...], sqlite3.Row | None]:
    """As many of these statements as a page takes, and the row of the last one."""
    room = ROOM
    brought: list[Brought] = []
    last = None
    for row in rows[:MAX_BROUGHT]:
        content = bytes(row["statement"])
        room -= EACH + len(content)
        if room < 0:
            break
        brought.append(Brought(content, bytes(row["signature"])))
        last = row
    return tuple(brought), last


def _cursor(at: int, number: int) -> bytes:
    return at.to_bytes(8, "big") + number.to_bytes(8, "big")


def _place(cursor: bytes) -> tuple[int, int]:
    if len(cursor) != 16:
        raise ProtocolError("wrong-value", "ask: cursor")
    at, number = int.from_bytes(cursor[:8], "big"), int.from_bytes(cursor[8:], "big")
    if max(at, number) >= 2**63:
        raise ProtocolError("wrong-value", "ask: cursor")
    return at, number
