"""Uploads: brings the files of what waits in the outbox to each peer, before the messages go.

Law: a message with files goes only after the peer said, signed, that it holds them all. Each peer
has a worker of its own, beside the courier's: a dead upload holds up no other message and no other
peer. After a cut the peer is asked how much it holds, and the rest goes. A range at a time is in
memory; before each, the most urgent file is looked for again.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import msgspec
import structlog

from referral_node.delivery.ending import end
from referral_node.delivery.http import Http, Unreachable
from referral_node.exchange.core import Core
from referral_node.exchange.directory.members import ACTIVE
from referral_node.exchange.rows import listed
from referral_node.exchange.sending.posting import Posting
from referral_node.store import StoreError, Tx
from referral_protocol.errors import ProtocolError
from referral_protocol.retry import next_attempt
from referral_protocol.uploads import (
    MAX_ANSWER,
    MAX_RANGE,
    Progress,
    make_range,
    parse_progress,
    verify_progress,
)

RANGE_TYPE: Final = "application/vnd.referral-exchange.range"
SMALLEST: Final = 64 * 1024
"""Bytes of a range on a bad line: after each failure half as many, after each success twice."""
IDLE: Final = 60.0
RECOVER: Final = 5.0
"""Seconds after a fault of our own before the next look."""
SHORTEST: Final = 0.05
DAMAGED: Final = "wrong-attachment"
OF_THE_PEER: Final = frozenset(
    {
        "busy",
        "disk",
        "suspended",
        "removed",
        "clock",
        "unknown-member",
        "wrong-key",
        "bad-signature",
    }
)
"""Codes that any other file would meet too; every other one is about this file."""

log = structlog.get_logger()


class _File(msgspec.Struct, frozen=True):
    """A ciphertext that a peer lacks. ``message``: the row that waits for it."""

    hash: bytes
    size: int
    message: int
    thread: bytes


class _Failed(Exception):
    """This attempt is over. ``wait``: milliseconds that the peer asked for; ``all``: it is about
    the peer, not about the file."""

    def __init__(self, code: str, wait: int = 0, *, all: bool = True) -> None:
        self.code = code
        self.wait = wait
        self.all = all
        super().__init__(code)


class _Peer:
    """One worker's state. ``held``: what the peer said of each file; ``step``: bytes of a range;
    ``later``: files that were refused, how often and until when they wait."""

    __slots__ = ("event", "failures", "held", "id", "later", "retry_at", "step")

    def __init__(self, peer: bytes) -> None:
        self.id = peer
        self.event = asyncio.Event()
        self.held: dict[bytes, int] = {}
        self.later: dict[bytes, tuple[int, int]] = {}
        self.failures = 0
        self.retry_at = 0
        self.step = MAX_RANGE


class Uploads:
    """Workers, one for each peer for whom a message waits for its files."""

    def __init__(
        self,
        core: Core,
        http: Http,
        chance: Callable[[], float],
        ready: Callable[[bytes], None],
    ) -> None:
        self._core = core
        self._http = http
        self._chance = chance
        self._ready = ready
        self._posting = Posting(core)
        self._workers: dict[bytes, tuple[_Peer, asyncio.Task[None]]] = {}
        self._stopping = False

    async def start(self) -> None:
        """Begin with what waited when the node stopped."""
        self._core.carry = self.carry
        rows = await self._core.store.rows(
            "SELECT DISTINCT peer FROM attachments WHERE waits IS NOT NULL"
        )
        for row in rows:
            self.carry(bytes(row["peer"]))

    async def stop(self) -> None:
        """End all workers; what is under way goes on after the next start."""
        self._stopping = True
        await end(task for _, task in self._workers.values())

    def carry(self, peer: bytes) -> None:
        """Files for this peer were committed."""
        if self._stopping:
            return
        if peer not in self._workers:
            state = _Peer(peer)
            task = asyncio.create_task(self._work(state), name="uploads")
            self._workers[peer] = (state, task)
        self._workers[peer][0].event.set()

    def look(self, peer: bytes) -> None:
        """Something about this peer changed. Costs nothing where no file waits."""
        known = self._workers.get(peer)
        if known is not None:
            known[0].event.set()

    def reached(self, peer: bytes) -> None:
        """The peer answered something else: no need to wait any longer."""
        known = self._workers.get(peer)
        if known is not None and known[0].retry_at:
            known[0].retry_at = 0
            known[0].event.set()

    async def _work(self, peer: _Peer) -> None:
        while True:
            peer.event.clear()
            try:
                if self._core.clock() >= peer.retry_at:
                    await self._round(peer)
                if await self._idle(peer):
                    del self._workers[peer.id]
                    return
                pause = self._pause(peer)
            except StoreError as error:
                log.error("uploads.store", code=error.code)
                pause = RECOVER
            except Exception as error:  # noqa: BLE001 - a fault here must not end all uploads
                log.error("uploads.fault", kind=type(error).__name__)
                pause = RECOVER
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await peer.event.wait()

    async def _idle(self, peer: _Peer) -> bool:
        """Whether no file waits for this peer at all, and none was committed meanwhile."""
        row = await self._core.store.row(
            "SELECT 1 FROM attachments WHERE waits IS NOT NULL AND peer = ? LIMIT 1", (peer.id,)
        )
        return row is None and not peer.event.is_set()

    async def _round(self, peer: _Peer) -> None:
        """Range after range, until nothing waits or one fails."""
        while True:
            member = self._core.members.get(peer.id)
            if member is None or member.status != ACTIVE:
                return
            file = await self._next(peer)
            if file is None:
                return
            try:
                await self._step(peer, file)
            except _Failed as failure:
                if failure.all:
                    await self._postpone(peer, failure)
                    return
                await self._put_off(peer, file, failure)
            else:
                peer.failures, peer.retry_at = 0, 0

    async def _next(self, peer: _Peer) -> _File | None:
        """The file that the most urgent message waits for; none for what goes as a husk."""
        now = self._core.clock()
        put_off = [name for name, (_, at) in peer.later.items() if at > now]
        row = await self._core.store.row(
            listed(
                "SELECT a.hash, a.size, a.waits, m.thread FROM attachments a "
                "JOIN outbox o ON o.message = a.waits JOIN messages m ON m.number = a.waits "
                "JOIN bodies b ON b.message = a.waits "
                "WHERE a.waits IS NOT NULL AND a.peer = ? AND o.code IS NULL AND m.expires >= ? "
                "AND a.hash NOT IN (*) ORDER BY o.rank, a.waits, a.number LIMIT 1",
                len(put_off),
            ),
            (peer.id, now, *put_off),
        )
        if row is None:
            return None
        return _File(bytes(row["hash"]), row["size"], row["waits"], bytes(row["thread"]))

    async def _step(self, peer: _Peer, file: _File) -> None:
        """Ask how much of a file the peer holds, or bring the next range of it."""
        offset = peer.held.get(file.hash)
        data = b""
        if offset is not None and offset < file.size:
            count = min(peer.step, file.size - offset)
            data = await asyncio.to_thread(self._core.files.read, file.hash, offset, count)
            if len(data) < count:
                await self._damaged(file)
                return
        said = await self._put(peer, file, offset or 0, data)
        if said.code is None or said.code == "bad-range":
            await self._progressed(peer, file, offset, said)
            return
        peer.held.pop(file.hash, None)
        if said.code == DAMAGED and await self._is_damaged(file):
            await self._damaged(file)
            return
        raise _Failed(said.code, all=said.code in OF_THE_PEER)

    async def _progressed(
        self, peer: _Peer, file: _File, offset: int | None, said: Progress
    ) -> None:
        peer.held[file.hash] = said.held
        if said.held == file.size:
            peer.held.pop(file.hash)
            peer.later.pop(file.hash, None)
            await self._there(peer.id, file)
        elif said.code is not None and said.held == offset:
            raise _Failed(said.code, all=False)  # it refuses what it asks for
        elif said.code is None:
            peer.step = min(MAX_RANGE, peer.step * 2)

    async def _put(self, peer: _Peer, file: _File, offset: int, data: bytes) -> Progress:
        core = self._core
        member = core.members.known(peer.id)
        head, request = make_range(
            core.node,
            core.certificate,
            sender=core.us,
            recipient=peer.id,
            hash=file.hash,
            size=file.size,
            now=core.clock(),
            offset=offset,
            data=data,
        )
        try:
            answer = await self._http.request(
                "PUT",
                f"{member.endpoint.rstrip('/')}/v1/attachments/{file.hash.hex()}",
                data=request,
                content_type=RANGE_TYPE,
                limit=MAX_ANSWER,
                pins=member.pins,
            )
        except Unreachable as error:
            peer.held.pop(file.hash, None)  # it may have arrived: asked before anything follows
            peer.step = max(SMALLEST, peer.step // 2)
            raise _Failed(error.code) from None
        if answer.status != 200:
            peer.held.pop(file.hash, None)
            raise _Failed(f"http-{answer.status}", answer.wait)
        try:
            envelope = parse_progress(answer.body)
            certificate = core.members.certificate_of(peer.id, envelope.certificate)
            said = verify_progress(envelope, certificate.node_key, head, core.clock())
            core.members.certify(peer.id, certificate, envelope.certificate)
        except ProtocolError as refusal:
            peer.held.pop(file.hash, None)
            raise _Failed(f"progress-{refusal.code}") from None
        if said.code is not None and answer.wait:
            raise _Failed(said.code, answer.wait, all=said.code in OF_THE_PEER)
        return said

    async def _there(self, peer: bytes, file: _File) -> None:
        """The peer holds this one; the message goes once it was the last that it waited for."""

        async def work(tx: Tx) -> bool:
            await tx.execute(
                "UPDATE attachments SET waits = NULL WHERE mine = 1 AND hash = ? AND waits = ?",
                (file.hash, file.message),
            )
            left = await tx.row(
                "SELECT 1 FROM attachments WHERE waits = ? LIMIT 1", (file.message,)
            )
            return left is None

        log.info("attachment.there", peer=peer.hex(), attachment=file.hash.hex())
        if await self._core.store.write(work):
            self._ready(peer)

    async def _is_damaged(self, file: _File) -> bool:
        files = self._core.files
        return await asyncio.to_thread(files.digest, files.path(file.hash)) != file.hash

    async def _damaged(self, file: _File) -> None:
        """The ciphertext is not here, or not what it was: a person has to send it anew."""

        async def work(tx: Tx) -> None:
            await tx.execute(
                "UPDATE outbox SET code = ? WHERE message = ?", (DAMAGED, file.message)
            )

        log.error("attachment.damaged", attachment=file.hash.hex(), code=DAMAGED)
        await self._core.store.write(work)
        self._core.changes.changed(file.thread)

    async def _put_off(self, peer: _Peer, file: _File, failure: _Failed) -> None:
        """This file waits, the others go on."""
        now = self._core.clock()
        failures = peer.later.get(file.hash, (0, 0))[0] + 1
        peer.held.pop(file.hash, None)
        peer.later[file.hash] = (failures, self._later(failures, now, failure))
        log.warning(
            "upload.refused",
            peer=peer.id.hex(),
            attachment=file.hash.hex(),
            code=failure.code,
            failures=failures,
        )
        await self._posting.give_up(peer.id)

    async def _postpone(self, peer: _Peer, failure: _Failed) -> None:
        now = self._core.clock()
        peer.failures += 1
        peer.retry_at = self._later(peer.failures, now, failure)
        log.warning("upload.failed", peer=peer.id.hex(), code=failure.code, failures=peer.failures)
        await self._posting.give_up(peer.id)

    def _later(self, failures: int, now: int, failure: _Failed) -> int:
        later = next_attempt(failures, now, now, self._chance()) or now
        return max(later, now + failure.wait)

    def _pause(self, peer: _Peer) -> float:
        """Seconds until this worker looks again by itself."""
        now = self._core.clock()
        times = [peer.retry_at, *(at for _, at in peer.later.values())]
        ahead = [at - now for at in times if at > now]
        return max(SHORTEST, min([IDLE, *(wait / 1000 for wait in ahead)]))
