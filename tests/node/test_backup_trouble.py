"""Backups that cannot be made, kills in the middle, and the two commands as an operator runs them.

Whatever happens, what has a backup's name is whole, no older one went for nothing, and the next try
clears up.
"""

import asyncio
import json
import os
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from backing import back_up_here, left, mounted, ran, restored, run, without_index_rows
from federation import Federation
from node_world import Entropy
from referral_node.backup import copying, making
from referral_node.backup.age import backups
from referral_node.trouble import Trouble
from referral_node.vault import Kit
from terminal import Terminal

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


async def test_places_that_are_no_place_for_a_backup(fed: Federation, to: Path) -> None:
    lisboa = fed["lisboa"]
    (to / "file").write_text("")
    for place, words in (
        (to / "nowhere", "there is no such folder: make it, or mount"),
        (to / "file", "there is no such folder"),
        (lisboa.folder.path, "in the node's own folder"),
    ):
        with pytest.raises(Trouble, match=words):
            await back_up_here(lisboa, place)
    assert "backup.db" not in left(lisboa.folder.path)


async def test_a_full_disk_costs_no_older_backup(
    fed: Federation, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the backups go: seen before, and when it fills up only in the middle."""
    lisboa = fed["lisboa"]
    first = await back_up_here(lisboa, small_disk)
    (small_disk / "filler").write_bytes(bytes(MIB + MIB // 4))
    before = left(small_disk)
    fed.clock.now += 1000
    with pytest.raises(Trouble, match="a backup takes 1 MiB, and 1 MiB are free: make room"):
        await back_up_here(lisboa, small_disk, keep=1)
    with monkeypatch.context() as patch:
        patch.setattr(copying, "need_room", lambda *_: None)
        (small_disk / "more").write_bytes(bytes(200 * 1024))
        with pytest.raises(Trouble, match="No space left on device: the backup was not made"):
            await back_up_here(lisboa, small_disk, keep=1)
        (small_disk / "more").unlink()
    assert left(small_disk) == before
    assert (await backups(lisboa.store)).failed_at == fed.clock.now
    (small_disk / "filler").unlink()
    again = await back_up_here(lisboa, small_disk, keep=1)
    assert again.removed == [first.path]


async def test_no_room_for_the_copy_in_the_nodes_own_folder(
    tmp_path: Path, to: Path, small_disk: Path
) -> None:
    """The node itself goes on."""
    places = {"lisboa": small_disk / "lisboa"}
    async with Federation(tmp_path / "all", "lisboa", places=places) as fed:
        lisboa = fed["lisboa"]
        (small_disk / "filler").write_bytes(bytes(MIB))
        with pytest.raises(Trouble, match="a copy of the database takes 2 MiB, and 1 MiB are free"):
            await back_up_here(lisboa, to)
        assert left(to) == set()
        assert "backup.db" not in left(lisboa.folder.path)
        assert (await lisboa.sign_in()).status == 200


async def test_a_damaged_database_is_not_backed_up_over_good_ones(
    fed: Federation, to: Path
) -> None:
    lisboa = fed["lisboa"]
    good = (await back_up_here(lisboa, to)).path
    await lisboa.stop()
    data = bytearray(lisboa.folder.database.read_bytes())
    data[9 * 4096 : 50 * 4096] = os.urandom(41 * 4096)
    lisboa.folder.database.write_bytes(data)
    done = await run("backup", "--state", lisboa.folder.path, "--to", to, "--keep", "1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "damaged" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert left(to) == {good.name}


async def test_damage_that_no_query_meets_is_found_too(fed: Federation, to: Path) -> None:
    lisboa = fed["lisboa"]
    await lisboa.stop()
    without_index_rows(lisboa.folder.database)
    done = await run("backup", "--state", lisboa.folder.path, "--to", to)
    assert (done.returncode, done.stdout, left(to)) == (1, "", set())
    assert "the database is damaged" in done.stderr


async def test_a_disk_that_gives_back_other_bytes_is_found_out(
    fed: Federation, to: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lisboa = fed["lisboa"]
    write = making._write

    def failing(path: Path, *rest: object) -> object:
        written = write(path, *rest)  # type: ignore[arg-type]  # handed on as they came
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        return written

    monkeypatch.setattr(making, "_write", failing)
    with pytest.raises(Trouble, match="does not read back as it was"):
        await back_up_here(lisboa, to)
    assert left(to) == set()


# kills, and two at once


@pytest.mark.parametrize(
    "where",
    ["copying._without_transport_prekeys", "making.write_backup", "making._prove",
     "making.sync_folder"],
)  # fmt: skip
async def test_a_backup_killed_in_the_middle(fed: Federation, to: Path, where: str) -> None:
    """What has a backup's name is whole; what was left is gone after the next one."""
    lisboa = fed["lisboa"]
    await lisboa.stop()
    command = ("backup", "--state", lisboa.folder.path, "--to", to, "--json")
    done = await ran(*command, killed_at=where)
    assert done.returncode == -9, done.stderr
    assert "backup.db" in left(lisboa.folder.path)
    named = {name for name in left(to) if name.endswith(".backup")}
    if where == "making.sync_folder":
        (name,) = named
        await restored(lisboa, to / name, to / "from the first")
    else:
        assert named == set()
    done = await ran(*command)
    assert done.returncode == 0, done.stderr
    made = Path(json.loads(done.stdout)["file"])
    assert not [name for name in left(lisboa.folder.path) if name.startswith("backup.db")]
    assert {n for n in left(to) if n.endswith((".backup", ".part"))} == named | {made.name}
    await restored(lisboa, made, to / "from the second")


async def test_a_restore_killed_in_the_middle_is_run_again(fed: Federation, to: Path) -> None:
    lisboa = fed["lisboa"]
    file = (await back_up_here(lisboa, to)).path
    kit = to / "kit"
    kit.write_text(lisboa.kit.text())
    kit.chmod(0o600)
    place = to / "place"
    command = ("restore", file, "--state", place / "new", "--kit-file", kit)
    done = await ran(*command, killed_at="restoring._prove")
    assert done.returncode == -9, done.stderr
    assert left(place) == {".new.restore"}
    (place / ".new.restore" / "node.key").write_text("of an earlier night")
    done = await ran(*command)
    assert done.returncode == 0, done.stderr
    assert left(place) == {"new"}
    assert (place / "new/node.key").read_bytes() == lisboa.folder.node_key.read_bytes()


async def test_a_second_backup_at_the_same_time_is_sent_away(fed: Federation, to: Path) -> None:
    lisboa = fed["lisboa"]
    with copying.backup_lock(lisboa.folder):
        with pytest.raises(Trouble, match=f"process {os.getpid()} is making a backup"):
            await back_up_here(lisboa, to)
        # The one that is under way keeps its copy.
        copying.copy_database(lisboa.folder, threading.Event())
        copying.clear_leftovers(lisboa.folder)
        assert copying.copy_path(lisboa.folder).exists()
    copying.clear_leftovers(lisboa.folder)
    assert not copying.copy_path(lisboa.folder).exists()


# the commands


async def test_the_commands_beside_a_node_that_runs_as_its_own_process(
    tmp_path: Path, to: Path
) -> None:
    """Through the socket of a node that writes its log; then from the files; then back."""
    async with Federation(tmp_path / "all", "lisboa", strong=("lisboa",)) as fed:
        lisboa = fed["lisboa"]
        await lisboa.stop()
        await lisboa.start_process()
        state = lisboa.folder.path
        done = await ran("backup", "--state", state, "--to", to, "--keep", "2")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"{to}/referral-{lisboa.id.hex()}-2")
        assert done.stdout.endswith("written, read again and compared.\n")
        status = json.loads((await run("status", "--state", state, "--json")).stdout)
        assert status["running"] is not None
        assert status["backups"]["failed_at"] is None
        done = await run("backup", "--state", state, "--to", to / "nowhere")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"Error: {to / 'nowhere'}: there is no such folder")
        await lisboa.stop()
        for _ in range(2):
            done = await run("backup", "--state", state, "--to", to, "--keep", "2")
            assert done.returncode == 0, done.stderr
        assert "Removed 1 older: referral-" in done.stdout
        kit = tmp_path / "kit"
        kit.write_text(lisboa.kit.text().lower() + "\n")
        kit.chmod(0o600)
        newest = to / max(left(to))
        shutil.rmtree(state)
        done = await run("restore", newest, "--state", state, "--kit-file", kit)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"Associação Ponte Tejo is restored in {state}\n" in done.stdout
        assert f"Member id    {lisboa.id.hex()}\n" in done.stdout
        assert "Holds        0 threads, 0 messages, 0 attachments\n" in done.stdout
        assert "Only one of the two folders may ever be started" in done.stdout
        done = await run("status", "--state", state)
        assert "\nRestored     20" in done.stdout
        await lisboa.start_process()


