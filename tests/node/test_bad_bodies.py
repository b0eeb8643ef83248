"""Bodies that cannot be read: said at once, signed, with the code; all else goes on around them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from forge import SALT, Forge
from node_world import ACTOR, Office, Offices
from referral_node.exchange import Cases, Choice, ThreadView
from referral_protocol import forms
from referral_protocol.bodies import CLASSES, commitment, pad, unpad
from referral_protocol.examples import referral
from referral_protocol.messages import Message
from referral_protocol.statements import NOTE, UNREADABLE, WITHDRAW, Head, SignedStatement
from referral_protocol.suite import Opener


@pytest.fixture
async def offices(tmp_path: Path) -> AsyncIterator[Offices]:
    made = Offices(tmp_path, "utrecht", "lisboa")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def utrecht(offices: Offices) -> Office:
    return offices["utrecht"]


@pytest.fixture
def lisboa(offices: Offices) -> Forge:
    return Forge("lisboa", offices["utrecht"], offices["lisboa"].id)


async def count(office: Office, sql: str, *params: Any) -> int:
    row = await office.store.row(sql, params)
    assert row is not None
    return int(row[0] or 0)


async def view(office: Office, thread: bytes) -> ThreadView:
    shown = await office.exchange.threads.view(office.vault, thread)
    assert shown is not None
    return shown


async def held(forge: Forge, signed: SignedStatement, sealed: bytes) -> None:
    """Deliver a message; bodies are not looked into before somebody signs in."""
    message = Message(signed.content, signed.signature, sealed)
    assert (await forge.send(message)).code is None


async def unreadable(forge: Forge, signed: SignedStatement, code: str) -> None:
    """Import: this one cannot be read, and its sender is told so; nothing else is harmed."""
    office = forge.office
    good, fine = forge.message()
    await forge.send(good)
    with capture_logs() as lines:
        done = await office.exchange.importing.run(office.vault, ACTOR)
    assert (done.imported, done.unreadable, done.left) == (1, 1, 0)
    assert (await view(office, fine.hash)).opener is not None
    shown = await view(office, signed.thread)
    bad = next(m for m in shown.messages if m.hash == signed.hash)
    assert (bad.standing, bad.code, bad.content) == ("unreadable", code, None)
    told = next(m for m in shown.messages if m.mine and m.kind == UNREADABLE)
    assert told.content is not None
    assert told.content["statement"] == signed.hash
    assert told.content["code"] == code
    assert (
        await count(
            office,
            "SELECT COUNT(*) FROM bodies b JOIN messages m "
            "ON m.number = b.message WHERE m.mine = 0",
        )
        == 0
    )
    assert not [line for line in lines if line["log_level"] in ("error", "warning")]
    # Once is enough: the next page has nothing more to say.
    again = await office.exchange.importing.run(office.vault, ACTOR)
    assert (again.imported, again.unreadable) == (0, 0)


def padded(content: bytes, size: int, *, length: int | None = None, end: bytes = b"") -> bytes:
    head = (len(content) if length is None else length).to_bytes(4, "big") + SALT + content
    return head + bytes(size - len(head) - len(end)) + end


# the seal


async def test_it_does_not_open(lisboa: Forge) -> None:
    signed = lisboa.sign(lisboa.statement())
    body = bytearray(lisboa.sealed(signed))
    body[-1] ^= 1
    await held(lisboa, signed, bytes(body))
    await unreadable(lisboa, signed, "does-not-open")


async def test_it_is_bound_to_another_statement(lisboa: Forge) -> None:
    signed = lisboa.sign(lisboa.statement())
    other = lisboa.sign(lisboa.statement())
    await held(lisboa, signed, lisboa.sealed(other))
    await unreadable(lisboa, signed, "does-not-open")


async def test_it_is_sealed_to_a_key_under_another_name(lisboa: Forge) -> None:
    signed = lisboa.sign(lisboa.statement())
    await held(lisboa, signed, lisboa.sealed(signed, key=Opener(b"k" * 32).public))
    await unreadable(lisboa, signed, "does-not-open")


async def test_it_is_sealed_to_a_prekey_that_we_do_not_have(lisboa: Forge) -> None:
    signed = lisboa.sign(lisboa.statement())
    await held(lisboa, signed, lisboa.sealed(signed, key_id=bytes(16)))
    await unreadable(lisboa, signed, "prekey-unknown")


# what is inside


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("larger class", "wrong-class"),
        ("inner length", "bad-length"),
        ("huge inner length", "bad-length"),
        ("pad", "pad-not-zero"),
        ("last byte", "pad-not-zero"),
    ],
)
async def test_its_pad_is_wrong(lisboa: Forge, name: str, code: str) -> None:
    content = lisboa.packed()
    right = len(pad(SALT, content))
    made = {
        "larger class": padded(content, right * 2),
        "inner length": padded(content, right, length=right),
        "huge inner length": padded(content, right, length=2**32 - 1),
        "pad": padded(content + b"\x01", right, length=len(content)),
        "last byte": padded(content, right, end=b"\x80"),
    }[name]
    signed = lisboa.sign(lisboa.statement())
    await held(lisboa, signed, lisboa.sealed(signed, padded=made))
    await unreadable(lisboa, signed, code)


async def test_it_is_another_content_than_was_signed_for(lisboa: Forge) -> None:
    signed = lisboa.sign(lisboa.statement())
    other = lisboa.packed() + b""
    changed = forms.encode({**forms.decode(other), "language": "pt"})
    await held(lisboa, signed, lisboa.sealed(signed, changed))
    await unreadable(lisboa, signed, "wrong-commitment")


async def test_it_has_another_salt_than_was_signed_for(lisboa: Forge) -> None:
    signed = lisboa.sign(lisboa.statement(commitment=commitment(bytes(32), lisboa.packed())))
    await held(lisboa, signed, lisboa.sealed(signed))
    await unreadable(lisboa, signed, "wrong-commitment")


def _nested(depth: int) -> bytes:
    return b"\x81\xa1a" * depth + b"\xc0"


CONTENTS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "truncated"),
    "rubbish": (b"\xc1\xc1\xc1", "not-msgpack"),
    "half": (b"\x81\xa4form", "truncated"),
    "something behind": (forms.encode({"form": "note"}) + b"\xc0", "trailing"),
    "not a map": (b"\x93\x01\x02\x03", "wrong-type"),
    "deep": (_nested(40), "too-deep"),
    "a number": (b"\x05", "wrong-type"),
    "no form": (forms.encode({"language": "en"}), "wrong-value"),
    "another form": (forms.encode({"form": "note", "text": "x"}), "wrong-value"),
    "broken text": (b"\x81\xa4form\xa2\xff\xff", "not-text"),
    "keys in another order": (b"\x82\xa1b\x01\xa1a\x01", "not-canonical"),
    "the same key twice": (b"\x82\xa1a\x01\xa1a\x01", "not-canonical"),
    "a longer integer": (b"\x81\xa1a\xcd\x00\x01", "not-canonical"),
    "a float": (b"\x81\xa1a\xca\x00\x00\x00\x00", ""),
}


@pytest.mark.parametrize("name", CONTENTS)
async def test_it_does_not_parse(lisboa: Forge, name: str) -> None:
    content, code = CONTENTS[name]
    signed = lisboa.sign(lisboa.statement(content))
    await held(lisboa, signed, lisboa.sealed(signed, content))
    office = lisboa.office
    done = await office.exchange.importing.run(office.vault, ACTOR)
    assert (done.imported, done.unreadable) == (0, 1)
    shown = await view(office, signed.thread)
    bad = next(m for m in shown.messages if m.hash == signed.hash)
    assert bad.standing == "unreadable"
    assert bad.code
    if code:
        assert bad.code == code


VALUES: dict[str, dict[str, Any]] = {
    "a number for text": {"language": 5},
    "a list for a group": {"who": ["x"]},
    "text for a list": {"needs": "x"},
    "an unknown code": {"consent": {"ground": "no-such-ground"}},
    "a date that is none": {"who": {"date_of_birth": "2026-02-31"}},
    "a null byte": {"who": {"name": "a\x00b"}},
    "a field of a later version": {"who": {"name": "a"}, "xs": 1},
    "an id of another length": {"consent": {"recipient": b"x"}},
    "a time beyond all time": {"consent": {"given_at": 2**53}},
    "a negative time": {"consent": {"given_at": -1}},
    "true for text": {"author": {"name": True}},
}


@pytest.mark.parametrize("name", VALUES)
async def test_a_value_that_no_page_could_show(lisboa: Forge, name: str) -> None:
    """Whatever a member's node made of its form: told, or taken; never a fault of ours."""
    content, _ = forms.body(referral(lisboa.office.id, lisboa.now))
    # Packed without the checks that our own node makes of what it writes.
    packed = msgspec.msgpack.encode({**content, **VALUES[name]}, order="deterministic")
    signed = lisboa.sign(lisboa.statement(packed))
    await held(lisboa, signed, lisboa.sealed(signed, packed))
    office = lisboa.office
    done = await office.exchange.importing.run(office.vault, ACTOR)
    assert done.imported + done.unreadable == 1
    assert done.left == 0
    await view(office, signed.thread)
    await office.exchange.lists.page(office.vault, Choice(), 0, 9)
    await office.exchange.lists.cases(office.vault, Cases())


