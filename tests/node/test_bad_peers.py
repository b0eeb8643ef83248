"""Peers that answer wrongly: no answer but a right receipt takes a message out of the queue."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from deceived import OUTBOX, deceived, refer, still_queued, trouble, until, view
from directory_world import DAY, id_of, signer
from liar import OK, Liar, Say, answers, says, without_end
from node_world import Office, Offices
from referral_node.delivery import http
from referral_protocol.suite import Opener
from referral_protocol.wire import encode

MIB = 1024 * 1024


@pytest.fixture
async def world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Offices, Liar]]:
    monkeypatch.setattr(http, "WHOLE", 1.0)
    async with deceived(tmp_path) as made:
        yield made


@pytest.fixture
def lisboa(world: tuple[Offices, Liar]) -> Office:
    return world[0]["lisboa"]


@pytest.fixture
def liar(world: tuple[Offices, Liar]) -> Liar:
    return world[1]


async def test_an_honest_answer_takes_it_out(lisboa: Office, liar: Liar) -> None:
    said = await refer(lisboa, liar)
    await until(lisboa, OUTBOX, 0)
    assert liar.held == [said.hash]


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
ANSWERS: dict[str, tuple[Say, str]] = {
    "rubbish": (answers(b"\xc1" * 500), "receipt-not-msgpack"),
    "nothing": (answers(b""), "receipt-truncated"),
    "a page": (answers(b"<html>Welcome</html>", "Content-Type: text/html"), "receipt-"),
    "something nested deep": (answers(b"\x91" * 5000 + b"\xc0"), "receipt-"),
    "nothing to say": (says(b"HTTP/1.1 204 X\r\n\r\n"), "http-204"),
    "a redirect": (answers(b"", "Location: http://127.0.0.1:9/", status=307), "http-307"),
    "another redirect": (answers(b"", "Location: /v1/prekey", status=301), "http-301"),
    "a refusal": (answers(b"{}", "Content-Type: application/problem+json", status=400), "http-400"),
    "not found": (answers(b"", status=404), "http-404"),
    "a fault": (answers(b"", status=500), "http-500"),
    "come back": (answers(b"", "Retry-After: 1", status=503), "http-503"),
    "no such status": (answers(b"", status=999), "http-999"),
    "squeezed": (answers(b"\x1f\x8b", "Content-Encoding: gzip"), "content-encoding"),
    "no http": (says(b"\x15\x03\x03\x00\x02\x02\x28"), "connection"),
    "an end": (says(b"", close=True), "connection"),
    "half a head": (says(OK + b"Content-Le", close=True), "connection"),
    "half a body": (says(OK + b"Content-Length: 100\r\n\r\nabc", close=True), "connection"),
    "a body that never ends": (says(OK + b"Content-Length: 100\r\n\r\nabc"), "time-out"),
    "silence": (says(b""), "time-out"),
    "a head that drips": (without_end(OK, b"A: b\r\n", 0.05), "time-out"),
    "a body that drips": (without_end(OK + CHUNKED, b"1\r\n.\r\n", 0.05), "time-out"),
    "a gigantic length": (says(OK + b"Content-Length: 99999999999999\r\n\r\n"), "too-large"),
    "an endless body": (without_end(OK + b"\r\n", b"." * 65536), "too-large"),
    "endless chunks": (
        without_end(OK + CHUNKED, b"10000\r\n" + b"." * 65536 + b"\r\n"),
        "too-large",
    ),
    "endless fields": (without_end(OK, b"A: " + b"b" * 4000 + b"\r\n"), "connection"),
    "an endless field": (without_end(OK + b"A: ", b"b" * 65536), "connection"),
    "endless promises": (without_end(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100), "time-out"),
    "bad chunks": (says(OK + CHUNKED + b"zz\r\n"), "connection"),
    "two answers": (says(OK + b"Content-Length: 1\r\n\r\nx" + OK + b"\r\n"), "receipt-"),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_that_is_none(lisboa: Office, liar: Liar, name: str) -> None:
    liar.on_parcel, expected = ANSWERS[name]
    tracemalloc.start()
    try:
        with capture_logs() as lines:
            said = await refer(lisboa, liar)
            code = await trouble(lisboa)
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()
    assert code.startswith(expected), code
    failed = [line for line in lines if line["event"] == "parcel.failed"]
    assert failed[0]["code"] == code
    assert set(failed[0]) == {"event", "log_level", "peer", "code", "failures"}
    assert not [line for line in lines if line["log_level"] == "error"]
    assert set(liar.asked) == {"/v1/prekey", "/v1/parcels"}  # no redirect was followed
    await still_queued(lisboa, liar, said)


# prekeys


async def _bad_prekey(liar: Liar, name: str) -> bytes:
    thief = signer("thief")
    now = liar.clock()
    small = bytes(1184) + bytes(32)
    low = Opener(b"x" * 32).public[:1184] + bytes(32)
    given = {
        "rubbish": b"\xc1" * 100,
        "of another member": encode((liar.prekey(), liar.certificate(member=id_of("lviv")), None)),
        "signed by a thief": encode((liar.prekey(node=thief), liar.certificate(), None)),
        "over": encode((liar.prekey(made_at=now - DAY), liar.certificate(), None)),
        "from the future": encode((liar.prekey(made_at=now + DAY), liar.certificate(), None)),
        "no key": encode((liar.prekey(public=b"\xff" * 1216), liar.certificate(), None)),
        "a point of small order": encode((liar.prekey(public=low), liar.certificate(), None)),
        "all zero": encode((liar.prekey(public=small), liar.certificate(), None)),
    }
    return given[name]


@pytest.mark.parametrize(
    "name",
    [
        *("rubbish", "of another member", "signed by a thief", "over", "from the future"),
        *("no key", "a point of small order", "all zero"),
    ],
)
async def test_a_prekey_that_is_none(lisboa: Office, liar: Liar, name: str) -> None:
    liar.on_prekey = answers(await _bad_prekey(liar, name))
    with capture_logs() as lines:
        said = await refer(lisboa, liar)
        await trouble(lisboa)
    assert not [line for line in lines if line["log_level"] == "error"]
    assert set(liar.asked) == {"/v1/prekey"}  # nothing was sealed to it
    assert len(liar.asked) <= 2
    await still_queued(lisboa, liar, said)


async def test_a_bad_next_prekey_does_not_harm_a_good_receipt(lisboa: Office, liar: Liar) -> None:
    async def say(writer: asyncio.StreamWriter, body: bytes) -> None:
        receipt = liar.receipt(body)
        liar.held += [answer.statement for answer in receipt.answers]
        bad = liar.prekey(public=b"\xff" * 1216)
        await answers(liar.envelope(receipt, prekey=bad))(writer, body)

    liar.on_parcel = say
    for _ in range(2):
        said = await refer(lisboa, liar)
        await until(lisboa, OUTBOX, 0)
        assert (await view(lisboa, said)).opener_standing == "held"
