"""The public listener: parcels in, receipts out, the transport prekey (SPEC 7.1).

Law: the head of a parcel is verified before its rest is read; nothing is kept of a request that was
not answered with a receipt. Whatever a stranger sends is bounded in size, time and number. Every
answer about a parcel that names itself is signed; only what cannot be parsed gets a problem
document. Whoever has to come back is told when (``Retry-After``), beside the signed answer too.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiohttp import hdrs, web

from referral_node.api.asks import Asks
from referral_node.api.attachments import Uploads
from referral_node.api.log_copy import LogCopy
from referral_node.api.pace import Pace
from referral_node.api.places import Places
from referral_node.api.problems import problem
from referral_node.exchange import Exchange
from referral_node.store import StoreError
from referral_protocol.errors import ProtocolError
from referral_protocol.parcels import (
    MAX_HEAD,
    MAX_PARCEL,
    Header,
    ParcelHead,
    head_length,
    parse_head,
)
from referral_protocol.wire import encode

PARCEL_TYPE: Final = "application/vnd.referral-exchange.parcel"
RECEIPT_TYPE: Final = "application/vnd.referral-exchange.receipt"
HEAD_TIME: Final = 10.0
BODY_TIME: Final = 60.0
MOST_AT_ONCE: Final = 64
"""Parcels being read or held at the same time; the rest is told to come back."""
MOST_OF_ONE: Final = 8
"""The same for each member: one that sends without end takes no other's place."""

COME_BACK: Final = {"busy": 5, "disk": 300}
"""Seconds after which there may be a place again, or somebody may have made room."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.get_logger()


class TooFast(ProtocolError):
    """A member has had its share. ``wait``: seconds until its next parcel is welcome."""

    def __init__(self, wait: int) -> None:
        self.wait = wait
        super().__init__("busy", "parcel: more of them than this node takes")


class Parcels:
    """``POST /v1/parcels``."""

    def __init__(self, exchange: Exchange, pace: Pace) -> None:
        self._exchange = exchange
        self._pace = pace
        self._places = Places("parcel", MOST_AT_ONCE, MOST_OF_ONE)

    async def post(self, request: web.Request) -> web.StreamResponse:
        """One parcel; answered with the envelope of a receipt, or a problem document."""
        wait = self._pace.stranger(request.remote)
        if wait:
            return problem(429, "busy", "Too much from this address.", retry_after=wait)
        answer = _refuse_early(request) or await self._answer(request)
        if answer.status != 200:
            self._pace.worthless(request.remote)
        return answer

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        began = time.monotonic()
        try:
            async with asyncio.timeout(HEAD_TIME):
                head = await _read_head(request)
        except ProtocolError as refusal:
            return problem(400, refusal.code, "The head of the parcel cannot be read.")
        except TimeoutError:
            return problem(408, "slow", "The head of the parcel took too long.")
        body, wait = b"", 0
        code: str | None = None
        try:
            body = await self._take(request, head)
        except TimeoutError:
            return problem(408, "slow", "The parcel took too long.")
        except TooFast as refusal:
            code, wait = refusal.code, refusal.wait
        except ProtocolError as refusal:
            code = refusal.code
        except StoreError as error:
            code = "disk" if error.code in ("disk", "read-only") else "busy"
        if code is not None:
            body = await self._exchange.inbox.refuse(head.header, code)
            wait = wait or COME_BACK.get(code, 0)
        _noted(head.header, code, began)
        response = web.Response(body=body, content_type=RECEIPT_TYPE)
        if wait:
            response.headers[hdrs.RETRY_AFTER] = str(wait)
        if not request.content.at_eof():
            response.force_close()  # the rest of a refused parcel is not read
        return response

    async def _take(self, request: web.Request, head: ParcelHead) -> bytes:
        inbox = self._exchange.inbox
        try:
            await inbox.accept(head)
        except ProtocolError:
            self._pace.worthless(request.remote)  # it proved no member that may send
            raise
        wait = self._pace.member(head.header.sender)
        if wait:
            raise TooFast(wait)
        with self._places.one(head.header.sender):
            async with asyncio.timeout(BODY_TIME):
                sealed = await _read_rest(request, head.header.length)
            return await inbox.receive(head, sealed)

    async def prekey(self, request: web.Request) -> web.Response:
        """``GET /v1/prekey``: transport prekey, node certificate, directory checkpoint."""
        wait = self._pace.stranger(request.remote)
        if wait:
            return problem(429, "busy", "Too much from this address.", retry_after=wait)
        self._pace.worthless(request.remote)  # whoever asks has proved nothing
        core = self._exchange.core
        try:
            prekey = await core.transport.upkeep()
        except StoreError:
            return problem(503, "disk", "This node cannot store anything now.", retry_after=60)
        answer = encode((prekey, core.certificate, core.members.checkpoint))
        return web.Response(body=answer, content_type="application/msgpack")


def _refuse_early(request: web.Request) -> web.Response | None:
    """What the request's head alone decides, before any of its body is read."""
    if request.content_type != PARCEL_TYPE:
        return problem(415, "wrong-type", f"Send {PARCEL_TYPE}.")
    if hdrs.CONTENT_ENCODING in request.headers:
        return problem(415, "content-encoding", "Send the parcel as it is, without encoding.")
    length = request.content_length
    if length is not None and length > MAX_PARCEL:
        return problem(413, "too-large", f"A parcel has at most {MAX_PARCEL} bytes.")
    return None


