"""Backup and restore of real nodes: what was stored comes back, whatever goes on meanwhile.

How a backup that cannot be made or used is refused stands in `test_backup_refused.py`, the file's
bytes in `test_backup_file.py`.
"""

import asyncio
import os
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from backing import back_up_here, given_up, opened, parts_inside, restored
from fed_member import Member
from federation import Federation, until
from planted import LATIN, Search
from referral_node.backup.age import LATE_AFTER, backups
from referral_node.backup.copying import clear_leftovers, copy_database, copy_path
from referral_node.backup.making import Made
from referral_node.store import Tx
from referral_node.store.facts import RESTORED_AT, RESTORED_FROM, fact, time_of
from referral_protocol.statements import Head

HOUR = 3_600_000


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path / "all", "lisboa", "utrecht") as made:
        yield made


@pytest.fixture
def to(tmp_path: Path) -> Path:
    """Where the backups go."""
    path = tmp_path / "backups"
    path.mkdir()
    return path


async def lived(fed: Federation) -> bytes:
    """A referral that was accepted, with notes, a draft and a note on the other member."""
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    assert await utrecht.exchange.voice.received(utrecht.vault(), utrecht.actor, said.thread)
    await utrecht.say(said.thread, "state", Head(state="accepted"), form="answer", text="Yes.")
    await fed.read_all()
    await lisboa.note(said.thread, f"About {LATIN}")
    await lisboa.exchange.drafts.create(lisboa.vault(), lisboa.actor)
    await lisboa.exchange.contacts.add_note(
        lisboa.vault(), lisboa.actor, utrecht.id, f"Answers quickly, says {LATIN}"
    )
    await fed.read_all()
    return said.thread


async def all_of(member: Member, thread: bytes, other: Member) -> list[Any]:
    """What this member's people see."""
    view = await member.view(thread)
    return [
        view.opener,
        view.state,
        [(m.hash, m.content, m.standing) for m in view.messages],
        [draft.id for draft in await member.exchange.drafts.all(member.vault())],
        [note.text for note in await member.exchange.contacts.notes(member.vault(), other.id)],
    ]


async def come_back(member: Member, made: Made, tmp_path: Path) -> None:
    """The machine burns; the folder is made anew from the backup, and the node starts."""
    await member.stop()
    shutil.rmtree(member.folder.path)
    await restored(member, made.path, member.folder.path)
    await member.start()


async def test_what_was_stored_comes_back(fed: Federation, to: Path, tmp_path: Path) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    thread = await lived(fed)
    before = await all_of(lisboa, thread, utrecht)
    users = [tuple(r) for r in await lisboa.store.rows("SELECT * FROM users ORDER BY id")]
    slots = [tuple(r) for r in await lisboa.store.rows("SELECT * FROM slots ORDER BY id")]
    files = {p.name: p.read_bytes() for p in (lisboa.folder.config, lisboa.folder.node_key)}
    made = await back_up_here(lisboa, to)
    at = fed.clock.now
    assert (made.made_at, made.threads) == (at, 1)
    fed.clock.now += 8 * HOUR
    await come_back(lisboa, made, tmp_path)
    assert await all_of(lisboa, thread, utrecht) == before
    assert [tuple(r) for r in await lisboa.store.rows("SELECT * FROM users ORDER BY id")] == users
    assert [tuple(r) for r in await lisboa.store.rows("SELECT * FROM slots ORDER BY id")] == slots
    for path in (lisboa.folder.config, lisboa.folder.node_key):
        assert path.read_bytes() == files[path.name]
    # It knows what it is, and goes on as itself.
    assert time_of(await fact(lisboa.store, RESTORED_AT) or b"") == fed.clock.now
    assert time_of(await fact(lisboa.store, RESTORED_FROM) or b"") == at
    await fed.everybody_knows()
    await lisboa.note(thread, "Written after it came back")
    await utrecht.note(thread, "Heard")
    await fed.read_all()
    ours, theirs = await lisboa.view(thread), await utrecht.view(thread)
    assert {m.hash for m in ours.messages} == {m.hash for m in theirs.messages}
    assert "Written after it came back" in str([m.content for m in theirs.messages])


