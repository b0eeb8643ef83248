"""Peers that answer wrongly: no answer but a right receipt takes a message out of the queue."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from directory_world import DAY, bundle_of, id_of, signer
from liar import OK, Liar, Say, answers, says, without_end
from node_world import ACTOR, Office, Offices
from referral_node.delivery import http
from referral_node.exchange import Said, ThreadView
from referral_protocol import forms
from referral_protocol.certificates import CLOCK_AHEAD
from referral_protocol.examples import referral
from referral_protocol.receipts import HELD, HELD_WITHOUT_BODY, REFUSED, Answer, Receipt
from referral_protocol.statements import Head
from referral_protocol.suite import Opener
from referral_protocol.wire import encode

MIB = 1024 * 1024


@pytest.fixture
async def world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Offices, Liar]]:
    monkeypatch.setattr(http, "WHOLE", 1.0)
    offices = Offices(tmp_path, "lisboa")
    liar = Liar("utrecht", offices.clock)
    await liar.start()
    offices.world.join("utrecht", endpoint=liar.endpoint)
    await offices.start()
    yield offices, liar
    await offices.stop()
    await liar.stop()


@pytest.fixture
def lisboa(world: tuple[Offices, Liar]) -> Office:
    return world[0]["lisboa"]


@pytest.fixture
def liar(world: tuple[Offices, Liar]) -> Liar:
    return world[1]


async def refer(lisboa: Office, liar: Liar) -> Said:
    """Queue a referral; its case prekey is the liar's first one."""
    bundle = lisboa.exchange.members
    content, _ = forms.body(referral(liar.id))
    head = Head("referral", "urgent", lisboa.clock.now + 3 * DAY, None)
    assert bundle.current_prekey(liar.id) is not None
    return await lisboa.exchange.voice.open(
        lisboa.vault, ACTOR, recipient=liar.id, head=head, content=content
    )


@pytest.fixture(autouse=True)
async def board(world: tuple[Offices, Liar]) -> None:
    """Lisbon knows a case prekey of the liar."""
    offices, liar = world
    offices.bundles["utrecht"] = bundle_of("utrecht", offices.clock.now)
    await offices.post_board(offices["lisboa"])
    assert liar.id == id_of("utrecht")


async def trouble(lisboa: Office) -> str:
    """The code of the last failure, once there is one."""
    async with asyncio.timeout(10):
        while True:
            row = await lisboa.store.row("SELECT trouble FROM peers WHERE trouble IS NOT NULL")
            if row is not None:
                return str(row["trouble"])
            await asyncio.sleep(0.01)


async def count(lisboa: Office, sql: str) -> int:
    row = await lisboa.store.row(sql)
    assert row is not None
    return int(row[0])


async def view(lisboa: Office, said: Said) -> ThreadView:
    shown = await lisboa.exchange.threads.view(lisboa.vault, said.thread)
    assert shown is not None
    return shown


async def still_queued(lisboa: Office, liar: Liar, said: Said) -> str:
    """It failed with some code, is still in the queue, and goes when the peer is honest."""
    code = await trouble(lisboa)
    assert await count(lisboa, "SELECT COUNT(*) FROM outbox WHERE code IS NULL") == 1
    assert await count(lisboa, "SELECT COUNT(*) FROM bodies") == 1
    assert await count(lisboa, "SELECT COUNT(*) FROM receipts") == 0
    shown = await view(lisboa, said)
    assert shown.opener_standing in ("queued", "unknown")
    assert shown.evidence.held_at is None
    liar.on_prekey = liar.on_parcel = None
    lisboa.clock.now += 3_600_000
    async with asyncio.timeout(10):
        while await count(lisboa, "SELECT COUNT(*) FROM outbox"):
            lisboa.courier.wake(liar.id)
            await asyncio.sleep(0.02)
    assert set(liar.held) == {said.hash}
    assert (await view(lisboa, said)).opener_standing == "held"
    return code


