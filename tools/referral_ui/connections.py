"""The connections of one listener: how many, for how long, and what is said to who speaks no HTTP.

Law: nobody holds a connection by doing nothing. A head must be whole within 30 s of the connection
or of the last answer; whoever does not read an answer for a minute is cut off; beyond a number of
connections new ones are closed unread. Bytes that are not HTTP get a problem document that quotes
nothing of them, and the log gets the kind of fault alone.
"""

import asyncio
from typing import Any, Final

from aiohttp import hdrs, web

from .http import Log, listening
from .problems import MEDIA_TYPE, Problem, document

MOST: Final = 512
"""Connections of one listener: half of the files that a process may commonly open."""
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
    factory = Connections(runner.server, options, most, read_within)
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
        self, server: web.Server, options: dict[str, Any], most: int, read_within: float
    ) -> None:
        self._server = server
        self._options = options
        self._most = most
        self._read_within = read_within

    def __call__(self) -> asyncio.Protocol:
        if len(self._server.connections) >= self._most:
            return _TooMany()
        loop = asyncio.get_running_loop()
        return _Connection(self._server, self._read_within, loop=loop, **self._options)


class _TooMany(asyncio.Protocol):
    """Closes at once: answering would cost more than the caller pays."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            transport.abort()


class _Connection(web.RequestHandler):
    """aiohttp's own connection, with an end for who does not read, and our words for faults."""

    __slots__ = ("_read_within", "_unread")

    def __init__(self, server: web.Server, read_within: float, **options: Any) -> None:
        super().__init__(server, **options)
        self._read_within = read_within
        self._unread: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self._loop.call_later(self._read_within, self._abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._read()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._read()
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

    def _read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


_NOT_HTTP: Final = "This is not a request that can be read: it breaks the rules of HTTP/1.1."
_FAILED: Final = "This failed here. It was logged."
