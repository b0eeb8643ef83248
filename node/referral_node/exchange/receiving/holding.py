"""What the inbox reads of the store before it admits messages, and how it stores those it holds.

Law: a whole parcel costs a handful of statements, however many messages it has. Runs inside the
inbox's transaction; decides nothing.
"""

import msgspec

from referral_node.exchange.rows import listed, open_thread
from referral_node.store import Tx
from referral_protocol.chain import Place
from referral_protocol.messages import Message
from referral_protocol.statements import OPEN, SignedStatement, Statement
from referral_protocol.wire import decode


class Held(msgspec.Struct):
    """What a row of ours says about a statement that comes again."""

    number: int
    body: str
    withheld: str | None


class Context(msgspec.Struct):
    """What is known before a parcel's messages are admitted; grows with each admitted one."""

    held: dict[bytes, Held]
    counters: dict[tuple[int, int], bytes]
    successors: dict[tuple[bytes, int, bytes], bytes]
    openers: dict[bytes, Statement]
    places: dict[bytes, Place]


async def context_of(tx: Tx, sender: bytes, signed: list[SignedStatement]) -> Context:
    """Everything that the admission of these statements depends on, in a few queries."""
    if not signed:
        return Context({}, {}, {}, {}, {})
    hashes = [s.hash for s in signed]
    rows = await tx.rows(
        listed("SELECT hash, number, body, withheld FROM messages WHERE hash IN (*)", len(hashes)),
        hashes,
    )
    held = {bytes(r["hash"]): Held(r["number"], r["body"], r["withheld"]) for r in rows}
    new = [s for s in signed if s.hash not in held]
    if not new:
        return Context(held, {}, {}, {}, {})
    counters: dict[tuple[int, int], bytes] = {}
    for epoch in {s.statement.epoch for s in new}:
        numbers = [s.statement.seq for s in new if s.statement.epoch == epoch]
        rows = await tx.rows(
            listed(
                "SELECT hash, seq FROM messages "
                "WHERE peer = ? AND mine = 0 AND epoch = ? AND seq IN (*)",
                len(numbers),
            ),
            [sender, epoch, *numbers],
        )
        counters |= {(epoch, int(r["seq"])): bytes(r["hash"]) for r in rows}
    named = {h for s in new for h in (s.statement.previous, s.statement.seen) if h is not None}
    named |= {s.thread for s in new if s.statement.thread is not None}
    successors = await _successors(tx, sender, new)
    openers, places = await _places(tx, sender, list(named))
    return Context(held, counters, successors, openers, places)


async def _successors(
    tx: Tx, sender: bytes, new: list[SignedStatement]
) -> dict[tuple[bytes, int, bytes], bytes]:
    previous = list({s.statement.previous for s in new if s.statement.previous is not None})
    if not previous:
        return {}
    # Whose they are is compared here: named in the query, it would lead SQLite to another index,
    # and through everything that this peer ever said.
    rows = await tx.rows(
        listed(
            "SELECT hash, thread, epoch, previous, peer, mine FROM messages WHERE previous IN (*)",
            len(previous),
        ),
        previous,
    )
    return {
        (bytes(r["thread"]), int(r["epoch"]), bytes(r["previous"])): bytes(r["hash"])
        for r in rows
        if not r["mine"] and bytes(r["peer"]) == sender
    }


async def _places(
    tx: Tx, sender: bytes, named: list[bytes]
) -> tuple[dict[bytes, Statement], dict[bytes, Place]]:
    if not named:
        return {}, {}
    rows = await tx.rows(
        listed("SELECT hash, thread, kind, statement FROM messages WHERE hash IN (*)", len(named)),
        named,
    )
    openers: dict[bytes, Statement] = {}
    places: dict[bytes, Place] = {}
    for row in rows:
        content = bytes(row["statement"])
        statement = decode(content, Statement, len(content), "stored statement")
        places[bytes(row["hash"])] = Place(bytes(row["thread"]), statement.sender)
        openers[bytes(row["hash"])] = statement  # whether it opened a thread is checked later
    return openers, places


async def insert(
    tx: Tx, sender: bytes, fresh: list[tuple[Message, SignedStatement]], now: int
) -> None:
    """Store new statements and their sealed bodies, batch by batch."""
    if not fresh:
        return
    await tx.many(
        "INSERT INTO messages (hash, thread, peer, mine, epoch, seq, previous, seen, at, expires, "
        "kind, state, statement, signature, body, body_hash, withheld, held_at) "
        "VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_row(sender, message, signed, now) for message, signed in fresh],
    )
    bodies = [(m.sealed, s.hash) for m, s in fresh if m.sealed is not None]
    await tx.many(
        "INSERT INTO bodies (message, sealed) SELECT number, ? FROM messages WHERE hash = ?",
        bodies,
    )
    for _, signed in fresh:
        if signed.statement.kind == OPEN:
            await open_thread(tx, signed, mine=False, now=now)
    await tx.many(
        "INSERT INTO audit (at, action, subject) VALUES (?, 'held', ?)",
        [(now, signed.hash) for _, signed in fresh],
    )


def _row(sender: bytes, message: Message, signed: SignedStatement, now: int) -> tuple[object, ...]:
    s = signed.statement
    return (
        signed.hash,
        signed.thread,
        sender,
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
        "none" if message.sealed is None else "sealed",
        message.sealed_hash,
        message.withheld,
        now,
    )