async def _expected(request: web.Request) -> web.Response | None:
    """``Expect: 100-continue``: who waits for our word hears a refusal before sending anything."""
    if request.headers.get(hdrs.EXPECT, "").lower() != "100-continue":
        return problem(417, "expectation", "Nothing but 100-continue can be expected.")
    refused = _refuse_early(request) if request.method == hdrs.METH_POST else None
    if refused is None:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # What follows is the answer's own head: aiohttp counts from here.
        request.writer.output_size = 0
    return refused


async def _read_head(request: web.Request) -> ParcelHead:
    try:
        start = await request.content.readexactly(2)
        length = head_length(start)
        data = await request.content.readexactly(min(length, MAX_HEAD))
    except (asyncio.IncompleteReadError, ConnectionError, web.RequestPayloadError):
        raise ProtocolError("truncated", "parcel: head") from None
    return parse_head(data)


async def _read_rest(request: web.Request, length: int) -> bytes:
    try:
        sealed = await request.content.readexactly(length)
        more = await request.content.read(1)
    except (asyncio.IncompleteReadError, ConnectionError, web.RequestPayloadError):
        raise ProtocolError("truncated", "parcel: sealed part") from None
    if more:
        raise ProtocolError("trailing", "parcel: bytes after the sealed part")
    return sealed


def _noted(header: Header, code: str | None, began: float) -> None:
    log.info(
        "parcel.held" if code is None else "parcel.refused",
        peer=header.sender.hex(),
        parcel=header.parcel.hex(),
        code=code,
        ms=round((time.monotonic() - began) * 1000, 1),
    )


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every other error as a problem document, without the text of any exception."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        answer = problem(error.status, "http", error.reason)
        if hdrs.ALLOW in error.headers:
            answer.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
        return answer
    except Exception as error:  # noqa: BLE001 - a stranger gets no traceback, the log its kind
        log.error("listener.fault", kind=type(error).__name__)
        return problem(500, "fault", "This node failed. It was logged.")


def build_listener(exchange: Exchange, pace: Pace | None = None) -> web.Application:
    """The application of the public listener."""
    app = web.Application(middlewares=[problems], client_max_size=MAX_PARCEL)
    pace = pace or Pace()
    parcels = Parcels(exchange, pace)
    asks = Asks(exchange.core, pace.stranger, pace.worthless)
    uploads = Uploads(exchange, pace)
    app.add_routes(
        [
            web.post("/v1/parcels", parcels.post, expect_handler=_expected),
            web.get("/v1/prekey", parcels.prekey, expect_handler=_expected),
            web.post("/v1/asks", asks.post),
            web.put("/v1/attachments/{hash:[0-9a-f]{64}}", uploads.put),
            *LogCopy(exchange, pace).routes(),
        ]
    )
    return app
