"""What can be wrong with the folder, the disk, the configuration or the port: one clear line each,
and nothing half-written."""

import asyncio
import shutil
import socket
import sqlite3
import threading
from pathlib import Path

import pytest

from directory_server import PASSWORDS, Place, made
from directory_world import id_of, signer
from referral_directory.config import parse_config_text
from referral_directory.control import reach
from referral_directory.folder import Folder, Lock
from referral_directory.log.office import Refused
from referral_directory.log.store import Store, StoreError, Tx, migrations
from referral_directory.main import World, found, office, opened, serving
from referral_directory.trouble import Trouble
from referral_protocol.directory import paths


async def refused(place: Place, expected: str) -> None:
    """The directory does not start, and says why."""
    with pytest.raises(Trouble, match=expected):
        async with opened(place.folder, place.config, place.world):
            pass


# configuration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("prot = 1", "unknown key `prot`; known are allow_loopback, console, host"),
        ("port = 70000", "port"),
        ("port = '8710'", "port"),
        ("host = 'example.org'", "write an IP address"),
        ("host = '0.0.0.0'", r"set \[tls\], or proxy = true"),
        ("log_level = 'loud'", "log_level"),
        ("[tls]\ncertificate = 'a'", "key"),
        ("url = 'directory.example.org'", "url: write it like https://"),
        ("url = 'http://10.0.0.1'", "url: write it like https://"),
        ("[console]\nhost = '0.0.0.0'", r"console.host: off loopback set \[console.tls\]"),
        ("[console]\nhosts = []", "console.hosts"),
        ("[console]\nhosts = ['Https://x']", "console.hosts"),
        ("[console]\ntime_zone = 'Europe/Nowhere'", "console.time_zone: write one like"),
        ("[console]\npasword = 'x'", "unknown key"),
        ("port = ", "not well-formed TOML"),
    ],
)
def test_configuration(text: str, expected: str) -> None:
    with pytest.raises(Trouble, match=expected) as trouble:
        parse_config_text(text, Path("directory.toml"))
    assert "\n" not in str(trouble.value)
    assert str(trouble.value).startswith("directory.toml")


def test_configuration_behind_a_proxy() -> None:
    config = parse_config_text("host = '0.0.0.0'\nproxy = true", Path("directory.toml"))
    assert (config.proxy, config.port) == (True, 8710)


async def test_tls_files_that_cannot_be_used(tmp_path: Path) -> None:
    place = await made(tmp_path / "state")
    place.folder.config.write_text("port = 0\n[tls]\ncertificate = 'no.pem'\nkey = 'no.pem'\n")
    config = parse_config_text(place.folder.config.read_text(), place.folder.config)
    with pytest.raises(Trouble, match=r"tls: .* cannot be used"):
        async with serving(place.folder, config, place.world):
            pass


# folder


async def test_no_directory_here(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="referral directory init"):
        async with reach(Folder(tmp_path), lambda: office(Folder(tmp_path), World())):
            pass


async def test_second_directory_in_one_folder(tmp_path: Path) -> None:
    place = await made(tmp_path / "state")
    before = place.folder.database.read_bytes()
    with pytest.raises(Trouble, match="there is a directory here already"):
        await found(place.folder, "", "other.example.org", PASSWORDS, place.world)
    assert place.folder.database.read_bytes() == before


async def test_second_process(tmp_path: Path) -> None:
    place = await made(tmp_path / "state")
    lock = Lock.take(place.folder)
    assert lock is not None
    assert Lock.take(place.folder) is None
    lock.release()
    async with place.served():
        assert Lock.take(place.folder) is None


async def test_bad_name_makes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with pytest.raises(Trouble, match="not a name for a log"):
        await found(Folder(path), "", "Two Words", PASSWORDS, World())
    assert not (path / "directory.toml").exists()
    assert not (path / "keys" / "log.key").exists()


async def test_port_in_use(tmp_path: Path) -> None:
    place = await made(tmp_path / "state")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Trouble, match=f"port {port} on 127.0.0.1 is in use"):
            async with serving(place.folder, place.config, place.world, port):
                pass
    async with place.served() as client:
        await client.get(paths.CHECKPOINT)


# database


async def test_database_of_a_later_version(tmp_path: Path) -> None:
    place = await made(tmp_path / "state")
    with sqlite3.connect(place.folder.database) as database:
        database.execute(f"PRAGMA user_version={migrations()[-1][0] + 1}")
    await refused(place, "of a later version of this program")


async def test_damaged_database(tmp_path: Path) -> None:
    place = await made(tmp_path / "state")
    place.folder.database.write_bytes(b"not a database" * 1000)
    await refused(place, "damaged")


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM entries",
        "DELETE FROM checkpoint",
        "UPDATE entries SET leaf = zeroblob(100)",
        "UPDATE checkpoint SET note = zeroblob(100)",
        "INSERT INTO entries (number, leaf) SELECT 1, leaf FROM entries",
    ],
)
async def test_log_that_does_not_fit_together(tmp_path: Path, damage: str) -> None:
    place = await made(tmp_path / "state")
    with sqlite3.connect(place.folder.database) as database:
        database.execute(damage)
    await refused(place, "damaged: keep the folder as it is and restore the last backup")


async def test_log_with_members_on_loopback_under_a_strict_configuration(tmp_path: Path) -> None:
    place = await made(tmp_path / "state")
    async with place.served() as client:
        await client.admit("lisbon", endpoint="http://lisboa.localhost:18701")
    strict = parse_config_text("port = 0", place.folder.config)
    with pytest.raises(Trouble, match="set allow_loopback = true"):
        async with opened(place.folder, strict, place.world):
            pass


