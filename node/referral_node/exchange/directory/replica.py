"""This node's copy of the directory: verified, stored whole, never rolled back (DIRECTORY 4).

Law: leaves and checkpoint are stored in one transaction before anything acts on them. A directory
that is down, stale or lying changes nothing here: the node goes on with what it verified.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from typing import Final

from referral_node.exchange.core import Core
from referral_node.exchange.directory.views import Views
from referral_node.store import Tx
from referral_node.store.facts import (
    CHECKED_AT,
    CHECKPOINT,
    fact,
    keep,
    time_bytes,
    time_of,
)
from referral_protocol import profiles
from referral_protocol.certificates import (
    verify_bundle,
    verify_certificate,
)
from referral_protocol.directory.board import Posted
from referral_protocol.directory.records import Records, held_records, parse_records
from referral_protocol.directory.replica import Replica
from referral_protocol.directory.standing import cosignatures
from referral_protocol.errors import ProtocolError

AT_ONCE: Final = 256
"""Rows that are read together at a start."""


class ReplicaKeeper:
    """Loads, extends and stores the replica, and tells the member book."""

    def __init__(
        self,
        core: Core,
        genesis: bytes,
        *,
        allow_loopback: bool,
        views: Views,
    ) -> None:
        self._core = core
        self._views = views
        self._genesis = genesis
        self._allow_loopback = allow_loopback
        self.replica = Replica(genesis, allow_loopback)
        self._turn = asyncio.Lock()

    async def load(self) -> None:
        """Fold again what was stored; ProtocolError if it does not fold.

        It is never dropped and fetched anew: whoever could make us forget what we verified could
        show us another log.
        """
        core = self._core
        note = await fact(core.store, CHECKPOINT)
        if note is None:
            return
        rows = await core.store.rows("SELECT leaf FROM log_entries ORDER BY number")
        leaves = [bytes(row["leaf"]) for row in rows]
        self.replica = await asyncio.to_thread(
            Replica.restore,
            self._genesis,
            note,
            leaves,
            core.clock(),
            self._allow_loopback,
        )
        self._adopt(note)
        await core.log_grew()
        await self._views.load()
        await self._load_beside()

    async def take(
        self, note: bytes, leaves: Sequence[bytes], start: int | None = None
    ) -> Sequence[bytes]:
        """Verify and store a newer checkpoint with its leaves, those from ``start`` on (or from
        what is held on); returns those that were new.

        ProtocolError changes nothing; ``forked-log`` too while the log is in doubt, but for a
        later time of the same tree. One at a time: the directory and a peer may bring the same.
        """
        async with self._turn:
            held = self.replica.size
            new = leaves if start is None else leaves[max(held - start, 0) :]
            await self._take(note, new)
            return new

    async def _take(self, note: bytes, leaves: Sequence[bytes]) -> None:
        core = self._core
        now = core.clock()
        held = self.replica.size
        if leaves and core.members.forked_at is not None:
            raise ProtocolError("forked-log", "another log was shown, and nobody has settled it")
        extended = await asyncio.to_thread(self.replica.extend, note, leaves, now)
        root = extended.directory.root_at(now).root
        witnessed = cosignatures(note, extended.size, root, now)
        # Of two notes over the same tree the later one counts, whichever came now.
        newest = note if extended.checkpoint is None else extended.checkpoint.note

        async def work(tx: Tx) -> None:
            await tx.many(
                "INSERT INTO log_entries (number, leaf) VALUES (?, ?)",
                list(enumerate(leaves, held)),
            )
            await keep(tx, CHECKPOINT, newest)
            await keep(tx, CHECKED_AT, time_bytes(now))

        await core.store.write(work)
        self.replica = extended
        self._adopt(newest)
        core.members.checked_at = now
        await self._views.cosigned(witnessed)
        if self._views.ahead:
            self._views.wake.set()
        if leaves:
            await core.log_grew()

    async def answered(self) -> None:
        """The directory answered that nothing is new: that counts as having looked."""
        now = self._core.clock()
        self._core.members.checked_at = now
        await self._core.store.write(lambda tx: keep(tx, CHECKED_AT, time_bytes(now)))

    async def take_records(self, records: Sequence[Records]) -> None:
        """Store records that were checked against the log, and forget what is not named now."""
        rows = [(record.member, record.pack()) for record in records]

        async def work(tx: Tx) -> None:
            await tx.many(
                "INSERT INTO records (member, record) VALUES (?, ?) "
                "ON CONFLICT (member) DO UPDATE SET record = excluded.record",
                rows,
            )

        await self._core.store.write(work)
        for record in records:
            self._profile(record)

    async def drop_records(self, members: Sequence[bytes]) -> None:
        """Forget the records of members of whom none is served any more: they were erased.

        Of a member that was removed the organisation's name stays, for the cases that there are;
        people's names go.
        """
        book, directory = self._core.members, self.replica.directory
        gone = [
            m
            for m in members
            if (profile := book.profile(m)) is not None
            and (directory.known(m).removed_at is None or profile.contacts)
        ]
        if not gone:
            return
        kept: list[Records] = []
        for member in gone:
            if directory.known(member).removed_at is not None:
                row = await self._core.store.row(
                    "SELECT record FROM records WHERE member = ?", (member,)
                )
                held = () if row is None else parse_records(bytes(row["record"])).records
                kept.append(Records(member, tuple(r for r in held if r.name != "contacts")))

        async def work(tx: Tx) -> None:
            await tx.many("DELETE FROM records WHERE member = ?", [(member,) for member in gone])
            await tx.many(
                "INSERT INTO records (member, record) VALUES (?, ?)",
                [(records.member, records.pack()) for records in kept if records.records],
            )

        await self._core.store.write(work)
        await self._core.store.truncate()  # until then they lie in the write-ahead log
        for member in gone:
            book.set_profile(member, None)
        for records in kept:
            self._profile(records)

    async def take_board(self, posted: Sequence[Posted]) -> list[bytes]:
        """Store newer bundles; returns the members whose prekeys changed."""
        members = self._core.members
        keys = self.replica.directory
        fresh = [
            p
            for p in posted
            if members.set_bundle(p.member, p.bundle, keys.known(p.member).vault_key)
        ]

        async def work(tx: Tx) -> None:
            await tx.many(
                "INSERT INTO bundles (member, bundle, made_at) VALUES (?, ?, ?) "
                "ON CONFLICT (member) DO UPDATE SET bundle = excluded.bundle, "
                "made_at = excluded.made_at",
                [(p.member, p.data, p.bundle.made_at) for p in fresh],
            )

        if fresh:
            await self._core.store.write(work)
        return [p.member for p in fresh]

    def _adopt(self, note: bytes) -> None:
        self._core.members.adopt(self.replica, note.decode("utf-8"))

    def _profile(self, record: Records) -> None:
        try:
            self._core.members.set_profile(record.member, profiles.unpack(record.contents()))
        except ProtocolError:
            self._core.members.set_profile(record.member, None)

    async def _load_beside(self) -> None:
        """Records, bundles and certificates, each checked against the log as it is now."""
        core, directory = self._core, self.replica.directory
        compared = await core.store.rows(
            "SELECT member, vault_key FROM first_contacts WHERE same = 1"
        )
        core.members.compared = {bytes(row["member"]): bytes(row["vault_key"]) for row in compared}
        looked = await fact(core.store, CHECKED_AT)
        if looked is not None:
            core.members.checked_at = time_of(looked)
        async for row in self._rows("SELECT member, record FROM records"):
            try:
                record, _ = held_records(parse_records(bytes(row["record"])), directory)
            except ProtocolError:
                continue  # another record is named since; the next poll brings it
            self._profile(record)
        async for row in self._rows("SELECT member, bundle FROM bundles"):
            member = directory.member(bytes(row["member"]))
            if member is None:
                continue
            for by in core.members.sealing_keys(member.id):
                try:
                    bundle = verify_bundle(bytes(row["bundle"]), member.id, by, core.clock())
                except ProtocolError:
                    continue
                core.members.set_bundle(member.id, bundle, by)
                break
        for row in await core.store.rows(
            "SELECT member, certificate FROM peers WHERE certificate IS NOT NULL"
        ):
            self._certify(bytes(row["member"]), bytes(row["certificate"]))

    async def _rows(self, query: str) -> AsyncIterator[sqlite3.Row]:
        """The rows of a table, by member, some at a time: all together can be 50 MB."""
        last = b""
        while rows := await self._core.store.rows(
            f"{query} WHERE member > ? ORDER BY member LIMIT {AT_ONCE}", (last,)
        ):
            for row in rows:
                yield row
            last = bytes(rows[-1]["member"])

    def _certify(self, member: bytes, data: bytes) -> None:
        known = self.replica.directory.member(member)
        if known is None:
            return
        try:
            certificate = verify_certificate(data, member, known.vault_key)
            self._core.members.certify(member, certificate, data)
        except ProtocolError:
            return  # the log says something newer: it counts
