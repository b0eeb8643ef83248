"""Messages that lie about their files: not held, or not read, with the code; whose a file is."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from forge import SALT, Forge
from node_world import ACTOR, Office, Offices
from referral_node.exchange.files.clearing import clear
from referral_protocol import forms
from referral_protocol.bodies import commitment
from referral_protocol.examples import referral
from referral_protocol.messages import Message
from referral_protocol.statements import Attachment, SignedStatement
from uploads import KEY, Sender, ciphertext

SIZE = 300_000


@pytest.fixture
async def offices(tmp_path: Path) -> AsyncIterator[Offices]:
    made = Offices(tmp_path, "lisboa", "utrecht", "lviv")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def utrecht(offices: Offices) -> Office:
    return offices["utrecht"]


@pytest.fixture
def forge(offices: Offices) -> Forge:
    return Forge("lisboa", offices["utrecht"], offices["lisboa"].id)


@pytest.fixture
async def sender(offices: Offices) -> AsyncIterator[Sender]:
    """Lisbon's node, with one file."""
    async with Sender(offices, ciphertext(SIZE)) as made:
        yield made


def row(sender: Sender, **change: Any) -> dict[str, Any]:
    """What a body says of the file."""
    named = {"hash": sender.hash, "key": KEY, "name": "a.pdf", "type": "application/pdf"}
    return {**named, "size": SIZE, **change}


def made(
    forge: Forge, attachments: list[Attachment], files: list[dict[str, Any]]
) -> tuple[Message, SignedStatement]:
    """An opener whose statement lists these, and whose body lists those."""
    content, _ = forms.body(referral(forge.office.id, forge.now))
    packed = forms.encode({**content, **({"files": files} if files else {})})
    signed = forge.sign(
        forge.statement(
            attachments=tuple(attachments), commitment=commitment(SALT, packed), content=packed
        )
    )
    return Message(signed.content, signed.signature, forge.sealed(signed, packed)), signed


async def states(office: Office) -> list[tuple[str, bytes | None]]:
    rows = await office.store.rows("SELECT state, message FROM attachments ORDER BY number")
    return [(row["state"], row["message"]) for row in rows]


async def test_held_means_with_its_files(forge: Forge, sender: Sender, utrecht: Office) -> None:
    listed = Attachment(sender.hash, len(sender.data))
    message, signed = made(forge, [listed], [row(sender)])
    assert (await forge.send(message)).code == "attachment-missing"
    assert await sender.code(0, 100_000) == (None, 100_000)
    assert (await forge.send(message)).code == "attachment-missing"  # not all of it
    assert await sender.code(100_000) == (None, len(sender.data))
    larger, _ = made(forge, [Attachment(sender.hash, len(sender.data) + 1)], [row(sender)])
    assert (await forge.send(larger)).code == "attachment-missing"  # of another size
    assert await states(utrecht) == [("kept", None)]
    assert (await forge.send(message)).code is None
    assert await states(utrecht) == [("kept", signed.hash)]
    done = await utrecht.exchange.importing.run(utrecht.vault, ACTOR)
    assert (done.imported, done.unreadable) == (1, 0)


async def test_a_file_belongs_to_one_message(forge: Forge, sender: Sender, utrecht: Office) -> None:
    await sender.code(0)
    listed = [Attachment(sender.hash, len(sender.data))]
    first, one = made(forge, listed, [row(sender)])
    second, _ = made(forge, listed, [row(sender)])
    answered = await forge.send(first, second)
    assert [a.code for a in answered.receipt.answers] == [None, "attachment-missing"]
    assert (await forge.send(second)).code == "attachment-missing"
    assert (await forge.send(first)).code is None
    assert await states(utrecht) == [("kept", one.hash)]


async def test_a_refused_message_claims_nothing(
    forge: Forge, sender: Sender, utrecht: Office
) -> None:
    await sender.code(0)
    listed = [Attachment(sender.hash, len(sender.data))]
    message, signed = made(forge, listed, [row(sender)])
    twin = forge.sign(forge.statement(seq=signed.statement.seq))
    assert (await forge.send(forge.husk(twin))).code is None
    assert (await forge.send(message)).code == "counter-reused"
    assert await states(utrecht) == [("kept", None)]


