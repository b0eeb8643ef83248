"""Keys at rest: what opens them, what does not, and what nobody else can read."""

import json
import os
from pathlib import Path

import pytest

from directory_server import PASSWORDS, made
from directory_world import signer
from referral_directory.folder import write_private
from referral_directory.sealing import (
    FLOOR,
    STRONG,
    Cost,
    WrongPassword,
    open_key,
    public_of,
    read_log_key,
    seal_key,
    write_log_key,
)
from referral_directory.trouble import Trouble

CHEAP = Cost(1, FLOOR)


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    path = tmp_path / "registrar.key"
    seal_key(path, "registrar", signer("r"), "a long password", CHEAP, os.urandom)
    return path


def test_sealed_key_opens(sealed: Path) -> None:
    assert open_key(sealed, "registrar", "a long password").seed() == signer("r").seed()
    assert public_of(sealed) == signer("r").public
    assert sealed.stat().st_mode & 0o777 == 0o600
    text = sealed.read_bytes()
    assert signer("r").seed() not in text
    assert signer("r").seed().hex().encode() not in text


@pytest.mark.parametrize("password", ["", "a long passwore", "A long password", "a long password "])
def test_wrong_password(sealed: Path, password: str) -> None:
    with pytest.raises(WrongPassword, match="wrong"):
        open_key(sealed, "registrar", password)


def test_key_of_another_role(sealed: Path) -> None:
    with pytest.raises(Trouble, match="holds a registrar key, not a root key"):
        open_key(sealed, "root", "a long password")


@pytest.mark.parametrize("field", ["public", "salt", "nonce", "sealed", "role"])
def test_altered_file(sealed: Path, field: str) -> None:
    """Role and public key are bound to the seal, so no field can be exchanged."""
    file = json.loads(sealed.read_text())
    other = {"role": "root", "public": signer("x").public.hex()}
    file[field] = other.get(field) or ("00" if file[field][:2] != "00" else "01") + file[field][2:]
    sealed.write_text(json.dumps(file))
    with pytest.raises(WrongPassword):
        open_key(sealed, file["role"], "a long password")


@pytest.mark.parametrize(
    "change",
    [
        {"memory": 8 * 1024 * 1024},
        {"memory": 2**40},
        {"passes": 0},
        {"passes": 100},
        {"kdf": "md5"},
        {"more": 1},
        {"salt": "zz"},
    ],
)
def test_file_that_is_too_cheap_or_none_of_ours(sealed: Path, change: dict[str, object]) -> None:
    sealed.write_text(json.dumps(json.loads(sealed.read_text()) | change))
    with pytest.raises(Trouble, match="not a sealed key"):
        open_key(sealed, "registrar", "a long password")


def test_salt_of_another_length_is_no_crash(sealed: Path) -> None:
    file = json.loads(sealed.read_text()) | {"salt": "00"}
    sealed.write_text(json.dumps(file))
    with pytest.raises(Trouble):
        open_key(sealed, "registrar", "a long password")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="No such file"):
        open_key(tmp_path / "no.key", "registrar", "x")


def test_production_is_above_the_floor() -> None:
    assert STRONG.memory >= 2 * FLOOR
    assert STRONG.passes >= 3


def test_log_key(tmp_path: Path) -> None:
    path = tmp_path / "log.key"
    write_log_key(path, signer("log"))
    assert read_log_key(path).public == signer("log").public
    path.chmod(0o640)
    with pytest.raises(Trouble, match="chmod 600"):
        read_log_key(path)
    write_private(path, b"00ff\n")
    with pytest.raises(Trouble, match="not a key"):
        read_log_key(path)


async def test_new_directory_s_files(tmp_path: Path) -> None:
    """Everything is its owner's alone; root keys have a password of their own."""
    place = await made(tmp_path / "state")
    for path in [place.folder.path, *place.folder.path.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0 or path.suffix == ".sqlite", path
    assert place.folder.path.stat().st_mode & 0o777 == 0o700
    for number in (1, 2, 3):
        root = place.folder.offline / f"root-{number}.key"
        assert open_key(root, "root", PASSWORDS.root).public == public_of(root)
        with pytest.raises(WrongPassword):
            open_key(root, "root", PASSWORDS.registrar)
    assert "USB stick" in (place.folder.offline / "READ-ME.txt").read_text()
