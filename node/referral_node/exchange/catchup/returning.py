"""Content that was lost: giving it back, and taking it (CATCHUP 3).

Law: what a peer lost and asked for is returned at the next page of a keyholder, signed like
anything that is said; never of an erased case. What comes back counts only if the statement that
it names committed to it; it is then stored as if it had never been away.
"""

import sqlite3
from functools import partial
from typing import Any, Final

import msgspec
import structlog

from referral_node.exchange.cases.summaries import (
    CaseSummary,
    Summarised,
    fold,
    keep_summary,
    kept_here,
    read_summary,
)
from referral_node.exchange.core import Core
from referral_node.exchange.rows import audit, listed, stored_statement
from referral_node.exchange.sending.saying import PRIVATE_VERSION, say_in
from referral_node.store import Tx
from referral_node.vault.at_rest import Unsealable
from referral_node.vault.vault import CaseKey, UnlockedVault
from referral_protocol import forms
from referral_protocol.bodies import SALT_SIZE
from referral_protocol.certificates import DAY
from referral_protocol.errors import ProtocolError
from referral_protocol.returns import return_content, returned
from referral_protocol.statements import RETURN, Head

AT_ONCE: Final = 32
"""Contents returned in one transaction."""
PAID_AGAIN: Final = 3 * DAY
"""A peer that still asks so long after a content was returned gets it once more."""

log = structlog.get_logger()


async def pay(core: Core, vault: UnlockedVault, most: int = 512) -> int:
    """Return up to ``most`` contents that peers lost; how many. Cheap when none is owed."""
    count = 0
    while count < most:
        now = core.clock()
        rows = await core.store.rows(_OWED, (now - PAID_AGAIN, AT_ONCE))
        if not rows:
            break
        said, peers, threads = await core.store.write(partial(_pay, core, vault, rows))
        core.changes.changed(*threads)
        for peer in peers:
            core.wake(peer)
        count += said
        if not said:
            break
    return count


# Theirs that nobody has opened here yet waits until somebody does.
_OWED: Final = (
    "SELECT o.message, m.hash, m.thread, m.peer, m.body, m.statement, m.signature, c.private, "
    "t.case_key, t.erase_at FROM owed o JOIN messages m ON m.number = o.message "
    "JOIN threads t ON t.id = m.thread AND t.peer = m.peer "
    "LEFT JOIN contents c ON c.message = o.message "
    "WHERE m.body <> 'sealed' "
    "AND (o.paid_at IS NULL OR (o.asked_at > o.paid_at AND o.paid_at <= ?)) "
    "ORDER BY o.message LIMIT ?"
)


async def _pay(
    core: Core, vault: UnlockedVault, rows: list[sqlite3.Row], tx: Tx
) -> tuple[int, set[bytes], set[bytes]]:
    said, peers, threads = 0, set(), set()
    now = core.clock()
    for row in rows:
        await tx.execute("UPDATE owed SET paid_at = ? WHERE message = ?", (now, row["message"]))
        if row["private"] is None or row["case_key"] is None or row["erase_at"] is not None:
            await tx.execute("DELETE FROM owed WHERE message = ?", (row["message"],))
            continue
        try:
            async with tx.apart():
                await _give_back(tx, core, vault, row)
        except (Unsealable, ProtocolError) as error:
            log.error("return.failed", code=getattr(error, "code", "damaged"))
            continue
        said += 1
        peers.add(bytes(row["peer"]))
        threads.add(bytes(row["thread"]))
    return said, peers, threads


async def _give_back(tx: Tx, core: Core, vault: UnlockedVault, row: sqlite3.Row) -> None:
    thread, named = bytes(row["thread"]), stored_statement(row)
    case_key = vault.case_key(thread, bytes(row["case_key"]))
    plain = case_key.unseal(bytes(row["private"]), ("messages", named.hash, PRIVATE_VERSION))
    content = return_content(named, plain[:SALT_SIZE], plain[SALT_SIZE:])
    peer = bytes(row["peer"])
    await say_in(tx, core, vault, None, peer, thread, RETURN, Head(), content)