async def test_the_folder_that_comes_back_is_nobody_elses_to_read(
    fed: Federation, to: Path, tmp_path: Path
) -> None:
    """Also where a careless shell made everything readable."""
    lisboa = fed["lisboa"]
    before = os.umask(0)
    try:
        made = await back_up_here(lisboa, to)
        await restored(lisboa, made.path, tmp_path / "new" / "node")
    finally:
        os.umask(before)
    assert made.path.stat().st_mode & 0o777 == 0o600
    for path in (tmp_path / "new" / "node", *(tmp_path / "new" / "node").rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path
    assert {p.name for p in (tmp_path / "new").iterdir()} == {"node"}
    assert {p.name for p in (tmp_path / "new" / "node").iterdir()} == {
        "lock", "node.db", "node.key", "node.toml",
    }  # fmt: skip


async def test_files_that_the_configuration_names_come_along(
    fed: Federation, to: Path, tmp_path: Path
) -> None:
    lisboa = fed["lisboa"]
    folder = lisboa.folder.path
    outside = tmp_path / "outside.pem"
    outside.write_text("not ours to keep")
    (folder / "tls").mkdir(mode=0o700)
    (folder / "tls" / "key.pem").write_text("a key")
    (folder / "mail.password").write_text("a password")
    (folder / "by-the-way.txt").write_text("not named")
    (folder / "attachments").mkdir(mode=0o700, exist_ok=True)
    (folder / "attachments" / ("ab" * 32)).write_bytes(b"ciphertext" * 20_000)
    (folder / "attachments" / ("ab" * 32 + "." + "cd" * 16)).write_bytes(b"half of one")
    with lisboa.folder.config.open("a") as config:
        config.write(
            f'\n[pages.tls]\ncertificate = "{outside}"\nkey = "tls/key.pem"\n'
            '\n[mail]\nhost = "localhost"\nfrom = "node@pontetejo.example"\n'
            'user = "node"\npassword_file = "mail.password"\nca = "gone.pem"\n'
        )
    made = await back_up_here(lisboa, to)
    assert [name for name, _ in parts_inside(lisboa, made.path)] == [
        "node.toml", "node.key", "tls/key.pem", "mail.password",
        "attachments/" + "ab" * 32, "node.db",
    ]  # fmt: skip
    found = await restored(lisboa, made.path, tmp_path / "new")
    assert (tmp_path / "new/tls/key.pem").read_text() == "a key"
    assert (tmp_path / "new/attachments" / ("ab" * 32)).read_bytes() == b"ciphertext" * 20_000
    assert found.missing == ["gone.pem"]
    assert found.attachments == 1


# while the node runs


class Looking(threading.Event):
    """What a copy looks at between its steps; calls back at the first look."""

    def __init__(self, first: Callable[[], None]) -> None:
        super().__init__()
        self._first = first
        self.looks = 0

    def is_set(self) -> bool:
        self.looks += 1
        if self.looks == 1:
            self._first()
        return super().is_set()


async def grown(member: Member, megabytes: int) -> None:
    """A larger database, so that a copy takes several steps."""

    async def work(tx: Tx) -> None:
        rows = [(f"filler {n}", bytes(8000)) for n in range(128 * megabytes)]
        await tx.many("INSERT INTO facts (name, value) VALUES (?, ?)", rows)

    await member.store.write(work)


async def test_the_node_commits_while_it_is_copied_and_the_copy_is_one_moment(
    fed: Federation,
) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.settle()
    await grown(lisboa, 16)
    loop = asyncio.get_running_loop()
    before = await lisboa.count("SELECT COUNT(*) FROM messages")

    def commit() -> None:
        """In the copy's thread, in the middle of it: the node says something, durably."""
        note = asyncio.run_coroutine_threadsafe(lisboa.note(said.thread, "In between"), loop)
        note.result(timeout=10)

    looking = Looking(commit)
    await asyncio.to_thread(copy_database, lisboa.folder, looking)
    assert looking.looks > 3
    assert await lisboa.count("SELECT COUNT(*) FROM messages") == before + 1
    with closing(sqlite3.connect(copy_path(lisboa.folder))) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert copy.execute("SELECT COUNT(*) FROM messages").fetchone() == (before,)
        assert copy.execute("SELECT COUNT(*) FROM outbox").fetchone() == (0,)


async def test_a_backup_while_messages_come_and_go_is_whole(
    fed: Federation, to: Path, tmp_path: Path
) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    said = await lisboa.refer(utrecht)
    await fed.read_all()
    await grown(lisboa, 8)
    stop = asyncio.Event()

    async def talk() -> int:
        count = 0
        while not stop.is_set():
            await lisboa.note(said.thread, f"ours {count}")
            await utrecht.note(said.thread, f"theirs {count}")
            await fed.settle()
            count += 1
        return count

    talking = asyncio.create_task(talk())
    made = [await back_up_here(lisboa, to)]
    for _ in range(3):
        fed.clock.now += 1000
        made.append(await back_up_here(lisboa, to))
    stop.set()
    assert await talking > 2
    await fed.settle()
    counts = []
    for number, each in enumerate(made):
        folder = tmp_path / f"new{number}"
        await restored(lisboa, each.path, folder)
        with closing(sqlite3.connect(folder / "node.db")) as found:
            rows = found.execute("SELECT seq FROM messages WHERE mine = 1 ORDER BY seq").fetchall()
        counts.append(len(rows))
        assert [seq for (seq,) in rows] == list(range(rows[0][0], rows[0][0] + len(rows)))
        assert each.messages >= counts[-1]
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]


