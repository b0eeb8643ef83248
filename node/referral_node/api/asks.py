"""``POST /v1/asks``: a peer that misses something asks for it (CATCHUP 1 and 2).

Law: nothing is looked up before the ask's signature holds; each member has a share of its own, and
whoever asks more is told, signed, to come back. Every answer about an ask that was read is signed;
only what cannot be parsed gets a problem document.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog
from aiohttp import hdrs, web

from referral_node.api.pace import Buckets
from referral_node.api.places import Places
from referral_node.api.problems import problem
from referral_node.exchange.catchup.answering import Answering
from referral_node.exchange.core import Core
from referral_node.store import StoreError
from referral_protocol.asks import MAX_ASK, ArrivedAsk, Ask, parse_ask
from referral_protocol.errors import ProtocolError

ASK_TYPE: Final = "application/vnd.referral-exchange.ask"
ANSWER_TYPE: Final = "application/vnd.referral-exchange.answer"
READ_TIME: Final = 10.0
AT_ONCE: Final = 60
"""Asks that a member may make in a row; a long catching up goes on at the pace below."""
PER_SECOND: Final = 5.0
OF_ONE: Final = 2
"""Answers being made for one member at a time."""
OF_ALL: Final = 8

log = structlog.get_logger()


class Asks:
    """The asked side's listener."""

    def __init__(
        self,
        core: Core,
        stranger: Callable[[str | None], int],
        worthless: Callable[[str | None], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._core = core
        self._answering = Answering(core)
        self._stranger = stranger
        self._worthless = worthless
        self._shares = Buckets(AT_ONCE, PER_SECOND, monotonic)
        self._places = Places("ask", OF_ALL, OF_ONE)

    async def post(self, request: web.Request) -> web.StreamResponse:
        """One ask; its sealed answer, or a problem document."""
        wait = self._stranger(request.remote)
        if wait:
            return problem(429, "busy", "Too much from this address.", retry_after=wait)
        answer = await self._read(request)
        if answer.status != 200:
            self._worthless(request.remote)
        return answer

    async def _read(self, request: web.Request) -> web.StreamResponse:
        if request.content_type != ASK_TYPE:
            return problem(415, "wrong-type", f"Send {ASK_TYPE}.")
        if hdrs.CONTENT_ENCODING in request.headers:
            return problem(415, "content-encoding", "Send the ask as it is, without encoding.")
        length = request.content_length
        if length is not None and length > MAX_ASK:
            return problem(413, "too-large", f"An ask has at most {MAX_ASK} bytes.")
        try:
            async with asyncio.timeout(READ_TIME):
                data = await _whole(request)
        except TimeoutError:
            return problem(408, "slow", "The ask took too long.")
        try:
            arrived = parse_ask(data)
        except ProtocolError as refusal:
            return problem(400, refusal.code, "The ask cannot be read.")
        return await self._answer(request, arrived)

    async def _answer(self, request: web.Request, arrived: ArrivedAsk) -> web.Response:
        ask = arrived.ask
        began = time.monotonic()
        wait = 0
        code: str | None = None
        body = b""
        try:
            prekey = self._answering.accept(arrived)
        except ProtocolError as refusal:
            self._worthless(request.remote)  # it proved no member that may ask
            return self._signed(ask, refusal.code, 0, began)
        wait = self._shares.take(ask.sender)
        if wait:
            return self._signed(ask, "busy", wait, began)
        try:
            with self._places.one(ask.sender):
                body = await self._answering.answer(ask, prekey)
        except ProtocolError as refusal:
            code, wait = refusal.code, int(refusal.code == "busy")
        except StoreError as error:
            code, wait = ("disk" if error.code in ("disk", "read-only") else "busy"), 60
        if code is not None:
            return self._signed(ask, code, wait, began)
        _noted(ask, None, began)
        return web.Response(body=body, content_type=ANSWER_TYPE)

    def _signed(self, ask: Ask, code: str, wait: int, began: float) -> web.Response:
        _noted(ask, code, began)
        body = self._answering.refuse(ask, code)
        response = web.Response(body=body, content_type=ANSWER_TYPE)
        if wait:
            response.headers[hdrs.RETRY_AFTER] = str(wait)
        return response


async def _whole(request: web.Request) -> bytes:
    """The body, but never more than one byte too much of it."""
    pieces = bytearray()
    try:
        while len(pieces) <= MAX_ASK:
            piece = await request.content.read(MAX_ASK + 1 - len(pieces))
            if not piece:
                break
            pieces += piece
    except (ConnectionError, web.RequestPayloadError):
        pass  # what came is too short to parse
    return bytes(pieces)


def _noted(ask: Ask, code: str | None, began: float) -> None:
    log.info(
        "ask.answered" if code is None else "ask.refused",
        peer=ask.sender.hex(),
        kind=ask.kind,
        code=code,
        ms=round((time.monotonic() - began) * 1000, 1),
    )
