"""The ledger: the log as this directory keeps it, with its checkpoint and what lies beside it.

Law: an entry, the checkpoint over it and what it changes beside the log are one transaction; the
checkpoint is signed and on disk before anybody is shown it, and no checkpoint is ever signed that
does not extend the one before. Entries pass the very checks that every node makes. Changes are made
one at a time, in the order in which they arrive.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Self

from referral_directory.log import beside, recovering
from referral_directory.log.beside import BOARD, RECORDS, Beside, NewTile
from referral_directory.log.erasing import erase_from_requests, erase_record
from referral_directory.log.pen import Pen, ReadKeys, cosigned, with_lines_of
from referral_directory.log.store import Store, StoreError, Tx
from referral_protocol import profiles
from referral_protocol.certificates import VerifiedBundle, verify_bundle
from referral_protocol.directory.board import Posted, check_newer, verify_posted
from referral_protocol.directory.entries import (
    EntrySignature,
    Leaf,
    Recovery,
    Root,
    Update,
    entry_hash,
    parse_entry,
    parse_leaf,
)
from referral_protocol.directory.notes import (
    Checkpoint,
    TreeHead,
    make_checkpoint,
    verify_checkpoint,
)
from referral_protocol.directory.records import Records, parse_records
from referral_protocol.directory.replica import Replica
from referral_protocol.directory.requests import Submission, check_change
from referral_protocol.directory.rules import Member
from referral_protocol.directory.state import Directory, RootVersion, VerifiedEntry
from referral_protocol.directory.tree import Tree, leaf_hash
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import Signer

Clock = Callable[[], int]
Extra = Callable[[Tx], Awaitable[None]]

REFRESH: Final = 10 * 60 * 1000
"""A checkpoint is signed anew after this time, so that nodes can tell that the log is alive."""


class Ledger:
    """The open log. Made by :meth:`open`; a new one first by :meth:`found`."""

    def __init__(self, store: Store, pen: Pen, clock: Clock, replica: Replica) -> None:
        self.store = store
        self.clock = clock
        self.beside = Beside(store)
        self.directory: Directory = replica.directory
        self._tree: Tree = replica.tree
        self._pen = pen
        self._turn = asyncio.Lock()
        if replica.checkpoint is None:
            raise StoreError("damaged")
        self.checkpoint: Checkpoint = replica.checkpoint

    @staticmethod
    async def found(
        path: Path,
        content: bytes,
        signatures: tuple[EntrySignature, ...],
        log_key: Signer,
        clock: Clock,
    ) -> None:
        """Begin a log with this root as entry 0; StoreError or ProtocolError if it cannot be."""
        now = clock()
        leaf = Leaf(now, content, signatures).pack()
        directory = Directory(entry_hash(content))
        directory.apply(leaf, 0)
        tree = Tree((leaf_hash(leaf),))
        origin = directory.root_at(now).root.origin
        note = make_checkpoint(TreeHead(origin, 1, tree.root()), log_key, now)

        async def work(tx: Tx) -> None:
            await tx.execute("INSERT INTO entries (number, leaf) VALUES (0, ?)", (leaf,))
            await _keep_note(tx, note, 1)

        store = await Store.open(path)
        try:
            await store.write(work)
        finally:
            await store.close()

    @classmethod
    async def open(
        cls, path: Path, log_keys: ReadKeys, clock: Clock, *, allow_loopback: bool
    ) -> Self:
        """Open the log and fold it; StoreError ``damaged`` if it does not fit together.

        ``log_keys`` reads the log keys that are here, again when a new root names another one.
        """
        store = await Store.open(path)
        try:
            rows = await store.rows("SELECT leaf FROM entries ORDER BY number")
            kept = await store.row("SELECT note FROM checkpoint")
            if kept is None or not rows:
                raise StoreError("damaged", str(path))
            leaves = [bytes(row["leaf"]) for row in rows]
            replica = await asyncio.to_thread(
                _fold, leaves, bytes(kept["note"]), clock(), allow_loopback
            )
            ledger = cls(store, Pen(log_keys), clock, replica)
            if not ledger._pen.holds(replica.directory.roots, clock()):
                raise StoreError("damaged", f"{path}: another log key")
            await ledger.beside.load()
            await ledger.refresh()
        except ProtocolError as error:
            await store.close()
            code = "loopback" if error.code == "bad-endpoint" else "damaged"
            raise StoreError(code, str(path)) from None
        except BaseException:
            await store.close()
            raise
        return ledger

    async def close(self) -> None:
        """Let the change under way end, then close."""
        async with self._turn:
            await self.store.close()

    # what is served

    async def leaves(self, start: int, count: int) -> list[bytes]:
        """Leaves from ``start`` on; ``count`` of them, which must be in the log."""
        rows = await self.store.rows(
            "SELECT leaf FROM entries WHERE number >= ? AND number < ? ORDER BY number",
            (start, start + count),
        )
        return [bytes(row["leaf"]) for row in rows]

    def hashes(self, level: int, start: int, count: int) -> list[bytes]:
        """Hashes of complete subtrees of 2^level leaves; ValueError if there are not so many."""
        return self._tree.hashes(level, start, count)

    def holds(self, submission: Submission) -> bool:
        """Whether this very entry is the last one of its member: the answer to it was lost."""
        member = self.directory.member(parse_entry(submission.content).member or b"")
        return member is not None and member.head == entry_hash(submission.content)

    # what changes it

    async def refresh(self) -> None:
        """Sign the checkpoint anew if it has become ten minutes old."""
        async with self._turn:
            now = self.clock()
            if 0 <= now - self.checkpoint.at < REFRESH:
                return
            checkpoint = self._sign(self._tree, self.directory.roots, now)
            await self._keep(checkpoint)

    async def admit(
        self, build: Callable[[int], bytes], records: Records, bundle: bytes | None, extra: Extra
    ) -> VerifiedEntry:
        """Append a ``member`` entry. ``build`` gives the leaf for the time at which it is logged;
        ``extra`` is what else belongs to the transaction."""

        async def change(tx: Tx, _: VerifiedEntry, now: int) -> list[NewTile]:
            slot = len(self.directory)
            await beside.joined(tx, slot, records, bundle)
            await extra(tx)
            tiles = [await beside.remake_tile(tx, RECORDS, slot, now)]
            if bundle is not None:
                tiles.append(await beside.remake_tile(tx, BOARD, slot, now))
            return tiles

        return await self._append(build, change)

    async def submit(self, submission: Submission) -> VerifiedEntry:
        """Append an update, or a status by the member itself, with what it brings along."""
        now = max(self.clock(), self.directory.logged)
        check_change(submission, self.directory, now)

        def build(logged: int) -> bytes:
            return Leaf(logged, submission.content, submission.signatures).pack()

        async def change(tx: Tx, entry: VerifiedEntry, at: int) -> list[NewTile]:
            member = _changed(entry)
            if member.removed_at is not None:
                return await _take_off(tx, member.id, at)
            if not isinstance(entry.entry.body, Update):
                return []
            return await self._update(tx, member, submission, at)

        return await self._append(build, change)

    async def append(
        self, build: Callable[[int], bytes], extra: Extra | None = None
    ) -> VerifiedEntry:
        """Append what registrars or root keys signed: a status, a recovery or its end, a root.
        ``extra`` is what else belongs to the transaction."""

        async def change(tx: Tx, entry: VerifiedEntry, now: int) -> list[NewTile]:
            if extra is not None:
                await extra(tx)
            if isinstance(entry.change, Root):
                return []
            if isinstance(entry.entry.body, Recovery):
                await recovering.approved(tx, entry.leaf, now)
            if isinstance(entry.entry.body, Update):
                brought = await recovering.brought(tx, self.directory.known(entry.change.id), entry)
                return await self._update(tx, entry.change, brought, now)
            gone = entry.change.removed_at is not None
            return await _take_off(tx, entry.change.id, now) if gone else []

        return await self._append(build, change)

    async def erase(self, member: bytes, name: str, extra: Extra) -> bool:
        """Take a member's record out of all that is kept; False if it was nowhere."""
        return await asyncio.shield(asyncio.ensure_future(self._erase(member, name, extra)))

    async def _erase(self, member: bytes, name: str, extra: Extra) -> bool:
        async with self._turn:

            async def work(tx: Tx) -> tuple[bool, list[NewTile]]:
                found, tiles = await erase_record(tx, member, name, self.clock())
                if found:
                    await extra(tx)
                return found, tiles

            found, tiles = await self.store.write(work)
            self.beside.take(tiles)
            await self.store.truncate()
            return found

    async def cosign(self, note: bytes) -> bool:
        """Take in a witness's line under the checkpoint that is served; False if it has it."""
        async with self._turn:
            now = self.clock()
            root = self.directory.root_at(now).root
            whole = cosigned(self.checkpoint.note, note, root.witnesses, now)
            if whole == self.checkpoint.note:
                return False
            await asyncio.shield(self._keep(self.checkpoint._replace(note=whole)))
            return True

    async def publish(self, bundle: bytes, member: bytes) -> bool:
        """Put a member's own bundle on the board; False if it stands there already."""
        async with self._turn:
            now = self.clock()
            posted = verify_posted(bundle, self.directory, now)
            if posted.member != member:
                raise ProtocolError("not-for-us", "bundle: of another member than the address says")

            async def work(tx: Tx) -> NewTile | None:
                row = await beside.member_row(tx, member)
                if not check_newer(posted, _held(row["bundle"], self.directory.known(member), now)):
                    return None
                await beside.set_bundle(tx, member, bundle)
                return await beside.remake_tile(tx, BOARD, row["slot"], now)

            tile = await self.store.write(work)
            if tile is not None:
                self.beside.take([tile])
            return tile is not None

    async def _update(
        self, tx: Tx, member: Member, submission: Submission, now: int
    ) -> list[NewTile]:
        row = await beside.member_row(tx, member.id)
        held = parse_records(bytes(row["records"])).records if row["records"] else ()
        named = {r.name: r for r in held if member.records.get(r.name) == r.hash}
        named |= {r.name: r for r in submission.records}
        records = Records(member.id, tuple(named[name] for name in sorted(named)))
        if submission.records:
            profiles.unpack(records.contents())
        await beside.set_records(tx, records)
        tiles = [await beside.remake_tile(tx, RECORDS, row["slot"], now)]
        old = self.directory.known(member.id)
        bundle = submission.bundle
        if bundle is not None and old.vault_key == member.vault_key:
            posted = Posted(member.id, bundle, _verified(bundle, member, now))
            if not check_newer(posted, _held(row["bundle"], old, now)):
                bundle = None
        # A bundle of the vault key before would not verify: it leaves the board with that key.
        if bundle is not None or old.vault_key != member.vault_key:
            await beside.set_bundle(tx, member.id, bundle)
            tiles.append(await beside.remake_tile(tx, BOARD, row["slot"], now))
        return tiles

    async def _append(
        self,
        build: Callable[[int], bytes],
        change: Callable[[Tx, VerifiedEntry, int], Awaitable[list[NewTile]]],
    ) -> VerifiedEntry:
        # Whoever asked may go away in the middle; what is in memory must follow what is on disk.
        return await asyncio.shield(asyncio.ensure_future(self._append_whole(build, change)))

    async def _append_whole(
        self,
        build: Callable[[int], bytes],
        change: Callable[[Tx, VerifiedEntry, int], Awaitable[list[NewTile]]],
    ) -> VerifiedEntry:
        async with self._turn:
            now = self.clock()
            leaf = build(max(now, self.directory.logged))
            verified = self.directory.verify(leaf, self.directory.size)
            tree = self._tree.copy()
            tree.append(leaf_hash(leaf))
            checkpoint = self._sign(tree, self.directory.roots_with(verified), now)

            async def work(tx: Tx) -> list[NewTile]:
                await tx.execute(
                    "INSERT INTO entries (number, leaf, member) VALUES (?, ?, ?)",
                    (verified.index, leaf, verified.entry.member),
                )
                await _keep_note(tx, checkpoint.note, tree.size)
                # What waits for registrars about this member would follow the wrong entry now.
                await tx.execute("DELETE FROM proposals WHERE member = ?", (verified.entry.member,))
                return await change(tx, verified, now)

            tiles = await self.store.write(work)
            self.directory.adopt(verified)
            self._tree, self.checkpoint = tree, checkpoint
            self.beside.take(tiles)
            return verified

    async def _keep(self, checkpoint: Checkpoint) -> None:
        await self.store.write(lambda tx: _keep_note(tx, checkpoint.note, checkpoint.size))
        self.checkpoint = checkpoint

    def _sign(self, tree: Tree, roots: tuple[RootVersion, ...], now: int) -> Checkpoint:
        root = self.directory.root_at(now).root
        note = self._pen.sign(TreeHead(root.origin, tree.size, tree.root()), roots, now)
        note = with_lines_of(self.checkpoint.note, note, root.witnesses)
        return verify_checkpoint(note, root.origin, root.log_key, now)