async def test_a_stopping_node_does_not_wait_for_a_copy(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    await grown(lisboa, 16)
    begun = threading.Event()
    leave = threading.Event()

    class Slow(threading.Event):
        def is_set(self) -> bool:
            begun.set()
            leave.wait(10)
            return super().is_set()

    stop = Slow()
    copying = asyncio.create_task(given_up(lisboa, stop))
    await asyncio.to_thread(begun.wait, 10)
    copying.cancel()
    stop.set()
    leave.set()
    with pytest.raises(asyncio.CancelledError):
        await copying

    async def gone() -> bool:
        return not copy_path(lisboa.folder).exists()

    await until(gone)


async def test_what_a_killed_backup_left_is_removed_by_the_node(fed: Federation) -> None:
    lisboa = fed["lisboa"]
    await asyncio.to_thread(copy_database, lisboa.folder, threading.Event())
    assert copy_path(lisboa.folder).exists()
    await lisboa.stop()
    await lisboa.start()

    async def gone() -> bool:
        return not copy_path(lisboa.folder).exists()

    await until(gone)
    clear_leftovers(lisboa.folder)  # nothing to do is no trouble


# what is never in it


async def test_nothing_that_opens_anything_leaves_with_it(
    fed: Federation, to: Path, tmp_path: Path
) -> None:
    """No name in the clear, before or behind the encryption; transport prekeys not even behind."""
    lisboa = fed["lisboa"]
    await lived(fed)
    seeds = [bytes(r[0]) for r in await lisboa.store.rows("SELECT seed FROM transport_prekeys")]
    master = opened(lisboa)
    node_key = lisboa.folder.node_key.read_bytes()
    assert seeds
    held = b"".join(path.read_bytes() for path in lisboa.folder.path.glob("node.db*"))
    assert all(seed in held for seed in seeds)
    made = await back_up_here(lisboa, to)
    assert not list(lisboa.folder.path.glob("backup.db*"))
    parts = dict(parts_inside(lisboa, made.path))
    assert parts["node.key"] == node_key
    sealed = made.path.read_bytes()
    for secret in (*seeds, master, lisboa.kit.slot_key()):
        assert secret not in parts["node.db"]
        assert secret not in sealed
    assert node_key not in sealed
    assert (lisboa.id in sealed, b"Ponte Tejo" in sealed) == (True, False)
    search = Search()
    await restored(lisboa, made.path, tmp_path / "new")
    assert search.folder(tmp_path) == {}
    assert {name: search.find(data) for name, data in parts.items() if search.find(data)} == {}


# what is remembered


async def test_the_node_remembers_its_last_good_backup(fed: Federation, to: Path) -> None:
    lisboa = fed["lisboa"]
    operations = lisboa.node.operations().handlers()
    assert not (await backups(lisboa.store)).late(fed.clock.now + 100 * LATE_AFTER)
    first = fed.clock.now
    await back_up_here(lisboa, to)
    fed.clock.now += LATE_AFTER
    found = await backups(lisboa.store)
    assert (found.at, found.failed_at, found.late(fed.clock.now)) == (first, None, False)
    assert found.late(fed.clock.now + 1)
    with pytest.raises(Exception, match="no such folder"):
        await back_up_here(lisboa, to / "nowhere")
    found = await backups(lisboa.store)
    assert (found.at, found.failed_at) == (first, fed.clock.now)
    status = await operations["status"]({})
    assert status["backups"] == {"at": first, "failed_at": fed.clock.now}
    fed.clock.now += 1
    await back_up_here(lisboa, to)
    found = await backups(lisboa.store)
    assert (found.at, found.failed_at) == (fed.clock.now, None)


async def test_one_that_never_succeeded_is_late_at_once(fed: Federation, to: Path) -> None:
    lisboa = fed["lisboa"]
    with pytest.raises(Exception, match="no such folder"):
        await back_up_here(lisboa, to / "nowhere")
    assert (await backups(lisboa.store)).late(fed.clock.now)


async def test_keep_removes_older_ones_of_this_node_and_nothing_else(
    fed: Federation, to: Path
) -> None:
    lisboa, utrecht = fed["lisboa"], fed["utrecht"]
    theirs = (await back_up_here(utrecht, to)).path
    ours = []
    for _ in range(4):
        fed.clock.now += HOUR
        ours.append((await back_up_here(lisboa, to, keep=9)).path)
    assert ours == sorted(ours)
    link = to / f"{ours[0].name[:42]}20200101T000000000Z.backup"
    link.symlink_to(ours[0])
    damaged = to / f"{ours[0].name[:42]}20200102T000000000Z.backup"
    damaged.write_bytes(b"referral-exchange backup 1\nnot whole")
    other = to / "letter.backup"
    other.write_text("mine")
    fed.clock.now += HOUR
    made = await back_up_here(lisboa, to, keep=2)
    assert made.removed == ours[2::-1]
    left = {to / name for name in os.listdir(to)}
    assert left == {theirs, ours[3], made.path, damaged, other, link}
    # A clock that was wrong once does not cost the newest one.
    fed.clock.now -= 100 * HOUR
    again = await back_up_here(lisboa, to, keep=1)
    assert again.path.exists()
    assert set(again.removed) == {ours[3], made.path}