NOTES: list[dict[str, Any]] = [
    {"form": "note", "step": "contact-made", "step_at": 0},
    {"form": "note", "step": "contact-made", "step_at": 2**53 - 1},
    {"form": "note", "step": "information-requested"},
    {"form": "note", "step": "no-such-step"},
    {"form": "note", "step": 5},
    {"form": "note", "step_at": "yesterday"},
    {"form": "note", "consent": {"until": 5}},
    {"form": "note", "consent": "yes"},
    {"form": "note", "consent": {}},
    {"form": "note", "author": {}},
    {"form": "note", "author": {"name": "", "role": ""}},
    {"form": "note", "who": {}},
    {"form": "note", "text": "x" * 200_000},
    {"form": "note"},
]


@pytest.mark.parametrize("number", range(len(NOTES)))
async def test_a_note_of_any_shape_stops_nothing(lisboa: Forge, number: int) -> None:
    message, opener = lisboa.message()
    await lisboa.send(message)
    content = NOTES[number]
    signed = lisboa.sign(
        lisboa.statement(content, kind=NOTE, thread=opener.hash, previous=opener.hash, head=Head())
    )
    await held(lisboa, signed, lisboa.sealed(signed, content))
    office = lisboa.office
    done = await office.exchange.importing.run(office.vault, ACTOR)
    assert done.imported + done.unreadable == 2
    shown = await view(office, opener.hash)
    assert shown.opener is not None
    (summary,) = await office.exchange.lists.page(office.vault, Choice(), 0, 9)
    assert summary.case is not None


