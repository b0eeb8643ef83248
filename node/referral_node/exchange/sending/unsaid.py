"""Saying again what a peer can never hold, since its counter or its place is taken.


Law: that happens only to a node that was put back together with its memory, within minutes of what
it said. The refused statement was never held by anybody; it leaves the chain here too, and what it
said is said once more, under an epoch that no peer has seen, if it may still be said. An opener,
and what carries files, is left for its author to send again.
"""

import sqlite3
from typing import Final

import structlog

from referral_node.exchange.catchup.progress import GAP_KEPT, ask_since
from referral_node.exchange.core import Actor, Core
from referral_node.exchange.rows import audit, settle, stored_statement
from referral_node.exchange.sending.compose import NotAllowed, check_state
from referral_node.exchange.sending.saying import PRIVATE_VERSION, say_in
from referral_node.store import Tx
from referral_node.vault.at_rest import Unsealable
from referral_node.vault.vault import UnlockedVault
from referral_protocol import forms
from referral_protocol.bodies import SALT_SIZE
from referral_protocol.statements import ASK, NOTE, STATE, WITHDRAW

AT_ONCE: Final = 64
_REFUSED: Final = (
    "SELECT m.number, m.hash, m.thread, m.peer, m.kind, m.actor, m.statement, m.signature, "
    "c.private, t.case_key, t.role FROM outbox o JOIN messages m ON m.number = o.message "
    "JOIN threads t ON t.id = m.thread JOIN contents c ON c.message = m.number "
    "WHERE o.code = 'counter-reused' AND m.kind <> 'open' ORDER BY m.epoch, m.seq LIMIT ?"
)

log = structlog.get_logger()


async def say_again(core: Core, vault: UnlockedVault) -> int:
    """Say again what was refused for its counter; how many. Cheap when nothing was."""
    rows = await core.store.rows(_REFUSED, (AT_ONCE,))
    if not rows:
        return 0

    async def work(tx: Tx) -> tuple[int, set[bytes], set[bytes]]:
        count, peers, threads = 0, set(), set()
        core.slept = True  # whatever else was counted since may be taken as well
        for row in rows:
            try:
                async with tx.apart():
                    said = await _again(tx, core, vault, row)
            except Unsealable:
                log.error("seal.damaged", code="damaged")
                continue
            count += said
            peers.add(bytes(row["peer"]))
            threads.add(bytes(row["thread"]))
        now = core.clock()
        for peer in peers:
            # What stands in its place is there, and can be held here now.
            await ask_since(tx, peer, max(0, now - GAP_KEPT), now)
        await settle(tx, threads, now)
        return count, peers, threads

    count, peers, threads = await core.store.write(work)
    core.changes.changed(*threads)
    for peer in peers:
        core.wake(peer)
    return count


async def _again(tx: Tx, core: Core, vault: UnlockedVault, row: sqlite3.Row) -> bool:
    signed = stored_statement(row)
    statement, thread = signed.statement, bytes(row["thread"])
    if statement.attachments:
        return False
    case_key = vault.case_key(thread, bytes(row["case_key"]))
    plain = case_key.unseal(bytes(row["private"]), ("messages", signed.hash, PRIVATE_VERSION))
    await _leave(tx, row["number"])
    if statement.kind in (STATE, ASK, NOTE, WITHDRAW):
        try:
            await check_state(tx, thread, statement.kind, statement.head, row["role"])
        except NotAllowed:
            await audit(tx, core.clock(), None, "not-said-again", signed.hash)
            return False
    actor = None if row["actor"] is None else Actor(bytes(row["actor"]), "", "")
    content = forms.decode(plain[SALT_SIZE:])
    peer = bytes(row["peer"])
    await say_in(tx, core, vault, actor, peer, thread, statement.kind, statement.head, content)
    await audit(tx, core.clock(), None, "said-again", signed.hash)
    return True


async def _leave(tx: Tx, number: int) -> None:
    """The refused statement leaves; nobody else ever held it."""
    await tx.execute("DELETE FROM outbox WHERE message = ?", (number,))
    await tx.execute("DELETE FROM bodies WHERE message = ?", (number,))
    await tx.execute("DELETE FROM contents WHERE message = ?", (number,))
    await tx.execute("DELETE FROM answers WHERE message = ?", (number,))
    await tx.execute("DELETE FROM messages WHERE number = ?", (number,))