async def take(
    tx: Tx, core: Core, case_key: CaseKey, row: sqlite3.Row, said: dict[str, Any]
) -> None:
    """Store what a `return` brings under the statement that it names; ProtocolError if it may not.

    ``row``: the `return`'s own, with ``number``, ``thread`` and ``peer``.
    """
    thread = bytes(row["thread"])
    lost = await tx.row(
        "SELECT number, hash, thread, mine, kind, state, at, body, statement, signature "
        "FROM messages WHERE hash = ? AND peer = ?",
        (said["statement"], row["peer"]),
    )
    if lost is None:
        raise ProtocolError("foreign-previous", "return: statement")
    named = stored_statement(lost)
    salt, packed = returned(said, thread, named)
    head = named.statement.head
    forms.read(packed, forms.form_for(named.statement.kind, head.thread_kind or ""))
    await tx.execute(
        "UPDATE messages SET body = 'imported', code = NULL WHERE number = ?", (row["number"],)
    )
    await tx.execute("DELETE FROM bodies WHERE message = ?", (row["number"],))
    if lost["body"] != "lost":
        return  # it is here already
    await tx.execute(
        "UPDATE messages SET body = ?, code = NULL WHERE number = ?",
        ("gone" if lost["mine"] else "imported", lost["number"]),
    )
    await tx.execute(
        "INSERT INTO contents (message, private) VALUES (?, ?) "
        "ON CONFLICT (message) DO UPDATE SET private = excluded.private",
        (lost["number"], case_key.seal(salt + packed, ("messages", named.hash, PRIVATE_VERSION))),
    )
    await audit(tx, core.clock(), None, "returned", named.hash)


async def folded(tx: Tx, vault: UnlockedVault, numbers: list[int]) -> None:
    """After these messages were opened: where something had been lost, make the summary anew.

    What comes back comes in any order, and a summary depends on the order.
    """
    rows = await tx.rows(
        listed(
            "SELECT DISTINCT m.thread FROM messages m WHERE m.number IN (*) AND (m.kind = ? "
            "OR EXISTS (SELECT 1 FROM audit a WHERE a.subject = m.hash "
            "AND a.action = 'brought-back'))",
            len(numbers),
        ),
        [*numbers, RETURN],
    )
    for row in rows:
        await _fold(tx, vault, bytes(row["thread"]))


async def _fold(tx: Tx, vault: UnlockedVault, thread: bytes) -> None:
    """The summary of a thread from all its contents, in the order in which they were made."""
    row = await tx.row(
        "SELECT case_key, summary, summary_version FROM threads WHERE id = ?", (thread,)
    )
    if row is None or row["case_key"] is None:
        return
    case_key = vault.case_key(thread, bytes(row["case_key"]))
    before = CaseSummary()
    version = int(row["summary_version"])
    try:
        if row["summary"] is not None:
            before = read_summary(case_key, thread, version, bytes(row["summary"]))
    except Unsealable:
        pass  # made anew here
    after = kept_here(before)
    rows = await tx.rows(
        "SELECT m.hash, m.mine, m.kind, m.state, m.at, c.private FROM messages m "
        "JOIN threads t ON t.id = m.thread AND t.peer = m.peer "
        "JOIN contents c ON c.message = m.number "
        "WHERE m.thread = ? AND m.kind <> ? ORDER BY m.kind <> 'open', m.at, m.number",
        (thread, RETURN),
    )
    for each in rows:
        named = bytes(each["hash"])
        try:
            plain = case_key.unseal(bytes(each["private"]), ("messages", named, PRIVATE_VERSION))
        except Unsealable:
            continue  # shown as damaged where it stands
        said = Summarised(
            thread, named, bool(each["mine"]), each["kind"], each["state"], each["at"]
        )
        after = fold(after, said, forms.decode(plain[SALT_SIZE:]))
    # Whether it was read here nobody else knows.
    after = msgspec.structs.replace(after, unread=before.unread)
    await keep_summary(tx, case_key, thread, version + 1, after)
