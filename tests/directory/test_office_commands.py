"""What the console's lists say, at a terminal: history, acts, the invitation, what waits."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from console_world import CHEAP
from directory_roots import change_root
from directory_server import Client, Place, made
from directory_world import id_of
from referral_directory import registrars
from referral_protocol.directory.invitation import parse_invitation

REFERRAL = [str(Path(sys.executable).with_name("referral")), "directory"]
PASSWORD = "correct horse battery"


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


async def filled(place: Place) -> None:
    """A member, a second registrar, and both must sign."""
    async with place.served() as client:
        await client.admit("utrecht")
        await two_must_sign(client)


async def two_must_sign(client: Client) -> None:
    jan = registrars.make(client.place.folder, "jan", "Jan Novák", PASSWORD, CHEAP, os.urandom)
    acting = client.running.ledger.directory.root_at(client.place.clock()).root
    keys = tuple(sorted((*acting.registrars, jan.key.public)))
    await change_root(client, wait=False, registrars=keys, registrar_threshold=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = asyncio.run(made(tmp_path / "state", url="https://directory.example.org"))
    asyncio.run(filled(place))
    (tmp_path / "password").write_text(PASSWORD + "\n")
    return tmp_path


def test_history_acts_and_invitation(folder: Path) -> None:
    state = ("--state", folder / "state")
    said = run("history", *state).splitlines()
    assert [line.split("\t")[0] for line in said] == ["2", "1", "0"]
    assert "Root 2 was made. It changes registrars (1 new)" in said[0]
    assert said[1].endswith("\tSteunpunt Dom was admitted\tRegistrar")
    only = json.loads(run("history", *state, "--member", id_of("utrecht").hex()[:8], "--json"))
    assert [each["index"] for each in only] == [1]
    assert "no such member" in run("history", *state, "--member", "00000000", expect=1)
    acts = run("acts", *state).splitlines()
    assert acts[-1].endswith("\tterminal\tadmitted Steunpunt Dom")
    assert json.loads(run("acts", *state, "--json"))[-1]["what"] == "admitted"
    line = run("invite", *state).strip()
    assert parse_invitation(line).url == "https://directory.example.org"
    config = folder / "state/directory.toml"
    config.write_text(config.read_text().replace('url = "https://directory.example.org"\n', ""))
    refused = run("invite", *state, expect=1)
    assert 'write the line `url = "https://directory.example.org"`' in refused


def test_a_decision_is_signed_as_somebody_and_given_up(folder: Path) -> None:
    """Suspended for a week by one registrar of two: at once, and with a name in the journal."""
    state = ("--state", folder / "state")
    member, password = id_of("utrecht").hex()[:8], ("--password-file", folder / "password")
    suspend = ("suspend", member, *state, "--reason", "misuse", "--until", "7d", *password)
    said = run(*suspend, "--as", "jan", expect=1)
    assert "the key of jan is not a registrar's now" in said
    assert "acts 72 hours later" in said
    run(*suspend)  # jan signs nothing yet: there is one to choose
    act = json.loads(run("acts", *state, "--json"))[0]
    assert (act["registrar"], act["what"], act["detail"]) == (
        "registrar",
        "decided",
        "suspended misuse",
    )
    assert "no registrar of this name here" in run(
        "lift", member, *state, *password, "--as", "eva", expect=1
    )
    assert "`referral directory proposals` lists what waits" in run("drop", "00", *state, expect=1)
