"""What strangers send to the public listener: refused early, with a problem document, unharmed."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from node_world import Offices
from raw_http import Heard, talk
from referral_node.api import listener
from referral_node.api.listener import PARCEL_TYPE, build_listener
from referral_protocol.parcels import MAX_PARCEL
from referral_ui.connections import Listening, listen

HEAD = b"POST /v1/parcels HTTP/1.1\r\nHost: x\r\n"
TYPE = f"Content-Type: {PARCEL_TYPE}\r\n".encode()
GET = b"GET /v1/prekey HTTP/1.1\r\nHost: x\r\n\r\n"
MIB = 1024 * 1024


class Quiet:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[dict[str, object]] = []

    def error(self, event: str, **fields: object) -> None:
        self.lines.append({"event": event, **fields})


@pytest.fixture
async def offices(tmp_path: Path) -> AsyncIterator[Offices]:
    made = Offices(tmp_path, "lisboa")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def log() -> Quiet:
    return Quiet()


@pytest.fixture
async def port(offices: Offices, log: Quiet) -> AsyncIterator[int]:
    """The listener as a node serves it, but for shorter times."""
    listening = await served(offices, log)
    yield listening.port
    await listening.close()


async def served(offices: Offices, log: Quiet, **options: object) -> Listening:
    app = build_listener(offices["lisboa"].exchange)
    how = {"keepalive_timeout": 0.3, "lingering_time": 0.2, "read_within": 0.3, **options}
    return await listen(app, "127.0.0.1", 0, log=log, close_within=0.1, **how)  # type: ignore[arg-type]  # options of a test


def post(length: object = 3, *fields: bytes, body: bytes = b"abc") -> bytes:
    """A request with a length and a body that need not agree."""
    return (
        HEAD
        + TYPE
        + b"Content-Length: %s\r\n" % str(length).encode()
        + b"".join(fields)
        + (b"\r\n" + body)
    )


async def test_the_listener_works(port: int) -> None:
    heard = await talk(port, GET)
    assert heard.status == 200


NOT_HTTP = {
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "words": b"hello there\r\n\r\n",
    "zeros": bytes(4096),
    "version": b"GET /v1/prekey HTTP/9.9\r\nHost: x\r\n\r\n",
    "no host": b"GET /v1/prekey HTTP/1.1\r\n\r\n",
    "long address": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "long header": b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 20_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 5000 + b"\r\n",
    "folded header": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "null in a header": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
    "negative length": post(-3),
    "length of words": post("three"),
    "two lengths": post(3, b"Content-Length: 4\r\n"),
    "length and chunks": post(3, b"Transfer-Encoding: chunked\r\n"),
    "broken chunk": HEAD + TYPE + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc",
    "unknown transfer encoding": HEAD + TYPE + b"Transfer-Encoding: x\r\n\r\nabc",
    "junk behind a request": GET + b"JUNK JUNK SECRETNAME\r\n\r\n",
}


@pytest.mark.parametrize("name", NOT_HTTP)
async def test_what_is_not_http_is_told_so_and_nothing_of_it_quoted(
    port: int, log: Quiet, name: str
) -> None:
    heard = await talk(port, NOT_HTTP[name])
    assert heard.status == 400
    assert heard.problem()["code"] == "not-http"
    assert heard.closed
    assert b"SECRETNAME" not in heard.data
    assert log.lines == [{"event": "request.failed", "kind": log.lines[0]["kind"]}]
    assert (await talk(port, GET)).status == 200


REFUSED: dict[str, tuple[bytes, int, str]] = {
    "no type": (HEAD + b"Content-Length: 3\r\n\r\nabc", 415, "wrong-type"),
    "json": (
        HEAD + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        *(415, "wrong-type"),
    ),
    "gzip": (post(3, b"Content-Encoding: gzip\r\n"), 415, "content-encoding"),
    "two encodings": (post(3, b"Content-Encoding: gzip, br\r\n"), 415, "content-encoding"),
    "too large": (post(MAX_PARCEL + 1), 413, "too-large"),
    "far too large": (post(10**15), 413, "too-large"),
    "empty": (post(0, body=b""), 400, "truncated"),
    "head of no bytes": (post(2, body=b"\x00\x00"), 400, "truncated"),
    "head too long": (post(2, body=b"\xff\xff"), 400, "too-large"),
    "head of junk": (post(12, body=b"\x00\x0a" + b"\xc1" * 10), 400, "not-msgpack"),
    "nowhere": (b"GET /v1/parcel HTTP/1.1\r\nHost: x\r\n\r\n", 404, "http"),
    "wrong method": (b"DELETE /v1/prekey HTTP/1.1\r\nHost: x\r\n\r\n", 405, "http"),
    "expects magic": (post(3, b"Expect: magic\r\n"), 417, "expectation"),
    "expects magic nowhere": (
        b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nExpect: magic\r\n\r\n",
        *(417, "expectation"),
    ),
    "waits for our word": (
        HEAD + b"Content-Type: a/b\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
        *(415, "wrong-type"),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_may_not_be_sent_gets_a_problem_document(port: int, name: str) -> None:
    request, status, code = REFUSED[name]
    heard = await talk(port, request)
    assert heard.status == status
    assert heard.problem()["code"] == code
    assert len(heard.answers) == 1
    assert (await talk(port, GET)).status == 200


async def test_who_waits_for_our_word_gets_it(port: int) -> None:
    heard = await talk(
        port, post(3, b"Expect: 100-continue\r\n", body=b""), b"\xff\xffa", pause=0.1
    )
    statuses = [head.split(b" ")[1] for head, _ in heard.answers]
    assert statuses == [b"100", b"400"]


async def test_a_compressed_body_is_never_unpacked(port: int) -> None:
    """Ten kilobytes that would become ten megabytes are read as they are, and dropped."""
    import gzip

    bomb = gzip.compress(bytes(10 * MIB))
    tracemalloc.start()
    try:
        heard = await talk(port, post(len(bomb), b"Content-Encoding: gzip\r\n", body=bomb))
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()
    assert heard.status == 415


# slow ones


async def test_a_connection_that_says_nothing_is_ended(port: int) -> None:
    assert (await talk(port)).closed


async def test_half_a_head_is_ended_however_it_drips(port: int) -> None:
    began = asyncio.get_running_loop().time()
    heard = await talk(port, *(bytes([c]) for c in HEAD + b"A: " + b"a" * 100), pause=0.02)
    assert heard.closed
    assert heard.status in (0, 400)
    assert asyncio.get_running_loop().time() - began < 2


async def test_after_an_answer_the_next_head_must_come_in_time(port: int) -> None:
    heard = await talk(port, GET, HEAD[:10], pause=0.1)
    assert heard.status == 200
    assert heard.closed


@pytest.mark.parametrize("sent", [b"", b"\x00", b"\x01\x00abc"])
async def test_the_head_of_a_parcel_must_come_in_time(
    port: int, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "HEAD_TIME", 0.2)
    heard = await talk(port, post(5000, body=sent))
    assert heard.status == 408
    assert heard.problem()["code"] == "slow"
    assert heard.closed


@pytest.mark.parametrize("sent", [b"", b"\x00", b"\x01\x00abc"])
async def test_who_leaves_in_the_middle_is_forgotten(port: int, log: Quiet, sent: bytes) -> None:
    with capture_logs() as lines:
        heard = await talk(port, post(5000, body=sent), end=True)
    assert heard.closed
    assert (log.lines, [each for each in lines if each["log_level"] == "error"]) == ([], [])
    assert (await talk(port, GET)).status == 200


async def test_chunks_that_break_in_the_middle(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "HEAD_TIME", 0.2)
    start = HEAD + TYPE + b"Transfer-Encoding: chunked\r\n\r\n2\r\n\x01\x00\r\n"
    heard = await talk(port, start, b"zz\r\n", pause=0.05)
    assert heard.status in (400, 408)
    heard.problem()


async def test_strangers_who_wait_take_nobodys_place(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests whose parcel does not come are many; whoever has one to send is still heard."""
    monkeypatch.setattr(listener, "HEAD_TIME", 0.6)
    waiting = [
        asyncio.create_task(talk(port, post(5000, body=b"\x01")))
        for _ in range(listener.MOST_AT_ONCE + 20)
    ]
    await asyncio.sleep(0.1)
    heard = await talk(port, post(2, body=b"\xff\xff"))
    assert heard.problem()["code"] == "too-large"
    for done in await asyncio.gather(*waiting):
        assert done.status == 408