# around it


async def test_what_follows_an_opener_without_a_body_can_be_read(lisboa: Forge) -> None:
    """Withdrawn, erased or expired: the words that come after it are opened all the same."""
    opener = lisboa.sign(lisboa.statement())
    assert (await lisboa.send(lisboa.husk(opener, "erased"))).code is None
    content = {"form": "withdraw", "reason": "error"}
    signed = lisboa.sign(
        lisboa.statement(
            content, kind=WITHDRAW, thread=opener.hash, previous=opener.hash, head=Head()
        )
    )
    await held(lisboa, signed, lisboa.sealed(signed, content))
    office = lisboa.office
    done = await office.exchange.importing.run(office.vault, ACTOR)
    assert (done.imported, done.unreadable, done.left) == (1, 0, 0)
    shown = await view(office, opener.hash)
    assert shown.opener_withheld == "erased"
    assert shown.state.state == "cancelled"
    assert shown.messages[-1].content is not None


async def test_what_never_gets_its_opener_is_not_waited_for(lisboa: Forge) -> None:
    """A stray message must not leave a keyholder before a page that says 'opening'."""
    signed = lisboa.sign(
        lisboa.statement({"form": "note"}, kind=NOTE, thread=bytes(32), head=Head())
    )
    await held(lisboa, signed, lisboa.sealed(signed, {"form": "note"}))
    office = lisboa.office
    done = await office.exchange.importing.run(office.vault, ACTOR)
    assert (done.imported, done.unreadable, done.left) == (0, 0, 0)
    assert await count(office, "SELECT COUNT(*) FROM messages WHERE body = 'sealed'") == 1


