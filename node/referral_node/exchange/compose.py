"""Saying something: the message, its outbox row and its record in one transaction (SPEC 8.1).

Law: counters, chain and state are read and used inside the same transaction that stores the
message, so nothing is ever said twice under one counter, and nothing leaves before its commit. A
message whose recipient has no usable prekey here is signed now and sealed later; it says so.
"""

from typing import Any, Final

import msgspec

from referral_node.exchange.core import Actor, Core, rank
from referral_node.exchange.erasing import ERASED, decide_in
from referral_node.exchange.rows import audit, open_thread, settle, state_of
from referral_node.exchange.summaries import Summarised, summarise
from referral_node.store import Tx
from referral_node.vault.vault import UnlockedVault
from referral_protocol import forms
from referral_protocol.bodies import SALT_SIZE, commitment, seal_body, sealed_hash
from referral_protocol.certificates import DAY
from referral_protocol.errors import ProtocolError
from referral_protocol.statements import (
    ASK,
    NOTE,
    OPEN,
    STATE,
    WITHDRAW,
    Head,
    Statement,
    make_statement,
)
from referral_protocol.states import ThreadState, allowed
from referral_protocol.suite import SUITE

BODY_LIFE: Final = 30 * DAY
PRIVATE_VERSION: Final = 1


class NotAllowed(Exception):
    """The thread has moved on: what was asked for is not possible any more. ``state``: now."""

    def __init__(self, state: ThreadState) -> None:
        self.state = state
        super().__init__(f"not possible while the referral is {state.state}")


class UnknownThread(Exception):
    """No thread under this hash, or one whose opener was not imported."""


class Said(msgspec.Struct, frozen=True):
    """A message that was stored: its hash, its thread, and whether it waits for a key."""

    hash: bytes
    thread: bytes
    waits_for_key: bool


