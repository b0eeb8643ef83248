"""Disks that are full, read-only or damaged: said in one line, nothing half-written, and it goes on
by itself when there is room again."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs

from fed_member import Member
from federation import Federation, until
from referral_node.store import Store, StoreError, Tx
from referral_node.store import database as database_module
from referral_node.trouble import Trouble
from small_disk import MIB, fill, small_disk_at


def _remount(path: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(path)], check=True)


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
        yield made


def whole(member: Member) -> None:
    """SQLite finds no fault in the database."""
    with closing(sqlite3.connect(member.folder.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_a_node_starts_on_a_full_disk(fed: Federation, small_disk: Path) -> None:
    """Restarted while its disk is full: people can read, and all goes on when there is room."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    filler = fill(small_disk)
    await utrecht.stop()
    fed.clock.now += 13 * 3_600_000  # its transport prekey is old: a new one cannot be stored
    await utrecht.start()
    assert (await utrecht.view(said.thread)).opener is not None
    filler.unlink()
    await lisboa.note(said.thread, "There is room again")
    await fed.read_all()
    assert len((await utrecht.view(said.thread)).messages) == 2


async def _trouble(member: Member) -> str:
    row = await member.store.row("SELECT trouble FROM peers WHERE trouble IS NOT NULL")
    return "" if row is None else str(row["trouble"])


async def test_a_full_disk_loses_nothing_and_goes_on_by_itself(
    fed: Federation, small_disk: Path
) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    first = await lisboa.refer(utrecht)
    await fed.settle()
    await utrecht.read()
    await utrecht.sign_in()
    before = await utrecht.count("SELECT COUNT(*) FROM messages")
    filler = fill(small_disk)
    with capture_logs() as lines:
        said = [await lisboa.refer(utrecht) for _ in range(3)]
        await until(lambda: _told(lisboa, "disk"))
        today = await utrecht.page().get("/")
        referral = await utrecht.page().get(f"/referral/{first.thread.hex()}")
        with pytest.raises(StoreError) as refused:
            await utrecht.note(first.thread, "x" * 3000)
        assert refused.value.code == "disk"
    assert "\n" not in str(refused.value)
    # Nothing is shown whose showing cannot be recorded, and the page says why.
    assert today.status == 200
    assert referral.status == 503
    assert "disk is full" in referral.text
    told = {line["code"] for line in lines if line["event"] == "parcel.refused"}
    assert told == {"disk"}
    assert not [line for line in lines if line["event"] in ("listener.fault", "page.failed")]
    assert (await lisboa.view(said[0].thread)).opener_standing in ("queued", "unknown")
    assert await utrecht.count("SELECT COUNT(*) FROM messages") == before
    filler.unlink()
    await fed.settle()
    assert (await utrecht.read()).imported == 3
    await utrecht.note(first.thread, "There is room again")
    await fed.read_all()
    for each in (first, *said):
        ours, theirs = await lisboa.view(each.thread), await utrecht.view(each.thread)
        assert ours.state == theirs.state
        assert {m.hash for m in ours.messages} == {m.hash for m in theirs.messages}
    await utrecht.stop()
    whole(utrecht)


async def _told(member: Member, code: str) -> bool:
    return await _trouble(member) == code


async def test_below_the_reserve_it_takes_nothing_from_others(tmp_path: Path) -> None:
    """Two per cent of this disk are 1.28 MiB: below that only our own people write."""
    with small_disk_at(tmp_path / "larger", 64 * MIB) as disk:
        places = {"utrecht": disk / "utrecht"}
        async with Federation(tmp_path, "lisboa", "utrecht", places=places) as made:
            await _below_the_reserve(made, disk)


async def _below_the_reserve(fed: Federation, disk: Path) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    first = await lisboa.refer(utrecht)
    await fed.settle()
    await utrecht.read()
    await utrecht.sign_in()
    with capture_logs() as lines:
        filler = fill(disk, leave=MIB)
        said = await lisboa.refer(utrecht)
        await until(lambda: _told(lisboa, "disk"))
        today = await utrecht.page().get("/")
        await utrecht.note(first.thread, "We can still write")
        await until(lambda: _empty(utrecht))
        figures = await _figures(utrecht)
        status = await utrecht.node.operations().status({})
    assert "The disk of your node is almost full" in today.text
    assert "You can still write and send" in today.text
    assert figures["referral_disk_low"] == 1
    assert 0 < figures["referral_disk_free_bytes"] < 1.3 * MIB
    assert status["disk_low"] is True
    assert [line["event"] for line in lines if line["event"].startswith("disk.")] == ["disk.low"]
    assert (await lisboa.view(said.thread)).opener_standing in ("queued", "unknown")
    filler.unlink()
    await fed.read_all()
    assert (await utrecht.view(said.thread)).opener is not None
    assert (await _figures(utrecht))["referral_disk_low"] == 0
    assert "almost full" not in (await utrecht.page().get("/")).text


