"""Parcels that come twice, at once, half or when nothing can be stored."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from directory_world import DAY, id_of
from forge import Forge, contents, refused
from node_world import ACTOR, Office, Offices, delivered
from raw_http import talk
from referral_node.api import listener
from referral_node.store import StoreError
from referral_protocol.parcels import Header, ParcelHead, parse_head
from referral_protocol.statements import Head
from referral_protocol.wire import decode

HOUR = DAY // 24


@pytest.fixture
async def offices(tmp_path: Path) -> AsyncIterator[Offices]:
    made = Offices(tmp_path, "utrecht", "lisboa", "lviv")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def utrecht(offices: Offices) -> Office:
    return offices["utrecht"]


@pytest.fixture
def lisboa(offices: Offices) -> Forge:
    return Forge("lisboa", offices["utrecht"], offices["lisboa"].id)


# again, and at once


async def test_a_parcel_sent_again_gets_the_same_receipt(lisboa: Forge, utrecht: Office) -> None:
    message, signed = lisboa.message()
    data = await lisboa.parcel(message)
    answers = [await lisboa.post(data) for _ in range(3)]
    answers += await asyncio.gather(*(lisboa.post(data) for _ in range(5)))
    assert {each.signed.content for each in answers if each.signed} == {
        answers[0].signed.content if answers[0].signed else b""
    }
    assert (await contents(utrecht))["messages"] == 1
    lisboa.office.clock.now += 2 * DAY
    later = await lisboa.post(data)  # its prekey is over since, and it is not opened again
    assert later.receipt == answers[0].receipt
    assert later.receipt.answers[0].statement == signed.hash


async def test_many_copies_at_the_same_moment_are_one(lisboa: Forge, utrecht: Office) -> None:
    message, _ = lisboa.message()
    data = await lisboa.parcel(message)
    answers = await asyncio.gather(*(lisboa.post(data) for _ in range(listener.MOST_OF_ONE)))
    assert len({each.signed.content for each in answers if each.signed}) == 1
    found = await contents(utrecht)
    assert (found["messages"], found["bodies"], found["given"]) == (1, 1, 1)


async def test_a_receipt_from_before_its_parcel_is_not_asked_for_again(
    offices: Offices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both clocks leap back while a parcel is under way: its receipt counts for nothing, and the
    same bytes would get it again. Their messages go in a new parcel."""
    from_utrecht, to_lisboa = offices["utrecht"], offices["lisboa"]
    real = to_lisboa.exchange.inbox.receive

    async def leaps(head: ParcelHead, sealed: bytes) -> bytes:
        monkeypatch.setattr(to_lisboa.exchange.inbox, "receive", real)
        offices.clock.now -= HOUR  # after the head was found right
        return await real(head, sealed)

    monkeypatch.setattr(to_lisboa.exchange.inbox, "receive", leaps)
    await from_utrecht.exchange.voice.open(
        from_utrecht.vault,
        ACTOR,
        recipient=to_lisboa.id,
        head=Head("advice", "routine", offices.clock.now + DAY, None),
        content={
            "form": "question",
            "author": {"name": "Jasmijn", "role": "point-of-contact"},
            "language": "en",
            "subject": "Opening hours",
            "question": "Are you open tomorrow?",
        },
    )
    async with asyncio.timeout(10):
        while not await _failures(from_utrecht):  # noqa: ASYNC110 - it lies in a database
            await asyncio.sleep(0.01)
    assert await _waiting(from_utrecht) == 1
    offices.clock.now += 2 * HOUR
    from_utrecht.courier.wake_all()
    await delivered(from_utrecht)
    assert (await contents(to_lisboa))["messages"] == 1


async def _failures(office: Office) -> bool:
    return await office.store.row("SELECT 1 FROM peers WHERE failures > 0") is not None


async def _waiting(office: Office) -> int:
    return len(await office.store.rows("SELECT message FROM outbox"))


async def test_another_member_with_the_same_parcel_id_gets_its_own_receipt(
    offices: Offices, lisboa: Forge, utrecht: Office
) -> None:
    lviv = Forge("lviv", utrecht, id_of("lviv"))
    name = b"p" * 16
    ours, _ = lisboa.message()
    theirs, signed = lviv.message()
    first = await lisboa.post(await lisboa.parcel(ours, parcel=name))
    second = await lviv.post(await lviv.parcel(theirs, parcel=name))
    assert second.receipt.sender == lviv.sender
    assert [a.statement for a in second.receipt.answers] == [signed.hash]
    assert first.receipt.answers != second.receipt.answers
    again = await lisboa.post(await lisboa.parcel(ours, parcel=name))
    assert again.receipt == first.receipt


async def test_one_that_sends_without_end_takes_no_others_place(
    lisboa: Forge, utrecht: Office
) -> None:
    port = int(utrecht.endpoint.rsplit(":", 1)[1])
    slow = []
    for _ in range(listener.MOST_OF_ONE):  # verified heads whose rest does not come
        data = await lisboa.parcel(lisboa.message()[0])
        end = 2 + int.from_bytes(data[:2], "big") + 100
        slow.append(await _begin(port, data, end))
    await asyncio.sleep(0.05)
    message, _ = lisboa.message()
    await refused(lisboa, await lisboa.parcel(message), "busy")
    lviv = Forge("lviv", utrecht, id_of("lviv"))
    assert (await lviv.send(lviv.message()[0])).code is None
    for writer in slow:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()
    await _until_free(lisboa, message)


async def _begin(port: int, data: bytes, end: int) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        "POST /v1/parcels HTTP/1.1\r\nHost: x\r\n"
        f"Content-Type: {listener.PARCEL_TYPE}\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    writer.write(head.encode() + data[:end])
    await writer.drain()
    return writer


async def _until_free(lisboa: Forge, message: Any) -> None:
    async with asyncio.timeout(5):
        while (await lisboa.send(message)).code == "busy":  # noqa: ASYNC110 - over there
            await asyncio.sleep(0.02)


async def test_a_rest_that_does_not_come_is_told_so(
    lisboa: Forge, utrecht: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "BODY_TIME", 0.1)
    data = await lisboa.parcel(lisboa.message()[0])
    port = int(utrecht.endpoint.rsplit(":", 1)[1])
    head = (
        "POST /v1/parcels HTTP/1.1\r\nHost: x\r\n"
        f"Content-Type: {listener.PARCEL_TYPE}\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    before = await contents(utrecht)
    answers = await talk(port, head.encode() + data[:-1])
    assert answers.problem()["code"] == "slow"
    assert await contents(utrecht) == before


# when nothing can be stored


@pytest.mark.parametrize(
    ("fault", "code"), [("disk", "disk"), ("read-only", "disk"), ("x", "busy")]
)
async def test_what_cannot_be_stored_is_refused_for_now(
    lisboa: Forge, utrecht: Office, monkeypatch: pytest.MonkeyPatch, fault: str, code: str
) -> None:
    message, _ = lisboa.message()
    data = await lisboa.parcel(message)
    write = utrecht.store.write

    async def full(_: Callable[..., Awaitable[Any]]) -> Any:
        raise StoreError(fault, "no room")

    monkeypatch.setattr(utrecht.store, "write", full)
    await refused(lisboa, data, code)
    monkeypatch.setattr(utrecht.store, "write", write)
    assert (await lisboa.post(data)).code is None


async def test_the_headers_of_these_tests_are_the_protocols_own(lisboa: Forge) -> None:
    data = await lisboa.parcel(lisboa.message()[0])
    head = parse_head(data[2 : 2 + int.from_bytes(data[:2], "big")])
    assert decode(head.content, Header, 512, "header") == head.header
