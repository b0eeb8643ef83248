"""Receiving parcels: check, hold, then say so (SPEC 7.2, 5.4, 8).

Law: a receipt leaves only after the commit of what it says. The same parcel gets the same receipt
again before anything is opened; the same message gets the same answer in any parcel. What is
refused is refused with a code, signed, and nothing of it is stored.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import Final

from referral_node.exchange.core import Core
from referral_node.exchange.directory.members import SUSPENDED
from referral_node.exchange.files.attachments import are_here, claim, let_go
from referral_node.exchange.receiving.holding import Context, Held, context_of, insert
from referral_node.exchange.receiving.senders import proved
from referral_node.exchange.rows import audit, listed, settle
from referral_node.store import StoreError, Tx
from referral_protocol.chain import Known, Place, admit
from referral_protocol.directory.earlier import REPLACED, VaultKey
from referral_protocol.errors import ProtocolError
from referral_protocol.messages import Message, verify_message
from referral_protocol.parcels import (
    Header,
    ParcelHead,
    check_sealed_part,
    open_parcel,
    verify_head,
)
from referral_protocol.receipts import (
    HELD,
    HELD_WITHOUT_BODY,
    REFUSED,
    Answer,
    Envelope,
    Receipt,
    make_receipt,
    sign_receipt,
)
from referral_protocol.statements import NOTE, OPEN, SignedStatement, statement_hash
from referral_protocol.suite import SUITE
from referral_protocol.wire import encode

OFF_THE_LOOP: Final = 8
"""From this many messages on, signatures are checked in a thread, so that pages go on."""


class Inbox:
    """The receiving end of this node."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def accept(self, head: ParcelHead) -> None:
        """Check everything that the head alone decides, before the rest is read (SPEC 7.2)."""
        core, header = self._core, head.header
        if header.recipient != core.us:
            raise ProtocolError("not-for-us", "parcel header: recipient")

        def verified(node_key: bytes) -> None:
            verify_head(head, core.us, node_key, core.clock())

        member = await proved(core, header.sender, head.certificate, verified)
        if member.status == SUSPENDED and await self._given(header) is None:
            raise ProtocolError("suspended", "parcel header: sender")

    async def receive(self, head: ParcelHead, sealed: bytes) -> bytes:
        """Hold the messages of an accepted parcel; returns the bytes of the receipt's envelope."""
        core, header = self._core, head.header
        given = await self._given(header)
        if given is not None:
            return await self._envelope(*sign_receipt(core.node, bytes(given["content"])))
        if not core.room():
            raise ProtocolError("disk", "parcel: the rest of the disk is kept for our own")
        check_sealed_part(header, sealed)
        prekey = await core.transport.upkeep()
        content = open_parcel(core.transport.opener(header.prekey), header, sealed)
        verified = await self._verify(header.sender, content.messages)
        receipt, signature, threads = await core.store.write(
            lambda tx: self._hold(tx, header, content.checkpoint, verified)
        )
        core.changes.changed(*threads)
        core.shown(header.sender, content.checkpoint)
        return self._pack(receipt, signature, prekey)

    async def refuse(self, header: Header, code: str) -> bytes:
        """The signed refusal of a whole parcel."""
        core = self._core
        receipt = Receipt(SUITE, header.parcel, header.sender, core.us, core.clock(), code, ())
        return await self._envelope(*make_receipt(core.node, receipt))

    async def _given(self, header: Header) -> sqlite3.Row | None:
        """The receipt that this sender got for this parcel before, also one suspended since."""
        return await self._core.store.row(
            "SELECT content, signature FROM given WHERE sender = ? AND parcel = ?",
            (header.sender, header.parcel),
        )

    async def _envelope(self, content: bytes, signature: bytes) -> bytes:
        try:
            prekey: bytes | None = await self._core.transport.upkeep()
        except StoreError:
            prekey = None  # the disk is full: the refusal itself must still go out
        return self._pack(content, signature, prekey)

    def _pack(self, content: bytes, signature: bytes, prekey: bytes | None) -> bytes:
        core = self._core
        return encode(
            Envelope(content, signature, core.certificate, prekey, core.members.checkpoint)
        )

    async def _verify(
        self, sender: bytes, messages: tuple[Message, ...]
    ) -> list[tuple[Message, SignedStatement | ProtocolError]]:
        present, *earlier = self._core.members.vault_keys(sender)

        def check() -> list[tuple[Message, SignedStatement | ProtocolError]]:
            checked: list[tuple[Message, SignedStatement | ProtocolError]] = []
            for message in messages:
                try:
                    checked.append((message, verify_message(message, present.key)))
                except ProtocolError as refusal:
                    checked.append((message, _replaced(message, earlier, refusal)))
            return checked

        return await asyncio.to_thread(check) if len(messages) >= OFF_THE_LOOP else check()

    # inside the transaction

    async def _hold(
        self,
        tx: Tx,
        header: Header,
        checkpoint: str | None,
        verified: list[tuple[Message, SignedStatement | ProtocolError]],
    ) -> tuple[bytes, bytes, set[bytes]]:
        core = self._core
        now = core.clock()
        again = await tx.row(
            "SELECT content, signature FROM given WHERE sender = ? AND parcel = ?",
            (header.sender, header.parcel),
        )
        if again is not None:  # a second copy of this parcel was faster
            return bytes(again["content"]), bytes(again["signature"]), set()
        good = [signed for _, signed in verified if isinstance(signed, SignedStatement)]
        context = await context_of(tx, header.sender, good)
        answers: list[Answer] = []
        fresh: list[tuple[Message, SignedStatement]] = []
        changed: set[bytes] = set()
        for message, signed in verified:
            if isinstance(signed, ProtocolError):
                answers.append(_refusal(message, statement_hash(message.content), signed.code))
                continue
            try:
                answer, new = await self._one(tx, header, message, signed, context, now)
            except ProtocolError as refusal:
                answers.append(_refusal(message, signed.hash, refusal.code))
                await audit(tx, now, None, "refused", signed.hash, refusal.code)
                continue
            answers.append(answer)
            if new:
                fresh.append((message, signed))
            changed.add(signed.thread)
        await insert(tx, header.sender, fresh, now)
        await settle(tx, await _moved(tx, [signed for _, signed in fresh]), now)
        await tx.many("UPDATE threads SET changed_at = ? WHERE id = ?", [(now, t) for t in changed])
        receipt = Receipt(SUITE, header.parcel, header.sender, core.us, now, None, tuple(answers))
        content, signature = make_receipt(core.node, receipt)
        await tx.execute(
            "INSERT INTO given (parcel, sender, at, content, signature) VALUES (?, ?, ?, ?, ?)",
            (header.parcel, header.sender, now, content, signature),
        )
        if checkpoint is not None:
            await tx.execute(
                "INSERT INTO peers (member, checkpoint, reached_at) VALUES (?, ?, ?) "
                "ON CONFLICT (member) DO UPDATE SET checkpoint = excluded.checkpoint",
                (header.sender, checkpoint, now),
            )
        return content, signature, changed

    async def _one(
        self,
        tx: Tx,
        header: Header,
        message: Message,
        signed: SignedStatement,
        context: Context,
        now: int,
    ) -> tuple[Answer, bool]:
        held = context.held.get(signed.hash)
        if held is not None:
            return await self._again(tx, message, signed, held), False
        statement = signed.statement
        known = Known(
            counter=context.counters.get((statement.epoch, statement.seq)),
            successor=context.successors.get(
                (signed.thread, statement.epoch, statement.previous or b"")
            ),
            opener=context.openers.get(signed.thread),
            previous=context.places.get(statement.previous or b""),
            seen=context.places.get(statement.seen or b""),
        )
        has_body = message.sealed is not None
        status = admit(
            signed,
            has_body=has_body,
            has_attachments=has_body and await are_here(tx, header.sender, signed),
            us=self._core.us,
            sender=header.sender,
            known=known,
            now=now,
        )
        if has_body:
            await claim(tx, header.sender, signed)
        context.held[signed.hash] = Held(0, "sealed" if has_body else "none", message.withheld)
        context.counters[statement.epoch, statement.seq] = signed.hash
        if statement.previous is not None:
            context.successors[signed.thread, statement.epoch, statement.previous] = signed.hash
        context.openers[signed.hash] = statement
        context.places[signed.hash] = Place(signed.thread, statement.sender)
        return Answer(signed.hash, message.sealed_hash, status), True

    async def _again(self, tx: Tx, message: Message, signed: SignedStatement, held: Held) -> Answer:
        """The same statement once more: with the same body, sealed again, or as a husk.

        Signed anew after its sender's key was replaced, it is kept with the later signature.
        """
        await tx.execute(
            "UPDATE messages SET signature = ? WHERE number = ? AND signature <> ?",
            (signed.signature, held.number, signed.signature),
        )
        if message.sealed is None:
            if held.body in ("sealed", "unreadable", "lost") and held.number:
                # Its sender takes the body back before anybody read it.
                await tx.execute("DELETE FROM bodies WHERE message = ?", (held.number,))
                await tx.execute(
                    "UPDATE messages SET body = 'none', withheld = ? WHERE number = ?",
                    (message.withheld, held.number),
                )
                await let_go(tx, signed.hash)
            return Answer(signed.hash, None, HELD_WITHOUT_BODY)
        if held.body == "none":
            return Answer(signed.hash, message.sealed_hash, HELD_WITHOUT_BODY)
        if held.body in ("sealed", "unreadable", "lost") and held.number:
            sender = signed.statement.sender
            if not await are_here(tx, sender, signed):  # its files were lost here
                raise ProtocolError("attachment-missing", "statement: attachments")
            await claim(tx, sender, signed)
            # Sealed again: the receipt names this body, so this one is held from now on.
            await tx.execute(
                "INSERT INTO bodies (message, sealed) VALUES (?, ?) "
                "ON CONFLICT (message) DO UPDATE SET sealed = excluded.sealed",
                (held.number, message.sealed),
            )
            await tx.execute(
                "UPDATE messages SET body = 'sealed', body_hash = ?, code = NULL WHERE number = ?",
                (message.sealed_hash, held.number),
            )
        return Answer(signed.hash, message.sealed_hash, HELD)


