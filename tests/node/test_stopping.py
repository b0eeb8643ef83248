"""SIGTERM with something under way: it is finished, or safely left, and in bounded time."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
from yarl import URL

from fed_member import PASSWORD, Member
from federation import DIRECTORY, Federation, until
from files import pdf, pieces
from links import LOSE, PASS
from page_reader import Reader
from referral_node.exchange.files.names import safe_name
from referral_protocol.receipts import HELD, parse_envelope, verify_receipt

MIB = 1024 * 1024
ENDED = 0
"""What a process that was told once ends with."""


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    """Utrecht runs as a process, on the machine's clock; Lisbon runs here."""
    names = ("lisboa", "utrecht")
    now = time.time_ns() // 1_000_000
    async with Federation(tmp_path, *names, strong=("utrecht",), now=now) as made:
        await made["utrecht"].stop()
        await made["utrecht"].start_process()
        yield made


@asynccontextmanager
async def half(
    port: int | None, request: bytes
) -> AsyncIterator[tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection on which all but the last bytes of a request were sent; gives these too.

    The process has the request's head by then: it said 100 Continue.
    """
    line, _, rest = request.partition(b"\r\n")
    fields, _, body = rest.partition(b"\r\n\r\n")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\r\n".join((line, b"Expect: 100-continue", fields)) + b"\r\n\r\n")
    async with asyncio.timeout(20):
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body[:-40])
        await writer.drain()
    try:
        yield body[-40:], reader, writer
    finally:
        writer.transport.abort()


async def ended(member: Member) -> int:
    """The exit code of a process that was told to stop."""
    assert member.process is not None
    async with asyncio.timeout(30):
        code = await member.process.wait()
    await member.stop()
    return code


def tell(member: Member, how: signal.Signals = signal.SIGTERM) -> None:
    assert member.process is not None
    member.process.send_signal(how)


async def stopping(member: Member) -> None:
    """Until it has heard."""

    async def heard() -> bool:
        return any(line["event"] == "node.stopping" for line in member.log)

    await until(heard)


async def lost_parcel(fed: Federation) -> tuple[bytes, bytes]:
    """A statement's hash, and the request that should have brought it and did not arrive."""
    link = fed.link("lisboa", "utrecht")
    await fed["lisboa"].refer(fed["utrecht"])  # so that its prekey is known
    await fed.settle()
    link.next(LOSE)
    said = await fed["lisboa"].refer(fed["utrecht"])
    await until(lambda: _asked(fed, 2))
    return said.hash, link.parcels()[-1].data


async def _asked(fed: Federation, count: int) -> bool:
    return len(fed.link("lisboa", "utrecht").parcels()) >= count


async def test_a_parcel_under_way_is_finished(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    statement, request = await lost_parcel(fed)
    async with half(utrecht.port, request) as (rest, reader, writer):
        tell(utrecht)
        await stopping(utrecht)
        writer.write(rest)
        async with asyncio.timeout(10):
            answer = await reader.read()
    assert await ended(utrecht) == ENDED
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    envelope = parse_envelope(body)
    node = lisboa.exchange.members.node_key(utrecht.id)
    receipt = verify_receipt(envelope.content, envelope.signature, node).receipt
    assert [(a.statement, a.status) for a in receipt.answers] == [(statement, HELD)]
    # What has a receipt is there, and the same parcel again changes nothing.
    await utrecht.start()
    await fed.settle()
    assert await utrecht.count("SELECT COUNT(*) FROM messages WHERE hash = ?", statement) == 1
    assert (await utrecht.read()).imported == 2


async def test_a_parcel_that_does_not_come_holds_up_no_stop(fed: Federation) -> None:
    utrecht = fed["utrecht"]
    statement, request = await lost_parcel(fed)
    began = time.monotonic()
    async with half(utrecht.port, request):
        tell(utrecht)
        assert await ended(utrecht) == ENDED
    assert time.monotonic() - began < 24  # ten seconds are what requests under way get
    await utrecht.start()
    assert await utrecht.count("SELECT COUNT(*) FROM messages WHERE hash = ?", statement) == 0
    await fed.settle()
    assert await utrecht.count("SELECT COUNT(*) FROM messages WHERE hash = ?", statement) == 1


async def test_told_twice_it_ends_at_once_and_nothing_is_harmed(fed: Federation) -> None:
    utrecht = fed["utrecht"]
    _, request = await lost_parcel(fed)
    async with half(utrecht.port, request):
        tell(utrecht)
        await stopping(utrecht)
        began = time.monotonic()
        tell(utrecht)
        assert await ended(utrecht) == -signal.SIGTERM
        assert time.monotonic() - began < 9
    await utrecht.start_process()
    await fed.settle()
    await utrecht.stop()
    await utrecht.start()
    assert (await utrecht.read()).imported == 2


async def test_what_is_on_its_way_out_is_left_and_goes_after_the_next_start(
    fed: Federation,
) -> None:
    """The peer takes the parcel and does not answer: a stop does not wait for it."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.settle()
    # A process goes where the directory says.
    link = fed.link(DIRECTORY, "lisboa")
    link.hold()
    reader = await signed_in(utrecht)
    await reader.get(f"/referral/{said.thread.hex()}")
    await reader.close()
    await until(lambda: _waits(fed))
    began = time.monotonic()
    tell(utrecht)
    assert await ended(utrecht) == ENDED
    assert time.monotonic() - began < 9
    link.release()
    await utrecht.start()
    await fed.read_all()
    ours, theirs = await lisboa.view(said.thread), await utrecht.view(said.thread)
    assert ours.state.state == theirs.state.state == "received"
    assert await lisboa.count("SELECT COUNT(*) FROM messages WHERE mine = 0") == 1


async def _waits(fed: Federation) -> bool:
    return fed.link(DIRECTORY, "lisboa").held > 0


async def signed_in(member: Member) -> Reader:
    reader = Reader(f"http://127.0.0.1:{member.pages_port}/")
    asked = await reader.get("/sign-in")
    typed = {"name": member.sign_in_name, "password": PASSWORD}
    await reader.submit(asked, "Sign in", typed)
    return reader


async def test_a_page_that_is_being_sent_is_finished(fed: Federation) -> None:
    """The form arrives after the signal: what its answer says is so after the next start."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.settle()
    reader = await signed_in(utrecht)
    try:
        await reader.get(f"/referral/{said.thread.hex()}")
        page = await reader.get(f"/referral/{said.thread.hex()}/do/accept")
        form = page.form("Accept this referral")
        body = urlencode(form.pairs(form.button("Accept this referral"))).encode()
        cookies = "; ".join(f"{name}={value}" for name, value in reader.cookies().items())
    finally:
        await reader.close()
    url = URL(form.action)
    head = (
        f"POST {url.raw_path} HTTP/1.1\r\nHost: {url.authority}\r\nOrigin: {url.origin()}\r\n"
        f"Cookie: {cookies}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    async with half(utrecht.pages_port, head.encode() + body) as (rest, answers, writer):
        tell(utrecht)
        await stopping(utrecht)
        writer.write(rest)
        async with asyncio.timeout(10):
            answer = await answers.read()
    assert await ended(utrecht) == ENDED
    assert answer.startswith(b"HTTP/1.1 303"), answer[:200]
    await utrecht.start()
    await fed.read_all()
    assert (await lisboa.view(said.thread)).state.state == "accepted"
    assert (await utrecht.view(said.thread)).state.state == "accepted"


async def test_a_file_on_its_way_goes_on_where_it_was(fed: Federation) -> None:
    """Told to stop in the middle of a range: what was answered is kept, the rest comes later."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.settle()
    data = pdf(4 * MIB)
    entry = await lisboa.exchange.filing.add(
        lisboa.vault(), lisboa.actor, said.thread, lambda kind: safe_name("a", kind), pieces(data)
    )
    link = fed.link("lisboa", "utrecht")
    # One question how much is there, one range that comes; what follows does not.
    link.next(PASS, PASS)
    link.weather = lambda: LOSE
    await lisboa.say(said.thread, "note", form="note", files=[entry.row()])

    async def lost() -> bool:
        fed.clock.now += 1000
        lisboa.wake()
        return any(each.fate == LOSE for each in link.requests)

    await until(lost)
    request = next(each for each in link.requests if each.fate == LOSE)
    assert request.method == "PUT"
    assert len(request.body) > MIB
    link.cut()
    async with half(utrecht.port, request.data) as (rest, reader, writer):
        tell(utrecht)
        await stopping(utrecht)
        writer.write(rest)
        async with asyncio.timeout(10):
            answer = await reader.read()
    assert await ended(utrecht) == ENDED
    assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
    before = len(link.requests)
    link.mend()
    await utrecht.start()
    await fed.read_all()
    # It was held when the stop answered: two ranges are left of four, and a little.
    puts = [each for each in link.requests[before:] if each.method == "PUT"]
    assert sum(len(each.body) for each in puts) < 2.5 * MIB
    await utrecht.exchange.filing.look(entry)
    assert b"".join([piece async for piece in utrecht.exchange.filing.read(entry)]) == data
