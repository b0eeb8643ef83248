"""The watcher: looks at the checkpoints that others show, and asks for them once a day.

Law: it works beside everything else and holds up nothing. Whoever shows more of the log than is
held is asked for it first, then the directory; what extends our copy is taken in as if it came from
the directory, whoever brought it. What cannot be true beside our copy becomes a proof on disk. All
active members are asked, or sixteen at random where there are more, so that nobody learns from it
who writes to whom.
"""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from referral_node.delivery.directory import DirectoryPoller
from referral_node.delivery.ending import end
from referral_node.delivery.http import Http, Unreachable
from referral_node.delivery.log_source import LogSource
from referral_node.exchange.core import Core
from referral_node.exchange.directory.members import ACTIVE, Member
from referral_node.exchange.directory.replica import ReplicaKeeper
from referral_node.exchange.directory.views import Views
from referral_node.folder import sync_folder, write_private
from referral_node.store import StoreError, Tx
from referral_node.store.facts import WATCH_NEXT, WATCHED_AT, fact, keep, time_bytes, time_of
from referral_protocol.directory.forks import SUFFIX
from referral_protocol.directory.notes import Checkpoint
from referral_protocol.directory.tree import Tree
from referral_protocol.directory.views import View, common
from referral_protocol.errors import ProtocolError

HOUR: Final = 3_600_000
EVERY: Final = 60.0
"""Seconds between two looks at whether it is time again."""
FIRST: Final = HOUR
"""When a new node asks for the first time, and as much again by chance."""
AGAIN: Final = 22 * HOUR
"""From one asking to the next one, and up to four hours more by chance."""
BY_CHANCE: Final = 4 * HOUR
ALL_UP_TO: Final = 64
SOME: Final = 16
AT_ONCE: Final = 4
FOLLOW_AGAIN: Final = HOUR
"""How long what nobody gave us is left alone."""

log = structlog.get_logger()


