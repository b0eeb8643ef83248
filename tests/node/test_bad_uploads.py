"""Ranges that a node refuses by rule: each with its code, signed, and nothing of them kept."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from directory_world import signer
from node_world import Office, Offices, until
from referral_node.exchange.files.attachments import Attachments, Quota
from referral_node.exchange.files.clearing import clear, drop_old
from referral_protocol import labels
from referral_protocol.attachments import sealed_size
from referral_protocol.certificates import make_certificate
from referral_protocol.suite import Signer, digest
from referral_protocol.uploads import MAX_RANGE, parse_progress, verify_progress
from uploads import RANGE, Sender, ciphertext


@pytest.fixture
async def offices(tmp_path: Path) -> AsyncIterator[Offices]:
    made = Offices(tmp_path, "lisboa", "utrecht", "lviv")
    await made.start()
    yield made
    await made.stop()


async def rows(office: Office) -> list[tuple[Any, ...]]:
    found = await office.store.rows("SELECT size, held, state FROM attachments")
    return [tuple(row) for row in found]


def lying(office: Office) -> list[str]:
    return office.exchange.core.files.names()


async def test_ranges_follow_one_another_or_are_refused(offices: Offices) -> None:
    data = ciphertext()
    async with Sender(offices, data) as sender:
        assert await sender.code(0, 0) == (None, 0)
        assert await rows(sender.to) == []  # a question reserves nothing
        assert await sender.code(5, 100) == ("bad-range", 0)
        assert await sender.code(0, 100_000) == (None, 100_000)
        assert await sender.code(0, 100_000) == ("bad-range", 100_000)  # goes back
        assert await sender.code(50_000, 150_000) == ("bad-range", 100_000)  # overlaps
        assert await sender.code(100_001, 150_000) == ("bad-range", 100_000)  # leaves a gap
        more = b"x" * (len(data) - 100_000 + 1)
        assert await sender.code(100_000, data=more) == ("bad-range", 100_000)  # never ends
        other = sealed_size(400_000)
        assert await sender.code(100_000, 100_010, size=other) == ("bad-range", 0)
        assert await sender.code(0, 0) == (None, 100_000)
        assert await sender.code(100_000) == (None, len(data))
        assert await sender.code(0, 0) == (None, len(data))
        assert await sender.code(len(data), data=b"x") == ("bad-range", len(data))
        assert lying(sender.to) == [sender.hash.hex()]
        stored = sender.to.exchange.core.files.path(sender.hash).read_bytes()
        assert stored == data


async def test_what_has_another_hash_is_deleted_and_said_so(offices: Offices) -> None:
    data = ciphertext()
    async with Sender(offices, data) as sender:
        assert await sender.code(0, 100_000) == (None, 100_000)
        spoilt = data[100_000:-1] + bytes([data[-1] ^ 1])
        assert await sender.code(100_000, data=spoilt) == ("wrong-attachment", 0)
        assert lying(sender.to) == []
        assert await rows(sender.to) == []
        assert await sender.code(0) == (None, len(data))  # the true one may still come


async def test_bytes_that_were_not_signed_for_are_not_kept(offices: Offices) -> None:
    async with Sender(offices, ciphertext()) as sender:
        head, body = sender.range(0, 1000)
        assert (await sender.send((head, body[:-1] + b"?"))).code == "wrong-seal"
        assert (await sender.send((head, body[:-1]))).code == "truncated"
        assert (await sender.send((head, body + b"?"))).code == "trailing"
        assert lying(sender.to) == []
        assert [row[1] for row in await rows(sender.to)] == [0]


async def test_only_members_who_prove_it_may_send(offices: Offices) -> None:
    async with Sender(offices, ciphertext()) as sender:
        thief = Signer(bytes(31) + b"t")
        assert await sender.code(0, 10, node=thief) == ("bad-signature", 0)
        stranger = make_certificate(thief, sender.office.id, thief.public, offices.clock.now)
        assert (await sender.code(0, 10, node=thief, certificate=stranger))[0] == "bad-signature"
        assert await sender.code(0, 10, sender=b"?" * 16) == ("unknown-member", 0)
        assert await sender.code(0, 10, recipient=offices["lviv"].id) == ("not-for-us", 0)
        ahead = offices.clock.now + 600_001
        head, body = sender.range(0, 10, now=ahead)
        assert (await sender.send((head, body))).code == "clock"
        assert await rows(sender.to) == []
        assert lying(sender.to) == []


async def test_what_cannot_be_parsed_gets_a_problem_document(offices: Offices) -> None:
    async with Sender(offices, ciphertext()) as sender:
        head, body = sender.range(0, 10)
        assert (await sender.post(b"", head.range.hash))[0] == 400
        assert (await sender.post(b"\0\0", head.range.hash))[0] == 400
        assert (await sender.post(b"\xff\xff" + bytes(70_000), head.range.hash))[0] == 400
        assert (await sender.post(body[:40], head.range.hash))[0] == 400
        assert (await sender.post(body, b"h" * 32))[0] == 400  # the address names another
        assert (await sender.post(body, head.range.hash, "application/octet-stream"))[0] == 415
        assert (await sender.post(bytes(MAX_RANGE + 2000), head.range.hash))[0] == 413
        assert await rows(sender.to) == []


async def test_sizes_that_no_file_has_are_refused(offices: Offices) -> None:
    async with Sender(offices, ciphertext()) as sender:
        for size in (0, 1, len(sender.data) + 1, 2**40):
            head, body = sender.range(0, 10, size=size)
            assert (await sender.post(body, head.range.hash))[0] == 400
        assert await rows(sender.to) == []


async def test_each_peer_fills_its_own_room_only(offices: Offices) -> None:
    utrecht, size = offices["utrecht"], sealed_size(0)
    utrecht.exchange.attachments = Attachments(
        utrecht.exchange.core, Quota(unclaimed=2 * size, total=3 * size, files=10)
    )
    async with Sender(offices, ciphertext(10)) as sender:

        async def another(number: int) -> str | None:
            said = await sender.send(
                sender.range(0, 10, hash=digest(labels.STATEMENT, bytes([number])))
            )
            return said.code

        assert [await another(n) for n in range(3)] == [None, None, "quota"]
        sender.office, sender.node = offices["lviv"], signer("lviv node")
        assert await another(9) is None  # another member's room is its own
        sender.office, sender.node = offices["lisboa"], signer("lisboa node")
        # What messages have claimed counts for the total alone.

        async def claimed(tx: Any) -> None:
            await tx.execute(
                "UPDATE attachments SET message = hash WHERE peer = ?", (sender.office.id,)
            )

        await utrecht.store.write(claimed)
        assert [await another(n) for n in (3, 4)] == [None, "quota"]


async def test_an_upload_that_never_ends_is_over_after_two_days(offices: Offices) -> None:
    async with Sender(offices, ciphertext()) as sender:
        assert await sender.code(0, 1000) == (None, 1000)
        core = sender.to.exchange.core
        for day in range(2):
            offices.clock.now += 24 * 3_600_000
            dropped = await drop_old(core)
            assert dropped == day
        assert await sender.code(1000, 2000) == ("busy", 0)
        assert await clear(core) == 1
        assert lying(sender.to) == []
        assert await sender.code(1000, 2000) == ("bad-range", 0)
        assert await sender.code(0, 1000) == (None, 1000)


async def test_two_ranges_of_one_attachment_at_once(offices: Offices) -> None:
    async with Sender(offices, ciphertext()) as sender:
        head, body = sender.range(0, 100_000)
        begun = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield body[:50_000]
            begun.set()
            await go_on.wait()
            yield body[50_000:]

        go_on = asyncio.Event()

        async def first() -> bytes:
            async with sender.client.put(
                f"{sender.to.endpoint}/v1/attachments/{sender.hash.hex()}",
                data=slow(),
                headers={"Content-Type": RANGE},
            ) as answer:
                return await answer.read()

        task = asyncio.create_task(first())
        await begun.wait()

        async def under_way() -> bool:
            return len(await rows(sender.to)) == 1  # its room is reserved, its bytes still come

        await until(under_way)
        assert await sender.code(0, 10) == ("busy", 0)
        go_on.set()
        key = sender.to.exchange.core.node.public
        said = verify_progress(parse_progress(await task), key, head, offices.clock.now)
        assert (said.code, said.held) == (None, 100_000)


async def test_a_disk_without_room_takes_nothing_of_others(offices: Offices) -> None:
    async with Sender(offices, ciphertext()) as sender:
        core = sender.to.exchange.core
        core.room = lambda: False
        assert await sender.code(0, 1000) == ("disk", 0)
        assert lying(sender.to) == []
        core.room = lambda: True
        assert await sender.code(0, 1000) == (None, 1000)


async def test_a_file_that_another_program_cut_begins_anew(offices: Offices) -> None:
    async with Sender(offices, ciphertext()) as sender:
        assert await sender.code(0, 1000) == (None, 1000)
        core = sender.to.exchange.core
        path = core.files.coming(sender.office.id, sender.hash)
        path.write_bytes(path.read_bytes()[:500])
        assert await sender.code(1000, 2000) == ("bad-range", 0)
        assert await sender.code(0) == (None, len(sender.data))


async def test_a_request_that_is_broken_off_keeps_its_turn_until_its_bytes_lie(
    offices: Offices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes that reach the disk late must not undo those of a later range."""
    async with Sender(offices, ciphertext()) as sender:
        uploads, core = sender.to.exchange.attachments, sender.to.exchange.core
        go_on, begun, write = Event(), Event(), core.files.write

        def slow(path: Path, offset: int, data: bytes) -> None:
            begun.set()
            go_on.wait(10)
            write(path, offset, data)

        monkeypatch.setattr(core.files, "write", slow)
        said = sender.range(0, 1000)[0].range

        async def first() -> None:
            async with uploads.turn(said):
                await uploads.store(said, sender.data[:1000])

        task = asyncio.create_task(first())
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await sender.code(0, 2000) == ("busy", 0)
        go_on.set()

        async def stored() -> bool:
            return await sender.code(0, 0) == (None, 1000)

        await until(stored)
        monkeypatch.undo()
        assert await sender.code(1000) == (None, len(sender.data))
