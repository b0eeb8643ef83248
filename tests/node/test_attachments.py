"""Files between two real nodes: cut at every range, resumed, damaged, removed with a case."""

import asyncio
import hashlib
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fed_member import Member
from federation import Federation, until
from files import pdf, pieces
from links import LOSE, LOSE_ANSWER, PASS, REPEAT
from referral_node.exchange import FileEntry, FilesGone, Said, erase
from referral_node.exchange.files.attachments import Attachments, Quota
from referral_node.exchange.files.clearing import clear, drop_old, sweep
from referral_node.exchange.files.names import safe_name
from referral_node.store import StoreError, Tx
from referral_protocol.attachments import sealed_size
from referral_protocol.certificates import DAY
from referral_protocol.directory.entries import ACTIVE
from referral_protocol.statements import NOTE, Head

MIB = 1024 * 1024


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path, "lisboa", "utrecht") as made:
        yield made


async def referred(fed: Federation) -> Said:
    """A referral that Utrecht has opened."""
    said = await fed["lisboa"].refer(fed["utrecht"])
    await fed.settle()
    await fed.read_all()
    return said


async def added(member: Member, owner: bytes, data: bytes, name: str = "a.pdf") -> FileEntry:
    entry: FileEntry = await member.exchange.filing.add(
        member.vault(), member.actor, owner, lambda kind: safe_name(name, kind), pieces(data)
    )
    return entry


async def filed(member: Member, thread: bytes, *entries: FileEntry) -> Said:
    """A note with files."""
    return await member.say(thread, NOTE, Head(), form="note", files=[e.row() for e in entries])


async def opened(member: Member, entry: FileEntry) -> bytes:
    await member.exchange.filing.look(entry)
    return b"".join([piece async for piece in member.exchange.filing.read(entry)])


async def rows(member: Member) -> list[dict[str, Any]]:
    found = await member.store.rows("SELECT * FROM attachments ORDER BY number")
    return [dict(row) for row in found]


def on_disk(member: Member) -> list[str]:
    folder = member.folder.attachments
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


async def until_there(fed: Federation, member: Member) -> None:
    """Wait until nothing waits in an outbox, moving the clock so that retries come."""

    async def empty() -> bool:
        fed.clock.now += 1000
        member.wake()
        return await member.count("SELECT COUNT(*) FROM outbox WHERE code IS NULL") == 0

    await until(empty)


# the way


