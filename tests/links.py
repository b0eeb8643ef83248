"""A link that misbehaves as told: what stands between two nodes, or a node and the directory.

It takes whole HTTP requests and hands them on, so that a test can say of each what becomes of it:
it never arrives, its answer never comes back, it arrives twice, it waits, it arrives much later.
What passed is kept and can be sent again at any time. Nothing is random here; a test that wants
chance gives a `weather` of its own.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

MAX_HEAD: Final = 64 * 1024
MAX_BODY: Final = 16 * 1024 * 1024

PASS: Final = "pass"
LOSE: Final = "lose"
"""The request does not arrive; whoever sent it sees the connection break."""
LOSE_ANSWER: Final = "lose-answer"
"""It arrives, and the answer does not come back."""
REPEAT: Final = "repeat"
"""It arrives twice; the second answer comes back."""
LATE: Final = "late"
"""The connection breaks, and the request arrives ``lateness`` seconds later: after what was sent
in its place."""
FATES: Final = (PASS, LOSE, LOSE_ANSWER, REPEAT)


@dataclass(frozen=True)
class Answer:
    """What came back for a request: status, body and all bytes."""

    status: int
    body: bytes
    data: bytes


@dataclass(frozen=True)
class Request:
    """One whole request as it passed. ``fate``: what became of it."""

    method: str
    path: str
    body: bytes
    data: bytes
    fate: str


ACCEPTING: Final = 5
"""Turns of the event loop after which a connection that was just accepted has its task. One that is
overlooked is found by the garbage collector, as a fault of whatever test runs by then."""


class Broken(Exception):
    """The other end is not there, or broke off."""


class Link:
    """One direction: requests from ``a`` to ``b``. ``port`` is where ``a`` connects.

    ``target`` gives the port of ``b`` now, or None while it does not run: links outlive restarts.
    """

    def __init__(self, name: str, target: Callable[[], int | None]) -> None:
        self.name = name
        self.port = 0
        self.requests: list[Request] = []
        """All that were sent into this link, lost ones too, in the order in which they came."""
        self.weather: Callable[[], str] | None = None
        """Decides the fate of each request that nothing else decided."""
        self.delay = 0.0
        """Seconds that each request takes longer."""
        self.lateness = 0.0
        """Seconds after which a late request arrives."""
        self.witness: Callable[[bytes], None] | None = None
        """Gets all bytes that pass, of requests and of answers."""
        self.change: Callable[[Request, Answer], bytes | None] | None = None
        """Other bytes in the place of an answer; None leaves it as it is."""
        self.held = 0
        """How many requests wait at the link now."""
        self._target = target
        self._down = False
        self._open = asyncio.Event()
        self._open.set()
        self._fates: deque[str] = deque()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    # what a test says

    def cut(self) -> None:
        """Break all connections now and refuse new ones; an answer under way is lost."""
        self._down = True
        for writer in list(self._writers):
            writer.transport.abort()

    def mend(self) -> None:
        """Let everything through again: no cut, no hold, no fate still to come."""
        self._down = False
        self._fates.clear()
        self.weather = self.change = None
        self.delay = 0.0
        self._open.set()

    def restore(self) -> None:
        """Let connections through again; everything else about the link stays as it is."""
        self._down = False

    def hold(self) -> None:
        """Let requests wait here until :meth:`release`."""
        self._open.clear()

    def release(self) -> None:
        """Let go what waits."""
        self._open.set()

    def next(self, *fates: str) -> None:
        """The fates of the next requests, in this order; what comes after them passes."""
        self._fates.extend(fates)

    async def replay(self, request: Request) -> Answer:
        """Send a request that passed (or was lost) once more, now: late, or again."""
        return await self._forward(request.data)

    def parcels(self) -> list[Request]:
        """The parcels among the requests."""
        return [r for r in self.requests if r.path == "/v1/parcels"]

    # what it does

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Close everything; nothing of this link is left in the loop."""
        for _ in range(ACCEPTING):
            await asyncio.sleep(0)
        if self._server is not None:
            self._server.close()
        self.cut()
        self._open.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        try:
            while not self._down:
                found = await _read_message(reader)
                if found is None:
                    break
                answer = await self._pass_on(*found)
                if answer is None or self._down:
                    break
                writer.write(answer.data)
                await writer.drain()
        except (Broken, ConnectionError, asyncio.IncompleteReadError):
            pass  # that is what a link is for
        finally:
            self._writers.discard(writer)
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _pass_on(self, head: bytes, body: bytes) -> Answer | None:
        method, path = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")[:2]
        fate = PASS
        if self._fates:
            fate = self._fates.popleft()
        elif self.weather is not None:
            fate = self.weather()
        data = head + body
        request = Request(method, path, body, data, fate)
        self.requests.append(request)
        if self.delay:
            await asyncio.sleep(self.delay)
        self.held += 1
        try:
            await self._open.wait()
        finally:
            self.held -= 1
        if fate == LATE:
            self._begin(self._arrive_late(data))
        if self._down or fate in (LOSE, LATE):
            return None
        answer = await self._forward(data)
        if fate == REPEAT:
            answer = await self._forward(data)
        if fate == LOSE_ANSWER:
            return None
        other = self.change(request, answer) if self.change is not None else None
        return answer if other is None else Answer(answer.status, b"", other)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _arrive_late(self, data: bytes) -> None:
        await asyncio.sleep(self.lateness)
        with contextlib.suppress(Broken):
            await self._forward(data)

    async def _forward(self, data: bytes) -> Answer:
        if self.witness is not None:
            self.witness(data)
        port = self._target()
        if port is None:
            raise Broken(self.name)
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            raise Broken(self.name) from None
        self._writers.add(writer)
        try:
            writer.write(data)
            await writer.drain()
            found = await _read_message(reader, answer=True)
        except (ConnectionError, asyncio.IncompleteReadError):
            raise Broken(self.name) from None
        finally:
            self._writers.discard(writer)
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        if found is None:
            raise Broken(self.name)
        head, body = found
        if self.witness is not None:
            self.witness(head + body)
        return Answer(int(head.split(b" ", 2)[1]), body, head + body)


async def _read_message(
    reader: asyncio.StreamReader, *, answer: bool = False
) -> tuple[bytes, bytes] | None:
    """Head and body of the next request or answer; None at the end. Bodies have a length."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    if len(head) > MAX_HEAD:
        raise Broken("head")
    fields = {}
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        fields[name.strip().lower()] = value.strip()
    if answer and head.split(b" ", 2)[1] in (b"204", b"304"):
        return head, b""
    length = int(fields.get(b"content-length", b"0"))
    if length > MAX_BODY or b"transfer-encoding" in fields:
        raise Broken("body")
    return head, await reader.readexactly(length)
