"""This node's copy of the log, for anybody (DIRECTORY 7.1): the checkpoint with all its signatures,
entries, and tiles of hashes, on the paths of a directory below ``/v1/log``.

Law: nothing is served that is not verified and on disk. The answers are the same for everybody, say
nothing of who asks, and are bounded in number for each network that asks.
"""

import hashlib
from typing import Final

from aiohttp import hdrs, web
from aiohttp.helpers import ETag

from referral_node.api.pace import Pace
from referral_node.api.problems import problem
from referral_node.exchange import Exchange
from referral_protocol.directory import paths
from referral_protocol.directory.replica import Replica
from referral_protocol.errors import ProtocolError

FRESH: Final = "public, no-cache"
FOR_EVER: Final = "public, max-age=31536000, immutable"


class LogCopy:
    """``GET /v1/log/...``"""

    def __init__(self, exchange: Exchange, pace: Pace) -> None:
        self._exchange = exchange
        self._pace = pace

    async def checkpoint(self, request: web.Request) -> web.StreamResponse:
        """``GET /v1/log/checkpoint``"""
        turned = self._turned(request)
        if turned is not None:
            return turned
        note = self._exchange.members.checkpoint
        if note is None:
            raise web.HTTPNotFound
        return _conditional(request, note.encode("utf-8"), "text/plain", FRESH, charset="utf-8")

    async def entries(self, request: web.Request) -> web.StreamResponse:
        """``GET /v1/log/tile/entries/<N>[.p/<W>]``"""
        turned = self._turned(request)
        if turned is not None:
            return turned
        number, width = _tile(request.match_info["tile"])
        start = number * paths.TILE_WIDTH
        if start + width > self._replica().size:
            raise web.HTTPNotFound
        rows = await self._exchange.store.rows(
            "SELECT leaf FROM log_entries WHERE number >= ? AND number < ? ORDER BY number",
            (start, start + width),
        )
        body = paths.pack_entries([bytes(row["leaf"]) for row in rows])
        return _conditional(request, body, "application/octet-stream", FOR_EVER)

    async def hashes(self, request: web.Request) -> web.StreamResponse:
        """``GET /v1/log/tile/<L>/<N>[.p/<W>]``"""
        turned = self._turned(request)
        if turned is not None:
            return turned
        level = request.match_info["level"]
        number, width = _tile(request.match_info["tile"])
        if str(int(level)) != level or int(level) > 7:
            raise web.HTTPNotFound  # level 8 would need more leaves than a size can count
        try:
            tree = self._replica().tree
            found = tree.hashes(int(level) * 8, number * paths.TILE_WIDTH, width)
        except ValueError:
            raise web.HTTPNotFound from None
        return _conditional(request, b"".join(found), "application/octet-stream", FOR_EVER)

    def _replica(self) -> Replica:
        replica = self._exchange.members.replica
        if replica is None:
            raise web.HTTPNotFound
        return replica

    def _turned(self, request: web.Request) -> web.Response | None:
        wait = self._pace.reader(request.remote)
        if wait:
            return problem(429, "busy", "Too much from this address.", retry_after=wait)
        return None

    def routes(self) -> list[web.RouteDef]:
        """What is answered where."""
        tile = r"{tile:[x0-9/]+(?:\.p/[0-9]+)?}"
        return [
            web.get(paths.COPY + paths.CHECKPOINT, self.checkpoint),
            web.get(paths.COPY + paths.ENTRIES + tile, self.entries),
            web.get(paths.COPY + r"/tile/{level:[0-9]{1,2}}/" + tile, self.hashes),
        ]


def _tile(text: str) -> tuple[int, int]:
    try:
        return paths.parse_tile_suffix(text)
    except ProtocolError:
        raise web.HTTPNotFound from None


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
