"""Statements that are wrong, in parcels that are right: refused one by one, the rest is held."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from directory_world import DAY, id_of, signer
from forge import Forge, flipped
from node_world import ACTOR, Office, Offices
from referral_protocol import forms
from referral_protocol.certificates import CLOCK_AHEAD
from referral_protocol.examples import referral
from referral_protocol.messages import Message
from referral_protocol.receipts import HELD, HELD_WITHOUT_BODY, REFUSED
from referral_protocol.statements import (
    ASK,
    NOTE,
    OPEN,
    STATE,
    UNREADABLE,
    WITHDRAW,
    Attachment,
    Head,
    SignedStatement,
)


@pytest.fixture
async def offices(tmp_path: Path) -> AsyncIterator[Offices]:
    made = Offices(tmp_path, "utrecht", "lisboa")
    made.world.join("lviv")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def utrecht(offices: Offices) -> Office:
    return offices["utrecht"]


@pytest.fixture
def lisboa(offices: Offices) -> Forge:
    return Forge("lisboa", offices["utrecht"], offices["lisboa"].id)


@pytest.fixture
def lviv(offices: Offices) -> Forge:
    return Forge("lviv", offices["utrecht"], id_of("lviv"))


async def stored(office: Office) -> tuple[int, int, int]:
    """Messages, bodies and threads."""
    found = []
    for table in ("messages", "bodies", "threads"):
        row = await office.store.row(f"SELECT COUNT(*) FROM {table}")  # noqa: S608 - from the list
        assert row is not None
        found.append(int(row[0]))
    return found[0], found[1], found[2]


async def refused(forge: Forge, message: Message, code: str) -> None:
    """Refused with this code, beside a good one that is held; nothing of it is stored."""
    good, signed = forge.message()
    before = await stored(forge.office)
    with capture_logs() as lines:
        receipt = (await forge.send(message, good)).receipt
    assert receipt.code is None
    bad, fine = receipt.answers
    assert (bad.status, bad.code) == (REFUSED, code)
    assert bad.sealed == message.sealed_hash
    assert (fine.statement, fine.status) == (signed.hash, HELD)
    after = await stored(forge.office)
    assert after == tuple(number + 1 for number in before)
    assert {line["event"] for line in lines} == {"parcel.held"}
    # The same again gets the same answer, and still nothing is stored.
    again = (await forge.send(message)).receipt.answers[0]
    assert (again.status, again.code) == (REFUSED, code)
    assert await stored(forge.office) == after


def whole(forge: Forge, signed: SignedStatement) -> Message:
    return Message(signed.content, signed.signature, forge.sealed(signed))


async def opened(forge: Forge) -> SignedStatement:
    """An opener that is held."""
    message, signed = forge.message()
    assert (await forge.send(message)).code is None
    return signed


def follow(forge: Forge, opener: SignedStatement, kind: str = NOTE, **changes: Any) -> Message:
    """Something said in a thread."""
    fields = {"kind": kind, "thread": opener.hash, "previous": opener.hash, "head": Head()}
    return forge.message(**(fields | changes))[0]


# signatures and parties


async def test_signed_with_another_key(lisboa: Forge) -> None:
    for key in (lisboa.node, signer("lviv vault"), signer("thief")):
        signed = lisboa.sign(lisboa.statement(), key)
        await refused(lisboa, whole(lisboa, signed), "bad-signature")


async def test_of_another_member_handed_on(lisboa: Forge, lviv: Forge) -> None:
    """A member delivers what another one signed for the same recipient."""
    message, _ = lviv.message()
    await refused(lisboa, message, "bad-signature")


async def test_in_another_members_name(lisboa: Forge, lviv: Forge) -> None:
    message, _ = lisboa.message(sender=lviv.sender)
    await refused(lisboa, message, "wrong-sender")


async def test_for_another_organisation(lisboa: Forge, lviv: Forge) -> None:
    message, _ = lisboa.message(recipient=lviv.sender)
    await refused(lisboa, message, "not-for-us")


async def test_one_bit_anywhere_in_a_statement(lisboa: Forge, utrecht: Office) -> None:
    message, _ = lisboa.message()
    before = await stored(utrecht)
    made = [
        Message(flipped(message.content, place, place % 8), message.signature, message.sealed)
        for place in range(len(message.content))
    ]
    batches = [made[start : start + 100] for start in range(0, len(made), 100)]
    batches += [  # one to a parcel: the same statement stands in none twice
        [Message(message.content, flipped(message.signature, place, place % 8), message.sealed)]
        for place in range(0, 64, 3)
    ]
    codes = set()
    for batch in batches:
        receipt = (await lisboa.send(*batch)).receipt
        assert len(receipt.answers) == len(batch)
        for answer in receipt.answers:
            assert answer.status == REFUSED
            codes.add(answer.code)
    assert "bad-signature" in codes
    assert await stored(utrecht) == before


# counters and chains


async def test_a_counter_used_for_other_bytes(lisboa: Forge, utrecht: Office) -> None:
    first = await opened(lisboa)
    seq, epoch = first.statement.seq, first.statement.epoch
    message, _ = lisboa.message(seq=seq, epoch=epoch, at=lisboa.now + 1)
    await refused(lisboa, message, "counter-reused")
    # In a new epoch, after a restore, the same counter is another one.
    message, _ = lisboa.message(seq=seq, epoch=epoch + 1)
    assert (await lisboa.send(message)).code is None


async def test_a_counter_used_twice_in_one_parcel(lisboa: Forge, utrecht: Office) -> None:
    one, _ = lisboa.message(seq=5)
    two, _ = lisboa.message(seq=5, at=lisboa.now + 1)
    first, second = (await lisboa.send(one, two)).receipt.answers
    assert (first.status, second.status, second.code) == (HELD, REFUSED, "counter-reused")
    assert (await stored(utrecht))[0] == 1


async def test_a_second_successor(lisboa: Forge) -> None:
    opener = await opened(lisboa)
    assert (await lisboa.send(follow(lisboa, opener))).code is None
    await refused(lisboa, follow(lisboa, opener, ASK), "counter-reused")


async def test_a_thread_of_others(lisboa: Forge, lviv: Forge) -> None:
    theirs = await opened(lviv)
    await refused(lisboa, follow(lisboa, theirs, previous=None), "foreign-thread")
    await refused(lisboa, follow(lisboa, theirs, WITHDRAW, previous=None), "foreign-thread")


async def test_what_another_thread_has_as_previous_or_seen(lisboa: Forge) -> None:
    one, two = await opened(lisboa), await opened(lisboa)
    await refused(lisboa, follow(lisboa, one, previous=two.hash), "foreign-previous")
    await refused(lisboa, follow(lisboa, one, seen=one.hash), "foreign-previous")


async def test_a_thread_that_names_no_opener(lisboa: Forge) -> None:
    opener = await opened(lisboa)
    note = follow(lisboa, opener)
    held = (await lisboa.send(note)).receipt.answers[0]
    message, _ = lisboa.message(kind=NOTE, thread=held.statement, previous=None, head=Head())
    await refused(lisboa, message, "bad-thread")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": NOTE, "head": Head()}, "bad-thread"),
        ({"thread": bytes(32)}, "bad-thread"),
        ({"previous": bytes(32)}, "bad-thread"),
        ({"seen": bytes(32)}, "bad-thread"),
        ({"head": Head()}, "wrong-value"),
        ({"head": Head("referral", "urgent", 1, "accepted")}, "wrong-value"),
        ({"expires": 0}, "bad-times"),
        ({"expires": 2**52}, "bad-times"),
        ({"suite": 2}, "unknown-suite"),
        ({"seq": 0}, "wrong-type"),
        ({"commitment": bytes(31)}, "wrong-type"),
        ({"kind": "Open!"}, "wrong-type"),
        ({"attachments": (Attachment(bytes(32), 5), Attachment(bytes(32), 5))}, "wrong-value"),
        ({"attachments": (Attachment(bytes(32), 2**40),)}, "wrong-type"),
    ],
)
async def test_fields_that_break_a_rule(lisboa: Forge, changes: dict[str, Any], code: str) -> None:
    signed = lisboa.sign(lisboa.statement(**changes))
    await refused(lisboa, whole(lisboa, signed), code)


# roles


async def test_the_referring_side_does_not_move_the_state(lisboa: Forge) -> None:
    opener = await opened(lisboa)
    for state in ("received", "accepted", "completed", "cancelled"):
        await refused(lisboa, follow(lisboa, opener, STATE, head=Head(state=state)), "wrong-role")


async def test_the_receiving_side_does_not_withdraw(offices: Offices) -> None:
    """Utrecht withdraws what Lisbon sent to it."""
    home, utrecht = offices["lisboa"], offices["utrecht"]
    content, _ = forms.body(referral(utrecht.id))
    said = await home.exchange.voice.open(
        home.vault,
        ACTOR,
        recipient=utrecht.id,
        head=Head("referral", "urgent", offices.clock.now + DAY, None),
        content=content,
    )
    async with asyncio.timeout(5):
        # Until it is delivered, and its sealed copy gone.
        while (await stored(home))[1]:  # noqa: ASYNC110 - it lies in a database
            await asyncio.sleep(0.01)
    there = Forge("utrecht", home, utrecht.id)
    message, _ = there.message(kind=WITHDRAW, thread=said.thread, head=Head())
    await refused(there, message, "wrong-role")


# time


async def test_from_the_future(lisboa: Forge) -> None:
    ahead = lisboa.now + CLOCK_AHEAD
    late = {"expires": ahead + DAY}
    await refused(lisboa, lisboa.message(at=ahead + 1, **late)[0], "clock")
    assert (await lisboa.send(lisboa.message(at=ahead, **late)[0])).code is None


async def test_a_body_after_its_last_day_and_its_husk(offices: Offices, lisboa: Forge) -> None:
    message, signed = lisboa.message(expires=lisboa.now + DAY)
    offices.clock.now += DAY + 1
    await refused(lisboa, message, "expired")
    answer = (await lisboa.send(lisboa.husk(signed))).receipt.answers[0]
    assert (answer.statement, answer.status) == (signed.hash, HELD_WITHOUT_BODY)
    # At any age; and the body that comes after it is not taken any more.
    offices.clock.now += 400 * DAY
    again = (await lisboa.send(message)).receipt.answers[0]
    assert again.status == HELD_WITHOUT_BODY


# shape


async def test_neither_a_body_nor_a_reason_or_both(lisboa: Forge) -> None:
    message, signed = lisboa.message()
    await refused(lisboa, Message(signed.content, signed.signature, None, None), "wrong-value")
    both = Message(signed.content, signed.signature, message.sealed, "expired")
    await refused(lisboa, both, "wrong-value")


@pytest.mark.parametrize("size", [1, 16, 4096, 262_144])
async def test_a_body_of_a_size_that_none_has(lisboa: Forge, size: int) -> None:
    signed = lisboa.sign(lisboa.statement())
    message = Message(signed.content, signed.signature, bytes(size))
    await refused(lisboa, message, "wrong-length")


# again


async def test_a_message_in_another_parcel_gets_the_same_answer(
    lisboa: Forge, utrecht: Office
) -> None:
    message, signed = lisboa.message()
    answers = [(await lisboa.send(message)).receipt.answers for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert await stored(utrecht) == (1, 1, 1)
    await utrecht.exchange.importing.run(utrecht.vault)
    assert (await lisboa.send(message)).receipt.answers == answers[0]
    assert await stored(utrecht) == (1, 0, 1)  # its ciphertext is not taken a second time
    assert signed.hash == answers[0][0].statement


async def test_a_body_sealed_anew_takes_the_place_of_the_one_that_waits(
    lisboa: Forge, utrecht: Office
) -> None:
    """The receipt names a sealed body: that one is held, not the one before it."""
    message, signed = lisboa.message()
    await lisboa.send(message)
    anew = Message(signed.content, signed.signature, lisboa.sealed(signed))
    answer = (await lisboa.send(anew)).receipt.answers[0]
    assert (answer.status, answer.sealed) == (HELD, anew.sealed_hash)
    row = await utrecht.store.row("SELECT sealed FROM bodies")
    assert row is not None
    assert bytes(row["sealed"]) == anew.sealed
    assert (await utrecht.exchange.importing.run(utrecht.vault)).imported == 1


async def test_a_husk_takes_the_body_back(lisboa: Forge, utrecht: Office) -> None:
    message, signed = lisboa.message()
    await lisboa.send(message)
    answer = (await lisboa.send(lisboa.husk(signed, "erased"))).receipt.answers[0]
    assert answer.status == HELD_WITHOUT_BODY
    assert await stored(utrecht) == (1, 0, 1)
    assert (await utrecht.exchange.importing.run(utrecht.vault)).imported == 0


async def test_what_nobody_knows_yet_is_held_and_shown(lisboa: Forge, utrecht: Office) -> None:
    """A kind of a later version, and what comes before the thread's opener."""
    message, signed = lisboa.message()
    later = lisboa.sign(
        lisboa.statement(
            {"form": "poll", "question": "?"},
            kind="poll",
            thread=signed.hash,
            previous=signed.hash,
            head=Head(),
        )
    )
    body = lisboa.sealed(later, {"form": "poll", "question": "?"})
    note = Message(later.content, later.signature, body)
    assert (await lisboa.send(note)).code is None
    assert (await utrecht.exchange.importing.run(utrecht.vault)).imported == 0
    assert await utrecht.exchange.threads.view(utrecht.vault, signed.hash) is None
    assert (await lisboa.send(message)).code is None
    done = await utrecht.exchange.importing.run(utrecht.vault)
    assert (done.imported, done.unreadable) == (2, 0)
    view = await utrecht.exchange.threads.view(utrecht.vault, signed.hash)
    assert view is not None
    assert [m.kind for m in view.messages] == [OPEN, "poll"]


async def test_a_claim_that_something_cannot_be_read_names_what_is_not_ours(
    lisboa: Forge, utrecht: Office
) -> None:
    """Nothing is sealed again for a hash that we never said, or for a body that is another one."""
    opener = await opened(lisboa)
    content = {
        "form": "unreadable",
        "statement": bytes(32),
        "sealed": bytes(32),
        "code": "does-not-open",
    }
    signed = lisboa.sign(
        lisboa.statement(
            content, kind=UNREADABLE, thread=opener.hash, previous=opener.hash, head=Head()
        )
    )
    message = Message(signed.content, signed.signature, lisboa.sealed(signed, content))
    assert (await lisboa.send(message)).code is None
    assert (await utrecht.exchange.importing.run(utrecht.vault)).imported == 2
    row = await utrecht.store.row("SELECT COUNT(*) FROM outbox")
    assert row is not None
    assert row[0] == 0
