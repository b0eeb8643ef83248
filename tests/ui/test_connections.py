"""How many connections there may be, in all and from one network."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from aiohttp import web

from raw_http import talk
from referral_ui.connections import Crowd, Listening, listen, network

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Quiet:
    """Nothing is logged here."""

    def error(self, event: str, **fields: object) -> None:
        raise AssertionError((event, fields))


@asynccontextmanager
async def served(**options: object) -> AsyncIterator[Listening]:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.content.readexactly(5))

    app = web.Application()
    app.router.add_get("/", hello)
    app.router.add_post("/", echo)
    how = {"keepalive_timeout": 5.0, "close_within": 2.0, **options}
    listening = await listen(app, "127.0.0.1", 0, log=Quiet(), **how)  # type: ignore[arg-type]  # options of a test
    try:
        yield listening
    finally:
        await listening.close()


@asynccontextmanager
async def connected(port: int, source: str) -> AsyncIterator[asyncio.StreamReader]:
    """A connection from this address that says nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        yield reader
    finally:
        writer.transport.abort()


async def test_one_network_takes_no_others_place() -> None:
    async with served(most_of_one=3) as listening, AsyncExitStack() as ends:
        for _ in range(3):
            await ends.enter_async_context(connected(listening.port, "127.0.0.2"))
        refused = await talk(listening.port, GET, source="127.0.0.2")
        assert (refused.data, refused.closed) == (b"", True)
        assert (await talk(listening.port, GET, source="127.0.0.3")).status == 200


async def test_a_place_is_free_again_when_its_connection_has_ended() -> None:
    async with served(most_of_one=1) as listening:
        for _ in range(5):
            async with connected(listening.port, "127.0.0.2") as reader:
                refused = await talk(listening.port, GET, source="127.0.0.2")
                assert refused.closed
            async with asyncio.timeout(5):
                await reader.read()
            await asyncio.sleep(0.05)
            assert (await talk(listening.port, GET, source="127.0.0.2")).status == 200


async def test_the_web_server_in_front_is_not_counted() -> None:
    async with served(most_of_one=1) as listening, AsyncExitStack() as ends:
        for _ in range(5):
            await ends.enter_async_context(connected(listening.port, "127.0.0.1"))
        assert (await talk(listening.port, GET)).status == 200


POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"


@pytest.mark.parametrize("before", [0, 1, 3])
@pytest.mark.parametrize("pause", [0.0, 0.05])
async def test_at_a_stop_a_body_under_way_is_taken_in(before: int, pause: float) -> None:
    """Also if the head comes in the same moment, and after other requests of this connection."""
    async with served() as listening:
        reader, writer = await asyncio.open_connection("127.0.0.1", listening.port)
        for _ in range(before):
            writer.write(GET)
            await reader.readuntil(b"hello")
        writer.write(POST + b"ab")
        await asyncio.sleep(pause)
        closing = asyncio.create_task(listening.close())
        await asyncio.sleep(0.01)
        writer.write(b"cde")
        async with asyncio.timeout(5):
            answer = await reader.read()
            await closing
        writer.transport.abort()
    if answer or pause:  # without a pause the head may come after the end
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b"abcde")
        assert b"Connection: close" in answer


@pytest.mark.parametrize(
    "sent", [GET, b"POST /nowhere HTTP/1.1\r\nContent-Length: 9\r\nHost: x\r\n\r\n"]
)
async def test_a_stop_waits_for_nobody_who_was_answered(sent: bytes) -> None:
    """Who only keeps the connection, or goes on sending what was refused."""
    async with served(close_within=5) as listening:
        reader, writer = await asyncio.open_connection("127.0.0.1", listening.port)
        writer.write(sent)
        await reader.readuntil(b"\r\n\r\n")
        began = asyncio.get_running_loop().time()
        await listening.close()
        assert asyncio.get_running_loop().time() - began < 2
        writer.transport.abort()


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("127.0.0.1", ""),
        ("::ffff:127.0.0.1", ""),
        ("::1", ""),
        ("127.0.0.2", "127.0.0.2"),
        ("somewhere", ""),
        ("", ""),
    ],
)
def test_a_network_is_what_one_party_has_one_of(address: str, name: str) -> None:
    assert network(address) == name


def test_nothing_is_kept_of_who_has_gone() -> None:
    crowd = Crowd(2)
    assert crowd.enter("a")
    assert crowd.enter("a")
    assert not crowd.enter("a")
    assert crowd.enter("b")
    for name in ("a", "a", "b"):
        crowd.leave(name)
    assert not crowd._here