async def test_what_another_member_uploaded_is_not_ours_to_list(
    offices: Offices, sender: Sender, forge: Forge
) -> None:
    await sender.code(0)
    lviv = Forge("lviv", offices["utrecht"], offices["lviv"].id)
    listed = [Attachment(sender.hash, len(sender.data))]
    message, _ = made(lviv, listed, [row(sender)])
    assert (await lviv.send(message)).code == "attachment-missing"


@pytest.mark.parametrize("wrong", ["none", "another", "more", "size"])
async def test_a_body_that_lists_other_files_cannot_be_read(
    forge: Forge, sender: Sender, utrecht: Office, wrong: str
) -> None:
    await sender.code(0)
    files = {
        "none": [],
        "another": [row(sender, hash=b"h" * 32)],
        "more": [row(sender), row(sender, hash=b"h" * 32)],
        "size": [row(sender, size=SIZE * 2)],
    }[wrong]
    message, signed = made(forge, [Attachment(sender.hash, len(sender.data))], files)
    assert (await forge.send(message)).code is None
    done = await utrecht.exchange.importing.run(utrecht.vault, ACTOR)
    assert (done.imported, done.unreadable) == (0, 1)
    found = await utrecht.store.row(
        "SELECT body, code FROM messages WHERE hash = ?", (signed.hash,)
    )
    assert found is not None
    assert tuple(found) == ("unreadable", "wrong-attachment")


async def test_files_in_a_body_alone_cannot_be_read(forge: Forge, sender: Sender) -> None:
    message, _ = made(forge, [], [row(sender)])
    assert (await forge.send(message)).code is None
    office = forge.office
    done = await office.exchange.importing.run(office.vault, ACTOR)
    assert (done.imported, done.unreadable) == (0, 1)


async def test_a_husk_takes_the_files_back(forge: Forge, sender: Sender, utrecht: Office) -> None:
    await sender.code(0)
    message, signed = made(forge, [Attachment(sender.hash, len(sender.data))], [row(sender)])
    assert (await forge.send(message)).code is None
    assert utrecht.exchange.core.files.names() == [sender.hash.hex()]
    assert (await forge.send(forge.husk(signed, "withdrawn"))).code is None
    assert await states(utrecht) == [("dropped", signed.hash)]
    assert await clear(utrecht.exchange.core) == 1
    assert utrecht.exchange.core.files.names() == []


async def test_what_is_withdrawn_before_it_was_opened_loses_its_files(
    forge: Forge, sender: Sender, utrecht: Office
) -> None:
    await sender.code(0)
    message, signed = made(forge, [Attachment(sender.hash, len(sender.data))], [row(sender)])
    assert (await forge.send(message)).code is None
    said = {"form": "withdraw", "reason": "no-longer-needed"}
    content = forms.encode({**said, "author": {"name": "Inês"}, "language": "en"})
    back = forge.sign(
        forge.statement(
            kind="withdraw",
            thread=signed.hash,
            previous=signed.hash,
            head=type(signed.statement.head)(),
            commitment=commitment(SALT, content),
        )
    )
    body = forge.sealed(back, content)
    assert (await forge.send(Message(back.content, back.signature, body))).code is None
    await utrecht.exchange.importing.run(utrecht.vault, ACTOR)
    assert await states(utrecht) == [("dropped", signed.hash)]


async def test_the_same_file_of_two_members_goes_with_the_last_of_them(
    offices: Offices, sender: Sender, utrecht: Office
) -> None:
    """Nobody gains anything by sending what another one sent, and nobody loses anything."""
    await sender.code(0)
    async with Sender(offices, sender.data, "lviv") as other:
        await other.code(0)
    assert utrecht.exchange.core.files.names() == [sender.hash.hex()]
    core = utrecht.exchange.core

    async def drop(tx: Any) -> None:
        await tx.execute("UPDATE attachments SET state = 'dropped' WHERE number = 1")

    await utrecht.store.write(drop)
    await clear(core)
    assert core.files.names() == [sender.hash.hex()]
    await utrecht.store.write(lambda tx: tx.execute("UPDATE attachments SET state = 'dropped'"))
    await clear(core)
    assert core.files.names() == []
