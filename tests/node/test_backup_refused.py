"""Restores that may not be: wrong kits, damaged, newer and made-up files, folders that are taken.

Each ends with one line that says what to do, and leaves nothing behind.
"""

import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backing import back_up_here, left, mounted, parts_inside, restored, without_index_rows
from fed_member import Member
from federation import Federation
from referral_node.backup.format import Writer, make_head
from referral_node.store import StoreError
from referral_node.trouble import Trouble
from referral_node.vault import Kit
from referral_protocol.suite import Signer

MIB = 1024 * 1024


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Federation]:
    async with Federation(tmp_path / "all", "lisboa") as made:
        yield made


@pytest.fixture
def to(tmp_path: Path) -> Path:
    path = tmp_path / "backups"
    path.mkdir()
    return path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes of its own."""
    with mounted(tmp_path / "disk", 2 * MIB) as path:
        yield path


async def refused(member: Member, file: Path, words: str, kit: Kit | None = None) -> None:
    """The restore ends with one line, and leaves nothing behind."""
    place = member.folder.path.with_name("nowhere")
    place.mkdir(exist_ok=True)
    with pytest.raises((Trouble, StoreError), match=words) as told:
        await restored(member, file, place / "new", kit)
    assert "\n" not in str(told.value)
    assert left(place) == set()


def remade(member: Member, parts: list[tuple[str, bytes]], file: Path) -> Path:
    """A backup with other parts, by somebody who knows the public half of the kit's pair."""
    key = os.urandom(32)
    with file.open("wb") as handle:
        writer = Writer(handle, make_head(member.kit.backup_public(), member.id, 1, key), key)
        for name, data in parts:
            writer.add(name, len(data), [data])
        writer.end()
    return file


def changed_database(data: bytes, path: Path, *statements: str) -> bytes:
    """The database with some statements run on it."""
    path.write_bytes(data)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    return path.read_bytes()


async def test_a_wrong_kit_and_another_members_are_told(fed: Federation, to: Path) -> None:
    lisboa = fed["lisboa"]
    file = (await back_up_here(lisboa, to)).path
    other = Kit(b"x" * 32)
    await refused(lisboa, file, f"another recovery kit than this one.*{lisboa.id.hex()}", other)