class Watcher:
    """One task beside one poller. ``proofs``: the folder for proofs, made when there is one."""

    def __init__(
        self,
        core: Core,
        views: Views,
        keeper: ReplicaKeeper,
        http: Http,
        poller: DirectoryPoller,
        chance: Callable[[], float],
        proofs: Path,
    ) -> None:
        self._core = core
        self._views = views
        self._keeper = keeper
        self._http = http
        self._poller = poller
        self._chance = chance
        self._proofs = proofs
        self._tried_at: dict[bytes, int] = {}
        self._task: asyncio.Task[None] | None = None
        poller.forked = self.directory_forked

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="watcher")

    async def stop(self) -> None:
        if self._task is not None:
            await end([self._task])

    async def _run(self) -> None:
        begun = False
        while True:
            try:
                if not begun:
                    await self._begin()
                    begun = True
                await self.look()
                await self._views.refresh()
                if await self._due():
                    await self.ask_all()
            except StoreError as error:
                log.error("watcher.store", code=error.code)
            except Exception as error:  # noqa: BLE001 - a fault here must not end all watching
                log.error("watcher.fault", kind=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._views.wake.wait()

    async def _begin(self) -> None:
        """What peers sent along before this start may not have been looked at."""
        await self._write_proofs()
        rows = await self._core.store.rows(
            "SELECT member, checkpoint FROM peers WHERE checkpoint IS NOT NULL"
        )
        for row in rows:
            self._views.shown(bytes(row["member"]), row["checkpoint"])

    # looking

    async def look(self) -> None:
        """Look at all that was shown, and again at what nobody gave us before."""
        self._views.wake.clear()
        while (shown := self._views.next()) is not None:
            await self._one(*shown)
        now = self._core.clock()
        for each in list(self._views.ahead.values()):
            lately = 0 <= now - self._tried_at.get(each.member, 0) < FOLLOW_AGAIN
            await self._one(each.member, each.note, follow=not lately)

    async def _one(self, member: bytes, note: str, *, follow: bool = True) -> None:
        try:
            view, theirs = self._views.judge(note.encode("utf-8"))
            if view is View.AHEAD and follow and self._core.members.forked_at is None:
                view = await self._follow(member, note)
            elif view is View.FORKED:
                await self._conflict(self._source(member), theirs, member)
        except ProtocolError as refusal:
            self._views.ignore(member, refusal.code)
            return
        if view in (View.SAME, View.BEHIND):
            await self._views.agrees(member)

    async def _follow(self, member: bytes, note: str) -> View:
        """Get what this member has more of: from itself, then from the directory."""
        self._tried_at[member] = self._core.clock()
        await self._fetch(member)
        view, theirs = self._views.judge(note.encode("utf-8"))
        if view is View.AHEAD and self._core.members.forked_at is None:
            await self._poller.poll()
            view, theirs = self._views.judge(note.encode("utf-8"))
        if view is View.FORKED:
            await self._conflict(self._source(member), theirs, member)
        elif view is View.AHEAD and self._core.members.forked_at is None:
            await self._views.unfollowed(member, note)
        return view

    async def _fetch(self, member: bytes) -> None:
        """Take in the log that a member serves, as far as it extends ours."""
        source = self._source(member)
        if source is None:
            return
        try:
            note = await source.checkpoint()
            view, theirs = self._views.judge(note)
            if view is View.FORKED:
                await self._conflict(source, theirs, member)
            if view is not View.AHEAD:
                return
            held = self._keeper.replica.size
            leaves = await source.leaves(held, theirs.size)
            try:
                new = await self._keeper.take(note, leaves, held)
            except ProtocolError as refusal:
                if refusal.code != "forked-log":
                    raise
                await self._conflict(source, theirs, member)
                return
        except (Unreachable, ProtocolError) as error:
            log.info("view.unfetched", peer=member.hex(), code=error.code)
            return
        log.info("view.followed", peer=member.hex(), entries=self._keeper.replica.size)
        self._poller.look_again(new)
        self._poller.soon()  # what lies beside the log may be others' now

    async def directory_forked(self, note: bytes) -> None:
        """The directory itself shows what does not extend our copy. ProtocolError if that proves
        nothing, because its tiles are not those of its checkpoint."""
        _, theirs = self._views.judge(note)
        await self._conflict(self._poller.source, theirs, None)

    async def _conflict(
        self, source: LogSource | None, theirs: Checkpoint, shown_by: bytes | None
    ) -> None:
        """Prove and keep that a checkpoint cannot be true beside ours.

        ``bad-proof`` if it can: then whoever served the leaves served wrong ones.
        """
        ours = self._keeper.replica
        tree = await self._tree(source, theirs)
        if theirs.size > ours.size:
            if tree is None:
                return  # nothing is proved, nothing is taken
            if common(ours.tree, tree) == ours.size:
                raise ProtocolError("bad-proof", "leaves: not those of the checkpoint")
        if self._views.is_known(theirs, tree):
            self._views.ignore(shown_by, "forked-log")
            return
        await self._views.fork(theirs, tree, shown_by)
        await self._write_proofs()

    async def _tree(self, source: LogSource | None, theirs: Checkpoint) -> Tree | None:
        """All leaf hashes under a checkpoint, if they can be had."""
        if source is None:
            return None
        try:
            tree = await source.tree(theirs.size)
        except (Unreachable, ProtocolError) as error:
            peer = None if source.member is None else source.member.hex()
            log.info("view.unfetched", peer=peer, code=error.code)
            return None
        return tree if tree.root() == theirs.root else None

    def _source(self, member: bytes) -> LogSource | None:
        found = self._core.members.get(member)
        if found is None or found.status != ACTIVE:
            return None
        return LogSource.of_member(self._http, found)

    # asking

    async def _due(self) -> bool:
        """Whether it is time to ask all; the next time is fixed and kept when there is none."""
        core = self._core
        if core.members.directory is None or core.members.get(core.us) is None:
            return False
        planned = await fact(core.store, WATCH_NEXT)
        now = core.clock()
        if planned is not None and time_of(planned) <= now + AGAIN + BY_CHANCE:
            return time_of(planned) <= now
        at = now + FIRST + int(self._chance() * FIRST)
        await core.store.write(lambda tx: keep(tx, WATCH_NEXT, time_bytes(at)))
        return False

    async def ask_all(self) -> int:
        """Ask the members for their checkpoints; how many answered."""
        core = self._core
        chosen = self._chosen()
        places = asyncio.Semaphore(AT_ONCE)
        answered = 0

        async def one(member: Member) -> None:
            nonlocal answered
            async with places:
                try:
                    note = await LogSource.of_member(self._http, member).checkpoint()
                    self._views.shown(member.id, note.decode("utf-8"))
                    answered += 1
                except Unreachable as error:
                    log.info("view.unfetched", peer=member.id.hex(), code=error.code)
                except UnicodeDecodeError:
                    self._views.ignore(member.id, "not-text")

        await asyncio.gather(*(one(member) for member in chosen))
        now = core.clock()
        at = now + AGAIN + int(self._chance() * BY_CHANCE)

        async def work(tx: Tx) -> None:
            await keep(tx, WATCHED_AT, time_bytes(now))
            await keep(tx, WATCH_NEXT, time_bytes(at))

        await core.store.write(work)
        log.info("view.asked", asked=len(chosen), answered=answered)
        await self.look()
        return answered

    def _chosen(self) -> list[Member]:
        core = self._core
        others = [m for m in core.members.all() if m.id != core.us and m.status == ACTIVE]
        if len(others) <= ALL_UP_TO:
            return others
        return sorted(others, key=lambda _: core.entropy(8))[:SOME]

    # proofs on disk

    async def _write_proofs(self) -> None:
        """Each proof as a file that can be handed on; those that are missing are written again."""
        found = await self._views.proofs()
        if found:
            await asyncio.to_thread(_write, self._proofs, found)


def _write(folder: Path, proofs: list[tuple[bytes, bytes]]) -> None:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        for name, data in proofs:
            path = folder / f"{name.hex()}{SUFFIX}"
            if not path.exists():
                write_private(path, data)
        sync_folder(folder)
    except OSError:
        log.error("watcher.store", code="disk")  # it is in the database, and tried again
