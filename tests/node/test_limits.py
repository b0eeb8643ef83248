"""How much one sender may ask for, and what is kept of the disk: refused for now, signed, with a
time to come back; nothing is lost, and it goes on by itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from deceived import QUEUED, count, deceived, refer, still_queued, trouble, until
from forge import Forge, contents, refused
from liar import Liar, answers
from node_world import Clock, Offices, delivered, say, send, view
from raw_http import Heard, talk
from referral_node.api.listener import COME_BACK, PARCEL_TYPE, build_listener
from referral_node.api.pace import MOST, Buckets, Pace
from referral_node.store.room import MIB, Room
from referral_protocol.statements import Head
from referral_ui.connections import listen

GIB = 1024 * MIB


class Seconds:
    """A monotonic clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def offices(tmp_path: Path) -> AsyncIterator[Offices]:
    made = Offices(tmp_path, "utrecht", "lisboa", "lviv")
    await made.start()
    yield made
    await made.stop()


@asynccontextmanager
async def paced(offices: Offices, pace: Pace) -> AsyncIterator[int]:
    """Utrecht also listens with this pace, and what is forged goes there. Gives the port."""
    utrecht = offices["utrecht"]
    listening = await listen(
        build_listener(utrecht.exchange, pace), "127.0.0.1", 0, log=structlog.get_logger()
    )
    before, utrecht.endpoint = utrecht.endpoint, f"http://127.0.0.1:{listening.port}"
    try:
        yield listening.port
    finally:
        utrecht.endpoint = before
        await listening.close()


# members


async def test_a_member_has_its_share_and_no_others(offices: Offices) -> None:
    clock = Seconds()
    lisboa = Forge("lisboa", offices["utrecht"], offices["lisboa"].id)
    lviv = Forge("lviv", offices["utrecht"], offices["lviv"].id)
    async with paced(offices, Pace(parcels=3, monotonic=clock)):
        for _ in range(3):
            assert (await lisboa.send(lisboa.message()[0])).code is None
        message, _ = lisboa.message()
        told = await refused(lisboa, await lisboa.parcel(message), "busy")
        assert told.retry_after == "20"
        assert (await lviv.send(lviv.message()[0])).code is None
        clock.now += 19
        assert (await lisboa.send(message)).code == "busy"
        clock.now += 1
        assert (await lisboa.send(message)).code is None


async def test_nobody_uses_up_a_members_share_in_its_name(offices: Offices) -> None:
    """Only a signature that verifies counts against a member."""
    lisboa = Forge("lisboa", offices["utrecht"], offices["lisboa"].id)
    lviv = Forge("lviv", offices["utrecht"], offices["lviv"].id)
    async with paced(offices, Pace(parcels=1, monotonic=Seconds())):
        for _ in range(3):
            message, _ = lisboa.message()
            await refused(lisboa, await lisboa.parcel(message, node=lviv.node), "bad-signature")
        assert (await lisboa.send(lisboa.message()[0])).code is None


# strangers


def posted(parcel: bytes) -> bytes:
    head = f"POST /v1/parcels HTTP/1.1\r\nHost: x\r\nContent-Type: {PARCEL_TYPE}\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(parcel) + parcel


STRANGE = {
    "no parcel": posted(b"\x00\x0a" + b"\xc1" * 10),
    "of another type": b"POST /v1/parcels HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "a prekey": b"GET /v1/prekey HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("name", STRANGE)
async def test_a_stranger_has_a_share_of_its_network(offices: Offices, name: str) -> None:
    clock = Seconds()
    request = STRANGE[name]
    async with paced(offices, Pace(strangers=2, monotonic=clock)) as port:
        for _ in range(2):
            assert (await talk(port, request, source="127.0.0.2")).status in (200, 400, 415)
        for each in STRANGE.values():
            heard = await talk(port, each, source="127.0.0.2")
            assert (heard.status, heard.problem()["code"]) == (429, "busy")
            assert b"Retry-After: 30\r\n" in heard.data
        assert (await talk(port, request, source="127.0.0.3")).status != 429
        clock.now += 30
        assert (await talk(port, request, source="127.0.0.2")).status != 429


async def test_one_that_speaks_for_nobody_is_a_stranger(offices: Offices) -> None:
    lisboa = Forge("lisboa", offices["utrecht"], offices["lisboa"].id)
    lviv = Forge("lviv", offices["utrecht"], offices["lviv"].id)
    forged = [await lisboa.parcel(lisboa.message()[0], node=lviv.node) for _ in range(3)]
    async with paced(offices, Pace(strangers=2, monotonic=Seconds())) as port:
        heard = [await talk(port, posted(each), source="127.0.0.2") for each in forged]
    assert [each.status for each in heard] == [200, 200, 429]


async def test_a_members_own_parcels_are_nothing_strange(offices: Offices) -> None:
    lisboa = Forge("lisboa", offices["utrecht"], offices["lisboa"].id)
    parcels = [await lisboa.parcel(lisboa.message()[0]) for _ in range(4)]
    heard: list[Heard] = []
    async with paced(offices, Pace(strangers=1, monotonic=Seconds())) as port:
        for each in parcels:
            heard.append(await talk(port, posted(each), source="127.0.0.2"))
    assert [each.status for each in heard] == [200] * 4
    assert (await contents(offices["utrecht"]))["messages"] == 4


def test_a_bucket_that_nobody_used_for_long_is_forgotten() -> None:
    buckets = Buckets(1, 1, Seconds())
    for number in range(MOST + 5):
        assert buckets.take(str(number)) == 0
    assert len(buckets._left) == MOST
    assert buckets.take(str(MOST)) == 1
    assert buckets.take("0") == 0


def test_a_bucket_never_holds_more_than_it_is_large() -> None:
    clock = Seconds()
    buckets = Buckets(2, 0.5, clock)
    clock.now += 1_000_000
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 2, 2]
    clock.now += 1
    assert buckets.wait("a") == 1
    clock.now += 1
    assert [buckets.take("a") for _ in range(2)] == [0, 2]


