"""What SIGKILL cannot show, as the page cache survives it: nothing leaves a node before its rows
are on disk, and after a power cut at any sync all of an exchange is held or still queued.

A process is watched by strace. What was written but not synced is taken away from its files, as a
power cut would; ``SWEEP=all`` cuts at every sync instead of at some.
"""

import asyncio
import os
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from fed_member import PASSWORD, Member
from federation import Federation, until
from page_reader import Reader
from referral_node.exchange import Said
from traced import (
    SYNCS,
    Call,
    Lost,
    calls,
    first,
    is_connection,
    killing,
    synced_between,
    tracing,
    why_not,
)

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "it can be traced")

WAL = "/node.db-wal"
FILES = ("node.db", "node.db-wal")
STEP = 1 if os.environ.get("SWEEP") == "all" else 2


def now() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    """Utrecht can run as a process, so it lives on the machine's clock; Lisbon runs here."""
    names = ("lisboa", "utrecht")
    async with Federation(tmp_path, *names, strong=("utrecht",), now=now()) as made:
        await made["utrecht"].stop()
        yield made


async def _holds(lisboa: Member, count: int) -> bool:
    lisboa.wake()
    return await lisboa.count("SELECT COUNT(*) FROM messages WHERE mine = 0") >= count


async def _delivered(lisboa: Member) -> bool:
    lisboa.wake()
    return not await lisboa.count("SELECT COUNT(*) FROM outbox")


async def exchange(fed: Federation, accepted: list[bytes] | None = None) -> Said:
    """One referral to the process, opened and accepted there, each step once the last is held.

    ``accepted`` gets the thread once the page has said so.
    """
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    before = await lisboa.count("SELECT COUNT(*) FROM messages WHERE mine = 0")
    fed.clock.now = now()
    said = await lisboa.refer(utrecht)
    reader = Reader(f"http://127.0.0.1:{utrecht.pages_port}/")
    try:
        asked = await reader.get("/sign-in")
        typed = {"name": utrecht.sign_in_name, "password": PASSWORD}
        await reader.submit(asked, "Sign in", typed)
        await until(lambda: _delivered(lisboa))
        await reader.get(f"/referral/{said.thread.hex()}")
        await until(lambda: _holds(lisboa, before + 1))
        form = await reader.get(f"/referral/{said.thread.hex()}/do/accept")
        await reader.submit(form, "Accept this referral")
        if accepted is not None:
            accepted.append(said.thread)
        await until(lambda: _holds(lisboa, before + 2))
    finally:
        await reader.close()
    return said


def sent(found: list[Call], holding: bytes, start: bytes = b"") -> Call:
    """The first time that these bytes left for another process."""
    for call in found:
        if is_connection(call) and holding in call.data and call.data.startswith(start):
            return call
    raise AssertionError("it was never sent")


def written(found: list[Call], holding: bytes) -> Call:
    call = first(found, ("pwrite64",), holding, WAL)
    assert call is not None, "it was never written"
    return call


async def test_nothing_leaves_before_its_rows_are_synced(fed: Federation, tmp_path: Path) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    out = tmp_path / "calls"
    await utrecht.start_process(*tracing(out))
    said = await exchange(fed)
    await utrecht.stop()
    found = calls(out)
    # A receipt: the first answer that names the statement.
    held = written(found, said.hash)
    assert synced_between(found, WAL, held, sent(found, said.hash))
    # Parcels: each is known by its id, and Lisbon says what was in it.
    rows = await lisboa.store.rows("SELECT hash, statement FROM messages WHERE mine = 0")
    parcels = await lisboa.store.rows("SELECT parcel FROM given ORDER BY at, rowid")
    assert len(rows) == len(parcels) == 2
    for message, parcel in zip(rows, parcels, strict=True):
        made = written(found, bytes(message["hash"]))
        assert synced_between(found, WAL, made, sent(found, bytes(parcel["parcel"])))
    # A page: what it says is done, is.
    accepted = written(found, bytes(rows[1]["hash"]))
    answer = next(
        call
        for call in found
        if is_connection(call)
        and call.data.startswith(b"HTTP/1.1 303")
        and call.begun > accepted.begun
    )
    assert synced_between(found, WAL, accepted, answer)


