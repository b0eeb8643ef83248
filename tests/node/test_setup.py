"""What `init` makes, and that it makes it whole or not at all."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from referral_node import setup
from referral_node.config import Config, Exchange, read_config
from referral_node.folder import FolderLock, StateFolder
from referral_node.setup import Made, NewNode, make_node
from referral_node.store import Store
from referral_node.store.facts import (
    BUNDLE,
    CERTIFICATE,
    EPOCH,
    KIT_BACKUP,
    MEMBER,
    VAULT_PUBLIC,
    fact,
    time_of,
)
from referral_node.trouble import Trouble
from referral_node.users import all_users, find_user, open_with_kit, sign_in
from referral_node.vault import KdfCost, Kit, Password, SignIn, SlotKeys, WrongSecret
from referral_protocol.certificates import DAY, verify_bundle, verify_certificate
from referral_protocol.keys import fingerprint, member_id

NOW = 1_790_000_000_000
PASSWORD = "correct horse battery"
KIT = Kit(bytes(range(32)))
CONFIG = Config(name="Ponte Tejo", exchange=Exchange(endpoint="https://exchange.pontetejo.example"))
NEW = NewNode(CONFIG, "ines", "Inês Carvalhal", Password(PASSWORD), KIT)


def make(target: Path) -> Made:
    keys = SlotKeys(KdfCost(1, 8192), os.urandom)
    try:
        return asyncio.run(make_node(target, NEW, keys, os.urandom, NOW))
    finally:
        keys.close()


def test_a_new_node_is_whole(tmp_path: Path) -> None:
    made = make(tmp_path / "deep" / "node")
    folder = StateFolder(made.folder)
    folder.check()
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert {p.name for p in folder.path.iterdir()} == {"node.toml", "node.key", "node.db", "lock"}
    assert all(p.stat().st_mode & 0o077 == 0 for p in folder.path.iterdir())
    assert [p.name for p in folder.path.parent.iterdir()] == ["node"]
    assert read_config(folder.config) == CONFIG
    node = folder.read_node_key()

    async def look() -> None:
        store = await Store.open(folder.database)
        keys = SlotKeys(KdfCost(1, 8192), os.urandom)
        try:
            vault_key = await fact(store, VAULT_PUBLIC) or b""
            assert member_id(vault_key) == made.member == await fact(store, MEMBER)
            assert made.fingerprint == fingerprint(vault_key, node.public)
            assert time_of(await fact(store, EPOCH) or b"") == NOW
            assert await fact(store, KIT_BACKUP) == KIT.backup_public()
            certificate = verify_certificate(
                await fact(store, CERTIFICATE) or b"", made.member, vault_key
            )
            assert certificate.node_key == node.public
            bundle = verify_bundle(await fact(store, BUNDLE) or b"", made.member, vault_key, NOW)
            assert [(key.starts, key.ends) for key in bundle.prekeys] == [
                (NOW + n * 30 * DAY, NOW + (n + 1) * 30 * DAY) for n in range(4)
            ]
            assert bundle.current(NOW) == bundle.prekeys[0]
            user, vault = await sign_in(
                store, SignIn(lambda: NOW, keys), "Ines ", Password(PASSWORD)
            )
            assert (user.name, user.display, user.role) == (
                "ines",
                "Inês Carvalhal",
                "point-of-contact",
            )
            assert vault.signer.public == vault_key
            rows = await store.rows("SELECT id, seed, public FROM case_prekeys ORDER BY starts")
            assert [bytes(r["public"]) for r in rows] == [key.public for key in bundle.prekeys]
            for row in rows:
                opener = vault.open_prekey(bytes(row["id"]), bytes(row["seed"]))
                assert opener.public == bytes(row["public"])
            by_kit = await open_with_kit(store, keys, Kit.typed(KIT.text()))
            assert by_kit.signer.public == vault_key
            with pytest.raises(WrongSecret):
                await open_with_kit(store, keys, Kit(bytes(32)))
            assert len(await all_users(store)) == 1
            assert await find_user(store, "nobody") is None
        finally:
            keys.close()
            await store.close()

    asyncio.run(look())


def test_no_secret_lies_in_the_folder(tmp_path: Path) -> None:
    """What the folder holds in the clear: the node key, and nothing from the vault."""
    drawn: list[bytes] = []

    def entropy(size: int) -> bytes:
        drawn.append(os.urandom(size))
        return drawn[-1]

    keys = SlotKeys(KdfCost(1, 8192), os.urandom)
    made = asyncio.run(make_node(tmp_path / "node", NEW, keys, entropy, NOW))
    keys.close()
    everything = b"".join(p.read_bytes() for p in made.folder.iterdir())
    _master, _vault, node, *_ = secrets = [value for value in drawn if len(value) == 32]
    assert len(secrets) == 3 + 4  # and the seeds of four prekeys
    assert [value in everything for value in secrets] == [False, False, True] + [False] * 4
    assert node == (made.folder / "node.key").read_bytes()
    for secret in (bytes(range(32)), KIT.slot_key(), PASSWORD.encode(), KIT.text().encode()):
        assert secret not in everything


def test_an_empty_folder_is_taken_and_another_one_refused(tmp_path: Path) -> None:
    target = tmp_path / "node"
    target.mkdir()
    make(target)
    with pytest.raises(Trouble, match="a node is here already"):
        make(target)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("mine")
    with pytest.raises(Trouble, match="not empty"):
        make(tmp_path / "other")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(Trouble, match="is not a folder"):
        make(tmp_path / "file")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Trouble, match="is not a folder"):
        make(tmp_path / "link")
    assert {p.name for p in tmp_path.iterdir()} == {"node", "other", "file", "link"}


def test_what_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(setup, "insert_slot", broken)
    with pytest.raises(RuntimeError):
        make(tmp_path / "node")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Store.open

    async def interrupted(path: Path) -> Store:
        store = await real(path)
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await asyncio.sleep(10)
        finally:
            await store.close()
        return store

    monkeypatch.setattr(Store, "open", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "node")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / ".node.init"
    left.mkdir(mode=0o700)
    (left / "node.key").write_bytes(b"x" * 32)
    (left / "deep").mkdir()
    (left / "deep" / "file").write_text("x")
    made = make(tmp_path / "node")
    assert {p.name for p in made.folder.iterdir()} == {"node.toml", "node.key", "node.db", "lock"}
    assert [p.name for p in tmp_path.iterdir()] == ["node"]


def test_two_at_once_do_not_mix(tmp_path: Path) -> None:
    building = tmp_path / ".node.init"
    building.mkdir(mode=0o700)
    with FolderLock(building), pytest.raises(Trouble, match=f"process {os.getpid()} is making"):
        make(tmp_path / "node")
    assert building.exists()


FULL_DISK = """
import asyncio, os, resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import test_setup
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    test_setup.make(Path(sys.argv[1]))
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("room", [16, 200, 50_000, 150_000])
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, room: int) -> None:
    """RLIMIT_FSIZE stands in for it: the writes fail at several places."""
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "node"), str(here), str(room)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(("Trouble ", "StoreError ")), done.stdout + done.stderr
    assert "full" in done.stdout
    assert done.stdout.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_a_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Trouble, match=r"cannot be written \(File exists\)"):
        make(tmp_path / "file" / "node")