# what the courier does about it


@pytest.fixture
async def lied_to(tmp_path: Path) -> AsyncIterator[tuple[Offices, Liar]]:
    async with deceived(tmp_path) as made:
        yield made


def signed(liar: Liar, code: str, *fields: str) -> Callable[..., Awaitable[None]]:
    async def say_so(writer: asyncio.StreamWriter, body: bytes) -> None:
        refusal = liar.envelope(liar.receipt(body, code=code, answers=()))
        await answers(refusal, *fields)(writer, body)

    return say_so


@pytest.mark.parametrize(("asked", "seconds"), [("1800", 1800), ("90000", 3600)])
@pytest.mark.parametrize("how", ["signed", "unsigned"])
async def test_the_courier_comes_back_when_it_was_told_but_within_the_hour(
    lied_to: tuple[Offices, Liar], how: str, asked: str, seconds: int
) -> None:
    offices, liar = lied_to
    lisboa = offices["lisboa"]
    field = f"Retry-After: {asked}"
    liar.on_parcel = (
        signed(liar, "busy", field) if how == "signed" else answers(b"", field, status=429)
    )
    await refer(lisboa, liar, "routine")
    await trouble(lisboa)
    liar.on_parcel = None
    offices.clock.now += (seconds - 1) * 1000
    lisboa.courier.wake_all()
    await asyncio.sleep(0.1)
    assert liar.held == []
    assert await count(lisboa, QUEUED) == 1
    offices.clock.now += 1000
    lisboa.courier.wake_all()
    await until(lisboa, QUEUED, 0)


@pytest.mark.parametrize("asked", ["soon", "-5", "1.5", "", "9" * 400, "٣"])
async def test_a_time_that_is_none_means_nothing(lied_to: tuple[Offices, Liar], asked: str) -> None:
    offices, liar = lied_to
    lisboa = offices["lisboa"]
    liar.on_parcel = signed(liar, "busy", f"Retry-After: {asked}")
    said = await refer(lisboa, liar, "routine")
    assert await still_queued(lisboa, liar, said) == "busy"


# the disk


class Disk:
    """A disk of a size of its own."""

    def __init__(self, total: int, free: int) -> None:
        self.total = total
        self.free = free

    def __call__(self, _: Path) -> tuple[int, int]:
        return self.total, self.free


@pytest.mark.parametrize(
    ("total", "free", "enough"),
    [
        (1000 * GIB, 257 * MIB, True),
        (1000 * GIB, 255 * MIB, False),
        (5 * GIB, 103 * MIB, True),
        (5 * GIB, 102 * MIB, False),
        (5 * GIB, 0, False),
    ],
)
def test_the_reserve_is_256_mib_or_two_per_cent_of_a_small_disk(
    tmp_path: Path, total: int, free: int, *, enough: bool
) -> None:
    room = Room(tmp_path, measure=Disk(total, free), quiet=True)
    assert room.enough() is enough
    assert (room.low, room.free) == (not enough, free)


def test_a_disk_that_cannot_be_asked_refuses_nothing(tmp_path: Path) -> None:
    def broken(_: Path) -> tuple[int, int]:
        raise OSError("no such file system")

    assert Room(tmp_path, measure=broken).enough()
    assert Room(tmp_path).free > 0


async def test_below_the_reserve_nothing_of_others_is_taken_and_our_own_goes_on(
    offices: Offices, tmp_path: Path
) -> None:
    utrecht, lisboa = offices["utrecht"], offices["lisboa"]
    first = await send(offices)
    await delivered(lisboa)
    forge = Forge("lisboa", utrecht, lisboa.id)
    known = await forge.parcel(forge.message()[0])
    receipt = (await forge.post(known)).receipt
    await utrecht.exchange.importing.run(utrecht.vault)
    disk = Disk(GIB, GIB)
    with capture_logs() as lines:
        room = Room(tmp_path, measure=disk)
        utrecht.exchange.core.room = room.enough
        disk.free = MIB
        assert not room.enough()
        told = await refused(forge, await forge.parcel(forge.message()[0]), "disk")
        assert told.retry_after == str(COME_BACK["disk"])
        # What was taken before is answered as before; what our own people say goes out.
        assert (await forge.post(known)).receipt == receipt
        await say(utrecht, first.thread, "note", Head(), form="note", text="We still can write")
        await delivered(utrecht)
        second = await send(offices)
        await asyncio.sleep(0.1)
        assert await count(lisboa, QUEUED) == 1
        disk.free = GIB
        await _comes(offices, lisboa.courier.wake_all)
    events = [line["event"] for line in lines if line["event"].startswith("disk.")]
    assert events == ["disk.low", "disk.back"]
    await utrecht.exchange.importing.run(utrecht.vault)
    assert (await view(utrecht, second.thread)).opener is not None


async def _comes(offices: Offices, wake: Callable[[], None]) -> None:
    """Once the time to come back is over."""
    clock: Clock = offices.clock
    clock.now += 2 * 3_600_000
    wake()
    await delivered(offices["lisboa"])
