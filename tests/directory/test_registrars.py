"""Several registrars: a file for each, opened by its own password, made and changed by commands."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from directory_server import made
from referral_directory import registrars
from referral_directory.folder import Folder
from referral_directory.sealing import FLOOR, Cost, WrongPassword
from referral_directory.totp import code_at, secret_text
from referral_directory.trouble import Trouble

REFERRAL = [str(Path(sys.executable).with_name("referral")), "directory"]
CHEAP = Cost(1, FLOOR)
PASSWORD = "a long password of ewa"


def run(*arguments: str | Path, expect: int = 0) -> str:
    """A command's output, both streams, after it ended as expected."""
    done = subprocess.run(
        [*REFERRAL, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    said = done.stdout + done.stderr
    assert done.returncode == expect, said
    return said


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    place = Folder(tmp_path / "state")
    place.make()
    return place


def test_a_file_holds_key_and_secret(folder: Folder) -> None:
    ewa = registrars.make(folder, "ewa", " Ewa  Lindqvist ", PASSWORD, CHEAP, os.urandom)
    path = folder.registrar("ewa")
    assert path.stat().st_mode & 0o777 == 0o600
    raw = path.read_bytes()
    for secret in (ewa.key.seed(), ewa.secret):
        assert secret not in raw
        assert secret.hex().encode() not in raw
    assert repr(ewa) == "Registrar('ewa')"
    opened = registrars.unlock(folder, "ewa", PASSWORD)
    assert (opened.display, opened.secret) == ("Ewa Lindqvist", ewa.secret)
    assert opened.key.seed() == ewa.key.seed()
    with pytest.raises(WrongPassword):
        registrars.unlock(folder, "ewa", PASSWORD + " ")
    assert registrars.everybody(folder) == [
        registrars.Known("ewa", "Ewa Lindqvist", ewa.key.public)
    ]


def test_the_display_name_is_bound_to_the_seal(folder: Folder) -> None:
    """A thief of the folder cannot let one registrar's acts look like another's."""
    registrars.make(folder, "ewa", "Ewa Lindqvist", PASSWORD, CHEAP, os.urandom)
    path = folder.registrar("ewa")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"display": "Jan Novák"}))
    with pytest.raises(WrongPassword):
        registrars.unlock(folder, "ewa", PASSWORD)


def test_a_new_secret_keeps_the_key(folder: Folder) -> None:
    ewa = registrars.make(folder, "ewa", "Ewa", PASSWORD, CHEAP, os.urandom)
    changed = registrars.change_secret(folder, ewa, PASSWORD, CHEAP, os.urandom)
    opened = registrars.unlock(folder, "ewa", PASSWORD)
    assert opened.secret == changed.secret != ewa.secret
    assert opened.key.public == ewa.key.public


@pytest.mark.parametrize("name", ["", "Ewa", "1st", "../log", "a" * 33, "a b", "ewa\n", "ewá"])
def test_names_that_cannot_be(folder: Folder, name: str) -> None:
    with pytest.raises(Trouble, match="small letters"):
        registrars.make(folder, name, "Ewa", PASSWORD, CHEAP, os.urandom)
    with pytest.raises(Trouble, match="small letters"):
        registrars.unlock(folder, name, PASSWORD)


@pytest.mark.parametrize("display", ["", "  ", "x" * 81, "Ewa\x1b[31m"])
def test_full_names_that_cannot_be(folder: Folder, display: str) -> None:
    with pytest.raises(Trouble, match="full name"):
        registrars.make(folder, "ewa", display, PASSWORD, CHEAP, os.urandom)


def test_who_signs(folder: Folder) -> None:
    """Only whom the root that acts names: a key that was made since signs nothing yet."""
    ewa = registrars.make(folder, "ewa", "Ewa", PASSWORD, CHEAP, os.urandom).key.public
    with pytest.raises(Trouble, match="holds no key of a registrar who signs now"):
        registrars.acting(folder, None, [])
    jan = registrars.make(folder, "jan", "Jan", PASSWORD, CHEAP, os.urandom).key.public
    assert registrars.acting(folder, None, [ewa]) == "ewa"
    assert registrars.acting(folder, "jan", [ewa, jan]) == "jan"
    with pytest.raises(Trouble, match=r"key of jan is not a registrar's now.* 72 hours later"):
        registrars.acting(folder, "jan", [ewa])
    with pytest.raises(Trouble, match=r"2 registrars: say with --as which one \(ewa, jan\)"):
        registrars.acting(folder, None, [jan, ewa])
    with pytest.raises(Trouble, match="no registrar of this name here; there are ewa, jan"):
        registrars.acting(folder, "eva", [ewa, jan])
    with pytest.raises(Trouble, match="already"):
        registrars.make(folder, "jan", "Jan", PASSWORD, CHEAP, os.urandom)


def test_commands(tmp_path: Path) -> None:
    """A second registrar from the terminal: made, listed, a new password, a new secret."""
    place = asyncio.run(made(tmp_path / "state"))
    state = ("--state", place.folder.path)
    for name, text in (("one", PASSWORD), ("two", "another long password"), ("short", "short")):
        (tmp_path / name).write_text(text + "\n")
    one, two = ("--password-file", tmp_path / "one"), ("--password-file", tmp_path / "two")

    printed = run("registrar", "new", "ewa", *state, "--display", "Ewa Lindqvist", *one)
    ewa = registrars.unlock(place.folder, "ewa", PASSWORD)
    assert f"key {ewa.key.public.hex()}\n" in printed
    assert f"secret {secret_text(ewa.secret)}\n" in printed
    assert re.search(r"^totp otpauth://totp/directory\.example\.org:ewa\?secret=", printed, re.M)
    assert "no registrar yet" in printed
    assert "root rotate" in printed
    assert ewa.key.seed().hex() not in printed

    listed = json.loads(run("registrar", "list", *state, "--json"))
    assert [(each["name"], each["acting"]) for each in listed] == [
        ("ewa", False),
        ("registrar", True),
    ]
    assert "not before the next root names this key" in run("registrar", "list", *state)

    run("registrar", "password", "ewa", *state, *one, "--new-password-file", tmp_path / "two")
    said = run("registrar", "totp", "ewa", *state, *one, expect=1)
    assert "the password is wrong" in said
    run("registrar", "totp", "ewa", *state, *two)
    again = registrars.unlock(place.folder, "ewa", "another long password")
    assert again.key.seed() == ewa.key.seed()
    assert code_at(again.secret, 0) != code_at(ewa.secret, 0)

    said = run(
        "registrar", "new", "jan", *state, "--display", "Jan", "--password-file",
        tmp_path / "short", expect=1,
    )  # fmt: skip
    assert "at least 12 characters" in said
    assert not place.folder.registrar("jan").exists()
