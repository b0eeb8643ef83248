"""The connections of one listener: how many, for how long, and what is said to who speaks no HTTP.

Law: nobody holds a connection by doing nothing. A head must be whole within 30 s of the connection
or of the last answer; whoever does not read an answer for a minute is cut off; beyond a number of
connections, in all or from one network, new ones are closed unread. Bytes that are not HTTP get a
problem document that quotes nothing of them, and the log gets the kind of fault alone.
"""

import asyncio
import ipaddress
from collections import Counter
from contextlib import suppress
from typing import Any, Final

from aiohttp import hdrs, web

from .http import Log, listening
from .problems import MEDIA_TYPE, Problem, document

MOST: Final = 512
"""Connections of one listener: half of the files that a process may commonly open."""
MOST_OF_ONE: Final = 64
"""Connections from one network: an IPv4 address, or the /64 of an IPv6 address. The machine's own
address is not counted, since the web server in front connects from there for everybody."""
READ_WITHIN: Final = 60.0
"""Seconds in which a client must read what is waiting for it."""
GREET_WITHIN: Final = 10.0
"""Seconds for the handshake of TLS; such connections are not counted yet."""
BACKLOG: Final = 256


class Listening:
    """A bound listener. Made by :func:`listen`; ``port`` is the one really bound."""

    def __init__(self, runner: web.AppRunner, server: asyncio.Server) -> None:
        self._runner = runner
        self._server = server
        self.port = int(server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Take no more connections, let what is under way finish, then close all."""
        self._server.close()
        await self._runner.cleanup()


async def listen(
    app: web.Application,
    host: str,
    port: int,
    *,
    log: Log,
    ssl: Any = None,
    close_within: float = 10.0,
    most: int = MOST,
    most_of_one: int = MOST_OF_ONE,
    read_within: float = READ_WITHIN,
    **options: Any,
) -> Listening:
    """Serve an application; port 0 takes a free one. OSError if it cannot listen there.

    ``options`` are aiohttp's, beside those of :func:`referral_ui.http.listening`.
    """
    # A compressed body is refused by whoever reads it; it is never unpacked on the way.
    options = {"auto_decompress": False, **listening(log), **options}
    app.on_response_prepare.append(_unsigned)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=close_within, **options)
    await runner.setup()
    if runner.server is None:
        raise RuntimeError("the listener did not start")
    factory = Connections(runner.server, options, most, most_of_one, read_within)
    try:
        server = await asyncio.get_running_loop().create_server(
            factory,
            host,
            port,
            ssl=ssl,
            ssl_handshake_timeout=None if ssl is None else GREET_WITHIN,
            backlog=BACKLOG,
        )
    except BaseException:
        await runner.cleanup()
        raise
    return Listening(runner, server)


async def _unsigned(_: web.Request, response: web.StreamResponse) -> None:
    """Which software answers, in which version, is nobody's business."""
    response.headers.popall(hdrs.SERVER, None)


class Connections:
    """Makes the protocol of each new connection."""

    def __init__(
        self,
        server: web.Server,
        options: dict[str, Any],
        most: int,
        most_of_one: int,
        read_within: float,
    ) -> None:
        self._server = server
        self._options = options
        self._most = most
        self._crowd = Crowd(most_of_one)
        self._read_within = read_within

    def __call__(self) -> asyncio.Protocol:
        if len(self._server.connections) >= self._most:
            return _TooMany()
        loop = asyncio.get_running_loop()
        return _Connection(self._server, self._read_within, self._crowd, loop=loop, **self._options)


class Crowd:
    """How many connections each network has now."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._here: Counter[str] = Counter()

    def enter(self, name: str) -> bool:
        """Count one more; False, and nothing counted, if this network has all it may have."""
        if self._here[name] >= self._most:
            return False
        self._here[name] += 1
        return True

    def leave(self, name: str) -> None:
        """One that was counted has ended."""
        self._here[name] -= 1
        if not self._here[name]:
            del self._here[name]


def network(address: str) -> str:
    """What one party can hardly have many of: the IPv4 address, or the /64 of an IPv6 address.

    "" for this machine's own address, and for what is no address.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return "" if found.is_loopback else str(ipaddress.ip_network((found, 64), strict=False))
        found = found.ipv4_mapped
    return "" if found == _HERE else str(found)


_HERE: Final = ipaddress.IPv4Address("127.0.0.1")


class _TooMany(asyncio.Protocol):
    """Closes at once: answering would cost more than the caller pays."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            transport.abort()


class _Connection(web.RequestHandler):
    """aiohttp's own connection, with an end for who does not read, and our words for faults.

    At a stop, aiohttp drops what still comes of a request's body; here it is taken in, within the
    time that the stop gives.
    """

    __slots__ = ("_answered", "_counted", "_crowd", "_ending", "_read_within", "_told", "_unread")

    def __init__(
        self, server: web.Server, read_within: float, crowd: Crowd, **options: Any
    ) -> None:
        super().__init__(server, **options)
        self._read_within = read_within
        self._crowd = crowd
        self._counted = ""
        self._ending = False
        self._answered = asyncio.Event()
        self._told = 0
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        name = network(str(peer[0])) if isinstance(peer, tuple) else ""
        if not name:
            return
        if self._crowd.enter(name):
            self._counted = name
        elif isinstance(transport, asyncio.Transport):
            transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self._loop.call_later(self._read_within, self._abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._read()

    def close(self) -> None:
        """No more requests. One whose head has come is read and answered first."""
        if self._request_count <= self._told:
            super().close()
        else:
            self._ending = True
            self._answered.clear()

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109 - aiohttp calls it
        """End this connection; ``timeout``: seconds for what is under way."""
        began = self._loop.time()
        if self._ending:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._answered.wait()
        left = None if timeout is None else max(0.1, timeout - (self._loop.time() - began))
        # Whoever was answered and still sends is not waited for.
        await super().shutdown(left if self._request_count > self._told else 0.1)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._read()
        self._answered.set()
        if self._counted:
            self._crowd.leave(self._counted)
            self._counted = ""
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What could not be parsed, or failed outside of every handler."""
        # The message quotes what was sent, which may be anything: it is neither said nor logged.
        self.log_exception("a request failed", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun already")
        words = _NOT_HTTP if status == 400 else _FAILED
        problem = Problem(status, "not-http" if status == 400 else "fault", words)
        response = web.Response(
            status=status,
            body=document(problem),
            content_type=MEDIA_TYPE,
            headers={hdrs.SERVER: "referral-exchange"},
        )
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """aiohttp answers an unknown expectation at an unknown address itself, in its own words."""
        if isinstance(resp, web.HTTPExpectationFailed) and not resp.prepared:
            problem = Problem(417, "expectation", "Nothing but 100-continue can be expected.")
            resp = web.Response(status=417, body=document(problem), content_type=MEDIA_TYPE)
            resp.force_close()
        if self._ending:
            resp.force_close()
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self._told += 1
            self._answered.set()

    def _read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


_NOT_HTTP: Final = "This is not a request that can be read: it breaks the rules of HTTP/1.1."
_FAILED: Final = "This failed here. It was logged."
