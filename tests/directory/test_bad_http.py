"""What a stranger can do to the directory over HTTP, and what it costs: nothing that stays."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from directory_server import MSGPACK, Client, made
from directory_world import id_of, signer
from raw_http import talk
from referral_directory.log.requests import MOST_WAITING, Kept, Requests
from referral_directory.server.limits import BURST
from referral_protocol.directory import paths
from referral_protocol.directory.requests import MAX_SUBMISSION
from referral_protocol.wire import encode

BOARD = paths.publish_path(id_of("lisbon"))
WRITES = (("POST", paths.REQUESTS), ("POST", paths.SUBMIT), ("PUT", BOARD))


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    # Behind a proxy each test may be as many strangers as it likes.
    place = await made(tmp_path / "state", proxy=True)
    async with place.served() as served:
        yield served


class Strangers:
    """Headers of one stranger after the other, so that none is told to wait."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, **headers: str) -> dict[str, str]:
        self.count += 1
        address = f"198.51.{self.count // 250}.{self.count % 250}"
        return MSGPACK | {"X-Forwarded-For": address} | headers


async def rows(client: Client, table: str) -> int:
    row = await client.running.ledger.store.row(f"SELECT COUNT(*) FROM {table}")  # noqa: S608 - the name of the table is ours
    assert row is not None
    return int(row[0])


async def requests_of(client: Client) -> list[Kept]:
    """The requests that wait, as the registrar sees them."""
    return await Requests(client.running.ledger).waiting()


TYPES = ["application/json", "text/plain", "application/msgpack-x", "multipart/form-data", "x"]
CODINGS = ["gzip", "br", "deflate", "zstd", "gzip, identity", "GZIP", "x-unknown"]


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_only_msgpack_as_it_is(client: Client, method: str, path: str) -> None:
    stranger = Strangers()
    wrong = [stranger(**{"Content-Type": each}) for each in TYPES]
    wrong += [stranger(**{"Content-Encoding": each}) for each in CODINGS]
    for headers in wrong:
        answer = await client.send(method, path, b"\x90", headers)
        assert answer.refused == (415, None), headers
    assert await rows(client, "requests") == 0


