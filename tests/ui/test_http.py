"""What stands around a handler, over a real socket: headers, hosts, origins, problems, assets."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import make_mocked_request

from referral_ui.assets import Assets
from referral_ui.environment import make_environment
from referral_ui.formdata import read_form
from referral_ui.http import (
    FOR_EVER,
    HEADERS,
    Origins,
    check_source,
    listening,
    protect,
    set_headers,
    with_script,
)
from referral_ui.problems import Problem, ProblemPages, prefers_html

HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
SECRET = "Oksana Tkachenko"


@dataclass
class Notes:
    """Keeps what was logged."""

    lines: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def error(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))


@dataclass
class Running:
    origin: str
    port: int
    notes: Notes
    client: ClientSession


async def echo(request: web.Request) -> web.Response:
    typed = await read_form(request, at_most=1000, seconds=0.5)
    return web.json_response({name: typed.all(name) for name in typed.names()})


async def page(_request: web.Request) -> web.Response:
    return web.Response(text="page")


async def broken(_request: web.Request) -> web.Response:
    raise ValueError(SECRET)


async def gone(_request: web.Request) -> web.Response:
    raise web.HTTPSeeOther("/elsewhere")


async def refused(_request: web.Request) -> web.Response:
    raise Problem(409, "stale", "Ponte Tejo has withdrawn it meanwhile.", title="Too late")


@asynccontextmanager
async def server() -> AsyncIterator[Running]:
    assets, origins, notes = Assets.load(), Origins(), Notes()
    app = web.Application()
    protect(
        app,
        origins=origins,
        assets=assets,
        respond=ProblemPages(make_environment(assets), "Referral exchange").response,
        log=notes,
        new_incident=lambda: "1a2b3c",
    )
    app.router.add_get("/", page)
    app.router.add_post("/form", echo)
    app.router.add_get("/case/{name}", broken)
    app.router.add_get("/gone", gone)
    app.router.add_get("/refused", refused)
    runner = web.AppRunner(app, **listening(notes))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    origin = f"http://127.0.0.1:{port}"
    origins.add(origin)
    origins.add(f"http://lisboa.localhost:{port}")
    try:
        async with ClientSession(origin) as client:
            yield Running(origin, port, notes, client)
    finally:
        await runner.cleanup()


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with server() as it:
        yield it


@pytest.mark.parametrize("path", ["/", "/nothing-here", "/case/x", "/gone", "/refused", "/form"])
async def test_every_answer_carries_the_policy(running: Running, path: str) -> None:
    async with running.client.get(path, allow_redirects=False) as answer:
        for header, value in HEADERS.items():
            assert answer.headers.getall(header) == [value]
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Server" not in answer.headers
    assert "script-src" not in HEADERS["Content-Security-Policy"]
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
    assert HEADERS["Content-Security-Policy"].startswith("default-src 'none'; ")


async def test_a_page_that_asks_for_it_may_run_our_own_script() -> None:
    page = with_script(web.Response(text="x"))
    plain = web.Response(text="x", headers={"Content-Security-Policy": "script-src *"})
    for response in (page, plain):
        await set_headers(make_mocked_request("GET", "/"), response)
    policy = HEADERS["Content-Security-Policy"]
    assert plain.headers.getall("Content-Security-Policy") == [policy]
    assert page.headers.getall("Content-Security-Policy") == [
        f"{policy}; script-src 'self'; connect-src 'self'"
    ]


async def test_assets_are_served_under_their_hash_for_ever(running: Running) -> None:
    asset = Assets.load().find(Assets.load().url("exchange.css"))
    assert asset is not None
    async with running.client.get(asset.url) as answer:
        assert answer.status == 200
        assert await answer.read() == asset.content
        assert answer.headers["Cache-Control"] == FOR_EVER
        assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    async with running.client.head(asset.url) as answer:
        assert answer.status == 200
    for path in (
        *("/static/0000000000000000/exchange.css", "/static/exchange.css", "/static/"),
        *(asset.url.replace("exchange.css", "manifest.json"), asset.url + "/../../../forms.py"),
        *(asset.url.replace("exchange.css", "%2e%2e%2fforms.py"), "/static/x/..%2f..%2fhttp.py"),
    ):
        async with running.client.get(path) as answer:
            assert answer.status == 404, path
            assert answer.headers["Cache-Control"] == "no-store"


async def raw(running: Running, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(request)
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(65536), 10)
    writer.close()
    await writer.wait_closed()
    return answer


async def test_only_our_own_hosts_are_served(running: Running) -> None:
    for host, status in (
        (f"127.0.0.1:{running.port}", 200),
        (f"lisboa.localhost:{running.port}", 200),
        (f"LISBOA.localhost:{running.port}", 200),
        ("127.0.0.1", 421),
        (f"evil.example:{running.port}", 421),
        (f"lisboa.localhost:{running.port + 1}", 421),
        (f"lisboa.localhost.evil.example:{running.port}", 421),
        (f"evil.example/?:@lisboa.localhost:{running.port}", 421),
        (f"user@lisboa.localhost:{running.port}", 421),
        ("[", 421),
    ):
        async with running.client.get("/", headers={"Host": host}) as answer:
            assert answer.status == status, host
    for hosts in (b"", b"Host: a\r\nHost: b\r\n"):
        answer_bytes = await raw(running, b"GET / HTTP/1.1\r\nConnection: close\r\n%s\r\n" % hosts)
        assert b" 400 " in answer_bytes.split(b"\r\n")[0]


async def test_what_cannot_be_parsed_is_not_quoted_in_the_log(running: Running) -> None:
    answer = await raw(running, b"GET /?name=Oksana HTTP/1.1\r\nHost Oksana: \x01\r\n\r\n")
    assert b" 400 " in answer.split(b"\r\n")[0]
    assert running.notes.lines
    assert all(set(fields) == {"kind"} for _, fields in running.notes.lines)
    assert "Oksana" not in repr(running.notes.lines)


def test_a_host_without_a_port_means_the_schemes_own() -> None:
    origins = Origins(["https://node.example.org"])
    assert origins.has_host("node.example.org")
    assert origins.has_host("node.example.org:443")
    assert not origins.has_host("node.example.org:80")
    assert "https://node.example.org" in origins
    assert "http://node.example.org" not in origins
    for wrong in (
        "node.example.org",
        "https://",
        "https://a.example/path",
        "ftp://a.example",
        "https://a:b",
    ):
        with pytest.raises(ValueError, match="not an origin"):
            Origins([wrong])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "own"}, 200),
        ({"Origin": "own", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 200),
        ({}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "own", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "own", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Sec-Fetch-Site": ""}, 403),
        ({"Origin": ""}, 403),
    ],
)
async def test_changes_come_from_our_own_pages(
    running: Running, headers: dict[str, str], status: int
) -> None:
    sent = {name: value.replace("own", running.origin) for name, value in headers.items()}
    async with running.client.post("/form", data={"a": "1"}, headers=sent) as answer:
        assert answer.status == status
        if status == 403:
            assert (await answer.json(content_type="application/problem+json"))[
                "code"
            ] == "foreign-form"


def test_only_looking_needs_no_origin() -> None:
    with pytest.raises(Problem):
        check_source(None, None, Origins(["http://localhost:1"]))


async def test_an_unexpected_failure_tells_the_person_and_the_log_but_never_the_value(
    running: Running,
) -> None:
    async with running.client.get(f"/case/{SECRET}", headers=HTML) as answer:
        page = await answer.text()
        assert answer.status == 500
        assert answer.content_type == "text/html"
    assert "1a2b3c" in page
    assert "Something went wrong here" in page
    assert SECRET not in page
    [(event, fields)] = running.notes.lines
    assert event == "page.failed"
    assert fields["error"] == "ValueError"
    assert fields["incident"] == "1a2b3c"
    assert fields["route"] == "/case/{name}"
    assert str(fields["where"]).rpartition(":")[2].isdigit()
    assert SECRET not in repr(running.notes.lines)
    assert "Oksana" not in repr(running.notes.lines)


async def test_problems_are_documents_for_programs_and_pages_for_people(running: Running) -> None:
    async with running.client.get("/refused") as answer:
        assert answer.content_type == "application/problem+json"
        assert json.loads(await answer.read()) == {
            "type": "about:blank",
            "title": "Conflict",
            "status": 409,
            "detail": "Ponte Tejo has withdrawn it meanwhile.",
            "code": "stale",
        }
    async with running.client.get("/refused", headers=HTML) as answer:
        page = await answer.text()
        assert answer.status == 409
        assert "<h1" in page
        assert "Too late" in page
        assert "Ponte Tejo has withdrawn it meanwhile." in page
    async with running.client.get("/nothing", headers=HTML) as answer:
        assert answer.status == 404
        assert 'href="/"' in await answer.text()
    async with running.client.post("/", data={}, headers={"Origin": running.origin}) as answer:
        assert answer.status == 405
        assert set(answer.headers["Allow"].split(",")) == {"GET", "HEAD"}
    async with running.client.get("/gone", allow_redirects=False) as answer:
        assert answer.status == 303
        assert answer.headers["Location"] == "/elsewhere"


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (HTML["Accept"], True),
        ("text/html", True),
        ("text/html;q=0.5, application/json;q=0.4", True),
        ("application/json, text/html;q=0.9", False),
        ("application/problem+json", False),
        ("*/*", False),
        ("", False),
        ("text/html;q=0", False),
        ("text/html;q=nonsense", False),
        (";;;,,,q=", False),
    ],
)
def test_who_wants_a_page(accept: str, html: bool) -> None:
    assert prefers_html(accept) is html


async def post(running: Running, head: str, body: bytes) -> bytes:
    lines = (
        f"POST /form HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\nOrigin: {running.origin}\r\n"
        f"Connection: close\r\n{head}\r\n"
    )
    return await raw(running, lines.encode() + body)


FORM = "Content-Type: application/x-www-form-urlencoded\r\n"


async def test_forms_over_a_socket(running: Running) -> None:
    answer = await post(running, FORM + "Content-Length: 11\r\n", b"a=1&a=2&b=%")
    assert b" 400 " in answer.split(b"\r\n")[0]
    answer = await post(running, FORM + "Content-Length: 9\r\n", b"a=1&a=%D0")
    assert b" 200 " in answer.split(b"\r\n")[0]
    assert answer.endswith(b'{"a": ["1", "\\ufffd"]}')
    for head, status in (
        ("Content-Type: text/plain\r\nContent-Length: 3\r\n", b" 415 "),
        ("Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 3\r\n", b" 415 "),
        ("Content-Length: 3\r\n", b" 415 "),
        (FORM + "Content-Encoding: gzip\r\nContent-Length: 3\r\n", b" 415 "),
    ):
        assert status in (await post(running, head, b"a=1")).split(b"\r\n")[0], head


async def test_too_large_is_refused_before_it_is_read_announced_or_not(running: Running) -> None:
    announced = await post(running, FORM + "Content-Length: 100000000000\r\n", b"a=1")
    assert b" 413 " in announced.split(b"\r\n")[0]
    chunks = b"".join(b"64\r\n" + b"x" * 100 + b"\r\n" for _ in range(20)) + b"0\r\n\r\n"
    chunked = await post(running, FORM + "Transfer-Encoding: chunked\r\n", chunks)
    assert b" 413 " in chunked.split(b"\r\n")[0]
    assert b"form-too-large" in chunked


async def test_half_a_form_is_not_waited_for(running: Running) -> None:
    answer = await post(running, FORM + "Content-Length: 100\r\n", b"a=1")
    assert b" 408 " in answer.split(b"\r\n")[0]
    assert b"slow-form" in answer
    async with running.client.get("/") as after:
        assert after.status == 200
