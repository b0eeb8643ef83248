"""All the forms that are read at the same time have one bound: long ones wait, short ones go."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import structlog
from aiohttp import web

from raw_http import talk
from referral_ui.connections import listen
from referral_ui.formdata import INTAKE, MEDIA_TYPE, SMALL_FORM_BYTES, Intake, read_form
from referral_ui.problems import Problem, document_response

LONG = 2 * SMALL_FORM_BYTES


class Served:
    def __init__(self, port: int, intake: Intake) -> None:
        self.port = port
        self.intake = intake

    def head(self, length: int) -> bytes:
        return (
            f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {MEDIA_TYPE}\r\n"
            f"Connection: close\r\nContent-Length: {length}\r\n\r\n"
        ).encode()

    async def until(self, now: int) -> None:
        async with asyncio.timeout(5):
            while self.intake.now != now:  # noqa: ASYNC110 - counted by the server
                await asyncio.sleep(0.005)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async def take(request: web.Request) -> web.Response:
        try:
            data = await read_form(request, seconds=2)
        except Problem as problem:
            return document_response(problem)
        return web.Response(text=str(len(data.get("a"))))

    app = web.Application()
    app[INTAKE] = Intake(3 * LONG)
    app.router.add_post("/", take)
    listening = await listen(
        app, "127.0.0.1", 0, log=structlog.get_logger(), close_within=0.1, lingering_time=0.1
    )
    yield Served(listening.port, app[INTAKE])
    await listening.close()


async def test_long_forms_wait_and_short_ones_are_read(served: Served) -> None:
    half = b"a=" + b"x" * (LONG - 2)
    waiting = [
        asyncio.create_task(talk(served.port, served.head(2 * LONG) + half, half, pause=0.5))
        for _ in range(2)
    ]
    await served.until(2 * LONG)
    refused = await talk(served.port, served.head(2 * LONG) + half + half)
    assert (refused.status, refused.problem()["code"]) == (503, "busy")
    assert b"Retry-After: 60" in refused.data
    short = b"a=" + b"x" * (SMALL_FORM_BYTES // 2)
    heard = await talk(served.port, served.head(len(short)) + short)
    assert heard.answers[0][1] == str(len(short) - 2).encode()
    ends = await asyncio.gather(*waiting)
    assert sorted(each.status for each in ends) in ([200, 200], [200, 503])
    assert served.intake.now == 0
    again = await talk(served.port, served.head(LONG) + half)
    assert again.status == 200


@pytest.mark.parametrize("sent", [b"a=1", b"a=%ZZ", b""])
async def test_nothing_stays_counted(served: Served, sent: bytes) -> None:
    for length, end in ((len(sent), False), (len(sent) + 10, True), (len(sent) + 10, False)):
        await talk(served.port, served.head(length) + sent, end=end)
    await served.until(0)