async def test_seen_stands_for_all_before_it(lisboa: Forge) -> None:
    """What we could not read is not said to be seen because something after it was."""
    message, opener = lisboa.message()
    await lisboa.send(message)
    first = lisboa.sign(
        lisboa.statement(
            {"form": "note"}, kind=NOTE, thread=opener.hash, previous=opener.hash, head=Head()
        )
    )
    await held(lisboa, first, lisboa.sealed(first, key_id=bytes(16)))
    second = lisboa.sign(
        lisboa.statement(
            {"form": "note"}, kind=NOTE, thread=opener.hash, previous=first.hash, head=Head()
        )
    )
    await held(lisboa, second, lisboa.sealed(second, {"form": "note"}))
    office = lisboa.office
    done = await office.exchange.importing.run(office.vault, ACTOR)
    assert (done.imported, done.unreadable) == (2, 1)
    said = await office.exchange.voice.say(
        office.vault, ACTOR, opener.hash, NOTE, Head(), {"form": "note", "text": "Thank you"}
    )
    row = await office.store.row("SELECT seen FROM messages WHERE hash = ?", (said.hash,))
    assert row is not None
    assert row["seen"] == opener.hash


async def test_what_cannot_be_read_both_ways_ends(offices: Offices) -> None:
    """Lisbon and Utrecht cannot open anything: they say so once each, and do not go on for ever."""
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    content, _ = forms.body(referral(utrecht.id))
    await lisboa.exchange.voice.open(
        lisboa.vault,
        ACTOR,
        recipient=utrecht.id,
        head=Head("referral", "urgent", offices.clock.now + 1000, None),
        content=content,
    )
    for office in (lisboa, utrecht):
        await office.store.write(_forget)
    counts = []
    for _ in range(6):
        for office in (lisboa, utrecht):
            await _delivered(office)
            await office.exchange.importing.run(office.vault, ACTOR)
        counts.append(await count(lisboa, "SELECT COUNT(*) FROM messages"))
    assert counts[-1] == counts[2] == 2  # the referral, and that it cannot be read


async def test_a_message_is_sealed_again_so_often_and_no_more(offices: Offices) -> None:
    """Utrecht never has the key: Lisbon seals again three times, then leaves it at the code."""
    lisboa, utrecht = offices["lisboa"], offices["utrecht"]
    content, _ = forms.body(referral(utrecht.id))
    said = await lisboa.exchange.voice.open(
        lisboa.vault,
        ACTOR,
        recipient=utrecht.id,
        head=Head("referral", "urgent", offices.clock.now + 1000, None),
        content=content,
    )
    await utrecht.store.write(_forget)
    for _ in range(16):
        for office in (lisboa, utrecht):
            await _delivered(office)
            await office.exchange.importing.run(office.vault, ACTOR)
    sealed = "SELECT COUNT(*) FROM audit WHERE action = 'sealed-again'"
    assert await count(lisboa, sealed) == 3
    shown = await view(lisboa, said.thread)
    assert shown.messages[0].code == "prekey-unknown"
    told = "SELECT COUNT(*) FROM messages WHERE kind = 'unreadable'"
    assert await count(utrecht, told) == 4


async def _forget(tx: Any) -> None:
    await tx.execute("DELETE FROM case_prekeys")


async def _delivered(office: Office) -> None:
    async with asyncio.timeout(10):
        while await count(office, "SELECT COUNT(*) FROM outbox"):
            office.courier.wake_all()
            await asyncio.sleep(0.01)


def test_a_right_body_unpads(tmp_path: Path) -> None:
    """The helper above makes what the protocol makes."""
    assert unpad(padded(b"abc", CLASSES[0])) == (SALT, b"abc")
