"""Last night's backup is enough: the file, the kit and the other members give everything back.

The real commands' functions from end to end; what peers are asked and what they give stands in
`test_restore.py`.
"""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backing import back_up_here, restored
from catching import HOUR, accept, agree, caught_up, counters
from fed_member import Member
from federation import Federation
from files import pdf, pieces
from referral_node.exchange import FileEntry
from referral_node.exchange.files.names import safe_name
from referral_protocol.statements import NOTE, Head


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path / "all", "lisboa", "utrecht", "lviv") as made:
        yield made


async def burnt(member: Member, backup: Path) -> None:
    """The machine is gone; a new one is made from the backup."""
    await member.stop()
    shutil.rmtree(member.folder.path)
    await restored(member, backup, member.folder.path)
    await member.start()


async def added(member: Member, thread: bytes, data: bytes, name: str = "a.pdf") -> FileEntry:
    """A file for a message that is to come."""
    entry: FileEntry = await member.exchange.filing.add(
        member.vault(), member.actor, thread, lambda kind: safe_name(name, kind), pieces(data)
    )
    return entry


async def filed(member: Member, thread: bytes, entry: FileEntry) -> None:
    await member.say(thread, NOTE, Head(), form="note", files=[entry.row()])


async def opened(member: Member, entry: FileEntry) -> bytes:
    return b"".join([piece async for piece in member.exchange.filing.read(entry)])


async def test_a_day_is_not_lost_with_the_machine(fed: Federation, tmp_path: Path) -> None:
    lisboa, utrecht, lviv = (fed[name] for name in ("lisboa", "utrecht", "lviv"))
    old = await lisboa.refer(utrecht)
    await fed.read_all()
    night = (await back_up_here(lisboa, tmp_path)).path
    fed.clock.now += 8 * HOUR
    await accept(utrecht, old.thread)
    sent = await lisboa.refer(lviv, "immediate")
    received = await utrecht.refer(lisboa)
    await fed.read_all()
    await accept(lisboa, received.thread)
    await accept(lviv, sent.thread)
    for number in range(5):
        await lisboa.note(old.thread, f"ours {number}")
        await lviv.note(sent.thread, f"theirs {number}")
    await fed.read_all()
    # Sent in the last minute: it left the machine, and was not read yet.
    await lisboa.note(sent.thread, "the last word")
    await fed.settle()
    fed.clock.now += HOUR
    await burnt(lisboa, night)
    assert await lisboa.count("SELECT COUNT(*) FROM threads") == 1
    await caught_up(fed)
    assert await agree(lisboa, utrecht) == 2
    assert await agree(lisboa, lviv) == 1
    assert "the last word" in str([m.content for m in (await lisboa.view(sent.thread)).messages])
    assert (await lisboa.view(received.thread)).opener is not None
    await counters(lisboa, utrecht, lviv)


async def test_the_same_backup_serves_twice_and_no_counter_does(
    fed: Federation, tmp_path: Path
) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    night = (await back_up_here(lisboa, tmp_path)).path
    for life in range(2):
        await lisboa.note(said.thread, f"said in life {life}")
        await utrecht.note(said.thread, f"answered in life {life}")
        await fed.read_all()
        # The clock of the new machine stands as the old one's did: no counter hangs on it.
        await burnt(lisboa, night)
        await lisboa.note(said.thread, f"said before anything came back, {life}")
        await fed.settle()
        await counters(lisboa, utrecht)
    await caught_up(fed)
    assert await agree(lisboa, utrecht) == 1
    contents = str([m.content for m in (await lisboa.view(said.thread)).messages])
    assert all(f"{what} {life}" in contents for what in ("said in life", "answered in life")
               for life in range(2))  # fmt: skip
    await counters(lisboa, utrecht)


async def test_files_come_back_too(fed: Federation, tmp_path: Path) -> None:
    """Those of the night from the backup; what they sent later, from them."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    before = [pdf(300_000), pdf(200_000)]
    ours = await added(lisboa, said.thread, before[0])
    theirs = await added(utrecht, said.thread, before[1])
    await filed(lisboa, said.thread, ours)
    await filed(utrecht, said.thread, theirs)
    await fed.read_all()
    night = (await back_up_here(lisboa, tmp_path)).path
    fed.clock.now += HOUR
    later = pdf(400_000)
    entry = await added(utrecht, said.thread, later, "later.pdf")
    await filed(utrecht, said.thread, entry)
    await fed.read_all()
    assert await opened(lisboa, entry) == later
    fed.clock.now += HOUR
    await burnt(lisboa, night)
    assert [await opened(lisboa, each) for each in (ours, theirs)] == before
    await caught_up(fed)
    await agree(lisboa, utrecht)
    assert await opened(lisboa, entry) == later
