"""What one client may cost: how fast it writes, how long it may take, how much it may send.

Law: nothing here depends on what a request says of itself but its size; a body is never read beyond
its limit, and a connection that does not get on is ended.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from aiohttp import hdrs, web

from referral_directory.server.problems import problem

BODY_TIME: Final = 30.0
HEAD_TIME: Final = 30.0
"""From the opening of a connection, or from the last answer, to a whole head of a request. It is
aiohttp's ``keepalive_timeout``, which ends connections that send half a head as well."""
BURST: Final = 30
PER_SECOND: Final = 0.5
ADDRESSES: Final = 10_000

Monotonic = Callable[[], float]


class Turned(Exception):
    """A request that is answered before it is read; carries the answer."""

    def __init__(self, response: web.Response) -> None:
        self.response = response
        super().__init__(response.status)


class Pace:
    """How fast each address may ask for work: a bucket that fills again; for writing one of 30 that
    fills by one every two seconds."""

    def __init__(
        self, monotonic: Monotonic, burst: int = BURST, per_second: float = PER_SECOND
    ) -> None:
        self._monotonic = monotonic
        self._burst, self._per_second = float(burst), per_second
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, address: str) -> None:
        """Count a request; Turned with 429 if this address has had its share."""
        now = self._monotonic()
        left, since = self._buckets.pop(address, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._per_second)
        if left < 1:
            self._buckets[address] = (left, now)
            wait = int((1 - left) / self._per_second) + 1
            detail = "Too many requests from this address. Try again later."
            raise Turned(problem(429, detail, code="busy", retry_after=wait))
        self._buckets[address] = (left - 1, now)
        if len(self._buckets) > ADDRESSES:
            self._buckets.popitem(last=False)


def client_address(request: web.Request, proxy: bool) -> str:
    """Who asks; behind a declared proxy the last address that the proxy itself saw."""
    if proxy:
        seen = request.headers.get(hdrs.X_FORWARDED_FOR, "").rpartition(",")[2].strip()
        if seen:
            return seen[:64]
    return request.remote or ""


async def read_body(request: web.Request, limit: int, content_type: str) -> bytes:
    """The whole body of at most ``limit`` bytes; Turned if it is not what may be sent."""
    if request.content_type != content_type:
        raise Turned(problem(415, f"Send {content_type}."))
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity") != "identity":
        raise Turned(problem(415, "Send the body as it is, without content encoding."))
    too_large = problem(413, f"At most {limit} bytes.", code="too-large")
    if request.content_length is not None and request.content_length > limit:
        raise Turned(too_large)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIME):
            async for piece in request.content.iter_chunked(64 * 1024):
                body += piece
                if len(body) > limit:
                    raise Turned(too_large)
    except TimeoutError:
        raise Turned(problem(408, "The body took too long.")) from None
    except (web.RequestPayloadError, ConnectionError):
        raise Turned(problem(400, "The body ended too early.", code="truncated")) from None
    return bytes(body)
