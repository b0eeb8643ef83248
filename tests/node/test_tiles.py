"""Reading the directory's tiles: all that are new, again what may be other now, none by halves."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from federation import DIRECTORY, Federation
from links import Answer, Request
from referral_node.delivery import tiles
from referral_node.delivery.tiles import Found, Shelf, read_all
from referral_node.store import StoreError
from referral_protocol.directory.tiles import EMPTY_TILE, TILE_MEMBERS, Index
from referral_protocol.errors import ProtocolError


def name(number: int) -> bytes:
    return number.to_bytes(32, "big")


INDEX = Index((name(0), name(1), EMPTY_TILE, name(3)))


def test_a_shelf_wants_what_it_has_not_read() -> None:
    shelf = Shelf()
    assert shelf.missing(INDEX) == [name(0), name(1), name(3)]
    shelf.put([name(0), name(1), name(3)])
    assert shelf.missing(INDEX) == []
    assert shelf.missing(Index((name(0), name(9), EMPTY_TILE, name(3)))) == [name(9)]
    # What the index did not name in between is not remembered.
    assert shelf.missing(INDEX) == [name(1)]


def test_a_change_of_the_log_wants_the_tile_of_whom_it_is_about() -> None:
    shelf = Shelf()
    shelf.put([name(0), name(1), name(3)])
    shelf.look_again([TILE_MEMBERS, TILE_MEMBERS + 5, 3 * TILE_MEMBERS - 1, 99 * TILE_MEMBERS])
    assert shelf.missing(INDEX) == [name(1)]
    assert shelf.missing(INDEX) == [name(1)], "until it was read"
    shelf.put([name(1)])
    assert shelf.missing(INDEX) == []


class Server:
    """Gives tiles; remembers what was asked, and how many at once."""

    def __init__(self, *broken: bytes) -> None:
        self.asked: list[bytes] = []
        self.most = 0
        self._now = 0
        self._broken = broken

    async def fetch(self, tile: bytes) -> bytes:
        self.asked.append(tile)
        self._now += 1
        self.most = max(self.most, self._now)
        await asyncio.sleep(0)
        self._now -= 1
        if tile in self._broken:
            raise ConnectionError
        return b"tile " + tile


def read(data: bytes, tile: bytes) -> tuple[list[bytes], list[ProtocolError]]:
    assert data == b"tile " + tile
    odd = tile[-1] % 5 == 4
    return [tile], [ProtocolError("wrong-record", "test")] if odd else []


async def test_all_are_fetched_some_at_a_time() -> None:
    server, stored = Server(), list[Found[bytes]]()
    names = [name(number) for number in range(2 * tiles.AT_ONCE + 3)]

    async def store(found: Found[bytes]) -> bool:
        stored.append(found)
        return len(stored) == 2

    assert await read_all(names, server.fetch, read, store)
    assert server.asked == names
    assert 1 < server.most <= 2 * tiles.AT_ONCE
    assert [tile for found in stored for tile in found.items] == names
    whole = [tile for found in stored for tile in found.whole]
    assert whole == [tile for tile in names if tile[-1] % 5 != 4]
    assert sum(found.refused for found in stored) == len(names) - len(whole)
    assert not await read_all([], server.fetch, read, store)


async def test_what_came_before_a_failure_is_kept_and_nothing_runs_on() -> None:
    server, stored = Server(name(tiles.AT_ONCE + 1)), list[bytes]()
    names = [name(number) for number in range(5 * tiles.AT_ONCE)]

    async def store(found: Found[bytes]) -> bool:
        stored.extend(found.items)
        return True

    before = asyncio.all_tasks()
    with pytest.raises(ConnectionError):
        await read_all(names, server.fetch, read, store)
    assert stored == names[: tiles.AT_ONCE]
    assert len(server.asked) <= 2 * tiles.AT_ONCE
    assert asyncio.all_tasks() == before

    async def full(_found: Found[bytes]) -> bool:
        raise StoreError("disk", "no room")

    with pytest.raises(StoreError):
        await read_all(names[2 * tiles.AT_ONCE :], server.fetch, read, full)
    assert asyncio.all_tasks() == before


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path, "lisboa", "utrecht") as made:
        yield made


@pytest.mark.parametrize("path", ["/v1/records/tiles/", "/v1/board/tiles/"])
async def test_a_tile_that_failed_is_asked_for_again(fed: Federation, path: str) -> None:
    """Though the index stays as it was: it was answered, and what it names was not read."""
    link, poller = fed.link("lisboa", DIRECTORY), fed["lisboa"].node.poller
    assert poller is not None
    await fed.change_status_unseen(fed["utrecht"], "suspended")
    failed: list[str] = []

    def once(request: Request, _answer: Answer) -> bytes | None:
        if request.path.startswith(path) and not failed:
            failed.append(request.path)
            return b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"
        return None

    link.change = once
    while await poller.poll():
        assert not failed
    assert poller.trouble == "http-500"
    count = len(link.requests)
    assert await poller.poll()
    assert failed[0] in [request.path for request in link.requests[count:]]
