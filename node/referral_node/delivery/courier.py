"""The courier: carries what waits in the outbox to each peer, and brings the receipts back.

Law: each peer has a worker of its own, so a slow or dead one holds up nobody else. What left is
sent again with the same bytes until an answer to it is stored; a message leaves the outbox only
with its receipt. After a failure the whole peer waits, with full jitter; one probe finds it back,
and then everything waiting goes, a few parcels at a time. What is immediate waits for none of them.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import structlog

from referral_node.delivery.ending import end
from referral_node.delivery.http import Http
from referral_node.delivery.parcels import Failed, Parcel, Parcels
from referral_node.delivery.prekeys import PeerPrekeys
from referral_node.delivery.uploads import Uploads
from referral_node.exchange.core import Core
from referral_node.exchange.directory.members import ACTIVE
from referral_node.exchange.sending.posting import Posting
from referral_node.store import StoreError
from referral_protocol.retry import next_attempt

AT_ONCE: Final = 4
"""Parcels under way to one peer: its disk, its processor and ours all have something to do."""
MOST: Final = 7
"""The same with those that could not wait; a peer takes eight from one member."""
KEPT: Final = 32 * 1024 * 1024
"""Bytes of parcels without an answer that are kept for the next attempt. Beyond it their messages
go in new parcels: the recipient knows a message again whatever parcel it comes in."""
IDLE: Final = 60.0
"""Seconds after which a worker looks again although nobody woke it."""
SHORTEST: Final = 0.05
RECOVER: Final = 5.0
"""Seconds after a fault of our own before the next look."""

log = structlog.get_logger()


class _Peer:
    """One worker's state. ``flying``: parcels under way; ``again``: parcels that left and got no
    answer; ``retry_at``: no attempt before this time, unless something urgent came after the row
    ``tried``."""

    __slots__ = ("again", "event", "failures", "flying", "hurry", "id", "retry_at", "tried")

    def __init__(self, peer: bytes) -> None:
        self.id = peer
        self.event = asyncio.Event()
        self.hurry = asyncio.Event()
        self.flying: dict[asyncio.Task[None], Parcel] = {}
        self.again: list[Parcel] = []
        self.failures = 0
        self.retry_at = 0
        self.tried = 0


class _Round:
    """What one round has met: a fresh prekey is fetched once, and ``stale`` were under way then;
    after ``failed`` nothing more takes off. ``newest``: the last row when it began."""

    __slots__ = ("failed", "newest", "refreshed", "stale")

    def __init__(self, newest: int) -> None:
        self.newest = newest
        self.failed = False
        self.refreshed = False
        self.stale: list[Parcel] = []


class Courier:
    """Workers, one for each peer for whom something waits."""

    def __init__(self, core: Core, http: Http, chance: Callable[[], float]) -> None:
        self._core = core
        self._chance = chance
        self._posting = Posting(core)
        self._prekeys = PeerPrekeys(core, http)
        self._parcels = Parcels(
            core, http, self._posting, self._prekeys, lambda: self._later(1, core.clock())
        )
        self._uploads = Uploads(core, http, chance, self.wake)
        self._workers: dict[bytes, tuple[_Peer, asyncio.Task[None]]] = {}
        self._stopping = False

    async def start(self) -> None:
        """Begin with what waited when the node stopped."""
        self._core.wake = self.wake
        await self._uploads.start()
        for peer in await self._posting.peers():
            self.wake(peer)

    async def stop(self) -> None:
        """End all workers; what is under way stays in the outbox."""
        self._stopping = True
        await self._uploads.stop()
        await end(task for _, task in self._workers.values())
        await end(task for peer, _ in self._workers.values() for task in peer.flying)

    def wake(self, peer: bytes, hurry: bool = False) -> None:
        """Something for this peer was committed, or something about it changed."""
        if self._stopping:
            return
        if peer not in self._workers:
            state = _Peer(peer)
            task = asyncio.create_task(self._work(state), name="courier")
            self._workers[peer] = (state, task)
        self._uploads.look(peer)
        known = self._workers[peer][0]
        known.event.set()
        if hurry:
            known.hurry.set()

    def wake_all(self) -> None:
        """The directory changed: keys, endpoints or states of members may be others now."""
        for peer in list(self._workers):
            self.wake(peer)

    async def _work(self, peer: _Peer) -> None:
        while True:
            peer.event.clear()
            try:
                if await self._may_try(peer):
                    await self._round(peer)
                pause = await self._pause(peer)
            except StoreError as error:
                log.error("courier.store", code=error.code)
                pause = RECOVER
            except Exception as error:  # noqa: BLE001 - a fault here must not end all delivery
                log.error("courier.fault", kind=type(error).__name__)
                pause = RECOVER
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await peer.event.wait()

    async def _may_try(self, peer: _Peer) -> bool:
        """During a back-off only time counts, a change of the peer, or something urgent and new."""
        if self._core.clock() >= peer.retry_at or self._prekeys.moved(peer.id):
            return True
        return await self._posting.hurries(peer.id, peer.tried)

    async def _round(self, peer: _Peer) -> None:
        """Send everything that is due, parcel by parcel, until nothing is or one fails."""
        met = _Round(await self._posting.last(peer.id))
        try:
            while True:
                if not met.failed:
                    await self._take_off(peer, met)
                if not peer.flying:
                    return
                await self._land(peer, met)
        finally:
            await end(peer.flying)
            peer.flying.clear()

    async def _take_off(self, peer: _Peer, met: _Round) -> None:
        """Start what may go now. After a failure one parcel is the probe for all."""
        room = 1 if peer.failures else AT_ONCE
        if peer.hurry.is_set():
            peer.hurry.clear()
            room = min(max(room, len(peer.flying) + 1), MOST)
        while len(peer.flying) < room:
            try:
                parcel, more = await self._next(peer)
            except Failed as failure:
                if failure.refresh and not met.refreshed:
                    met.refreshed = True
                    await self._prekeys.forget(peer.id)
                    continue  # with a fresh prekey it may go at once
                await self._postpone(peer, None, failure, met)
                return
            if parcel is None:
                return
            task = asyncio.create_task(self._parcels.carry(peer.id, parcel), name="parcel")
            peer.flying[task] = parcel
            if not more:
                room = len(peer.flying)

    async def _next(self, peer: _Peer) -> tuple[Parcel | None, bool]:
        """The next parcel to go, and whether another one may follow it at once."""
        member = self._core.members.get(peer.id)
        if member is None or member.status != ACTIVE:
            # Waits until the directory says otherwise, but no longer than for any other peer.
            await self._posting.give_up(peer.id)
            return None, False
        while peer.again:
            parcel = peer.again.pop(0)
            if parcel.prekey.ends > self._core.clock():
                return parcel, True
            # Its prekey is over: the same messages in a new parcel.
        under_way = [w.number for parcel in peer.flying.values() for w in parcel.sent]
        filled = await self._parcels.fill(peer.id, under_way)
        return (None, False) if filled is None else (filled.parcel, filled.more)

    async def _land(self, peer: _Peer, met: _Round) -> None:
        """Wait until a parcel is back, or something immediate must not wait for that."""
        hurry = asyncio.ensure_future(peer.hurry.wait())
        try:
            done, _ = await asyncio.wait({*peer.flying, hurry}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            hurry.cancel()
        for task in [task for task in peer.flying if task in done]:
            parcel = peer.flying.pop(task)
            try:
                task.result()
            except Failed as failure:
                await self._failed(peer, parcel, failure, met)
            else:
                self._uploads.reached(peer.id)
                if not met.failed:
                    peer.failures, peer.retry_at = 0, 0

    async def _failed(self, peer: _Peer, parcel: Parcel, failure: Failed, met: _Round) -> None:
        if failure.refresh and not met.refreshed:
            met.refreshed, met.stale = True, list(peer.flying.values())
            await self._prekeys.forget(peer.id)
            return  # its messages go in a new parcel, with a fresh prekey, at once
        if failure.refresh and parcel in met.stale:
            return
        await self._postpone(peer, parcel, failure, met)

    async def _postpone(
        self, peer: _Peer, parcel: Parcel | None, failure: Failed, met: _Round
    ) -> None:
        """The peer waits; counted once for each round, whatever was under way."""
        now = self._core.clock()
        first = not met.failed
        if first:
            met.failed = True
            peer.failures += 1
            peer.retry_at = max(self._later(peer.failures, now), now + failure.wait)
            peer.tried = met.newest
        log.warning("parcel.failed", peer=peer.id.hex(), code=failure.code, failures=peer.failures)
        if parcel is not None:
            if failure.left and not failure.anew and self._kept() + len(parcel.data) <= KEPT:
                peer.again.append(parcel)
            await self._posting.postponed(
                parcel.sent,
                peer.retry_at,
                sent_at=now if failure.left else None,
                code=failure.code if failure.final else None,
            )
        if first:
            await self._prekeys.failed(peer.id, failure.code)
        await self._posting.give_up(peer.id)

    def _kept(self) -> int:
        return sum(len(p.data) for peer, _ in self._workers.values() for p in peer.again)

    def _later(self, failures: int, now: int) -> int:
        return next_attempt(failures, now, now, self._chance()) or now

    async def _pause(self, peer: _Peer) -> float:
        """Seconds until this worker looks again by itself."""
        member = self._core.members.get(peer.id)
        due = await self._posting.next_due(peer.id)
        if due is None or member is None or member.status != ACTIVE:
            return IDLE
        ready = max(due, peer.retry_at)
        return max(SHORTEST, min(IDLE, (ready - self._core.clock()) / 1000))
