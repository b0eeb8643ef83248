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

    app = web.Application()
    app.router.add_get("/", hello)
    how = {"keepalive_timeout": 5.0, "close_within": 0.1, **options}
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
