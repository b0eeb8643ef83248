"""Attachments of other nodes, range by range (ATTACHMENTS.md 3).

Law: the head of a range is verified before its bytes are read; the answer leaves only after what it
says is held was synced. No more than one range of a request is in memory, and no more than a few
requests at once. Every answer about a range that names itself is signed.
"""

import asyncio
import time
from typing import Final

import structlog
from aiohttp import hdrs, web

from referral_node.api.pace import Pace
from referral_node.api.places import Places
from referral_node.api.problems import problem
from referral_node.exchange import Exchange
from referral_node.store import StoreError
from referral_protocol.errors import ProtocolError
from referral_protocol.uploads import MAX_HEAD, MAX_UPLOAD, RangeHead, parse_range

RANGE_TYPE: Final = "application/vnd.referral-exchange.range"
PROGRESS_TYPE: Final = "application/vnd.referral-exchange.progress"
HEAD_TIME: Final = 10.0
BODY_TIME: Final = 60.0
MOST_AT_ONCE: Final = 16
"""Ranges being read or stored at the same time, a MiB each; the rest is told to come back."""
MOST_OF_ONE: Final = 2
COME_BACK: Final = {"busy": 5, "disk": 300, "quota": 300}
"""Seconds after which there may be a place again, or somebody may have made room."""

log = structlog.get_logger()


class Uploads:
    """``PUT /v1/attachments/{hash}``."""

    def __init__(self, exchange: Exchange, pace: Pace) -> None:
        self._exchange = exchange
        self._pace = pace
        self._places = Places("range", MOST_AT_ONCE, MOST_OF_ONE)

    async def put(self, request: web.Request) -> web.StreamResponse:
        """One range; answered with how much is held, or a problem document."""
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
            return problem(400, refusal.code, "The head of the range cannot be read.")
        except TimeoutError:
            return problem(408, "slow", "The head of the range took too long.")
        if head.range.hash.hex() != request.match_info["hash"]:
            return problem(400, "wrong-value", "The address names another attachment.")
        uploads, said = self._exchange.attachments, head.range
        held, code = 0, None
        try:
            try:
                await uploads.accept(head)
            except ProtocolError:
                self._pace.worthless(request.remote)  # it proved no member that may send
                raise
            try:
                held = await self._take(request, head)
            except ProtocolError as refusal:
                code, held = refusal.code, await uploads.held(said)
        except TimeoutError:
            return problem(408, "slow", "The range took too long.")
        except ProtocolError as refusal:
            code = refusal.code
        except StoreError as error:
            code = "disk" if error.code in ("disk", "read-only") else "busy"
        _noted(head, held, code, began)
        response = web.Response(body=uploads.answer(head, held, code), content_type=PROGRESS_TYPE)
        if code in COME_BACK:
            response.headers[hdrs.RETRY_AFTER] = str(COME_BACK[code])
        if not request.content.at_eof():
            response.force_close()  # the rest of a refused range is not read
        return response

    async def _take(self, request: web.Request, head: RangeHead) -> int:
        uploads, said = self._exchange.attachments, head.range
        if self._pace.member(said.sender):
            raise ProtocolError("busy", "range: more of them than this node takes")
        with self._places.one(said.sender):
            async with uploads.turn(said) as held:
                async with asyncio.timeout(BODY_TIME):
                    data = await _read_rest(request, said.length)
                return await uploads.store(said, data) if said.length else held


def _refuse_early(request: web.Request) -> web.Response | None:
    """What the request's head alone decides, before any of its body is read."""
    if request.content_type != RANGE_TYPE:
        return problem(415, "wrong-type", f"Send {RANGE_TYPE}.")
    if hdrs.CONTENT_ENCODING in request.headers:
        return problem(415, "content-encoding", "Send the range as it is, without encoding.")
    length = request.content_length
    if length is not None and length > MAX_UPLOAD:
        return problem(413, "too-large", f"A range has at most {MAX_UPLOAD} bytes with its head.")
    return None


async def _read_head(request: web.Request) -> RangeHead:
    try:
        length = int.from_bytes(await request.content.readexactly(2), "big")
        if not 0 < length <= MAX_HEAD:
            raise ProtocolError("too-large" if length else "truncated", "range: head")
        data = await request.content.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError, web.RequestPayloadError):
        raise ProtocolError("truncated", "range: head") from None
    return parse_range(data)


async def _read_rest(request: web.Request, length: int) -> bytes:
    try:
        data = await request.content.readexactly(length)
        more = await request.content.read(1)
    except (asyncio.IncompleteReadError, ConnectionError, web.RequestPayloadError):
        raise ProtocolError("truncated", "range: bytes") from None
    if more:
        raise ProtocolError("trailing", "range: bytes")
    return data


def _noted(head: RangeHead, held: int, code: str | None, began: float) -> None:
    said = head.range
    log.info(
        "range.held" if code is None else "range.refused",
        peer=said.sender.hex(),
        attachment=said.hash.hex(),
        held=held,
        code=code,
        ms=round((time.monotonic() - began) * 1000, 1),
    )