class Voice:
    """What keyholders say to other members."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def open(
        self,
        vault: UnlockedVault,
        actor: Actor,
        *,
        recipient: bytes,
        head: Head,
        content: dict[str, Any],
        draft: bytes | None = None,
    ) -> Said:
        """Open a thread with this content; its draft, if named, is gone with the same commit.

        A draft that is there no more was sent before: then ``UnknownThread``, and nothing is said.
        """
        core = self._core
        core.members.known(recipient)

        async def work(tx: Tx) -> Said:
            if draft is not None and not await tx.execute(
                "DELETE FROM drafts WHERE id = ?", (draft,)
            ):
                raise UnknownThread("this draft was sent or discarded before")
            return await say_in(tx, core, vault, actor, recipient, None, OPEN, head, content)

        return await self._commit(work, recipient)

    async def say(
        self,
        vault: UnlockedVault,
        actor: Actor,
        thread: bytes,
        kind: str,
        head: Head,
        content: dict[str, Any],
    ) -> Said:
        """Say something in a thread: state, ask, note or withdraw. ``NotAllowed`` if too late."""
        core = self._core
        row = await core.store.row("SELECT peer, role FROM threads WHERE id = ?", (thread,))
        if row is None:
            raise UnknownThread("no such referral")
        peer = bytes(row["peer"])
        # Nobody is told that all is erased before it is, or is decided and waits for a key.
        erases = content.get("erased") == ERASED

        async def work(tx: Tx) -> Said:
            await _check_state(tx, thread, kind, head, row["role"])
            said = await say_in(tx, core, vault, actor, peer, thread, kind, head, content)
            if erases:
                await decide_in(tx, actor, thread, core.clock())
            return said

        said = await self._commit(work, peer)
        if erases:
            await core.store.truncate()
        return said

    async def received(self, vault: UnlockedVault, actor: Actor, thread: bytes) -> bool:
        """A keyholder looked at a received referral for the first time; True if that was now."""
        core = self._core
        row = await core.store.row("SELECT peer, role, state FROM threads WHERE id = ?", (thread,))
        if row is None or row["role"] != "receiving" or row["state"] != "requested":
            return False
        content = {"form": "answer", "author": author(actor), "language": "en"}
        try:
            await self.say(vault, actor, thread, STATE, Head(state="received"), content)
        except NotAllowed:
            return False
        return True

    async def _commit(self, work: Any, peer: bytes) -> Said:
        core = self._core
        said: Said = await core.store.write(work)
        core.changes.changed(said.thread)
        if not said.waits_for_key:
            core.wake(peer)
        return said


def author(actor: Actor) -> dict[str, str]:
    """How a body names the person who wrote it."""
    return {"name": actor.display, "role": actor.role}


async def _check_state(tx: Tx, thread: bytes, kind: str, head: Head, role: str) -> None:
    state = await state_of(tx, thread)
    if state is None:
        raise UnknownThread("the opening message of this referral is not here yet")
    erased = await tx.row("SELECT erase_at FROM threads WHERE id = ?", (thread,))
    if erased is not None and erased["erase_at"] is not None:
        raise NotAllowed(state)  # nothing that is said could be kept any more
    if kind == STATE:
        if role != "receiving" or head.state not in allowed(state):
            raise NotAllowed(state)
    elif kind == WITHDRAW:
        if role != "referring" or state.withdrawn is not None or state.ended:
            raise NotAllowed(state)
    elif kind not in (ASK, NOTE):
        raise ProtocolError("wrong-value", "kind")


async def say_in(
    tx: Tx,
    core: Core,
    vault: UnlockedVault,
    actor: Actor | None,
    peer: bytes,
    thread: bytes | None,
    kind: str,
    head: Head,
    content: dict[str, Any],
) -> Said:
    """Sign, seal, store and queue one message inside a transaction (also used on import)."""
    now = core.clock()
    packed = forms.encode(content)
    salt = core.entropy(SALT_SIZE)
    statement = Statement(
        suite=SUITE,
        sender=core.us,
        recipient=peer,
        epoch=core.epoch,
        seq=await _next_seq(tx, peer, core.epoch),
        thread=thread,
        previous=await _last(tx, thread) if thread else None,
        seen=await _seen(tx, thread, peer) if thread else None,
        at=now,
        expires=now + BODY_LIFE,
        kind=kind,
        head=head,
        commitment=commitment(salt, packed),
    )
    signed = make_statement(vault.signer, statement)
    if thread is None:
        await open_thread(tx, signed, mine=True, now=now)
        key = core.entropy(32)
        await tx.execute(
            "UPDATE threads SET case_key = ? WHERE id = ?",
            (vault.wrap_case_key(signed.hash, key), signed.hash),
        )
    row = await tx.row("SELECT case_key, priority FROM threads WHERE id = ?", (signed.thread,))
    if row is None or row["case_key"] is None:
        raise UnknownThread("the opening message of this referral is not here yet")
    case_key = vault.case_key(signed.thread, bytes(row["case_key"]))
    prekey = core.members.current_prekey(peer)
    sealed = None
    if prekey is not None:
        public = core.members.seal_key(prekey.public)
        sealed = seal_body(public, prekey.id, signed.hash, salt, packed)
    await tx.execute(
        "INSERT INTO messages (hash, thread, peer, mine, epoch, seq, previous, seen, at, expires, "
        "kind, state, statement, signature, body, body_hash, private, actor) "
        "VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            signed.hash,
            signed.thread,
            peer,
            statement.epoch,
            statement.seq,
            statement.previous,
            statement.seen,
            now,
            statement.expires,
            kind,
            head.state,
            signed.content,
            signed.signature,
            "unsealed" if sealed is None else "outgoing",
            None if sealed is None else sealed_hash(sealed),
            case_key.seal(salt + packed, ("messages", signed.hash, PRIVATE_VERSION)),
            None if actor is None else actor.id,
        ),
    )
    if sealed is not None:
        await queue(tx, signed.hash, peer, rank(head.priority or row["priority"]), sealed, now)
    if kind == NOTE and (head.priority or head.respond_by):
        await tx.execute(
            "UPDATE threads SET priority = COALESCE(?, priority), "
            "respond_by = COALESCE(?, respond_by) WHERE id = ?",
            (head.priority, head.respond_by, signed.thread),
        )
    await summarise(
        tx, case_key, Summarised(signed.thread, signed.hash, True, kind, head.state, now), content
    )
    await settle(tx, (signed.thread,), now)
    await audit(tx, now, None if actor is None else actor.id, f"said-{kind}", signed.hash)
    return Said(signed.hash, signed.thread, sealed is None)


async def queue(tx: Tx, named: bytes, peer: bytes, place: int, sealed: bytes, now: int) -> None:
    """Put a sealed body and its outbox row beside the message with this hash."""
    await tx.execute(
        "INSERT INTO bodies (message, sealed) SELECT number, ? FROM messages WHERE hash = ? "
        "ON CONFLICT (message) DO UPDATE SET sealed = excluded.sealed",
        (sealed, named),
    )
    await tx.execute(
        "INSERT INTO outbox (message, peer, rank, queued_at, next_at) "
        "SELECT number, ?, ?, ?, ? FROM messages WHERE hash = ? "
        "ON CONFLICT (message) DO UPDATE SET next_at = excluded.next_at, code = NULL",
        (peer, place, now, now, named),
    )


async def _next_seq(tx: Tx, peer: bytes, epoch: int) -> int:
    rows = await tx.rows(
        "INSERT INTO counters (peer, epoch, seq) VALUES (?, ?, 1) "
        "ON CONFLICT (peer, epoch) DO UPDATE SET seq = seq + 1 RETURNING seq",
        (peer, epoch),
    )
    return int(rows[0]["seq"])


async def _last(tx: Tx, thread: bytes) -> bytes | None:
    """My last statement of a thread."""
    row = await tx.row(
        "SELECT hash FROM messages WHERE thread = ? AND mine = 1 "
        "ORDER BY epoch DESC, seq DESC LIMIT 1",
        (thread,),
    )
    return None if row is None else bytes(row["hash"])


async def _seen(tx: Tx, thread: bytes, peer: bytes) -> bytes | None:
    """The last of theirs that was imported, with all before it: it stands for those too.

    What is missing, unopened or unreadable ends it; a husk has no body to be imported.
    """
    rows = await tx.rows(
        "SELECT hash, previous, body FROM messages "
        "WHERE thread = ? AND peer = ? AND mine = 0 ORDER BY epoch, seq",
        (thread, peer),
    )
    there: set[bytes] = set()
    last = None
    for row in rows:
        if row["previous"] is not None and bytes(row["previous"]) not in there:
            continue  # ahead of a gap
        if row["body"] not in ("imported", "none"):
            break
        there.add(bytes(row["hash"]))
        if row["body"] == "imported":
            last = bytes(row["hash"])
    return last