async def test_an_honest_answer_takes_it_out(lisboa: Office, liar: Liar) -> None:
    said = await refer(lisboa, liar)
    async with asyncio.timeout(10):
        while await count(lisboa, "SELECT COUNT(*) FROM outbox"):  # noqa: ASYNC110 - a database
            await asyncio.sleep(0.01)
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


# receipts with one thing wrong


def _answers(liar: Liar, body: bytes) -> tuple[Answer, ...]:
    return liar.receipt(body).answers


def _all(liar: Liar, body: bytes, status: str) -> Receipt:
    """The right receipt, but for the status of each message."""
    told = tuple(Answer(a.statement, a.sealed, status) for a in _answers(liar, body))
    return liar.receipt(body, answers=told)


Changed = Callable[[Liar, bytes], bytes]
RECEIPTS: dict[str, tuple[Changed, str]] = {
    "of another parcel": (
        lambda liar, body: liar.envelope(liar.receipt(body, parcel=bytes(16))),
        "receipt-wrong-seal",
    ),
    "for another sender": (
        lambda liar, body: liar.envelope(liar.receipt(body, sender=bytes(16))),
        "receipt-not-for-us",
    ),
    "of another recipient": (
        lambda liar, body: liar.envelope(liar.receipt(body, recipient=id_of("lviv"))),
        "receipt-wrong-sender",
    ),
    "from the future": (
        lambda liar, body: liar.envelope(liar.receipt(body, at=liar.clock() + CLOCK_AHEAD + 1)),
        "receipt-clock",
    ),
    "without answers": (
        lambda liar, body: liar.envelope(liar.receipt(body, answers=())),
        "receipt-wrong-seal",
    ),
    "for a message never sent": (
        lambda liar, body: liar.envelope(
            liar.receipt(body, answers=(Answer(bytes(32), bytes(32), HELD),))
        ),
        "receipt-wrong-seal",
    ),
    "for one too many": (
        lambda liar, body: liar.envelope(
            liar.receipt(body, answers=(*_answers(liar, body), Answer(bytes(32), bytes(32), HELD)))
        ),
        "receipt-wrong-seal",
    ),
    "twice for the same": (
        lambda liar, body: liar.envelope(liar.receipt(body, answers=_answers(liar, body) * 2)),
        "receipt-wrong-value",
    ),
    "for another body": (
        lambda liar, body: liar.envelope(
            liar.receipt(
                body, answers=(Answer(_answers(liar, body)[0].statement, bytes(32), HELD),)
            )
        ),
        "receipt-wrong-seal",
    ),
    "held without naming the body": (
        lambda liar, body: liar.envelope(
            liar.receipt(body, answers=(Answer(_answers(liar, body)[0].statement, None, HELD),))
        ),
        "receipt-wrong-value",
    ),
    "refused without a code": (
        lambda liar, body: liar.envelope(_all(liar, body, REFUSED)),
        "receipt-wrong-value",
    ),
    "of a status that none has": (
        lambda liar, body: liar.envelope(_all(liar, body, "lost")),
        "receipt-wrong-value",
    ),
    "refused as a whole, with answers": (
        lambda liar, body: liar.envelope(liar.receipt(body, code="busy")),
        "receipt-wrong-value",
    ),
    "signed with another key": (
        lambda liar, body: liar.envelope(liar.receipt(body), signer("thief")),
        "receipt-bad-signature",
    ),
    "signed with the vault key": (
        lambda liar, body: liar.envelope(liar.receipt(body), liar.vault),
        "receipt-bad-signature",
    ),
    "with a thief's certificate": (
        lambda liar, body: liar.envelope(
            liar.receipt(body),
            signer("thief"),
            certificate=liar.certificate(vault=signer("thief"), node=signer("thief")),
        ),
        "receipt-bad-signature",
    ),
    "with an older certificate": (
        lambda liar, body: liar.envelope(
            liar.receipt(body),
            signer("old node"),
            certificate=liar.certificate(node=signer("old node"), made_at=liar.made_at - DAY),
        ),
        "receipt-wrong-key",
    ),
    "with another member's certificate": (
        lambda liar, body: liar.envelope(
            liar.receipt(body), certificate=liar.certificate(member=id_of("lviv"))
        ),
        "receipt-wrong-key",
    ),
    "of a suite that nobody knows": (
        lambda liar, body: liar.envelope(liar.receipt(body, suite=2)),
        "receipt-unknown-suite",
    ),
    "with something behind": (
        lambda liar, body: liar.envelope(liar.receipt(body)) + b"\xc0",
        "receipt-trailing",
    ),
}