async def test_another_log_key(tmp_path: Path) -> None:
    place, other = await made(tmp_path / "state"), await made(tmp_path / "other")
    shutil.copy(other.folder.log_key, place.folder.log_key)
    await refused(place, "another log key")


async def test_full_disk_changes_nothing_and_passes(tmp_path: Path) -> None:
    """A file size limit inside SQLite stands for the full disk; afterwards all goes on."""
    place = await made(tmp_path / "state")
    async with place.served() as client:
        await client.admit("lisbon")
        before = await client.replica()
        submission = client.join_of("utrecht")
        await client.request(submission)
        store = client.running.ledger.store
        [size] = await store.rows("PRAGMA page_count")
        await store._writer.execute(f"PRAGMA max_page_count={size[0]}")
        answer = await client.send("POST", paths.REQUESTS, submission.pack())
        number = 0
        while answer.status in (200, 202):
            number += 1
            another = client.join_of(
                "lisbon",
                vault=signer("third"),
                node=signer("third node"),
                endpoint=f"https://n{number}.invalid",
                bundle=None,
            )
            answer = await client.send("POST", paths.REQUESTS, another.pack())
        assert answer.refused == (507, "disk")
        assert answer.headers["Retry-After"]
        assert (await client.replica(before)).size == before.size
        await store._writer.execute("PRAGMA max_page_count=1000000")
        await client.office.decline(submission.id.hex(), "no")
        await client.admit("utrecht", endpoint="https://u2.example.org")
        assert (await client.replica(before)).size == 3


async def test_failed_work_leaves_nothing(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "x.sqlite")

    async def work(tx: Tx) -> None:
        await tx.execute("INSERT INTO entries (number, leaf) VALUES (0, x'00')")
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        await store.write(work)
    assert await store.rows("SELECT * FROM entries") == []
    await store.close()


async def test_read_only_folder(tmp_path: Path) -> None:
    """Root may write everywhere, so a folder stands in the way instead of a missing right."""
    (tmp_path / "x.sqlite").mkdir()
    with pytest.raises(StoreError) as error:
        await Store.open(tmp_path / "x.sqlite")
    assert error.value.code == "read-only"
    assert "check its owner" in str(error.value)


def test_what_cannot_be_opened_leaves_no_thread_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that outlives the event loop fails later, in whatever runs then."""
    faults: list[object] = []
    monkeypatch.setattr(threading, "excepthook", faults.append)
    (tmp_path / "x.sqlite").mkdir()

    async def tried() -> None:
        with pytest.raises(StoreError):
            await Store.open(tmp_path / "x.sqlite")

    before = threading.active_count()
    for _ in range(20):
        asyncio.run(tried())
    assert threading.active_count() <= before
    assert faults == []


# the socket


async def test_commands_reach_the_directory_that_runs(tmp_path: Path) -> None:
    place = await made(tmp_path / "state")
    async with place.served() as client:
        async with reach(place.folder, lambda: office(place.folder, place.world)) as office_reached:
            assert office_reached.running
            await client.admit("lisbon")
            [member] = await office_reached.ask("members")
            assert (member["id"], member["name"]) == (id_of("lisbon").hex(), member["name"])
            for name, arguments, expected in (
                ("nothing", {}, "does not know 'nothing'"),
                ("member", {"member": "ffff"}, "no such member"),
                ("member", {"member": "f"}, "at least the first 4"),
                ("member", {"wrong": 1}, "another way"),
                ("approve", {"request": "ffff", "signatures": []}, "no such request"),
                ("change-status", {"content": b"x", "signatures": []}, "refused"),
            ):
                with pytest.raises(Trouble, match=expected):
                    await office_reached.ask(name, **arguments)
        assert place.folder.socket.stat().st_mode & 0o777 == 0o600
    assert not place.folder.socket.exists()
    async with reach(place.folder, lambda: office(place.folder, place.world)) as office_reached:
        assert not office_reached.running
        assert len(await office_reached.ask("members")) == 1


async def test_nonsense_on_the_socket(tmp_path: Path) -> None:
    place = await made(tmp_path / "state")
    async with place.served() as client:
        for data in (
            b"",
            b"\x00\x00\x00\x05ab",
            b"\xff\xff\xff\xff",
            b"\x00\x00\x00\x01\xc1",
            b"\x00\x00\x00\x01\x80",
            b"\x00\x00\x00\x0b\x82\xa2do\xa1x\xa4with\x01",
        ):
            reader, writer = await asyncio.open_unix_connection(str(place.folder.socket))
            writer.write(data)
            writer.write_eof()
            async with asyncio.timeout(5):
                await reader.read()
            writer.close()
        await client.get(paths.CHECKPOINT)


async def test_long_path_of_the_folder(tmp_path: Path) -> None:
    place = await made(tmp_path / ("a-long-name-" * 8) / "state")
    async with (
        place.served(),
        reach(place.folder, lambda: office(place.folder, place.world)) as reached,
    ):
        assert (await reached.ask("status"))["size"] == 1


async def test_office_refuses_in_one_line(tmp_path: Path) -> None:
    place = await made(tmp_path / "state")
    async with place.served() as client:
        submission = client.join_of("lisbon")
        await client.request(submission)
        for text in ("", " ", "x" * 1001):
            with pytest.raises(Refused, match="what the applicant will read"):
                await client.office.decline(submission.id.hex(), text)
        with pytest.raises(Refused, match=r"refused \(missing-signature\)"):
            await client.office.answer(
                "approve", {"request": submission.id.hex(), "signatures": []}
            )
        assert len(await client.office.requests()) == 1
