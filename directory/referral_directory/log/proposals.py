"""Entries that wait for more registrars: each signs the very bytes that the first one signed.

Law: what suffices is logged at once and never kept here; whatever else the log takes in about the
same member ends what waits about it, in the same transaction, for it would follow the wrong entry.
"""

import sqlite3
from functools import partial
from typing import Any, Final, NamedTuple

import structlog

from referral_directory.log import journal
from referral_directory.log.journal import Acting
from referral_directory.log.ledger import Ledger
from referral_directory.log.store import Tx
from referral_protocol.directory.entries import (
    LOST,
    Entry,
    EntrySignature,
    Leaf,
    Recovery,
    Status,
    Update,
    entry_hash,
    merge_signatures,
    parse_entry,
    parse_leaf,
)
from referral_protocol.directory.state import MAX_AGE, VerifiedEntry, Weighed
from referral_protocol.errors import ProtocolError

Signatures = tuple[EntrySignature, ...]
MOST: Final = 200
"""Most that wait at once: registrars are few, and each entry is about one member."""

log = structlog.get_logger()


class Proposed(NamedTuple):
    """What came of a signature: the entry in the log, or how many more are needed."""

    id: bytes
    done: VerifiedEntry | None
    have: int
    need: int


class Waiting(NamedTuple):
    """An entry that waits. ``until``: when it will have become too old to be logged."""

    id: bytes
    content: bytes
    entry: Entry
    signers: tuple[bytes, ...]
    made_at: int
    until: int
    have: int
    need: int

    def plain(self) -> dict[str, Any]:
        """What a person sees of it, and the content to sign."""
        body = self.entry.body
        status = body if isinstance(body, Status) else None
        return {
            "proposal": self.id.hex(),
            "kind": self.entry.kind,
            "member": (self.entry.member or b"").hex(),
            "status": None if status is None else status.status,
            "until": None if status is None else status.until,
            "reason": getattr(body, "reason", None),
            "content": self.content,
            "signed_by": list(self.signers),
            "made_at": self.made_at,
            "ends_at": self.until,
            "have": self.have,
            "need": self.need,
        }


def proposal_id(content: bytes) -> bytes:
    """The name of what waits, 16 bytes."""
    return entry_hash(content)[:16]


class Proposals:
    """What waits at one directory."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def sign(self, content: bytes, signatures: Signatures, acting: Acting) -> Proposed:
        """Take in signatures over an entry; it is logged once they suffice, else it is kept.

        ``acting``: who hands them in; its detail is the number that was called, or "".
        """
        ledger, name = self._ledger, proposal_id(content)
        entry = parse_entry(content)
        if not _decided_by_registrars(entry):
            raise ProtocolError("wrong-value", "proposal: not an entry that registrars decide")

        async def work(tx: Tx) -> tuple[Signatures, Weighed]:
            rows = await tx.rows("SELECT leaf FROM proposals WHERE proposal = ?", (name,))
            held = parse_leaf(bytes(rows[0]["leaf"])).signatures if rows else ()
            together = merged(held, signatures)
            weighed = ledger.directory.weigh(content, together, ledger.clock())
            if weighed.have < weighed.need:
                await _keep(tx, name, entry, Leaf(ledger.clock(), content, together))
                await _noted(tx, ledger.clock(), entry, journal.SIGNED, acting)
            return together, weighed

        together, weighed = await ledger.store.write(work)
        if weighed.have < weighed.need:
            return Proposed(name, None, weighed.have, weighed.need)
        done = await ledger.append(
            lambda logged: Leaf(logged, content, together).pack(),
            lambda tx: _noted(tx, ledger.clock(), entry, journal.DECIDED, acting),
        )
        return Proposed(name, done, weighed.have, weighed.need)

    async def content(self, proposal: bytes) -> bytes | None:
        """The bytes that wait under this name, for another registrar to sign."""
        row = await self._ledger.store.row(
            "SELECT leaf FROM proposals WHERE proposal = ?", (proposal,)
        )
        return None if row is None else parse_leaf(bytes(row["leaf"])).content

    async def waiting(self) -> list[Waiting]:
        """All that wait, oldest first; what the log would not take any more is dropped."""
        rows = await self._ledger.store.rows("SELECT * FROM proposals ORDER BY made_at")
        found = []
        for row in rows:
            try:
                found.append(self._weighed(row))
            except ProtocolError as error:
                await self._ledger.store.write(partial(_forget, bytes(row["proposal"])))
                log.info("proposal.dropped", code=error.code)
        return found

    async def drop(self, proposal: bytes, acting: Acting) -> None:
        """Give up what waits under this name, if anything does."""

        async def work(tx: Tx) -> None:
            rows = await tx.rows("SELECT leaf FROM proposals WHERE proposal = ?", (proposal,))
            for row in rows:
                entry = parse_entry(parse_leaf(bytes(row["leaf"])).content)
                await _noted(tx, self._ledger.clock(), entry, journal.DROPPED, acting)
            await _forget(proposal, tx)

        await self._ledger.store.write(work)

    def _weighed(self, row: sqlite3.Row) -> Waiting:
        leaf = parse_leaf(bytes(row["leaf"]))
        weighed = self._ledger.directory.weigh(leaf.content, leaf.signatures, self._ledger.clock())
        return Waiting(
            bytes(row["proposal"]),
            leaf.content,
            weighed.entry,
            tuple(s.key for s in leaf.signatures),
            row["made_at"],
            weighed.entry.at + MAX_AGE,
            weighed.have,
            weighed.need,
        )


def merged(held: Signatures, given: Signatures) -> Signatures:
    """Signatures of both, one for each key: who signs twice has signed once."""
    by_key = {each.key: each for each in (*held, *given)}
    return merge_signatures(tuple(by_key.values()))


def _decided_by_registrars(entry: Entry) -> bool:
    if isinstance(entry.body, Update):
        return entry.body.reason == LOST
    return isinstance(entry.body, Status | Recovery)


async def _forget(proposal: bytes, tx: Tx) -> None:
    await tx.execute("DELETE FROM proposals WHERE proposal = ?", (proposal,))


async def _noted(tx: Tx, now: int, entry: Entry, what: str, acting: Acting) -> None:
    """The act's line, in the transaction of what it did."""
    body = entry.body
    detail = f"{body.status} {body.reason}" if isinstance(body, Status) else entry.kind
    if isinstance(body, Update):
        detail = f"{entry.kind} {body.reason}"
    said = acting._replace(detail=f"{detail} {acting.detail}".strip())
    await journal.note(tx, now, said, what, member=entry.member)


async def _keep(tx: Tx, name: bytes, entry: Entry, leaf: Leaf) -> None:
    count = await tx.rows("SELECT COUNT(*) FROM proposals WHERE proposal <> ?", (name,))
    if count[0][0] >= MOST:
        raise ProtocolError("busy", "proposal: too many wait for a second registrar")
    await tx.execute(
        "INSERT INTO proposals (proposal, member, leaf, made_at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (proposal) DO UPDATE SET leaf = excluded.leaf",
        (name, entry.member, leaf.pack(), leaf.logged),
    )
