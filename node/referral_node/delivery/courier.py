"""The courier: carries what waits in the outbox to each peer, and brings the receipts back.

Law: each peer has a worker of its own, so a slow or dead one holds up nobody else. What left is
sent again with the same bytes until an answer to it is stored; a message leaves the outbox only
with its receipt. After a failure the whole peer waits, with full jitter; one probe finds it back,
and then everything waiting goes.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

import msgspec
import structlog

from referral_node.delivery.ending import end
from referral_node.delivery.http import Answer, Http, Unreachable
from referral_node.delivery.prekeys import PeerPrekeys
from referral_node.exchange.core import RANK_ELSE, Core
from referral_node.exchange.members import ACTIVE
from referral_node.exchange.posting import Posting, Waiting
from referral_node.store import StoreError
from referral_protocol.certificates import VerifiedTransportPrekey, verify_certificate
from referral_protocol.errors import CODES, ProtocolError, Retry
from referral_protocol.parcels import ParcelContent, make_parcel
from referral_protocol.receipts import (
    MAX_ENVELOPE,
    Envelope,
    SignedReceipt,
    match_receipt,
    parse_envelope,
    verify_receipt,
)
from referral_protocol.retry import next_attempt

PARCEL_TYPE: Final = "application/vnd.referral-exchange.parcel"
RECEIPT_TYPE: Final = "application/vnd.referral-exchange.receipt"
IDLE: Final = 60.0
"""Seconds after which a worker looks again although nobody woke it."""

SHORTEST: Final = 0.05
RECOVER: Final = 5.0
"""Seconds after a fault of our own before the next look."""

log = structlog.get_logger()


class _Parcel(msgspec.Struct):
    """A parcel under way: its bytes stay the same over all its attempts."""

    id: bytes
    data: bytes
    sent: list[Waiting]
    prekey: VerifiedTransportPrekey


class _Failed(Exception):
    """This attempt is over. ``left``: it may have arrived; ``refresh``: their prekey is no good;
    ``final``: the peer signed that it takes nothing from us any more."""

    def __init__(
        self, code: str, *, left: bool = False, refresh: bool = False, final: bool = False
    ) -> None:
        self.code = code
        self.left = left
        self.refresh = refresh
        self.final = final
        super().__init__(code)


class _Peer:
    """One worker's state. ``retry_at``: no attempt before this time, unless something urgent."""

    __slots__ = ("event", "failures", "id", "retry_at", "under_way")

    def __init__(self, peer: bytes) -> None:
        self.id = peer
        self.event = asyncio.Event()
        self.under_way: _Parcel | None = None
        self.failures = 0
        self.retry_at = 0


