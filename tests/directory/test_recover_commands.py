"""`referral directory recover`, `proposals`, `sign`: the commands on a real folder."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from directory_roots import NEW, NODE, OLD, asked, by, change_root
from directory_server import PASSWORDS, Client, Place, made
from directory_world import DAY, id_of
from referral_directory import registrars
from referral_directory.commands.directory import directory
from referral_protocol.directory.entries import Status, make_status_entry
from referral_protocol.keys import fingerprint

LISBON = id_of("lisbon").hex()


async def run(place: Place, *arguments: str, expect: int = 0) -> str:
    """A command's output. The folder is free: the commands open it themselves."""
    state = ["--state", str(place.folder.path)]
    done = await asyncio.to_thread(CliRunner().invoke, directory, [*arguments, *state])
    assert done.exit_code == expect, done.output
    return done.output


@pytest.fixture
async def place(tmp_path: Path) -> Place:
    """A directory that began eight days ago, with a request of Lisbon's to recover."""
    made_at = await made(tmp_path / "state", ahead=-8 * DAY)
    (tmp_path / "password").write_text(PASSWORDS.registrar)
    (tmp_path / "fingerprint").write_text(fingerprint(NEW.public, NODE.public))
    async with made_at.served() as client:
        await client.admit("lisbon")
    return made_at


def password(place: Place) -> tuple[str, str]:
    return "--password-file", str(place.folder.path.parent / "password")


async def requested(place: Place, ahead: int = 0) -> str:
    """A request that came this long ago; its id."""
    place.clock.ahead = ahead
    async with place.served() as client:
        submission = asked(client)
        await client.request(submission)
    return submission.id.hex()


async def announced(place: Place, ahead: int) -> None:
    """An announcement of then."""
    request = await requested(place, ahead)
    async with place.at_rest() as office:
        content = bytes((await office.request(request))["content"])
        await office.approve(request, by(content, place.registrar()))
    place.clock.ahead = 0


async def test_approved_after_the_fingerprint_was_heard(place: Place) -> None:
    request = await requested(place)
    file = str(place.folder.path.parent / "fingerprint")
    said = await run(
        place, "approve", request, "--fingerprint-file", file, *password(place), "--called", "x"
    )
    assert "They say that their vault key is lost" in said
    assert f"`referral directory recover complete {LISBON[:8]}`" in said
    listed = await run(place, "recover", "list")
    assert "announced; can be completed from" in listed
    early = await run(place, "recover", "complete", LISBON, *password(place), expect=1)
    assert "announced for 72 hours; complete it from" in early
    assert len(early.splitlines()) == 1
    ended = await run(place, "recover", "end", LISBON, *password(place))
    assert "keys stay as they are" in ended
    assert "No recovery is announced." in await run(place, "recover", "list")
    again = await run(place, "recover", "end", LISBON, *password(place), expect=1)
    assert "`referral directory recover list`" in again


async def test_completed_after_its_time(place: Place) -> None:
    await announced(place, -4 * DAY)
    assert "can be completed since" in await run(place, "recover", "list")
    found = json.loads(await run(place, "recover", "list", "--json"))
    assert (found[0]["id"], found[0]["state"]) == (LISBON, "ready")
    said = await run(place, "recover", "complete", LISBON, *password(place))
    assert "has its new keys from now on" in said
    members = json.loads(await run(place, "members", "--json"))
    assert members[0]["vault_key"] == NEW.public.hex()


async def test_two_registrars(place: Place) -> None:
    second = registrars.make(
        place.folder, "ewa", "Ewa", PASSWORDS.registrar, place.world.cost, place.world.random
    )
    place.clock.ahead = -8 * DAY + 60_000
    async with place.served() as client:
        keys = tuple(sorted((place.registrar().public, second.key.public)))
        await change_root(client, registrars=keys, registrar_threshold=2, wait=False)
    place.clock.ahead = 0
    request = await requested(place)
    file = str(place.folder.path.parent / "fingerprint")
    said = await run(
        place, "approve", request, "--fingerprint-file", file, *password(place),
        "--as", "registrar", "--called", "x",
    )  # fmt: skip
    assert "Signed. One more registrar: `referral directory sign " in said
    waiting = await run(place, "proposals")
    assert "announce new keys, for the vault key is lost\t1 of 2" in waiting
    name = json.loads(await run(place, "proposals", "--json"))[0]["proposal"]
    wrong = await run(place, "sign", "ffff", *password(place), "--as", "ewa", expect=1)
    assert "`referral directory proposals` lists what waits" in wrong
    done = await run(place, "sign", name[:8], *password(place), "--as", "ewa")
    assert "it is in the log" in done
    assert "Nothing waits for a signature." in await run(place, "proposals")


async def test_vetoed(place: Place) -> None:
    await announced(place, -4 * DAY)
    async with place.served() as client:
        await _veto(client)
    assert "vetoed by the key that was said to be lost" in await run(place, "recover", "list")
    said = await run(place, "recover", "complete", LISBON, *password(place), expect=1)
    assert "`referral directory root decide`" in said


async def _veto(client: Client) -> None:
    old = client.running.ledger.directory.known(id_of("lisbon"))
    body = Status("suspended", None, "veto")
    content = make_status_entry(
        client.place.genesis, old.id, old.number + 1, old.head, body, client.place.clock()
    )
    await client.office.propose(content, by(content, OLD))
