"""What keyholders say: whether it may be said now, then the message in one transaction (SPEC 8.1).

Law: whether something may be said is decided inside the transaction that stores it; the courier
hears of it only after the commit.
"""

from typing import Any

from referral_node.exchange.cases.erasing import ERASED, decide_in
from referral_node.exchange.core import FIRST_OF_ALL, Actor, Core
from referral_node.exchange.files.clearing import clear
from referral_node.exchange.files.filing import discard_in
from referral_node.exchange.rows import state_of
from referral_node.exchange.sending.following import asked_for_in, follow_in
from referral_node.exchange.sending.saying import Said, UnknownThread, say_in
from referral_node.store import Tx
from referral_node.vault.vault import UnlockedVault
from referral_protocol.errors import ProtocolError
from referral_protocol.statements import ASK, NOTE, OPEN, STATE, WITHDRAW, Head
from referral_protocol.states import ThreadState, allowed


class NotAllowed(Exception):
    """The thread has moved on: what was asked for is not possible any more. ``state``: now."""

    def __init__(self, state: ThreadState) -> None:
        self.state = state
        super().__init__(f"not possible while the referral is {state.state}")


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
        follows: bytes | None = None,
        asked_for: bytes | None = None,
    ) -> Said:
        """Open a thread with this content; its draft, if named, is gone with the same commit.

        A draft that is there no more was sent before: then ``UnknownThread``, and nothing is said.
        ``follows``: the thread that this one goes on from; both know it, here alone.
        ``asked_for``: the draft for which a question is asked; it stays.
        """
        core = self._core
        core.members.known(recipient)

        async def work(tx: Tx) -> Said:
            if draft is not None and not await tx.execute(
                "DELETE FROM drafts WHERE id = ?", (draft,)
            ):
                raise UnknownThread("this draft was sent or discarded before")
            said = await say_in(tx, core, vault, actor, recipient, None, OPEN, head, content)
            if draft is not None:
                await discard_in(tx, draft)
            if follows is not None:
                await follow_in(tx, vault, follows, said.thread)
            if asked_for is not None:
                await asked_for_in(tx, vault, said.thread, asked_for)
            return said

        said = await self._commit(work, recipient)
        if follows is not None:
            core.changes.changed(follows)
        return said

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
            await check_state(tx, thread, kind, head, row["role"])
            said = await say_in(tx, core, vault, actor, peer, thread, kind, head, content)
            if erases:
                await decide_in(tx, actor, thread, core.clock())
            return said

        said = await self._commit(work, peer)
        if erases:
            await core.store.truncate()
            await clear(core)
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
            core.wake(peer, hurry=said.rank == FIRST_OF_ALL)
        if said.files:
            core.carry(peer)
        return said


def author(actor: Actor) -> dict[str, str]:
    """How a body names the person who wrote it."""
    return {"name": actor.display, "role": actor.role}


async def check_state(tx: Tx, thread: bytes, kind: str, head: Head, role: str) -> None:
    """Refuse what this side may not say in a thread as it stands."""
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