def _fold(leaves: list[bytes], note: bytes, now: int, allow_loopback: bool) -> Replica:
    genesis = entry_hash(parse_leaf(leaves[0]).content)
    return Replica.restore(genesis, note, leaves, now, allow_loopback)


def _changed(entry: VerifiedEntry) -> Member:
    if not isinstance(entry.change, Member):
        raise ProtocolError("wrong-value", "entry: not about a member")
    return entry.change


def _verified(bundle: bytes, member: Member, now: int) -> VerifiedBundle:
    return verify_bundle(bundle, member.id, member.vault_key, now)


def _held(bundle: bytes | None, member: Member, now: int) -> VerifiedBundle | None:
    return None if bundle is None else _verified(bytes(bundle), member, now)


async def _take_off(tx: Tx, member: bytes, now: int) -> list[NewTile]:
    """A member that was removed: its records and bundle go, those too that it joined with."""
    for name in profiles.RECORDS:
        await erase_from_requests(tx, member, name)
    row = await beside.member_row(tx, member)
    await beside.set_records(tx, Records(member, ()))
    await beside.set_bundle(tx, member, None)
    return [await beside.remake_tile(tx, kind, row["slot"], now) for kind in (RECORDS, BOARD)]


async def _keep_note(tx: Tx, note: bytes, size: int) -> None:
    await tx.execute(
        "INSERT INTO checkpoint (one, size, note) VALUES (1, ?, ?) "
        "ON CONFLICT (one) DO UPDATE SET size = excluded.size, note = excluded.note",
        (size, note),
    )
