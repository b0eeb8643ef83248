"""What others show of the log, and what follows when it is not what we hold (DIRECTORY 7).

Law: a checkpoint that somebody shows is looked at beside everything else, never on the way of a
message; the same words are looked at once. Two checkpoints that cannot both be true are kept as a
proof before anything else happens; from then on this copy of the log stays as it is, and a key that
may stand in one of the two logs only and was never in use here counts as not known, until an
administrator settles it. Known peers go on working.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import structlog

from referral_node.exchange.core import Core
from referral_node.store import Tx
from referral_protocol.certificates import DAY
from referral_protocol.directory.forks import make_fork_proof, root_leaves
from referral_protocol.directory.notes import Checkpoint
from referral_protocol.directory.replica import Replica
from referral_protocol.directory.standing import Cosigned, KeyStanding, asked_since, standing
from referral_protocol.directory.tree import Tree
from referral_protocol.directory.views import View, common, judge
from referral_protocol.errors import ProtocolError

UNFOLLOWED: Final = DAY
"""How long somebody may show more of the log than anybody gives us before it is an alarm."""
MOST_PROOFS: Final = 64
"""Proofs kept before any is settled: the log key's thief could make more than a disk holds."""

log = structlog.get_logger()


class Conflict(msgspec.Struct, frozen=True):
    """A proof that is kept. ``shown_by`` None: the directory; ``alike`` 0: not known."""

    proof: bytes
    found_at: int
    shown_by: bytes | None
    size: int
    root: bytes
    alike: int
    settled_at: int | None


class Ahead(msgspec.Struct, frozen=True):
    """A member shows more of the log than anybody gives us, since then."""

    member: bytes
    note: str
    since: int