HOSTILE = {
    "nothing": b"",
    "not msgpack": b"\xc1" * 1000,
    "a map": b"\x80",
    "a flood of keys": b"\xde\xff\xff"
    + b"".join(b"\xa2%c%c\xc0" % divmod(n, 64) for n in range(4096)),
    "the same key": b"\xdf\x00\x00\x40\x00" + b"\xa1k\xc0" * 16384,
    "an array that claims to be long": b"\xdd\xff\xff\xff\xff",
    "a text that claims to be long": b"\xdb\xff\xff\xff\xff" + b"x" * 100,
    "deep arrays": b"\x91" * 50_000,
    "deep maps": b"\x81\xa1k" * 50_000,
    "an extension": b"\xc9\x00\x00\x01\x00\x05" + bytes(256),
    "four nothings": encode([b"", [], [], None]),
    "many signatures": encode([b"x", [[bytes(32), bytes(64)]] * 1500, [], None]),
    "many records": encode([b"x", [[bytes(32), bytes(64)]], [["a", bytes(32), b"x"]] * 3000, None]),
    "as large as may be": b"\x94\xc6\x00\x02\x80\x00" + bytes(128 * 1024) + b"\x90\x90\xc0",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_bodies_are_refused_at_once(client: Client, name: str) -> None:
    stranger, body = Strangers(), HOSTILE[name]
    for method, path in WRITES:
        began = time.process_time()
        answer = await client.send(method, path, body, stranger())
        status, code = answer.refused
        assert status in (400, 403, 404, 413, 422), (path, status)
        assert code
        assert time.process_time() - began < 2, "a request of 168 KiB costs seconds"
        assert len(answer.body) < 1000
    assert await rows(client, "requests") == 0
    assert (await client.replica()).size == 1


async def test_ten_thousand_requests_to_join_from_one_address(client: Client) -> None:
    """The first ones are read, the others are told to come back; nobody else notices."""
    join = client.join_of("lisbon").pack()
    other = client.join_of("utrecht").pack()
    headers = MSGPACK | {"X-Forwarded-For": "192.0.2.1"}
    statuses: dict[int, int] = {}

    async def some(count: int) -> None:
        for _ in range(count):
            answer = await client.send("POST", paths.REQUESTS, join, headers)
            statuses[answer.status] = statuses.get(answer.status, 0) + 1
            if answer.status == 429:
                assert int(answer.headers["Retry-After"]) >= 1

    began = time.monotonic()
    await asyncio.gather(*(some(500) for _ in range(20)))
    took = time.monotonic() - began
    assert sum(statuses.values()) == 10_000
    assert set(statuses) == {200, 202, 429}
    assert statuses[202] == 1
    assert statuses[200] + 1 <= BURST + took  # one more every two seconds
    assert await rows(client, "requests") == 1
    assert [kept.state.state for kept in await requests_of(client)] == ["waiting"]
    taken = await client.send("POST", paths.REQUESTS, other, Strangers()())
    assert taken.status == 202
    await client.get(paths.CHECKPOINT)


async def test_requests_of_many_strangers_are_bounded(client: Client) -> None:
    """A registrar's list is no memory without end: beyond it new ones are told to come back."""
    stranger = Strangers()
    store = client.running.ledger.store
    first = client.join_of("lisbon").pack()
    await store.write(
        lambda tx: tx.many(
            "INSERT INTO requests (request, member, submission, state, text, received_at, "
            "changed_at) VALUES (?, ?, ?, 'waiting', '', 1, 1)",
            [(number.to_bytes(16, "big"), bytes(16), first) for number in range(MOST_WAITING)],
        )
    )
    answer = await client.send("POST", paths.REQUESTS, first, stranger())
    assert answer.refused == (503, "busy")
    assert int(answer.headers["Retry-After"]) >= 1
    assert await rows(client, "requests") == MOST_WAITING
    await store.write(lambda tx: tx.execute("DELETE FROM requests WHERE request = ?", (bytes(16),)))
    assert (await client.send("POST", paths.REQUESTS, first, stranger())).status == 202


HEADS = {
    "many fields": b"GET /checkpoint HTTP/1.1\r\nHost: x\r\n" + b"X-Y: z\r\n" * 20_000 + b"\r\n",
    "a long field": b"GET /checkpoint HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
    "a long query": b"GET /checkpoint?" + b"a=1&" * 30_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "lengths apart": b"POST /v1/requests HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a negative length": b"POST /v1/requests HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "a chunk without end": b"POST /v1/requests HTTP/1.1\r\nHost: x\r\n"
    b"Content-Type: application/msgpack\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "a line within a field": b"GET /checkpoint HTTP/1.1\r\nHost: x\r\nX: a\rB: c\r\n\r\n",
}


@pytest.mark.parametrize("name", HEADS)
async def test_heads_that_no_client_sends(client: Client, name: str) -> None:
    heard = await talk(client.running.port, HEADS[name])
    assert heard.status in (0, 400, 413, 415), heard.data[:200]
    assert heard.closed
    assert b"Traceback" not in heard.data
    await client.get(paths.CHECKPOINT)


async def test_a_head_as_large_as_it_likes_is_not_kept(client: Client) -> None:
    """Bytes without an end of line: cut off long before they are many."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.running.port)
    sent = 0
    try:
        async with asyncio.timeout(20):
            writer.write(b"GET /")
            while not reader.at_eof() and sent < 64 * 1024 * 1024:
                writer.write(b"a" * 65536)
                await writer.drain()
                sent += 65536
                if await _ended(reader):
                    break
    except ConnectionError:
        pass
    finally:
        writer.transport.abort()
    assert sent < 16 * 1024 * 1024
    await client.get(paths.CHECKPOINT)


async def _ended(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(0.001):
            while await reader.read(65536):
                pass
            return True
    except TimeoutError:
        return False


async def test_a_slow_body_holds_up_nobody(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty bodies that never end: others are served meanwhile, and the twenty are cut off."""
    monkeypatch.setattr("referral_directory.server.limits.BODY_TIME", 0.5)
    head = (
        b"POST /v1/requests HTTP/1.1\r\nHost: x\r\nContent-Type: application/msgpack\r\n"
        b"X-Forwarded-For: 192.0.2.9\r\nContent-Length: %d\r\n\r\n" % MAX_SUBMISSION
    )
    slow = [asyncio.create_task(talk(client.running.port, head, b"\x94")) for _ in range(20)]
    await client.get(paths.CHECKPOINT)
    taken = await client.send(
        "POST", paths.REQUESTS, client.join_of("lisbon").pack(), Strangers()()
    )
    assert taken.status == 202
    for heard in await asyncio.gather(*slow):
        assert heard.status == 408


@pytest.mark.parametrize(
    "path",
    [
        "/tile/entries/%2e%2e/%2e%2e/keys/log.key",
        "/../keys/log.key",
        "/tile/entries/000/../../../directory.sqlite",
        "/v1/board/tiles/" + "0" * 63,
        "/v1/board/tiles/" + "g" * 64,
        "/v1/board/" + "0" * 32,
        "/v1/records/" + "0" * 32,
        "/v1/members/" + "0" * 32,
        "/tile/entries/x999/x999/x999/x999/x999/x999/999",
        "/tile/0/" + "0" * 5000,
        "/tile/63/000",
        "//checkpoint",
        "/checkpoint/",
    ],
)
async def test_addresses_that_are_none(client: Client, path: str) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    heard = await talk(client.running.port, head)
    assert heard.status in (400, 404, 405), path


async def test_a_member_cannot_be_asked_for_alone(client: Client) -> None:
    """No GET gives one member's prekeys or profile, whatever it is called."""
    await client.admit("lisbon")
    name = id_of("lisbon").hex()
    for path in (BOARD, f"/v1/board?member={name}", f"/v1/records?member={name}"):
        answer = await client.send("GET", path, None, {})
        whole = await client.body(path.partition("?")[0]) if "?" in path else None
        assert answer.status == (405 if whole is None else 200)
        assert whole is None or answer.body == whole
    assert signer("lisbon vault").public not in await client.body(paths.BOARD)