async def test_a_file_goes_before_its_message_and_comes_out_as_it_went_in(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await referred(fed)
    data = pdf(3 * MIB + 17)
    entry = await added(lisboa, said.thread, data)
    assert (entry.type, entry.size, entry.name) == ("application/pdf", len(data), "a.pdf")
    note = await filed(lisboa, said.thread, entry)
    await until_there(fed, lisboa)
    await fed.read_all()
    shown = (await utrecht.view(said.thread)).messages[-1]
    assert shown.hash == note.hash
    assert shown.content is not None
    assert shown.content["files"] == [entry.row()]
    assert await opened(utrecht, entry) == data
    assert await opened(lisboa, entry) == data
    assert on_disk(lisboa) == on_disk(utrecht) == [entry.hash.hex()]
    whole = (utrecht.folder.attachments / entry.hash.hex()).read_bytes()
    assert hashlib.sha256(whole).digest() == entry.hash
    assert len(whole) == sealed_size(len(data))
    sent = [r for r in fed.link("lisboa", "utrecht").requests if r.method == "PUT"]
    assert len(sent) == 1 + -(-len(whole) // MIB)
    order = [r.path.split("/")[2] for r in fed.link("lisboa", "utrecht").requests]
    assert order.index("attachments") < len(order) - 1
    assert order[-1] == "parcels"


@pytest.mark.parametrize("fate", [LOSE, LOSE_ANSWER, REPEAT])
async def test_a_cut_at_every_range_costs_nothing_but_time(fed: Federation, fate: str) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await referred(fed)
    data = pdf(5 * MIB)
    entry = await added(lisboa, said.thread, data)
    link = fed.link("lisboa", "utrecht")
    before = len(link.requests)
    link.next(*[fate, PASS] * 12)
    await filed(lisboa, said.thread, entry)
    await until_there(fed, lisboa)
    await fed.read_all()
    assert await opened(utrecht, entry) == data
    puts = [r for r in link.requests[before:] if r.method == "PUT"]
    assert sum(r.fate == fate for r in puts) >= 3
    # Nothing went more than twice: a lost answer costs one range, and then it goes on.
    assert sum(len(r.body) for r in puts) < 2.1 * sealed_size(len(data))


async def test_a_crash_of_the_recipient_loses_nothing_that_was_answered(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await referred(fed)
    entry = await added(lisboa, said.thread, pdf(4 * MIB))
    link = fed.link("lisboa", "utrecht")
    link.next(PASS, PASS, PASS)  # the question and two ranges
    link.weather = lambda: LOSE
    await filed(lisboa, said.thread, entry)

    async def two_held() -> bool:
        return await utrecht.count("SELECT COALESCE(SUM(held), 0) FROM attachments") == 2 * MIB

    await until(two_held)
    await utrecht.crash()
    # The system crashed in the middle of a range: bytes that nobody was told of.
    part = next(utrecht.folder.attachments.glob(f"{entry.hash.hex()}.*"))
    with part.open("ab") as file:
        file.write(b"garbage" * 700_000)  # past the end of the whole
    await utrecht.start()
    link.mend()
    before = len(link.requests)
    await until_there(fed, lisboa)
    await fed.read_all()
    assert await opened(utrecht, entry) == pdf(4 * MIB)
    bodies = [len(r.body) for r in link.requests[before:] if r.method == "PUT"]
    assert sum(bodies) < 3 * MIB  # it went on where it was


async def test_a_crash_of_the_sender_goes_on_too(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await referred(fed)
    entry = await added(lisboa, said.thread, pdf(3 * MIB))
    fed.link("lisboa", "utrecht").next(PASS, PASS)
    fed.link("lisboa", "utrecht").weather = lambda: LOSE
    await filed(lisboa, said.thread, entry)
    await until(lambda: _held(utrecht, MIB))
    await lisboa.crash()
    await lisboa.start()
    fed.link("lisboa", "utrecht").mend()
    await until_there(fed, lisboa)
    await fed.read_all()
    assert await opened(utrecht, entry) == pdf(3 * MIB)


async def _held(member: Member, count: int) -> bool:
    return await member.count("SELECT COALESCE(SUM(held), 0) FROM attachments") >= count


async def test_a_dead_upload_holds_up_no_other_message(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await referred(fed)
    link = fed.link("lisboa", "utrecht")
    dead = await added(lisboa, said.thread, pdf(MIB))
    (lisboa.folder.attachments / dead.hash.hex()).write_bytes(b"another")
    late = await filed(lisboa, said.thread, dead)
    fine = await added(lisboa, said.thread, pdf(2000))
    second = await filed(lisboa, said.thread, fine)
    plain = await lisboa.note(said.thread, "Without a file")
    await until_there(fed, lisboa)
    held = {r.path for r in link.requests if r.method == "PUT"}
    assert len(held) == 2
    codes = {
        bytes(row["hash"]): row["code"]
        for row in await lisboa.store.rows(
            "SELECT m.hash, o.code FROM outbox o JOIN messages m ON m.number = o.message"
        )
    }
    assert codes == {late.hash: "wrong-attachment"}
    await fed.read_all()
    shown = [m.hash for m in (await utrecht.view(said.thread)).messages]
    assert second.hash in shown
    assert plain.hash in shown


async def test_a_file_that_is_not_taken_for_two_weeks_is_told(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await referred(fed)
    utrecht.exchange.attachments = Attachments(utrecht.exchange.core, Quota(files=0))
    entry = await added(lisboa, said.thread, pdf())
    await filed(lisboa, said.thread, entry)
    plain = await lisboa.note(said.thread, "Without a file")
    link = fed.link("lisboa", "utrecht")

    async def refused() -> bool:
        asked = sum(r.method == "PUT" for r in link.requests)
        return asked >= 2 and await lisboa.count("SELECT COUNT(*) FROM outbox") == 1

    await until(refused)
    fed.clock.now += 15 * DAY
    await until_there(fed, lisboa)
    left = await lisboa.store.rows("SELECT code FROM outbox")
    assert [row["code"] for row in left] == ["undelivered"]
    await fed.read_all()
    assert plain.hash in [m.hash for m in (await utrecht.view(said.thread)).messages]
    assert len(lisboa.node.courier._uploads._workers) == 1  # it may still be sent anew


async def test_a_suspended_member_uploads_nothing_until_it_is_lifted(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await referred(fed)
    await fed.change_status(lisboa)
    entry = await added(lisboa, said.thread, pdf())
    await filed(lisboa, said.thread, entry)
    link = fed.link("lisboa", "utrecht")

    async def asked() -> bool:
        fed.clock.now += 1000
        lisboa.wake()
        return sum(r.method == "PUT" for r in link.requests) >= 2

    await until(asked)
    assert await rows(utrecht) == []
    assert on_disk(utrecht) == []
    await fed.change_status(lisboa, ACTIVE)
    await until_there(fed, lisboa)
    await fed.read_all()
    assert await opened(utrecht, entry) == pdf()


async def test_a_worker_ends_when_no_file_waits(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    said = await referred(fed)
    uploads = lisboa.node.courier._uploads
    assert uploads._workers == {}
    for size in (2_000, 3_000):
        await filed(lisboa, said.thread, await added(lisboa, said.thread, pdf(size)))
        assert list(uploads._workers) == [fed["utrecht"].id]
        await until_there(fed, lisboa)

        async def ended() -> bool:
            return uploads._workers == {}

        await until(ended)


async def test_a_message_whose_files_were_lost_there_brings_them_again(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await referred(fed)
    entry = await added(lisboa, said.thread, pdf())
    link = fed.link("lisboa", "utrecht")
    link.next(PASS, PASS)  # the question and all of it; then the message is lost on its way
    link.weather = lambda: LOSE
    await filed(lisboa, said.thread, entry)
    await until(lambda: _held(utrecht, entry.size))

    async def lost(tx: Tx) -> int:
        return await tx.execute("DELETE FROM attachments WHERE message IS NULL")

    assert await utrecht.store.write(lost) == 1
    link.mend()
    await until_there(fed, lisboa)
    await fed.read_all()
    assert await opened(utrecht, entry) == pdf()


async def test_a_message_that_waits_for_a_key_brings_its_files_later(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await referred(fed)
    fed.clock.now += 200 * DAY  # past every prekey
    entry = await added(lisboa, said.thread, pdf())
    waits = await filed(lisboa, said.thread, entry)
    assert waits.waits_for_key
    assert await rows(utrecht) == []
    assert [row["waits"] is not None for row in await rows(lisboa)] == [True]


# what is not taken


async def test_a_file_is_said_once_and_only_while_it_is_there(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    said = await referred(fed)
    entry = await added(lisboa, said.thread, pdf())
    await filed(lisboa, said.thread, entry)
    with pytest.raises(FilesGone):
        await filed(lisboa, said.thread, entry)
    other = await added(lisboa, said.thread, pdf(3000))
    assert await lisboa.exchange.filing.remove(lisboa.actor, said.thread, other.hash)
    with pytest.raises(FilesGone):
        await filed(lisboa, said.thread, other)
    assert not await lisboa.exchange.filing.remove(lisboa.actor, said.thread, other.hash)
    assert await clear(lisboa.exchange.core) == 1
    assert on_disk(lisboa) == [entry.hash.hex()]


async def test_what_breaks_off_leaves_nothing(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    said = await referred(fed)

    async def breaking() -> AsyncIterator[bytes]:
        yield pdf(500_000)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await lisboa.exchange.filing.add(
            lisboa.vault(), lisboa.actor, said.thread, lambda _: "a.pdf", breaking()
        )
    assert on_disk(lisboa) == []
    assert await rows(lisboa) == []


async def test_a_person_who_goes_away_leaves_nothing(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    said = await referred(fed)
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield pdf(500_000)
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(
        lisboa.exchange.filing.add(
            lisboa.vault(), lisboa.actor, said.thread, lambda _: "a.pdf", endless()
        )
    )
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert on_disk(lisboa) == []


async def test_without_room_on_the_disk_no_file_is_added(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    said = await referred(fed)
    looks = iter([True, True, False])
    lisboa.exchange.core.room = lambda: next(looks)
    with pytest.raises(StoreError, match="kept for messages"):
        await added(lisboa, said.thread, pdf(3 * MIB))
    assert on_disk(lisboa) == []
    assert await rows(lisboa) == []


async def test_a_large_file_is_never_whole_in_memory(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    said = await referred(fed)

    async def large() -> AsyncIterator[bytes]:
        yield b"%PDF-1.7"
        for _ in range(400):
            yield bytes(64 * 1024)

    filing = lisboa.exchange.filing
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        entry = await filing.add(
            lisboa.vault(), lisboa.actor, said.thread, lambda _: "a.pdf", large()
        )
        await filing.look(entry)
        assert sum([len(piece) async for piece in filing.read(entry)]) == entry.size > 25 * MIB
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak < 8 * MIB


# how long it stays


async def test_erasing_a_case_removes_its_files_on_both_sides(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await referred(fed)
    entry = await added(lisboa, said.thread, pdf())
    await filed(lisboa, said.thread, entry)
    await until_there(fed, lisboa)
    await fed.read_all()
    unsaid = await added(utrecht, said.thread, pdf(3000))
    assert on_disk(utrecht) == sorted([entry.hash.hex(), unsaid.hash.hex()])
    assert await erase(utrecht.exchange.core, utrecht.actor, said.thread)
    assert on_disk(utrecht) == []
    assert await rows(utrecht) == []
    assert on_disk(lisboa) == [entry.hash.hex()]
    assert await erase(lisboa.exchange.core, lisboa.actor, said.thread)
    assert on_disk(lisboa) == []
    with pytest.raises(FilesGone):
        await lisboa.exchange.filing.look(entry)


async def test_erasing_waits_for_what_its_peer_does_not_have_yet(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await referred(fed)
    link = fed.link("lisboa", "utrecht")
    link.cut()
    entry = await added(lisboa, said.thread, pdf())
    await filed(lisboa, said.thread, entry)
    assert await erase(lisboa.exchange.core, lisboa.actor, said.thread)
    assert on_disk(lisboa) == [entry.hash.hex()]  # sealed, to another's key
    assert await drop_old(lisboa.exchange.core) == 0
    link.mend()
    await until_there(fed, lisboa)
    await fed.read_all()
    assert await opened(utrecht, entry) == pdf()
    assert await drop_old(lisboa.exchange.core) == 1
    await clear(lisboa.exchange.core)
    assert on_disk(lisboa) == []


async def test_what_no_message_claims_goes_after_two_days(fed: Federation) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await referred(fed)
    link = fed.link("lisboa", "utrecht")
    link.next(PASS, PASS)  # the question and a range
    link.weather = lambda: LOSE
    entry = await added(lisboa, said.thread, pdf(3 * MIB))
    await filed(lisboa, said.thread, entry)
    await until(lambda: _held(utrecht, MIB))
    unsaid = await added(utrecht, said.thread, pdf())
    draft = await utrecht.exchange.drafts.create(utrecht.vault(), utrecht.actor)
    kept = await added(utrecht, draft, pdf(3000))
    fed.clock.now += 2 * DAY - 1
    assert await drop_old(utrecht.exchange.core) == 0
    fed.clock.now += 1 + 60_000
    assert await drop_old(utrecht.exchange.core) == 2
    assert await clear(utrecht.exchange.core) == 2
    assert on_disk(utrecht) == [kept.hash.hex()]
    assert unsaid.hash.hex() not in on_disk(utrecht)
    # The sender begins anew, and is none the wiser.
    link.mend()
    await until_there(fed, lisboa)
    await fed.read_all()
    assert await opened(utrecht, entry) == pdf(3 * MIB)
    await utrecht.exchange.drafts.discard(utrecht.actor, draft)
    await clear(utrecht.exchange.core)
    assert kept.hash.hex() not in on_disk(utrecht)


async def test_a_start_sweeps_what_a_crash_left(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    said = await referred(fed)
    entry = await added(lisboa, said.thread, pdf())
    folder = lisboa.folder.attachments
    for name in ("new." + "0" * 32, "ab" * 32, "cd" * 32 + "." + "ef" * 16):
        (folder / name).write_bytes(b"left over")
    assert await sweep(lisboa.exchange.core) == 3
    await lisboa.stop()
    (folder / ("12" * 32)).write_bytes(b"left over")
    await lisboa.start()
    assert on_disk(lisboa) == [entry.hash.hex()]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / entry.hash.hex()).stat().st_mode & 0o777 == 0o600