async def test_damaged_and_cut_files_leave_nothing_behind(fed: Federation, to: Path) -> None:
    """Near the beginning, in the middle, and at the very end, when every part was written."""
    lisboa = fed["lisboa"]
    file = (await back_up_here(lisboa, to)).path
    data = file.read_bytes()
    bad = to / "bad.backup"
    for place in (30, 50, 1250, 1290, len(data) // 2, len(data) - 40, len(data) - 1):
        changed = bytearray(data)
        changed[place] ^= 0x10
        bad.write_bytes(changed)
        await refused(lisboa, bad, "damaged|cut off|another")
    for length in (0, 20, 1000, len(data) // 2, len(data) - 1):
        bad.write_bytes(data[:length])
        await refused(lisboa, bad, "cut off" if length > 27 else "not a backup")
    bad.write_bytes(data + b"\n")
    await refused(lisboa, bad, "other bytes follow")
    await refused(lisboa, to, "cannot be read")
    await refused(lisboa, to / "nothing", "cannot be read")
    await restored(lisboa, file, to / "new")


async def test_names_that_lead_elsewhere_are_refused(fed: Federation, to: Path) -> None:
    lisboa = fed["lisboa"]
    parts = parts_inside(lisboa, (await back_up_here(lisboa, to)).path)
    for name in ("../elsewhere", str(to / "elsewhere"), "lock", "node.toml", "node.db-wal"):
        file = remade(lisboa, [*parts, (name, b"mine")], to / "made-up")
        await refused(lisboa, file, "damaged")
    assert not (to / "elsewhere").exists()
    for missing in ("node.toml", "node.key", "node.db"):
        some = [(name, data) for name, data in parts if name != missing]
        await refused(lisboa, remade(lisboa, some, to / "made-up"), "is not whole")


async def test_a_file_made_by_somebody_without_the_kit_is_found_out(
    fed: Federation, to: Path, tmp_path: Path
) -> None:
    """It opens with the kit, since anybody can seal to its public half; what is in it does not."""
    lisboa = fed["lisboa"]
    parts = dict(parts_inside(lisboa, (await back_up_here(lisboa, to)).path))
    scratch = tmp_path / "scratch.db"
    database = parts["node.db"]
    mine = Signer(b"m" * 32)
    set_key = "UPDATE facts SET value = x'{}' WHERE name = 'vault-public'"
    for statement in (
        "UPDATE slots SET wrapped = zeroblob(72) WHERE kind = 'kit'",
        "DELETE FROM slots WHERE kind = 'kit'",
        set_key.format("00" * 32),
        set_key.format(mine.public.hex()),
        "DELETE FROM facts WHERE name = 'certificate'",
        "UPDATE facts SET value = CAST(value || x'00' AS BLOB) WHERE name = 'certificate'",
        "UPDATE facts SET value = 'text' WHERE name = 'certificate'",
        "UPDATE slots SET wrapped = 'text' WHERE kind = 'kit'",
        "DELETE FROM secrets",
        "UPDATE facts SET value = zeroblob(16) WHERE name = 'member'",
    ):
        forged = changed_database(database, scratch, statement)
        file = remade(lisboa, [*(parts | {"node.db": forged}).items()], to / "made-up")
        await refused(lisboa, file, "do not belong together")
    file = remade(lisboa, [*(parts | {"node.key": mine.seed()}).items()], to / "made-up")
    await refused(lisboa, file, "do not belong together")
    file = remade(lisboa, [*(parts | {"node.key": b"short"}).items()], to / "made-up")
    await refused(lisboa, file, "damaged")


async def test_databases_that_are_damaged_newer_or_none(
    fed: Federation, to: Path, tmp_path: Path
) -> None:
    lisboa = fed["lisboa"]
    parts = dict(parts_inside(lisboa, (await back_up_here(lisboa, to)).path))
    database, scratch = parts["node.db"], tmp_path / "scratch.db"
    newer = changed_database(database, scratch, "PRAGMA user_version = 9999")
    no_facts = changed_database(database, scratch, "UPDATE facts SET value = 7")
    scratch.write_bytes(database)
    without_index_rows(scratch)
    subtle = scratch.read_bytes()
    damaged = bytearray(database)
    damaged[8 * 4096 : 60 * 4096] = os.urandom(52 * 4096)
    for data, words in (
        (newer, "newer version of this program"),
        (bytes(damaged), "the database in it is damaged"),
        (subtle, "the database in it is damaged"),
        (b"no database at all, " * 1000, "the database in it is damaged"),
        (b"", "the database in it is damaged"),
        (no_facts, "the database in it is damaged"),
    ):
        file = remade(lisboa, [*(parts | {"node.db": data}).items()], to / "made-up")
        await refused(lisboa, file, words)


async def test_a_configuration_that_this_program_cannot_read_stops_nobody(
    fed: Federation, to: Path, tmp_path: Path
) -> None:
    """It can be mended in the restored folder, and nowhere else."""
    lisboa = fed["lisboa"]
    parts = dict(parts_inside(lisboa, (await back_up_here(lisboa, to)).path))
    text = b"colour = 1\n" + parts["node.toml"]
    file = remade(lisboa, [*(parts | {"node.toml": text}).items()], to / "made-up")
    found = await restored(lisboa, file, tmp_path / "new")
    assert found.config is None
    assert found.trouble.startswith("node.toml, line 1: colour: there is no such key here")


async def test_a_folder_that_is_taken_stays_as_it_is(
    fed: Federation, to: Path, tmp_path: Path
) -> None:
    lisboa = fed["lisboa"]
    file = (await back_up_here(lisboa, to)).path
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "letter").write_text("mine")
    for target, words in (
        (taken, "the folder is not empty"),
        (lisboa.folder.path, "a node is here already"),
        (taken / "letter", "is not a folder"),
    ):
        with pytest.raises(Trouble, match=words):
            await restored(lisboa, file, target)
    assert left(taken) == {"letter"}
    empty = tmp_path / "empty"
    empty.mkdir()
    assert (await restored(lisboa, file, empty)).folder == empty


async def test_a_disk_that_fills_up_during_a_restore(
    fed: Federation, to: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lisboa = fed["lisboa"]
    (lisboa.folder.path / "attachments").mkdir(mode=0o700, exist_ok=True)
    (lisboa.folder.path / "attachments" / ("ab" * 32)).write_bytes(os.urandom(2 * MIB))
    file = (await back_up_here(lisboa, to)).path
    with pytest.raises(Trouble, match="what is in the backup takes 4 MiB, and 2 MiB are free"):
        await restored(lisboa, file, small_disk / "new")
    monkeypatch.setattr("referral_node.backup.restoring.need_room", lambda *_: None)
    with pytest.raises(Trouble, match="the disk is full: make room; nothing was kept"):
        await restored(lisboa, file, small_disk / "new")
    assert left(small_disk) == set()