# too many, too much


async def test_more_connections_than_there_may_be_are_closed_unread(
    offices: Offices, log: Quiet
) -> None:
    listening = await served(offices, log, most=5, keepalive_timeout=5.0)
    ends = [await asyncio.open_connection("127.0.0.1", listening.port) for _ in range(5)]
    await asyncio.sleep(0.05)
    try:
        refused = await talk(listening.port, GET)
        assert refused.closed
        assert refused.data == b""
        ends[0][1].transport.abort()
        await asyncio.sleep(0.05)
        assert (await talk(listening.port, GET)).status == 200
    finally:
        for _, writer in ends:
            writer.transport.abort()
            with suppress(ConnectionError):
                await writer.wait_closed()
        await listening.close()


async def test_who_asks_and_does_not_read_is_cut_off_and_memory_stays_flat(port: int) -> None:
    """A hundred thousand requests on one connection, none of whose answers is read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    tracemalloc.start()
    try:
        with suppress(ConnectionError):
            async with asyncio.timeout(20):
                for _ in range(1000):
                    writer.write(GET * 100)
                    await writer.drain()
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    except TimeoutError:
        pytest.fail("the connection was never ended")
    finally:
        tracemalloc.stop()
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()
    del reader
    assert (await talk(port, GET)).status == 200


async def test_endless_bodies_are_not_kept(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks without end, after a head that is refused: dropped as they come, then cut off."""
    monkeypatch.setattr(listener, "HEAD_TIME", 0.5)
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    start = HEAD + TYPE + b"Transfer-Encoding: chunked\r\n\r\n"
    tracemalloc.start()
    try:
        heard = await talk(port, start, *[chunk] * 300)
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()
    assert heard.closed
    assert heard.status in (0, 400)  # 0: the answer was lost with the connection
    assert (await talk(port, GET)).status == 200


async def test_a_storm_of_rubbish_leaves_the_node_as_it_was(offices: Offices, port: int) -> None:
    """Every kind of rubbish at once, several times; then a parcel's worth of real work goes on."""
    requests = [*NOT_HTTP.values(), *(r for r, _, _ in REFUSED.values())]
    with capture_logs() as lines:
        heard: list[Heard] = []
        for _ in range(3):
            heard += await asyncio.gather(*(talk(port, request) for request in requests))
    assert all(each.status >= 400 for each in heard)
    assert [line for line in lines if line["log_level"] == "error"] == []
    row = await offices["lisboa"].store.row("SELECT COUNT(*) FROM given")
    assert row is not None
    assert row[0] == 0
    assert (await talk(port, GET)).status == 200
