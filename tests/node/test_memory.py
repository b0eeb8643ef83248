"""What requests cost in memory: a few times a parcel's size for each, however many there are."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from directory_world import id_of
from forge import Forge, contents
from node_world import Offices
from referral_node.api.listener import MOST_AT_ONCE, MOST_OF_ONE, PARCEL_TYPE
from referral_protocol.messages import Message
from referral_protocol.parcels import CLASSES, MAX_PARCEL
from referral_protocol.suite import SEAL_OVERHEAD

SENDERS = MOST_AT_ONCE // MOST_OF_ONE
TIMES = 3
"""A parcel's size, this many times: once as it comes, once joined, and what opening one takes."""
FULL = 256 * 1024


@pytest.fixture
async def offices(tmp_path: Path) -> AsyncIterator[Offices]:
    """Utrecht, and eight members who send to it without a node of their own here."""
    made = Offices(tmp_path, "utrecht")
    for number in range(SENDERS):
        made.world.join(f"member {number}", endpoint=f"http://127.0.0.1:{20000 + number}")
    await made.start()
    yield made
    await made.stop()


def members(offices: Offices) -> list[Forge]:
    utrecht = offices["utrecht"]
    return [
        Forge(f"member {number}", utrecht, id_of(f"member {number}")) for number in range(SENDERS)
    ]


def large(forge: Forge) -> Message:
    """A message whose body is as large as one may be."""
    signed = forge.sign(forge.statement())
    return Message(signed.content, signed.signature, forge.sealed(signed, padded=bytes(FULL)))


async def post(port: int, request: bytes, begin: asyncio.Barrier) -> bytes:
    """Send these bytes, the last of them when everybody has come so far; the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    cut = len(request) - 1000
    try:
        # In small views of the same bytes: what this end copies is not what is measured.
        view = memoryview(request)
        for place in range(0, cut, 16 * 1024):
            writer.write(view[place : min(cut, place + 16 * 1024)])
            await writer.drain()
        await begin.wait()
        writer.write(view[cut:])
        return await reader.read(65536)
    finally:
        writer.transport.abort()


async def test_as_many_large_parcels_as_there_may_be_cost_a_few_times_their_size(
    offices: Offices,
) -> None:
    utrecht = offices["utrecht"]
    requests = []
    for forge in members(offices):
        for _ in range(MOST_OF_ONE):
            parcel = await forge.parcel(*(large(forge) for _ in range(3)))
            assert len(parcel) > CLASSES[-1] + SEAL_OVERHEAD
            head = f"POST /v1/parcels HTTP/1.1\r\nHost: x\r\nContent-Type: {PARCEL_TYPE}\r\n"
            requests.append(head.encode() + b"Content-Length: %d\r\n\r\n" % len(parcel) + parcel)
    port = int(utrecht.endpoint.rsplit(":", 1)[1])
    begin = asyncio.Barrier(len(requests))
    tracemalloc.start()
    try:
        answers = await asyncio.gather(*(post(port, each, begin) for each in requests))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert all(each.startswith(b"HTTP/1.1 200") for each in answers)
    assert (await contents(utrecht))["messages"] == 3 * len(requests)
    assert peak < TIMES * len(requests) * MAX_PARCEL
