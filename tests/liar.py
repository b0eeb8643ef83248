"""A peer that answers what a test wants: any bytes, at any speed, or a receipt not quite right."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from directory_world import id_of, signer
from referral_protocol.certificates import make_certificate, make_transport_prekey
from referral_protocol.keys import prekey_id
from referral_protocol.parcels import Header, ParcelContent, open_parcel, split_parcel
from referral_protocol.receipts import (
    HELD,
    HELD_WITHOUT_BODY,
    Answer,
    Envelope,
    Receipt,
    make_receipt,
)
from referral_protocol.statements import statement_hash
from referral_protocol.suite import SUITE, Opener, Signer
from referral_protocol.wire import encode

Say = Callable[[asyncio.StreamWriter, bytes], Awaitable[None]]
"""Given the connection and the request's body, say something."""


ACCEPTING: Final = 5
"""Turns of the event loop after which a connection that was just accepted has its task. One that is
overlooked is found by the garbage collector, as a fault of whatever test runs by then."""


class Liar:
    """The node of one member, with that member's true keys. ``endpoint`` is where it listens.

    ``on_prekey`` and ``on_parcel`` answer; while they are None it answers as it should.
    """

    def __init__(self, name: str, clock: Callable[[], int]) -> None:
        self.name = name
        self.id = id_of(name)
        self.node = signer(f"{name} node")
        self.vault = signer(f"{name} vault")
        self.opener = Opener(b"l" * 32)
        self.made_at = clock()
        self.clock = clock
        self.on_prekey: Say | None = None
        self.on_parcel: Say | None = None
        self.asked: list[str] = []
        self.held: list[bytes] = []
        """Hashes of all statements that it gave a right receipt for."""
        self.endpoint = ""
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{port}"

    async def stop(self) -> None:
        for _ in range(ACCEPTING):
            await asyncio.sleep(0)
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                line, *fields = head.decode("latin-1").split("\r\n")
                length = next(
                    (int(f.split(":")[1]) for f in fields if f.lower().startswith("content-l")), 0
                )
                body = await reader.readexactly(length)
                self.asked.append(line.split(" ")[1])
                await self._answer(self.asked[-1], writer, body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # whoever asked has heard enough
        finally:
            self._writers.discard(writer)
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, path: str, writer: asyncio.StreamWriter, body: bytes) -> None:
        if path == "/v1/prekey":
            say = self.on_prekey or answers(encode((self.prekey(), self.certificate(), None)))
        elif path == "/v1/parcels":
            say = self.on_parcel or self.right
        else:
            say = answers(b"", status=404)
        await say(writer, body)
        await writer.drain()

    # what is right, and what is not quite

    def certificate(self, **changes: Any) -> bytes:
        """Our certificate. ``vault``, ``member``, ``node``, ``made_at`` may be others."""
        return make_certificate(
            changes.get("vault", self.vault),
            changes.get("member", self.id),
            changes.get("node", self.node).public,
            changes.get("made_at", self.made_at),
        )

    def prekey(
        self, public: bytes | None = None, made_at: int | None = None, node: Signer | None = None
    ) -> bytes:
        """Our transport prekey."""
        at = self.clock() if made_at is None else made_at
        return make_transport_prekey(node or self.node, self.id, public or self.opener.public, at)

    def opened(self, body: bytes) -> tuple[Header, ParcelContent]:
        """What a parcel holds."""
        head, sealed = split_parcel(body)
        assert head.header.prekey == prekey_id(self.opener.public)
        return head.header, open_parcel(self.opener, head.header, sealed)

    def receipt(self, body: bytes, **changes: Any) -> Receipt:
        """The right receipt; ``changes`` replace its fields."""
        header, content = self.opened(body)
        given = tuple(
            Answer(
                statement_hash(m.content),
                m.sealed_hash,
                HELD_WITHOUT_BODY if m.sealed is None else HELD,
            )
            for m in content.messages
        )
        right = Receipt(SUITE, header.parcel, header.sender, self.id, self.clock(), None, given)
        return msgspec.structs.replace(right, **changes)

    def envelope(self, receipt: Receipt, node: Signer | None = None, **changes: Any) -> bytes:
        """A receipt in its envelope, signed; ``changes`` replace the envelope's fields."""
        content, signature = make_receipt(node or self.node, receipt)
        right = Envelope(content, signature, self.certificate(), self.prekey(), None)
        return encode(msgspec.structs.replace(right, **changes))

    async def right(self, writer: asyncio.StreamWriter, body: bytes) -> None:
        """Answer as one should."""
        receipt = self.receipt(body)
        self.held += [answer.statement for answer in receipt.answers]
        await answers(self.envelope(receipt))(writer, body)

    def signed(self, **changes: Any) -> Say:
        """Answer with a receipt of which something is another."""

        async def say(writer: asyncio.StreamWriter, body: bytes) -> None:
            await answers(self.envelope(self.receipt(body, **changes)))(writer, body)

        return say


def answers(body: bytes, *fields: str, status: int = 200) -> Say:
    """An answer with a body and a right length."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *fields, "", ""]
    return says("\r\n".join(lines).encode() + body)


def says(data: bytes, *, close: bool = False) -> Say:
    """Exactly these bytes; then perhaps an end."""

    async def say(writer: asyncio.StreamWriter, _: bytes) -> None:
        writer.write(data)
        await writer.drain()
        if close:
            raise ConnectionResetError

    return say


def without_end(start: bytes, piece: bytes, pause: float = 0.0) -> Say:
    """A beginning, then the same piece for ever."""

    async def say(writer: asyncio.StreamWriter, _: bytes) -> None:
        writer.write(start)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return say


OK: Final = b"HTTP/1.1 200 OK\r\n"
