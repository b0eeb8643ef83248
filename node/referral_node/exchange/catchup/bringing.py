"""Holding the statements that a peer brings back: theirs and our own (CATCHUP 2).

Law: each is verified and admitted by itself; one that fails is left out and the others are held.
What is held here already is not touched. Whatever of ours comes back raises our counters, so that
nothing is said twice under one of them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from referral_node.exchange.catchup.epochs import raise_above
from referral_node.exchange.core import Core
from referral_node.exchange.rows import audit, listed, open_thread, settle
from referral_node.store import Tx
from referral_protocol.asks import Number, Page, verify_brought
from referral_protocol.certificates import DAY
from referral_protocol.chain import Known, Place, check_place
from referral_protocol.directory.earlier import VaultKey
from referral_protocol.errors import ProtocolError
from referral_protocol.statements import OPEN, RETURN, SignedStatement, Statement
from referral_protocol.wire import decode

BELIEVED: Final = DAY
"""How far ahead of our clock an epoch may be that a peer only says it holds."""


class Taken(msgspec.Struct, frozen=True):
    """What a page brought: statements that were missing here, refused ones, threads concerned."""

    found: int
    refused: int
    threads: frozenset[bytes]


def verified(
    page: Page, keys: Mapping[bytes, Sequence[VaultKey]], without: Collection[bytes] = ()
) -> list[SignedStatement]:
    """The statements of a page whose signature holds, openers first, else as they were made.

    ``keys``: all that each of the two has had; ``without``: those that nothing is believed of.
    Costs 80 µs each: to be run in a thread.
    """
    good = []
    for brought in page.statements:
        try:
            good.append(verify_brought(brought, keys, without))
        except ProtocolError:
            continue  # what its sender did not sign is nothing
    return sorted(
        good, key=lambda s: (s.statement.kind != OPEN, s.statement.epoch, s.statement.seq)
    )


async def hold(
    tx: Tx, core: Core, peer: bytes, signed: Iterable[SignedStatement], now: int
) -> Taken:
    """Store those that are not here, as statements whose content is lost."""
    everything = list(signed)
    new = await _not_here(tx, everything)
    refused = 0
    held: list[SignedStatement] = []
    for each in new:
        try:
            await _admit(tx, core, peer, each)
        except ProtocolError as refusal:
            refused += 1
            await audit(tx, now, None, "refused", each.hash, refusal.code)
            continue
        await _insert(tx, core, peer, each, now)
        held.append(each)
    threads = {each.thread for each in held}
    await settle(tx, threads, now)
    ours = [s.statement for s in everything if s.statement.sender == core.us]
    if ours:
        await raise_above(tx, core, max(s.epoch for s in ours))
        for statement in ours:
            await _count(tx, peer, statement.epoch, statement.seq)
    return Taken(len(held), refused, frozenset(threads))


async def behind(tx: Tx, core: Core, peer: bytes, held: Number | None) -> bool:
    """Whether a peer says that it holds a statement of ours, under this counter, that is not here.

    It is only said: an epoch far ahead of any clock raises ours not at all, or one lie would leave
    us no numbers to count with. What it can show signed by us raises it in :func:`hold`.
    """
    if held is None:
        return False
    row = await tx.row(
        "SELECT 1 FROM messages WHERE peer = ? AND mine = 1 AND epoch = ? AND seq = ?",
        (peer, held.epoch, held.seq),
    )
    if row is None and held.epoch <= core.clock() + BELIEVED:
        await raise_above(tx, core, held.epoch)
    return row is None


async def _not_here(tx: Tx, signed: list[SignedStatement]) -> list[SignedStatement]:
    if not signed:
        return []
    hashes = [s.hash for s in signed]
    rows = await tx.rows(listed("SELECT hash FROM messages WHERE hash IN (*)", len(hashes)), hashes)
    here = {bytes(row["hash"]) for row in rows}
    return [s for s in signed if s.hash not in here]


async def _admit(tx: Tx, core: Core, peer: bytes, signed: SignedStatement) -> None:
    """SPEC 5.4, rules 3 to 5: what is admitted of a peer is admitted of ourselves too."""
    s = signed.statement
    mine = int(s.sender == core.us)
    if {s.sender, s.recipient} != {core.us, peer}:
        raise ProtocolError("wrong-sender", "page: a statement between others")
    taken = await tx.row(
        "SELECT 1 FROM messages WHERE peer = ? AND mine = ? AND epoch = ? AND seq = ?",
        (peer, mine, s.epoch, s.seq),
    )
    if taken is None and s.previous is not None:
        # Compared here: named in the query, the peer leads SQLite through all that it ever said.
        rows = await tx.rows(
            "SELECT peer, mine, thread, epoch FROM messages WHERE previous = ?", (s.previous,)
        )
        same = (peer, mine, signed.thread, s.epoch)
        taken = next((row for row in rows if tuple(row) == same), None)
    if taken is not None:
        raise ProtocolError("counter-reused", "page: another statement is here")
    opener = await _statement(tx, s.thread)
    known = Known(
        opener=opener,
        previous=await _place(tx, s.previous),
        seen=await _place(tx, s.seen),
    )
    check_place(signed, known)


async def _statement(tx: Tx, named: bytes | None) -> Statement | None:
    row = await tx.row("SELECT statement FROM messages WHERE hash = ?", (named,))
    if row is None:
        return None
    content = bytes(row["statement"])
    return decode(content, Statement, len(content), "stored statement")


async def _place(tx: Tx, named: bytes | None) -> Place | None:
    statement = await _statement(tx, named)
    if statement is None or named is None:
        return None
    return Place(named if statement.thread is None else statement.thread, statement.sender)


async def _insert(tx: Tx, core: Core, peer: bytes, signed: SignedStatement, now: int) -> None:
    s = signed.statement
    mine = s.sender == core.us
    # A `return` is not asked for: what it carried is.
    body = "none" if s.kind == RETURN else "lost"
    await tx.execute(
        "INSERT INTO messages (hash, thread, peer, mine, epoch, seq, previous, seen, at, expires, "
        "kind, state, statement, signature, body, held_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            signed.hash,
            signed.thread,
            peer,
            int(mine),
            s.epoch,
            s.seq,
            s.previous,
            s.seen,
            s.at,
            s.expires,
            s.kind,
            s.head.state,
            signed.content,
            signed.signature,
            body,
            now,
        ),
    )
    if s.kind == OPEN:
        await open_thread(tx, signed, mine=mine, now=now)
    await audit(tx, now, None, "brought-back", signed.hash)


async def _count(tx: Tx, peer: bytes, epoch: int, seq: int) -> None:
    await tx.execute(
        "INSERT INTO counters (peer, epoch, seq) VALUES (?, ?, ?) ON CONFLICT (peer, epoch) "
        "DO UPDATE SET seq = CASE WHEN seq < excluded.seq THEN excluded.seq ELSE seq END",
        (peer, epoch, seq),
    )