async def test_the_kit_is_typed_at_a_terminal_unseen(fed: Federation, to: Path) -> None:
    lisboa = fed["lisboa"]
    file = (await back_up_here(lisboa, to)).path
    terminal = Terminal("restore", file, "--state", to / "new")
    await asyncio.to_thread(terminal.answer, "The recovery kit: ", lisboa.kit.text().lower())
    assert await asyncio.to_thread(terminal.end) == 0
    assert f"A backup of member {lisboa.id.hex()}, made 20" in terminal.seen
    assert f"is restored in {to / 'new'}" in terminal.seen
    assert lisboa.kit.text()[:9].lower() not in terminal.seen


async def test_the_kit_is_never_taken_from_the_command_line(fed: Federation, to: Path) -> None:
    lisboa = fed["lisboa"]
    file = (await back_up_here(lisboa, to)).path
    command = ("restore", file, "--state", to / "new")
    done = await run(*command)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"A backup of member {lisboa.id.hex()}, made 20" in done.stderr
    assert "there is no terminal to ask at" in done.stderr
    assert (await run(*command, lisboa.kit.text())).returncode == 2
    kit = to / "kit"
    for text, words in (
        (lisboa.kit.text()[:-1], "fourteen groups of four"),
        ("A" + lisboa.kit.text()[1:], "a character of the recovery kit is wrong"),
        (Kit(Entropy("another")(32)).text(), "another recovery kit"),
    ):
        kit.write_text(text)
        kit.chmod(0o600)
        done = await run(*command, "--kit-file", kit)
        assert (done.returncode, done.stdout) == (1, "")
        assert len(done.stderr.splitlines()) == 1
        assert words in done.stderr
    assert not (to / "new").exists()
