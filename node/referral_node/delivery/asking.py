"""Asking peers for what is missing here: over the wire, a few at a time (CATCHUP).

Law: one peer that does not answer keeps no other from being asked, and asking keeps nothing from
being delivered. An answer counts only if the peer's node signed it for this very ask; after a
failure the peer is left alone with the same growing waits as in delivery.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import structlog

from referral_node.delivery.ending import end
from referral_node.delivery.http import Answer, Http, Unreachable
from referral_node.exchange.catchup import epochs, gaps
from referral_node.exchange.catchup.wanting import Wanting
from referral_node.exchange.core import Core
from referral_node.store import StoreError
from referral_protocol.asks import (
    MAX_ANSWER,
    Ask,
    Page,
    make_ask,
    open_answer,
    parse_answer,
    verify_answer,
)
from referral_protocol.errors import ProtocolError
from referral_protocol.retry import next_attempt

ASK_TYPE: Final = "application/vnd.referral-exchange.ask"
EVERY: Final = 30.0
"""Seconds between two looks at what is missing."""
AT_ONCE: Final = 4
"""Peers asked at the same time."""

log = structlog.get_logger()


class Failed(Exception):
    """No usable answer. ``wait``: milliseconds that the peer asked to be left alone."""

    def __init__(self, code: str, wait: int = 0) -> None:
        self.code = code
        self.wait = wait
        super().__init__(code)


class Asker:
    """One task that looks, and asks whoever is due."""

    def __init__(self, core: Core, http: Http, chance: Callable[[], float]) -> None:
        self._core = core
        self._http = http
        self._chance = chance
        self._wanting = Wanting(core)
        self._noted = False
        self._soon = asyncio.Event()
        self._busy = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Note what this start has to ask, and begin."""
        try:
            await self._wanting.start()
            self._noted = True
        except StoreError as error:  # a full disk keeps nobody from reading or receiving
            log.error("asker.store", code=error.code)
        self._task = asyncio.create_task(self._run(), name="asker")

    async def stop(self) -> None:
        """End; every page that came is kept, the next start goes on after it."""
        if self._task is not None:
            await end([self._task])

    def soon(self) -> None:
        """Look now."""
        self._soon.set()

    async def _run(self) -> None:
        while True:
            self._soon.clear()
            try:
                if epochs.look(self._core) or not self._noted:
                    await self._wanting.start()
                    self._noted = True
                await self.round()
            except StoreError as error:
                log.error("asker.store", code=error.code)
            except Exception as error:  # noqa: BLE001 - a fault here must not end all asking
                log.error("asker.fault", kind=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._soon.wait()

    async def round(self) -> None:
        """Look for gaps, then ask everybody of whom something is to be asked, to the end."""
        async with self._busy:
            await gaps.look_on(self._core)
            room = asyncio.Semaphore(AT_ONCE)

            async def one(peer: bytes) -> None:
                async with room:
                    await self._kept_apart(peer)

            async with asyncio.TaskGroup() as group:
                for peer in await self._wanting.due():
                    group.create_task(one(peer))

    async def _kept_apart(self, peer: bytes) -> None:
        """Ask one peer; whatever is wrong with it, the others are asked."""
        try:
            await self._peer(peer)
        except StoreError as error:
            log.error("asker.store", code=error.code)
        except Exception as error:  # noqa: BLE001 - a fault here must not end the others' asking
            log.error("asker.fault", kind=type(error).__name__)

    async def _peer(self, peer: bytes) -> None:
        """Ask one peer for one thing after the other, until that is all or it fails."""
        core = self._core
        try:
            while (ask := await self._wanting.next_ask(peer)) is not None:
                page = await self._page(ask)
                await self._wanting.take(ask, page)
        except Failed as failure:
            now = core.clock()
            tries = 1 + await self._wanting.attempts(peer)
            later = next_attempt(tries, now, now, self._chance()) or now
            later = max(later, now + failure.wait)
            log.warning("ask.failed", peer=peer.hex(), code=failure.code)
            await self._wanting.failed(peer, failure.code, later)

    async def _page(self, ask: Ask) -> Page:
        core = self._core
        member = core.members.known(ask.recipient)
        prekey = await core.transport.upkeep()
        try:
            answer = await self._http.request(
                "POST",
                member.endpoint.rstrip("/") + "/v1/asks",
                data=make_ask(core.node, core.certificate, prekey, ask),
                content_type=ASK_TYPE,
                limit=MAX_ANSWER,
                pins=member.pins,
            )
        except Unreachable as error:
            raise Failed(error.code) from None
        return self.verified(ask, answer)

    def verified(self, ask: Ask, answer: Answer) -> Page:
        """The page of an answer, if it is one to this ask, by the one who was asked."""
        if answer.status != 200:
            raise Failed(f"http-{answer.status}", answer.wait)
        try:
            return self._opened(ask, answer)
        except ProtocolError as refusal:
            raise Failed(f"answer-{refusal.code}") from None

    def _opened(self, ask: Ask, answer: Answer) -> Page:
        core = self._core
        member = core.members.known(ask.recipient)
        arrived = parse_answer(answer.body)
        certificate = core.members.certificate_of(member.id, arrived.head.certificate)
        verify_answer(arrived, ask, certificate.node_key, core.clock())
        core.members.certify(member.id, certificate, arrived.head.certificate)
        if arrived.header.code is not None:
            raise Failed(arrived.header.code, answer.wait)
        return open_answer(core.transport.opener(arrived.header.prekey or b""), arrived)