async def test_one_thread_alone_writes_the_database(fed: Federation, tmp_path: Path) -> None:
    """Two connections that reset a write-ahead log can corrupt it (SQLite before 3.51.3)."""
    utrecht = fed["utrecht"]
    out = tmp_path / "calls"
    await utrecht.start_process(*tracing(out))
    await exchange(fed)
    await utrecht.stop()
    changing = ("pwrite64", "ftruncate", *SYNCS)
    threads = {c.thread for c in calls(out) if c.name in changing and c.target.endswith(FILES)}
    assert len(threads) == 1


# the sweep


class Sweep:
    """Referrals, each cut off at one sync of the process; and what was promised of each."""

    def __init__(self, fed: Federation, out: Path) -> None:
        self.fed = fed
        self.out = out
        self.lost = 0
        """How often the power took something away that had been written."""
        self.accepted: list[bytes] = []
        """Threads of which a page said that they are accepted."""

    async def cut(self, sync: int) -> bool:
        """Run an exchange until the power is cut at this sync; False if it ended before."""
        utrecht = self.fed["utrecht"]
        disk = Lost(*(utrecht.folder.path / name for name in FILES))
        out = self.out / f"calls-{sync}"
        whole = False
        if await utrecht.launch(*killing(out, sync)):
            whole = await self._try()
        await utrecht.kill()
        disk.follow(calls(out))
        self.lost += disk.leave()
        await self._nothing_promised_is_missing()
        return not whole

    async def _try(self) -> bool:
        """An exchange, as far as it comes; whether that is to its end."""
        process = self.fed["utrecht"].process
        assert process is not None
        ended = asyncio.ensure_future(process.wait())
        work = asyncio.ensure_future(exchange(self.fed, self.accepted))
        await asyncio.wait({ended, work}, return_when=asyncio.FIRST_COMPLETED)
        if work.done() and work.exception() is not None:
            await asyncio.wait({ended}, timeout=10)
            if not ended.done():
                work.result()  # it went wrong although the power was there
        ended.cancel()
        work.cancel()
        ends = await asyncio.gather(ended, work, return_exceptions=True)
        return not isinstance(ends[1], BaseException)

    async def _nothing_promised_is_missing(self) -> None:
        lisboa, utrecht = self.fed["lisboa"], self.fed["utrecht"]
        rows = await lisboa.store.rows("SELECT hash, mine, held_at FROM messages")
        queued = await lisboa.store.rows(
            "SELECT m.hash FROM outbox o JOIN messages m ON m.number = o.message"
        )
        held = hashes_in(utrecht.folder.path, self.out / "copy")
        for row in rows:
            # What has a receipt, and what Lisbon has from there, was on disk before that left.
            if row["held_at"] is not None or not row["mine"]:
                assert bytes(row["hash"]) in held
            else:
                assert bytes(row["hash"]) in {bytes(each["hash"]) for each in queued}
        assert set(self.accepted) <= set(held.values())


def hashes_in(folder: Path, copy: Path) -> dict[bytes, bytes | None]:
    """The statements in a database that nobody has open; of those that accept, the thread."""
    copy.mkdir(exist_ok=True)
    for name in FILES:
        (copy / name).unlink(missing_ok=True)
        if (folder / name).exists():
            shutil.copyfile(folder / name, copy / name)
    with closing(sqlite3.connect(copy / "node.db")) as connection:
        rows = connection.execute("SELECT hash, thread, state, mine FROM messages").fetchall()
    assert len({row[0] for row in rows}) == len(rows)
    return {row[0]: row[1] if (row[2], row[3]) == ("accepted", 1) else None for row in rows}


async def test_a_power_cut_at_any_sync_loses_nothing_and_doubles_nothing(
    fed: Federation, tmp_path: Path
) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    sweep = Sweep(fed, tmp_path)
    cuts = 0
    for sync in range(1, 200, STEP):
        if not await sweep.cut(sync):
            break
        cuts += 1
    assert cuts >= 8 // STEP, "the exchange has fewer syncs than it used to have"
    assert sweep.lost, "no cut took anything away"
    fed.clock.now = now()
    await utrecht.start()
    await fed.read_all()
    threads = await lisboa.store.rows("SELECT id FROM threads")
    assert len(threads) == len(await utrecht.store.rows("SELECT id FROM threads"))
    for row in threads:
        ours, theirs = await lisboa.view(bytes(row["id"])), await utrecht.view(bytes(row["id"]))
        assert ours.state == theirs.state
        assert [m.hash for m in ours.messages] == [m.hash for m in theirs.messages]
        assert all(m.content is not None for m in (*ours.messages, *theirs.messages))
