"""Files after a restore: what a peer sent comes again with its message; ours lie with the peer."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from catching import caught_up, copy, put_back
from fed_member import Member
from federation import Federation
from files import pdf, pieces
from referral_node.exchange import FileEntry, FilesGone
from referral_protocol.statements import NOTE, Head


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path, "lisboa", "utrecht") as made:
        yield made


async def filed(member: Member, thread: bytes, size: int) -> FileEntry:
    """A note with a file."""
    entry: FileEntry = await member.exchange.filing.add(
        member.vault(), member.actor, thread, lambda _: "a.pdf", pieces(pdf(size))
    )
    await member.say(thread, NOTE, Head(), form="note", files=[entry.row()])
    return entry


async def test_files_come_again_with_their_messages(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.settle()
    await fed.read_all()
    kept = await filed(lisboa, said.thread, 300_000)
    await fed.settle()
    await fed.read_all()
    moment = fed.clock.now
    place = await copy(utrecht)
    theirs = await filed(lisboa, said.thread, 2_000_000)
    ours = await filed(utrecht, said.thread, 400_000)
    await fed.settle()
    await fed.read_all()
    assert len(utrecht.exchange.core.files.names()) == 3

    await put_back(utrecht, place, restored=moment)
    assert utrecht.exchange.core.files.names() == [kept.hash.hex()]
    await caught_up(fed)
    await fed.settle()
    await caught_up(fed)
    contents = [m.content for m in (await utrecht.view(said.thread)).messages if m.content]
    listed = {row["hash"] for content in contents for row in content.get("files", ())}
    assert listed == {kept.hash, theirs.hash, ours.hash}
    for entry in (kept, theirs):
        await utrecht.exchange.filing.look(entry)
    # What it said itself came back as words; the file lies with whom it was sent to.
    with pytest.raises(FilesGone):
        await utrecht.exchange.filing.look(ours)
    await lisboa.exchange.filing.look(ours)
