"""Many nodes that look at one directory at once, as far as the directory can tell them apart.

Each has a connection of its own and asks what a node's poller asks when nothing is new: the
checkpoint, the index of the records and that of the board, each with the ETag of the last answer.
Answers are read whole; anything but 200 or 304 is an error, a connection that fails as well.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from referral_protocol.directory import paths

ASKED: Final = (paths.CHECKPOINT, paths.RECORDS, paths.BOARD)
WITHIN: Final = 60.0
"""Seconds in which an answer must have come."""


@dataclass
class Polled:
    """What all of them saw. ``took``: milliseconds of each answer."""

    answers: int = 0
    unchanged: int = 0
    errors: int = 0
    seconds: float = 0.0
    took: list[float] = field(default_factory=list)


async def poll(url: str, clients: int, rounds: int) -> Polled:
    """So many clients poll at once, each so many times, all over connections that stay open."""
    seen = Polled()
    address = urlsplit(url)
    host, port = str(address.hostname), int(address.port or 80)
    open_now = asyncio.Barrier(clients + 1)

    async def client() -> None:
        try:
            async with asyncio.timeout(WITHIN):
                reader, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError):
            seen.errors += 1
            await open_now.wait()
            return
        tags: dict[str, bytes] = {}
        for path in ASKED:  # once without a condition: the first poll of a node
            await _ask(reader, writer, path, tags, seen, counted=False)
        await open_now.wait()
        for _ in range(rounds):
            for path in ASKED:
                await _ask(reader, writer, path, tags, seen, counted=True)
        writer.close()

    tasks = [asyncio.create_task(client()) for _ in range(clients)]
    await open_now.wait()
    began = time.perf_counter()
    await asyncio.gather(*tasks)
    seen.seconds = time.perf_counter() - began
    return seen


async def _ask(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    path: str,
    tags: dict[str, bytes],
    seen: Polled,
    *,
    counted: bool,
) -> None:
    condition = b"If-None-Match: %s\r\n" % tags[path] if path in tags else b""
    began = time.perf_counter()
    try:
        writer.write(b"GET %s HTTP/1.1\r\nHost: bench\r\n%s\r\n" % (path.encode(), condition))
        async with asyncio.timeout(WITHIN):
            head = await reader.readuntil(b"\r\n\r\n")
            status, fields = _head(head)
            await reader.readexactly(int(fields.get(b"content-length", b"0")))
    except (OSError, EOFError, TimeoutError, ValueError):
        seen.errors += 1
        return
    if b"etag" in fields:
        tags[path] = fields[b"etag"]
    if not counted:
        return
    seen.answers += 1
    seen.unchanged += status == 304
    seen.errors += status not in (200, 304)
    seen.took.append((time.perf_counter() - began) * 1000)


def _head(data: bytes) -> tuple[int, dict[bytes, bytes]]:
    first, *lines = data.split(b"\r\n")
    pairs = (line.partition(b":") for line in lines if line)
    fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
    status = int(first.split()[1])
    if status == 304:
        fields.pop(b"content-length", None)  # says what it would have been
    return status, fields