@pytest.mark.parametrize("name", RECEIPTS)
async def test_a_receipt_with_one_thing_wrong(lisboa: Office, liar: Liar, name: str) -> None:
    made, expected = RECEIPTS[name]

    async def say(writer: asyncio.StreamWriter, body: bytes) -> None:
        await answers(made(liar, body))(writer, body)

    liar.on_parcel = say
    said = await refer(lisboa, liar)
    assert await still_queued(lisboa, liar, said) == expected


async def test_an_old_receipt_again(lisboa: Office, liar: Liar) -> None:
    """The right receipt for the parcel before is none for this one."""
    kept: list[bytes] = []

    async def keep(writer: asyncio.StreamWriter, body: bytes) -> None:
        kept.append(liar.envelope(liar.receipt(body)))
        await answers(kept[0])(writer, body)

    liar.on_parcel = keep
    await refer(lisboa, liar)
    async with asyncio.timeout(10):
        while await count(lisboa, "SELECT COUNT(*) FROM outbox"):  # noqa: ASYNC110 - a database
            await asyncio.sleep(0.01)

    second = await refer(lisboa, liar)
    assert await trouble(lisboa) == "receipt-wrong-seal"
    assert await count(lisboa, "SELECT COUNT(*) FROM outbox WHERE code IS NULL") == 1
    assert (await view(lisboa, second)).opener_standing == "unknown"


async def test_one_bit_anywhere_in_a_receipt(lisboa: Office, liar: Liar) -> None:
    """Whatever byte of the envelope is another one, the message stays; but for what says nothing
    of it: the next prekey."""
    made: list[bytes] = []

    async def say(writer: asyncio.StreamWriter, body: bytes) -> None:
        right = liar.envelope(liar.receipt(body), prekey=None)
        place = len(made) * 7 % len(right)
        changed = bytearray(right)
        changed[place] ^= 1 << (len(made) % 8)
        made.append(bytes(changed))
        await answers(made[-1])(writer, body)

    liar.on_parcel = say
    said = await refer(lisboa, liar)
    async with asyncio.timeout(30):
        while len(made) < 80:
            lisboa.clock.now += 3_600_000 // 60
            lisboa.courier.wake(liar.id)
            await asyncio.sleep(0.005)
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
        async with asyncio.timeout(10):
            while await count(lisboa, "SELECT COUNT(*) FROM outbox"):  # noqa: ASYNC110 - it lies in a database
                await asyncio.sleep(0.01)
        assert (await view(lisboa, said)).opener_standing == "held"


# refusals


@pytest.mark.parametrize(
    "code", ["busy", "disk", "suspended", "clock", "prekey-unknown", "stale-prekey", "wrong-key"]
)
async def test_a_parcel_refused_for_now_waits(lisboa: Office, liar: Liar, code: str) -> None:
    liar.on_parcel = liar.signed(code=code, answers=())
    said = await refer(lisboa, liar)
    assert await still_queued(lisboa, liar, said) == code


