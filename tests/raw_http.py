"""A client that says exactly these bytes, when it likes, and reads whatever comes back."""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Heard:
    """What came back. ``closed``: the other side ended the connection; ``answers``: (head, body)
    of each whole answer."""

    data: bytes
    closed: bool

    @property
    def answers(self) -> list[tuple[bytes, bytes]]:
        found, rest = [], self.data
        while rest:
            head, sep, rest = rest.partition(b"\r\n\r\n")
            assert sep, f"not an answer: {head[:200]!r}"
            fields = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
            }
            length = int(fields.get(b"content-length", b"0"))
            found.append((head, rest[:length]))
            rest = rest[length:]
        return found

    @property
    def status(self) -> int:
        """Of the last answer; 0 if there is none."""
        return int(self.answers[-1][0].split(b" ")[1]) if self.data else 0

    def problem(self) -> dict[str, Any]:
        """The problem document (RFC 9457) of the last answer, checked for its shape."""
        head, body = self.answers[-1]
        assert b"content-type: application/problem+json" in head.lower(), head
        document: dict[str, Any] = json.loads(body)
        assert document["type"] == "about:blank"
        assert document["status"] == self.status
        assert document["title"]
        assert document["detail"]
        assert b"aiohttp" not in head.lower()
        assert b"python" not in head.lower()
        return document


async def talk(
    port: int, *pieces: bytes, pause: float = 0.0, end: bool = False, source: str = "127.0.0.1"
) -> Heard:
    """Send the pieces with a pause after each, half-close if ``end``, and read to the end.

    Reading ends when the other side closes, or when a second passes without a byte. ``source`` is
    the address that this end has.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    heard = bytearray()
    closed = False
    try:
        with suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
            if end:
                writer.write_eof()
        while True:
            try:
                async with asyncio.timeout(1):
                    piece = await reader.read(64 * 1024)
            except TimeoutError:
                break
            except ConnectionError:
                closed = True
                break
            if not piece:
                closed = True
                break
            heard += piece
    finally:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return Heard(bytes(heard), closed)