async def _empty(member: Member) -> bool:
    return not await member.count("SELECT COUNT(*) FROM outbox")


async def _figures(member: Member) -> dict[str, float]:
    """What the node tells those who watch it."""
    url = f"http://127.0.0.1:{member.node.ports['metrics']}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        text = await answer.text()
    lines = [line.split(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


async def test_a_node_does_not_start_without_room_and_says_so(
    fed: Federation, small_disk: Path
) -> None:
    utrecht = fed["utrecht"]
    await utrecht.stop()
    filler = fill(small_disk)
    with pytest.raises((Trouble, StoreError)) as told:
        await utrecht.start()
    assert "\n" not in str(told.value)
    assert "room" in str(told.value)
    filler.unlink()
    await utrecht.start()
    await fed["lisboa"].refer(utrecht)
    await fed.settle()


async def test_a_read_only_file_system_is_named(fed: Federation, small_disk: Path) -> None:
    utrecht = fed["utrecht"]
    await utrecht.stop()
    _remount(small_disk, "ro")
    try:
        with pytest.raises(Trouble) as told:
            await utrecht.start()
        assert "\n" not in str(told.value)
        assert "read-only" in str(told.value).lower()
        with pytest.raises(StoreError) as refused:
            await Store.open(utrecht.folder.database)
        assert refused.value.code == "read-only"
        assert str(utrecht.folder.database) in str(refused.value)
    finally:
        _remount(small_disk, "rw")
    await utrecht.start()


# without another disk


async def test_a_file_that_may_not_grow_is_a_full_disk(tmp_path: Path) -> None:
    """The same by a limit on the size of files, which needs no rights."""
    script = """
import asyncio, resource, signal, sys
from pathlib import Path
from referral_node.store import Store, StoreError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

async def main():
    path = Path(sys.argv[1])
    store = await Store.open(path)

    async def work(tx):
        await tx.many("INSERT INTO facts (name, value) VALUES (?, ?)",
                      [(str(n), bytes(4000)) for n in range(200)])

    wal = path.with_name(path.name + "-wal")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal.stat().st_size + 8192, hard))
    try:
        await store.write(work)
    except StoreError as error:
        print(error.code, flush=True)
    row = await store.row("SELECT COUNT(*) FROM facts")
    print(row[0], flush=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await store.write(work)
    row = await store.row("SELECT COUNT(*) FROM facts")
    print(row[0], flush=True)
    await store.close()

asyncio.run(main())
"""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", script, str(tmp_path / "node.db")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["disk", "0", "200"], done.stderr
    assert done.stderr == ""


async def test_the_writer_outlives_a_fault_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it ended, every later write would wait for ever."""
    store = await Store.open(tmp_path / "node.db")

    async def work(tx: Tx) -> int:
        return await tx.execute("DELETE FROM facts")

    def broken(*_: object) -> None:
        raise sqlite3.ProgrammingError("cannot roll back")

    try:
        with monkeypatch.context() as patch:
            patch.setattr(database_module, "_commit", broken)
            with pytest.raises(StoreError):
                async with asyncio.timeout(5):
                    await store.write(work)
        async with asyncio.timeout(5):
            assert await store.write(work) == 0
    finally:
        await store.close()


async def test_a_damaged_page_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    store = await Store.open(path)

    async def work(tx: Tx) -> None:
        rows = [(str(n), os.urandom(900)) for n in range(500)]
        await tx.many("INSERT INTO facts (name, value) VALUES (?, ?)", rows)

    await store.write(work)
    await store.close()
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 2, len(data) // 2 + 8 * 4096, 512):
        data[place : place + 64] = os.urandom(64)
    path.write_bytes(bytes(data))
    store = await Store.open(path)
    try:
        with pytest.raises(StoreError) as told:
            await store.rows("SELECT * FROM facts ORDER BY value")
        assert told.value.code == "damaged"
        assert "restore" in str(told.value)
    finally:
        await store.close()


async def test_a_second_process_on_the_same_folder_says_who_is_there(tmp_path: Path) -> None:
    async with Federation(tmp_path, "lisboa", "utrecht") as made:
        utrecht = made["utrecht"]
        done = await asyncio.to_thread(
            subprocess.run,
            [
                *(sys.executable, "-c", "from referral_tools.cli import main; main()"),
                *("node", "serve", "--state", str(utrecht.folder.path)),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert f"process {os.getpid()} works in this folder: stop it first" in line
        # The one that was there first goes on.
        await made["lisboa"].refer(utrecht)
        await made.settle()
        assert (await utrecht.read()).imported == 1