@pytest.mark.parametrize("code", ["wrong-seal", "does-not-open", "bad-signature", "no-such-code"])
async def test_a_parcel_refused_for_its_bytes_is_made_anew(
    lisboa: Office, liar: Liar, code: str
) -> None:
    """What is wrong with a parcel may be the way that it came: its messages go in another one."""
    liar.on_parcel = liar.signed(code=code, answers=())
    said = await refer(lisboa, liar)
    assert await still_queued(lisboa, liar, said) == code


async def test_a_member_that_was_removed_is_told_at_once(lisboa: Office, liar: Liar) -> None:
    liar.on_parcel = liar.signed(code="removed", answers=())
    said = await refer(lisboa, liar)
    assert await trouble(lisboa) == "removed"
    shown = await view(lisboa, said)
    assert (shown.opener_standing, shown.messages[0].code) == ("refused", "removed")


@pytest.mark.parametrize(("code", "standing"), [("no-such-code", "queued"), ("disk", "queued")])
async def test_a_message_refused_for_now_waits(
    lisboa: Office, liar: Liar, code: str, standing: str
) -> None:
    said = await _answered(lisboa, liar, REFUSED, code)
    shown = await view(lisboa, said)
    assert shown.opener_standing == standing
    assert await count(lisboa, "SELECT COUNT(*) FROM outbox WHERE code IS NULL") == 1
    assert await count(lisboa, "SELECT COUNT(*) FROM bodies") == 1


async def test_a_message_refused_for_good_is_shown(lisboa: Office, liar: Liar) -> None:
    said = await _answered(lisboa, liar, REFUSED, "counter-reused")
    shown = await view(lisboa, said)
    assert (shown.opener_standing, shown.messages[0].code) == ("refused", "counter-reused")


async def test_what_is_held_without_its_body_is_not_called_held(lisboa: Office, liar: Liar) -> None:
    said = await _answered(lisboa, liar, HELD_WITHOUT_BODY, None)
    shown = await view(lisboa, said)
    assert (shown.opener_standing, shown.messages[0].code) == ("refused", "expired")
    assert shown.evidence.held_at is None
    assert shown.evidence.refused == "expired"
    assert await count(lisboa, "SELECT COUNT(*) FROM outbox") == 0


async def _answered(lisboa: Office, liar: Liar, status: str, code: str | None) -> Said:
    """A referral that was answered in one way, once the answer is stored."""

    async def say(writer: asyncio.StreamWriter, body: bytes) -> None:
        told = tuple(
            Answer(a.statement, a.sealed, status, code) for a in liar.receipt(body).answers
        )
        await answers(liar.envelope(liar.receipt(body, answers=told)))(writer, body)

    liar.on_parcel = say
    said = await refer(lisboa, liar)
    async with asyncio.timeout(10):
        while not await count(lisboa, "SELECT COUNT(*) FROM answers"):  # noqa: ASYNC110 - it lies in a database
            await asyncio.sleep(0.01)
    return said


async def test_what_expired_goes_as_a_husk(lisboa: Office, liar: Liar) -> None:
    """Refused as expired: the statement follows without its body, so that the chain is whole."""
    husks: list[Any] = []

    async def say(writer: asyncio.StreamWriter, body: bytes) -> None:
        _, content = liar.opened(body)
        message = content.messages[0]
        if message.sealed is None:
            husks.append(message.withheld)
            await liar.right(writer, body)
            return
        told = tuple(
            Answer(a.statement, a.sealed, REFUSED, "expired") for a in liar.receipt(body).answers
        )
        await answers(liar.envelope(liar.receipt(body, answers=told)))(writer, body)

    liar.on_parcel = say
    said = await refer(lisboa, liar)
    async with asyncio.timeout(10):
        while await count(lisboa, "SELECT COUNT(*) FROM outbox"):  # noqa: ASYNC110 - a database
            await asyncio.sleep(0.01)
    assert husks == ["expired"]
    shown = await view(lisboa, said)
    assert (shown.opener_standing, shown.messages[0].code) == ("refused", "expired")