async def _moved(tx: Tx, fresh: list[SignedStatement]) -> set[bytes]:
    """Threads whose state may be another one now.

    Notes move no state by themselves, but they may change priority and answer-by time, and one that
    closes a gap lets what waited behind it count.
    """
    moved = {
        s.thread
        for s in fresh
        if s.statement.kind not in (OPEN, NOTE)
        or (s.statement.kind == NOTE and (s.statement.head.priority or s.statement.head.respond_by))
    }
    closing = [s.hash for s in fresh if s.statement.kind in (OPEN, NOTE)]
    if closing:
        rows = await tx.rows(
            listed(
                "SELECT DISTINCT thread FROM messages WHERE previous IN (*) "
                "OR (thread IN (*) AND kind <> 'open')",
                len(closing),
                len(closing),
            ),
            [*closing, *closing],
        )
        moved |= {bytes(row["thread"]) for row in rows}
    return moved


def _replaced(
    message: Message, earlier: Sequence[VaultKey], refusal: ProtocolError
) -> ProtocolError:
    """What is said to a statement that the sender's present key did not sign: if one did that was
    replaced since, its sender signs it anew and sends it again."""
    if refusal.code == "bad-signature":
        for known in earlier:
            try:
                verify_message(message, known.key)
            except ProtocolError:
                continue
            return ProtocolError(REPLACED, "statement: by a key that was replaced")
    return refusal


def _refusal(message: Message, named: bytes, code: str) -> Answer:
    return Answer(named, message.sealed_hash, REFUSED, code)
