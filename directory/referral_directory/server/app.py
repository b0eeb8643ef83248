"""The public listener (DIRECTORY 6): the log and what lies beside it to everybody, whole; and what
members may send in.

Law: a node is served nothing that is not on disk and signed, and no GET of a node names a member.
The access log names the route, not the address asked for. Whatever a stranger sends is bounded in
size and time.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import structlog
from aiohttp import hdrs, web
from aiohttp.helpers import ETag

from referral_directory.log.beside import BOARD, RECORDS
from referral_directory.log.ledger import Ledger
from referral_directory.log.requests import Requests
from referral_directory.log.store import StoreError
from referral_directory.server.limits import Pace, Turned, client_address, read_body
from referral_directory.server.problems import problem, refusal, unstored
from referral_protocol.certificates import MAX_BUNDLE
from referral_protocol.directory import paths
from referral_protocol.directory.notes import MAX_NOTE
from referral_protocol.directory.requests import MAX_SUBMISSION, parse_submission
from referral_protocol.directory.tiles import CONTENT_TYPE, TILE_TYPE
from referral_protocol.errors import ProtocolError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

FRESH: Final = "public, no-cache"
"""May be kept, but must be asked for again each time: the answer is mostly 304."""
NOTE_TYPE: Final = "text/plain"
FOR_EVER: Final = "public, max-age=31536000, immutable"
FOR_AN_HOUR: Final = "public, max-age=3600, immutable"
WRITE_TIME: Final = 600.0
"""Longest time that a client may take to read an answer."""

log = structlog.get_logger()


class Listener:
    """The handlers, in the order of DIRECTORY 6."""

    def __init__(
        self,
        ledger: Ledger,
        requests: Requests,
        pace: Pace,
        *,
        proxy: bool,
        asked: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._requests = requests
        self._pace = pace
        self._proxy = proxy
        self._asked = asked

    async def checkpoint(self, request: web.Request) -> web.Response:
        """``GET /checkpoint``"""
        note = self._ledger.checkpoint.note
        return _conditional(request, note, NOTE_TYPE, FRESH, charset="utf-8")

    async def entries(self, request: web.Request) -> web.Response:
        """``GET /tile/entries/<N>[.p/<W>]``"""
        number, width = _tile(request.match_info["tile"])
        start = number * paths.TILE_WIDTH
        if start + width > self._ledger.checkpoint.size:
            raise web.HTTPNotFound
        body = paths.pack_entries(await self._ledger.leaves(start, width))
        return _conditional(request, body, TILE_TYPE, FOR_EVER)

    async def hashes(self, request: web.Request) -> web.Response:
        """``GET /tile/<L>/<N>[.p/<W>]``"""
        level = request.match_info["level"]
        number, width = _tile(request.match_info["tile"])
        if str(int(level)) != level or int(level) > 7:
            raise web.HTTPNotFound  # level 8 would need more leaves than a size can count
        try:
            found = self._ledger.hashes(int(level) * 8, number * paths.TILE_WIDTH, width)
        except ValueError:
            raise web.HTTPNotFound from None
        return _conditional(request, b"".join(found), TILE_TYPE, FOR_EVER)

    async def records(self, request: web.Request) -> web.Response:
        """``GET /v1/records``"""
        return _conditional(request, self._ledger.beside.index(RECORDS), CONTENT_TYPE, FRESH)

    async def board(self, request: web.Request) -> web.Response:
        """``GET /v1/board``"""
        return _conditional(request, self._ledger.beside.index(BOARD), CONTENT_TYPE, FRESH)

    async def records_tile(self, request: web.Request) -> web.Response:
        """``GET /v1/records/tiles/<hash>``"""
        return await self._beside_tile(request, RECORDS)

    async def board_tile(self, request: web.Request) -> web.Response:
        """``GET /v1/board/tiles/<hash>``"""
        return await self._beside_tile(request, BOARD)

    async def _beside_tile(self, request: web.Request, kind: str) -> web.Response:
        tile = await self._ledger.beside.tile(kind, bytes.fromhex(request.match_info["hash"]))
        if tile is None:
            raise web.HTTPNotFound
        return _conditional(request, tile, TILE_TYPE, FOR_AN_HOUR)

    async def join(self, request: web.Request) -> web.Response:
        """``POST /v1/requests``"""
        submission = parse_submission(await self._body(request, MAX_SUBMISSION))
        state, new = await self._requests.receive(submission)
        if new:
            log.info("request.received", request=submission.id.hex())
            self._asked()
        return _answer(202 if new else 200, state.pack())

    async def request_state(self, request: web.Request) -> web.Response:
        """``GET /v1/requests/<id>``"""
        state = await self._requests.state(bytes.fromhex(request.match_info["request"]))
        if state is None:
            raise web.HTTPNotFound
        return _conditional(request, state.pack(), CONTENT_TYPE, "private, no-cache")

    async def submit(self, request: web.Request) -> web.Response:
        """``POST /v1/entries``"""
        submission = parse_submission(await self._body(request, MAX_SUBMISSION))
        if self._ledger.holds(submission):
            return web.Response(status=200)
        entry = await self._ledger.submit(submission)
        log.info("entry.appended", index=entry.index, kind=entry.entry.kind)
        return web.Response(status=201)

    async def publish(self, request: web.Request) -> web.Response:
        """``PUT /v1/board/<member>``"""
        member = bytes.fromhex(request.match_info["member"])
        bundle = await self._body(request, MAX_BUNDLE)
        if await self._ledger.publish(bundle, member):
            log.info("board.changed")
        return web.Response(status=204)

    async def cosign(self, request: web.Request) -> web.Response:
        """``PUT /v1/cosignatures``"""
        note = await self._body(request, MAX_NOTE, NOTE_TYPE)
        if await self._ledger.cosign(note):
            log.info("checkpoint.cosigned", size=self._ledger.checkpoint.size)
        return web.Response(status=204)

    async def _body(
        self, request: web.Request, limit: int, content_type: str = CONTENT_TYPE
    ) -> bytes:
        self._pace.check(client_address(request, self._proxy))
        return await read_body(request, limit, content_type)

    def routes(self) -> list[web.RouteDef]:
        """What is answered where."""
        tile = r"{tile:[x0-9/]+(?:\.p/[0-9]+)?}"
        name = "{hash:[0-9a-f]{64}}"
        return [
            web.get(paths.CHECKPOINT, self.checkpoint),
            web.get(paths.ENTRIES + tile, self.entries),
            web.get(r"/tile/{level:[0-9]{1,2}}/" + tile, self.hashes),
            web.get(paths.RECORDS, self.records),
            web.get(paths.BOARD, self.board),
            web.get(f"{paths.RECORDS}/tiles/{name}", self.records_tile),
            web.get(f"{paths.BOARD}/tiles/{name}", self.board_tile),
            web.post(paths.REQUESTS, self.join),
            web.get(paths.REQUESTS + "/{request:[0-9a-f]{32}}", self.request_state),
            web.post(paths.SUBMIT, self.submit),
            web.put(paths.BOARD + "/{member:[0-9a-f]{32}}", self.publish),
            web.put(paths.COSIGNATURES, self.cosign),
        ]


def build_app(listener: Listener, public: Iterable[web.RouteDef] = ()) -> web.Application:
    """The application. ``public``: what people read, beside what nodes do; no node ever asks for
    it, so whoever it names, nobody learns from it who writes to whom (DIRECTORY 6)."""

    @web.middleware
    async def watched(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.monotonic()
        response = await _refusals(request, handler)
        response.headers[hdrs.SERVER] = "referral-directory"
        response.headers["X-Content-Type-Options"] = "nosniff"
        try:
            async with asyncio.timeout(WRITE_TIME):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass  # whoever asked has gone: nobody's fault, and nobody to tell
        _noted(request, response, began)
        return response

    app = web.Application(middlewares=[watched], client_max_size=MAX_SUBMISSION)
    app.add_routes(listener.routes())
    app.add_routes(public)
    return app


async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The answer, or the problem document for whatever kept it from being made."""
    try:
        return await handler(request)
    except Turned as turned:
        return turned.response
    except ProtocolError as error:
        return refusal(error)
    except StoreError as error:
        log.error("store.failed", code=error.code)
        return unstored(error)
    except web.HTTPException as error:
        answer = problem(error.status, "")
        if hdrs.ALLOW in error.headers:
            answer.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
        return answer
    except Exception as error:  # noqa: BLE001 - a stranger gets no traceback, the log its kind
        log.error("listener.fault", kind=type(error).__name__)
        return problem(500, "The directory failed. It was logged.")


def _noted(request: web.Request, response: web.StreamResponse, began: float) -> None:
    """One line: the route as it is written in the program, never the path that was asked for."""
    resource = request.match_info.route.resource
    log.info(
        "http",
        method=request.method,
        route="none" if resource is None else resource.canonical,
        status=response.status,
        ms=round((time.monotonic() - began) * 1000, 1),
    )


def _tile(text: str) -> tuple[int, int]:
    try:
        return paths.parse_tile_suffix(text)
    except ProtocolError:
        raise web.HTTPNotFound from None


def _answer(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, content_type=CONTENT_TYPE)


def _conditional(
    request: web.Request, body: bytes, content_type: str, cache: str, charset: str | None = None
) -> web.Response:
    """The body with its strong ETag, or 304 if the client has it."""
    tag = ETag(hashlib.sha256(body).hexdigest()[:32])
    known = request.if_none_match or ()
    if any(each.value in (tag.value, "*") for each in known):
        response = web.Response(status=304)
    else:
        response = web.Response(body=body, content_type=content_type, charset=charset)
    response.etag = tag
    response.headers[hdrs.CACHE_CONTROL] = cache
    return response
