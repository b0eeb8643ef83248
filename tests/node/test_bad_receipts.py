"""Receipts with one thing wrong count for nothing; refusals are shown, or wait, as they say."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from deceived import OUTBOX, QUEUED, count, deceived, refer, still_queued, trouble, until, view
from directory_world import DAY, id_of, signer
from liar import Liar, answers
from node_world import Office, Offices
from referral_node.delivery import http
from referral_node.exchange import Said
from referral_protocol.certificates import CLOCK_AHEAD
from referral_protocol.receipts import HELD, HELD_WITHOUT_BODY, REFUSED, Answer, Receipt


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
    "from before the parcel": (
        lambda liar, body: liar.envelope(liar.receipt(body, at=liar.clock() - CLOCK_AHEAD - 1)),
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
    await until(lisboa, OUTBOX, 0)

    second = await refer(lisboa, liar)
    assert await trouble(lisboa) == "receipt-wrong-seal"
    assert await count(lisboa, QUEUED) == 1
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
    assert await count(lisboa, QUEUED) == 1
    assert await count(lisboa, "SELECT COUNT(*) FROM bodies") == 1


async def test_a_message_refused_for_good_is_shown(lisboa: Office, liar: Liar) -> None:
    said = await _answered(lisboa, liar, REFUSED, "counter-reused")
    shown = await view(lisboa, said)
    assert (shown.opener_standing, shown.messages[0].code) == ("refused", "counter-reused")


async def test_what_is_held_without_its_body_is_not_called_held(lisboa: Office, liar: Liar) -> None:
    said = await _answered(lisboa, liar, HELD_WITHOUT_BODY, None)
    shown = await view(lisboa, said)
    assert (shown.opener_standing, shown.messages[0].code) == ("refused", "erased")
    assert shown.evidence.held_at is None
    assert shown.evidence.refused == "erased"
    assert await count(lisboa, OUTBOX) == 0


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
    await until(lisboa, OUTBOX, 0)
    assert husks == ["expired"]
    shown = await view(lisboa, said)
    assert (shown.opener_standing, shown.messages[0].code) == ("refused", "expired")