class Views:
    """The checkpoints of others, as this node judged them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.wake = asyncio.Event()
        """Set when there is something to look at."""
        self.conflicts: tuple[Conflict, ...] = ()
        self.ahead: dict[bytes, Ahead] = {}
        self.ignored = 0
        """How many checkpoints said nothing, since the start."""
        self._cosigned: list[Cosigned] = []
        self._upto: dict[bytes, int] = {}
        """The most entries that each witness has cosigned."""
        self._first_use: dict[bytes, tuple[bytes, int]] = {}
        """When the present vault key of a peer was first in use here, and which that was."""
        self._heard: dict[bytes, str] = {}
        self._waiting: dict[bytes, str] = {}
        core.shown = self.shown
        core.members.witnessed = self._witnessed

    async def load(self) -> None:
        """What was found before; called whenever the copy of the log or what is kept has changed
        by another hand."""
        store = self._core.store
        rows = await store.rows(
            "SELECT proof, found_at, shown_by, size, root, alike, settled_at FROM forks "
            "ORDER BY found_at, proof"
        )
        conflicts = tuple(
            Conflict(
                bytes(r["proof"]),
                r["found_at"],
                None if r["shown_by"] is None else bytes(r["shown_by"]),
                r["size"],
                bytes(r["root"]),
                r["alike"],
                r["settled_at"],
            )
            for r in rows
        )
        self.ahead = {
            bytes(r["member"]): Ahead(bytes(r["member"]), r["note"], r["since"])
            for r in await store.rows("SELECT member, note, since FROM ahead")
        }
        self._cosigned = [
            Cosigned(bytes(r["witness"]), r["size"], r["at"])
            for r in await store.rows("SELECT witness, size, at FROM cosigned")
        ]
        self._reach(self._cosigned)
        await self._doubt([each for each in conflicts if each.settled_at is None])
        self.conflicts = conflicts
        await self.refresh()

    # what is shown

    def shown(self, member: bytes, note: str | None) -> None:
        """A member showed this checkpoint; costs next to nothing if it says what ours says."""
        ours = self._core.members.checkpoint
        if note is None or ours is None or note == ours:
            return
        text = note[: note.find("\n\n") + 2]
        if ours.startswith(text) or self._heard.get(member) == text:
            return
        self._heard[member] = text
        self._waiting[member] = note
        self.wake.set()

    def next(self) -> tuple[bytes, str] | None:
        """The next one to look at."""
        if not self._waiting:
            return None
        member = next(iter(self._waiting))
        return member, self._waiting.pop(member)

    def judge(self, note: bytes) -> tuple[View, Checkpoint]:
        """How a checkpoint stands to what is held; ProtocolError if it says nothing."""
        return judge(self._replica(), note, self._core.clock())

    def ignore(self, member: bytes | None, code: str) -> None:
        """This one said nothing: whoever showed it is at fault, or its clock."""
        self.ignored += 1
        peer = None if member is None else member.hex()
        log.info("view.ignored", peer=peer, code=code, refused=self.ignored)

    async def agrees(self, member: bytes) -> None:
        """What this member showed is in what we hold."""
        if self.ahead.pop(member, None) is None:
            return

        async def work(tx: Tx) -> None:
            await tx.execute("DELETE FROM ahead WHERE member = ?", (member,))

        await self._core.store.write(work)

    async def unfollowed(self, member: bytes, note: str) -> None:
        """Nobody gives us what this member shows: keep since when."""
        before = self.ahead.get(member)
        if before is not None and before.note == note:
            return
        since = self._core.clock() if before is None else before.since
        self.ahead[member] = Ahead(member, note, since)

        async def work(tx: Tx) -> None:
            await tx.execute(
                "INSERT INTO ahead (member, note, since) VALUES (?, ?, ?) "
                "ON CONFLICT (member) DO UPDATE SET note = excluded.note",
                (member, note, since),
            )

        await self._core.store.write(work)

    def alarms(self, now: int) -> list[Ahead]:
        """Whoever has shown more than anybody gave us for a day."""
        return [each for each in self.ahead.values() if now - each.since >= UNFOLLOWED]

    # conflicts

    @property
    def unsettled(self) -> list[Conflict]:
        """Conflicts that nobody has settled, the oldest first."""
        return [each for each in self.conflicts if each.settled_at is None]

    def is_known(self, theirs: Checkpoint, tree: Tree | None) -> bool:
        """Whether this checkpoint, or the log that it belongs to, is proved false or settled."""
        for each in self.conflicts:
            if (each.size, each.root) == (theirs.size, theirs.root):
                return True
            if tree is not None and each.size <= tree.size and tree.root(each.size) == each.root:
                return True
        return len(self.unsettled) >= MOST_PROOFS

    async def fork(self, theirs: Checkpoint, tree: Tree | None, shown_by: bytes | None) -> bytes:
        """Keep the proof that this checkpoint and ours cannot both be true; its hash."""
        core, replica = self._core, self._replica()
        now = core.clock()
        rows = await core.store.rows("SELECT leaf FROM log_entries ORDER BY number")
        leaves = [bytes(row["leaf"]) for row in rows]
        roots = await asyncio.to_thread(root_leaves, leaves)
        data = make_fork_proof(replica, roots, theirs, tree, shown_by, now)
        name = hashlib.sha256(data).digest()[:16]
        alike = 0 if tree is None else common(replica.tree, tree)

        async def work(tx: Tx) -> None:
            await tx.execute(
                "INSERT INTO forks (proof, data, found_at, shown_by, size, root, alike) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (proof) DO NOTHING",
                (name, data, now, shown_by, theirs.size, theirs.root, alike),
            )
            if shown_by is not None:
                await tx.execute("DELETE FROM ahead WHERE member = ?", (shown_by,))

        await core.store.write(work)
        await self.load()
        peer = None if shown_by is None else shown_by.hex()
        log.error("view.forked", peer=peer, proof=name.hex(), entries=theirs.size)
        return name

    async def settled(self) -> None:
        """An administrator has settled conflicts: look anew at what everybody shows."""
        self._heard.clear()
        await self.load()
        rows = await self._core.store.rows(
            "SELECT member, checkpoint FROM peers WHERE checkpoint IS NOT NULL"
        )
        for row in rows:
            self.shown(bytes(row["member"]), row["checkpoint"])
        self._core.ask_directory()

    async def proofs(self) -> list[tuple[bytes, bytes]]:
        """All proofs with their names, as they go into files."""
        rows = await self._core.store.rows("SELECT proof, data FROM forks")
        return [(bytes(row["proof"]), bytes(row["data"])) for row in rows]

    async def _doubt(self, unsettled: Sequence[Conflict]) -> None:
        """From which entry on keys are doubtful, and whose."""
        members = self._core.members
        if not unsettled or members.directory is None:
            members.doubt(None, frozenset())
            return
        point = min(each.alike for each in unsettled)
        doubtful = [m for m in members.directory.members() if m.vault_index >= point]
        # A key is in use once messages went either way since it came into the log.
        rows = await self._core.store.rows(
            "SELECT peer, MAX(held_at) AS last FROM messages WHERE held_at IS NOT NULL "
            "GROUP BY peer"
        )
        last = {bytes(row["peer"]): row["last"] for row in rows}
        fresh = (m.id for m in doubtful if last.get(m.id, -1) < m.vault_since)
        members.doubt(point, frozenset(fresh) - {self._core.us})

    # witnesses

    async def refresh(self) -> None:
        """Look which keys are in use here, once witnesses are asked for or soon will be."""
        directory = self._core.members.directory
        if directory is None or not any(version.root.quorum for version in directory.roots):
            return
        for row in await self._core.store.rows("SELECT member FROM peers"):
            known = directory.member(bytes(row["member"]))
            if known is None or self._first_use.get(known.id, (b"", 0))[0] == known.vault_key:
                continue
            first = await self._core.store.row(
                "SELECT MIN(held_at) FROM messages WHERE peer = ? AND held_at >= ?",
                (known.id, known.vault_since),
            )
            if first is not None and first[0] is not None:
                self._first_use[known.id] = (known.vault_key, int(first[0]))

    async def cosigned(self, found: Iterable[Cosigned]) -> None:
        """Keep what witnesses said of a checkpoint of ours: the earliest time of each."""
        held = {(each.witness, each.size) for each in self._cosigned}
        fresh = [each for each in found if (each.witness, each.size) not in held]
        if not fresh:
            return

        async def work(tx: Tx) -> None:
            await tx.many(
                "INSERT INTO cosigned (witness, size, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                [tuple(each) for each in fresh],
            )

        await self._core.store.write(work)
        self._cosigned += fresh
        self._reach(fresh)

    def standing(self, member: bytes) -> KeyStanding | None:
        """Since when a member's key stands and who witnessed it; None without a copy of the log."""
        directory = self._core.members.directory
        known = None if directory is None else directory.member(member)
        if directory is None or known is None:
            return None
        root = directory.root_at(self._core.clock()).root
        return standing(known, root, self._cosigned)

    def _reach(self, found: Iterable[Cosigned]) -> None:
        for each in found:
            self._upto[each.witness] = max(each.size, self._upto.get(each.witness, 0))

    def _witnessed(self, member: bytes) -> bool:
        """Whether a member's present vault key has the quorum that the acting root asks for."""
        directory = self._core.members.directory
        if directory is None or not directory.roots:
            return True
        now = self._core.clock()
        root = directory.root_at(now).root
        known = directory.member(member)
        if root.quorum == 0 or known is None or member == self._core.us:
            return True
        key, used_at = self._first_use.get(member, (b"", 0))
        if key == known.vault_key and used_at < asked_since(directory, now):
            return True  # known before anybody was asked to witness: it is not cut off
        covering = sum(self._upto.get(w.key, 0) > known.vault_index for w in root.witnesses)
        return covering >= root.quorum

    def _replica(self) -> Replica:
        replica = self._core.members.replica
        if replica is None:
            raise ProtocolError("bad-checkpoint", "replica: nothing is held yet")
        return replica