class Courier:
    """Workers, one for each peer for whom something waits."""

    def __init__(self, core: Core, http: Http, chance: Callable[[], float]) -> None:
        self._core = core
        self._http = http
        self._chance = chance
        self._posting = Posting(core)
        self._prekeys = PeerPrekeys(core, http)
        self._workers: dict[bytes, tuple[_Peer, asyncio.Task[None]]] = {}
        self._stopping = False

    async def start(self) -> None:
        """Begin with what waited when the node stopped."""
        self._core.wake = self.wake
        for peer in await self._posting.peers():
            self.wake(peer)

    async def stop(self) -> None:
        """End all workers; what is under way stays in the outbox."""
        self._stopping = True
        await end(task for _, task in self._workers.values())

    def wake(self, peer: bytes) -> None:
        """Something for this peer was committed, or something about it changed."""
        if self._stopping:
            return
        if peer not in self._workers:
            state = _Peer(peer)
            task = asyncio.create_task(self._work(state), name="courier")
            self._workers[peer] = (state, task)
        self._workers[peer][0].event.set()

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
        tried = {w.number for w in peer.under_way.sent} if peer.under_way is not None else set()
        waiting = await self._posting.due(peer.id)
        return any(w.rank < RANK_ELSE and w.number not in tried for w in waiting)

    async def _round(self, peer: _Peer) -> None:
        """Send everything that is due, parcel by parcel, until nothing is or one fails."""
        refreshed = False
        while True:
            member = self._core.members.get(peer.id)
            if member is None or member.status != ACTIVE:
                # Waits until the directory says otherwise, but no longer than for any other peer.
                await self._posting.give_up(peer.id)
                return
            if peer.under_way is not None and peer.under_way.prekey.ends <= self._core.clock():
                peer.under_way = None  # its prekey is over: the same messages in a new parcel
            try:
                if peer.under_way is None:
                    peer.under_way = await self._fill(peer.id)
                if peer.under_way is None:
                    return
                await self._deliver(peer.id, peer.under_way)
            except _Failed as failure:
                if failure.refresh:
                    await self._prekeys.forget(peer.id)
                    peer.under_way = None
                    if not refreshed:
                        refreshed = True
                        continue  # with a fresh prekey it may go at once
                await self._postpone(peer, failure)
                return
            peer.under_way, peer.failures, peer.retry_at = None, 0, 0

    async def _fill(self, peer: bytes) -> _Parcel | None:
        core = self._core
        waiting = await self._posting.due(peer)
        if not waiting:
            return None
        try:
            prekey, key = await self._prekeys.current(peer)
        except ProtocolError as refusal:
            raise _Failed(refusal.code) from None
        except Unreachable as error:
            raise _Failed(error.code) from None
        content = ParcelContent(core.members.checkpoint, tuple(w.message for w in waiting))
        name = core.entropy(16)
        try:
            data = make_parcel(
                core.node,
                core.certificate,
                key,
                prekey,
                parcel=name,
                sender=core.us,
                now=core.clock(),
                content=content,
            )
        except ProtocolError as refusal:
            raise _Failed(refusal.code, refresh=True) from None  # a key that cannot be sealed to
        return _Parcel(name, data, waiting, prekey)

    async def _deliver(self, peer: bytes, parcel: _Parcel) -> None:
        member = self._core.members.known(peer)
        began = time.monotonic()
        try:
            answer = await self._http.request(
                "POST",
                member.endpoint.rstrip("/") + "/v1/parcels",
                data=parcel.data,
                content_type=PARCEL_TYPE,
                limit=MAX_ENVELOPE,
                pins=member.pins,
            )
        except Unreachable as error:
            raise _Failed(error.code, left=error.left) from None
        envelope, signed = self._verified(peer, parcel, answer)
        await self._prekeys.learn(peer, envelope)
        if signed.receipt.code is not None:
            self._refused(signed.receipt.code)
        later = self._later(1, self._core.clock())
        await self._posting.answered(peer, parcel.sent, envelope, signed, later)
        log.info(
            "parcel.answered",
            peer=peer.hex(),
            parcel=parcel.id.hex(),
            messages=len(parcel.sent),
            ms=round((time.monotonic() - began) * 1000, 1),
        )

    def _verified(
        self, peer: bytes, parcel: _Parcel, answer: Answer
    ) -> tuple[Envelope, SignedReceipt]:
        """An answer is worth something only if it is a receipt that verifies."""
        if answer.status != 200:
            raise _Failed(f"http-{answer.status}", left=answer.status >= 500)
        core = self._core
        member = core.members.known(peer)
        try:
            envelope = parse_envelope(answer.body)
            certificate = verify_certificate(envelope.certificate, peer, member.vault_key)
            signed = verify_receipt(envelope.content, envelope.signature, certificate.node_key)
            core.members.certify(peer, certificate, envelope.certificate)
            match_receipt(
                signed,
                parcel=parcel.id,
                sender=core.us,
                recipient=peer,
                sent={w.hash: w.message.sealed_hash for w in parcel.sent},
                now=core.clock(),
            )
        except ProtocolError as refusal:
            raise _Failed(f"receipt-{refusal.code}", left=True) from None
        return envelope, signed

    def _refused(self, code: str) -> None:
        """The whole parcel was refused, and signed so. That says something of these bytes; what is
        in them goes in another parcel, unless it is us whom they do not take anything from."""
        known = CODES.get(code)
        refresh = known is not None and known.retry is Retry.REFRESH
        raise _Failed(code, refresh=refresh, final=code == "removed")

    async def _postpone(self, peer: _Peer, failure: _Failed) -> None:
        now = self._core.clock()
        peer.failures += 1
        peer.retry_at = self._later(peer.failures, now)
        log.warning("parcel.failed", peer=peer.id.hex(), code=failure.code, failures=peer.failures)
        parcel = peer.under_way
        if parcel is not None:
            await self._posting.postponed(
                parcel.sent,
                peer.retry_at,
                sent_at=now if failure.left else None,
                code=failure.code if failure.final else None,
            )
            if not failure.left:
                peer.under_way = None
        await self._prekeys.failed(peer.id, failure.code)
        await self._posting.give_up(peer.id)

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
