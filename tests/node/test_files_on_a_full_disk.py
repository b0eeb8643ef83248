"""Files and a disk that is really full: refused with `disk`, nothing lost, and it goes on."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from federation import Federation, until
from files import pdf, pieces
from referral_node.store import StoreError
from referral_protocol.statements import NOTE, Head
from small_disk import small_disk_at

MIB = 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of six megabytes of its own."""
    with small_disk_at(tmp_path / "disk") as disk:
        yield disk


@pytest.fixture
async def fed(small_disk: Path, tmp_path: Path) -> AsyncIterator[Federation]:
    """Utrecht lies on the small disk."""
    places = {"utrecht": small_disk / "utrecht"}
    async with Federation(tmp_path, "lisboa", "utrecht", places=places) as made:
        for name in ("lisboa", "utrecht"):
            made[name].exchange.core.room = lambda: True  # the watermark is another test's
        yield made


async def test_a_file_that_does_not_fit_waits_until_there_is_room(
    fed: Federation, small_disk: Path
) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.settle()
    await fed.read_all()
    filler = small_disk / "filler"
    space = os.statvfs(small_disk)
    filler.write_bytes(bytes(space.f_bavail * space.f_frsize - 2 * MIB))
    entry = await lisboa.exchange.filing.add(
        lisboa.vault(), lisboa.actor, said.thread, lambda _: "a.pdf", pieces(pdf(3 * MIB))
    )
    await lisboa.say(said.thread, NOTE, Head(), form="note", files=[entry.row()])
    link = fed.link("lisboa", "utrecht")

    async def refused() -> bool:
        fed.clock.now += 1000
        lisboa.wake()
        return sum(r.method == "PUT" for r in link.requests) >= 5

    await until(refused)
    held = await utrecht.count("SELECT COALESCE(SUM(held), 0) FROM attachments")
    part = utrecht.exchange.core.files.coming(lisboa.id, entry.hash)
    assert held <= part.stat().st_size < 3 * MIB
    assert await lisboa.count("SELECT COUNT(*) FROM outbox") == 1
    filler.unlink()

    async def arrived() -> bool:
        fed.clock.now += 60_000
        lisboa.wake()
        return await lisboa.count("SELECT COUNT(*) FROM outbox") == 0

    await until(arrived)
    await fed.read_all()
    await utrecht.exchange.filing.look(entry)


async def test_a_person_is_told_and_nothing_stays(fed: Federation, small_disk: Path) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.settle()
    await fed.read_all()
    with pytest.raises(StoreError) as told:
        await utrecht.exchange.filing.add(
            utrecht.vault(), utrecht.actor, said.thread, lambda _: "a.pdf", pieces(pdf(20 * MIB))
        )
    assert told.value.code == "disk"
    assert utrecht.exchange.core.files.names() == []
    assert await utrecht.count("SELECT COUNT(*) FROM attachments") == 0
    assert (await utrecht.note(said.thread, "Without a file")).hash
