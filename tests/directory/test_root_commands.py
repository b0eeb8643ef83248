"""`referral directory root`: from the first root to a rotation, on files, as people do it."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from directory_roots import NEW, OLD, asked, by
from directory_server import PASSWORDS, Place, made
from directory_world import DAY, id_of, signer
from referral_directory.commands.directory import directory
from referral_directory.config import read_config
from referral_directory.rootfile import read_request, write_request
from referral_directory.trouble import Trouble
from referral_protocol.directory import paths
from referral_protocol.directory.entries import (
    EntrySignature,
    Leaf,
    Root,
    Status,
    entry_hash,
    make_root_entry,
    make_status_entry,
    merge_signatures,
    sign_entry,
)
from referral_protocol.directory.invitation import parse_invitation
from referral_protocol.directory.notes import parse_note
from referral_protocol.directory.rules import ROOT_DELAY

EWA, WITNESS = signer("ewa").public.hex(), signer("witness").public.hex()


def command(*arguments: object, expect: int = 0, typed: str = "") -> str:
    """What a command says; a refusal is one line."""
    done = CliRunner().invoke(directory, [str(each) for each in arguments], input=typed)
    assert done.exit_code == expect, done.output
    if expect:
        assert len(done.stderr.splitlines()) == 1, done.output
    return done.output


async def run(*arguments: object, expect: int = 0, typed: str = "") -> str:
    """The same from a test that has an event loop."""
    return await asyncio.to_thread(command, *arguments, expect=expect, typed=typed)


@pytest.fixture
async def place(tmp_path: Path) -> Place:
    """A directory that began eight days ago; the root keys' password beside it."""
    (tmp_path / "root-password").write_text(PASSWORDS.root)
    (tmp_path / "password").write_text(PASSWORDS.registrar)
    found = await made(tmp_path / "state", ahead=-8 * DAY)
    found.clock.ahead = 0
    return found


def beside(place: Place, name: str) -> Path:
    return place.folder.path.parent / name


async def rotated(place: Place, *options: object) -> Path:
    """A request for the next root."""
    file = beside(place, "next.json")
    await run("root", "rotate", "--state", place.folder.path, "--out", file, *options)
    return file


async def signed(place: Place, file: Path, *numbers: int) -> str:
    said = ""
    for number in numbers:
        key = place.folder.offline / f"root-{number}.key"
        said = await run(
            "root", "sign", file, "--key", key, "--yes",
            "--password-file", beside(place, "root-password"),
        )  # fmt: skip
    return said


# a new directory


def test_a_directory_whose_root_keys_never_met_it(tmp_path: Path) -> None:
    state, draft, first = tmp_path / "state", tmp_path / "draft.json", tmp_path / "first.json"
    sticks, password = tmp_path / "sticks", tmp_path / "password"
    password.write_text("correct horse battery")
    said = command(
        "root", "prepare", "--state", state, "--origin", "directory.example.org",
        "--password-file", password, "--port", 0, "--out", draft,
        "--url", "https://directory.example.org",
    )  # fmt: skip
    assert "referral directory root init draft.json" in said
    assert "there is no directory here" in command("status", "--state", state, expect=1)
    passwords = "".join(f"password of key {n}\n" * 2 for n in (1, 2, 3))
    said = command("root", "init", draft, "--to", sticks, "--out", first, typed=passwords)
    assert "2 of them sign first.json" in said
    assert sorted(file.name for file in sticks.iterdir()) == [f"root-{n}.key" for n in (1, 2, 3)]
    assert not (state / "offline").exists() or not list((state / "offline").iterdir())
    assert "2 more of the 3 root keys" in command(
        "root", "publish", first, "--state", state, expect=1
    )
    for number in (1, 3):
        said = command(
            "root", "sign", first, "--key", sticks / f"root-{number}.key",
            typed=f"y\nwrong password\npassword of key {number}\n",
        )  # fmt: skip
        assert "The password is wrong. 4 more." in said
        assert "This is its first root." in said
    assert "all the signatures" in said
    said = command("root", "publish", first, "--state", state)
    anchor = [line for line in said.splitlines() if line.startswith("anchor ")]
    status = json.loads(command("status", "--state", state, "--json"))
    assert anchor == [f"anchor {status['anchor']}"]
    assert status["root"] == 1
    again = command("root", "publish", first, "--state", state, expect=1)
    assert "version 1 is published already: entry 0" in again
    line = command("invite", "--state", state).strip()
    assert parse_invitation(line).url == "https://directory.example.org"
    assert read_config(state / "directory.toml").console is not None
    again = command(
        "root", "prepare", "--state", state, "--origin", "x.example.org",
        "--password-file", password, "--out", tmp_path / "other.json", expect=1,
    )  # fmt: skip
    assert "keys here already" in again


def test_a_first_root_of_another_folder(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("correct horse battery")
    for name in ("one", "two"):
        command(
            "root", "prepare", "--state", tmp_path / name, "--origin", "directory.example.org",
            "--password-file", password, "--out", tmp_path / f"{name}.json",
        )  # fmt: skip
    first, sticks = tmp_path / "first.json", tmp_path / "sticks"
    command(
        "root", "init", tmp_path / "one.json", "--to", sticks, "--out", first,
        "--keys", 1, "--threshold", 1, "--password-file", password,
    )  # fmt: skip
    again = command(
        "root", "init", tmp_path / "one.json", "--to", sticks, "--out", tmp_path / "x.json",
        "--keys", 1, "--threshold", 1, "--password-file", password, expect=1,
    )  # fmt: skip
    assert "is there already" in again
    command("root", "sign", first, "--key", sticks / "root-1.key", "--yes",
            "--password-file", password)  # fmt: skip
    said = command("root", "publish", first, "--state", tmp_path / "two", expect=1)
    assert "names the log key of another folder" in said
    command("root", "publish", first, "--state", tmp_path / "one")


def test_more_keys_to_sign_than_there_are(tmp_path: Path) -> None:
    password, draft = tmp_path / "password", tmp_path / "draft.json"
    password.write_text("correct horse battery")
    command("root", "prepare", "--state", tmp_path / "s", "--origin", "d.example.org",
            "--password-file", password, "--out", draft)  # fmt: skip
    said = command(
        "root", "init", draft, "--to", tmp_path, "--out", tmp_path / "f", "--keys", 2,
        "--threshold", 3, "--password-file", password, expect=1,
    )  # fmt: skip
    assert "there are 2 root keys only" in said


# the next root


async def test_registrars_witnesses_and_thresholds(place: Place) -> None:
    file = await rotated(
        place, "--add-registrar", f"key {EWA}", "--registrar-threshold", 2,
        "--add-witness", f"witness.example.org {WITNESS} {'ab' * 16} https://w.example.org",
    )  # fmt: skip
    shown = await run("root", "show", file)
    for line in (
        "Root version 2 takes the place of version 1",
        "Registrars: 1 before, 2 after",
        f"  new      {EWA}",
        "Registrars who decide: 1 before, 2 after",
        f"  new      witness.example.org {WITNESS} of member {'ab' * 16} at https://w.example.org",
        "Nothing else changes.",
        "It needs the signatures of 2 more of the 3 root keys.",
    ):
        assert line in shown, line
    assert "Log key" not in shown
    assert "1 more of the 3 root keys" in await signed(place, file, 1)
    assert "all the signatures" in await signed(place, file, 3)
    async with place.served() as client:
        said = await run("root", "publish", file, "--state", place.folder.path)
        assert "Version 2 is entry 1. It acts from" in said
        stated = await run("status", "--state", place.folder.path)
        assert "new root   version 2 acts from" in stated
        assert "it changes registrars, how many registrars must sign and witnesses" in stated
        replica = await client.replica()
        newest = replica.directory.roots[-1]
        assert (newest.version, newest.root.registrar_threshold) == (2, 2)
        assert newest.acts_from == newest.logged + ROOT_DELAY
        assert [each.name for each in newest.root.witnesses] == ["witness.example.org"]
        acts = await client.office.acts()
        assert (acts[0]["what"], acts[0]["detail"]) == ("root", "version 2")
    again = await run("root", "publish", file, "--state", place.folder.path, expect=1)
    assert "version 2 is published already: entry 1, acts from 20" in again
    late = beside(place, "late.json")
    asked_of = read_request(file)
    assert isinstance(asked_of.entry.body, Root)
    other = msgspec.structs.replace(asked_of.entry.body, registrar_threshold=1)
    content = make_root_entry(
        other, asked_of.entry.at, asked_of.genesis, asked_of.entry.previous, 2
    )
    write_request(late, asked_of.roots, content)
    await signed(place, late, 1, 2)
    again = await run("root", "publish", late, "--state", place.folder.path, expect=1)
    assert "another root is published as version 2: entry 1; begin again" in again


async def test_a_file_that_a_holder_has_signed_is_not_written_over(place: Place) -> None:
    file = await rotated(place, "--new-log-key")
    await signed(place, file, 1)
    said = await run(
        "root", "rotate", "--state", place.folder.path, "--out", file, "--new-log-key", expect=1
    )
    assert "is there already; choose another place" in said
    assert "1 more of the 3 root keys" in await run("root", "show", file)
    assert len(place.folder.log_keys()) == 2  # no second new key was made either


async def test_new_root_keys_sign_too(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "new.key"
    said = await run("root", "key", "--out", file, "--password-file", tmp_path / "root-password")
    public = said.split()[1]
    old = json.loads((place.folder.offline / "root-1.key").read_text())["public"]
    request = await rotated(
        place, "--add-root-key", public, "--remove-root-key", old[:12], "--root-threshold", 3
    )
    shown = await run("root", "show", request)
    assert f"  removed  {old}" in shown
    assert "2 more of the 3 root keys of the version before and 3 more of the 3 root keys" in shown
    await signed(place, request, 1, 2)
    assert "2 more of the 3 root keys" in await run("root", "show", request)
    await signed(place, request, 3)
    last = await run("root", "sign", request, "--key", file, "--yes", "--password-file",
                     tmp_path / "root-password")  # fmt: skip
    assert "all the signatures" in last
    await run("root", "publish", request, "--state", place.folder.path)


async def test_the_log_key_changes_hands(place: Place) -> None:
    """Both sign from the announcement until a day after the new one acts; then the new alone."""
    async with place.served() as client:
        held = await client.replica()
        request = await rotated(place, "--new-log-key")
        await signed(place, request, 1, 2)
        await run("root", "publish", request, "--state", place.folder.path)
        announced = await client.replica(held)
        assert announced.size == 2
        note = parse_note(await client.body(paths.CHECKPOINT))
        assert len(note.signatures) == 4
        place.clock.ahead += ROOT_DELAY + 60_000
        await client.running.ledger.refresh()
        acting = await client.replica(announced)
        assert len(parse_note(await client.body(paths.CHECKPOINT)).signatures) == 4
    async with place.served() as client:  # both files are read at a start
        place.clock.ahead += DAY
        await client.running.ledger.refresh()
        assert len(parse_note(await client.body(paths.CHECKPOINT)).signatures) == 2
        assert (await client.replica(acting)).size == 2
        assert (await client.replica()).size == 2
        await client.admit("lisbon")
    place.folder.log_key.unlink()
    place.folder.log_keys()[1].replace(place.folder.log_key)
    async with place.served() as client:
        assert (await client.replica()).size == 3


async def test_a_log_key_that_is_not_here(place: Place) -> None:
    request = await rotated(place, "--new-log-key")
    await signed(place, request, 1, 2)
    place.folder.log_keys()[1].unlink()
    said = await run("root", "publish", request, "--state", place.folder.path, expect=1)
    assert "missing-signature" in said
    assert "log key" in said


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), "nothing would change"),
        (("--add-registrar", "abc"), "not a public key"),
        (("--remove-registrar", "nobody"), "give a name, or at least 8 digits"),
        (("--remove-registrar", "registrar"), "such a root cannot be"),
        (("--registrar-threshold", "2"), "registrar_threshold"),
        (("--root-threshold", "4"), "root_threshold"),
        (("--remove-root-key", EWA), "give a name, or at least 8 digits"),
        (("--add-witness", "alone"), "write a witness as"),
        (("--add-witness", f"Upper.Case {WITNESS}"), "such a root cannot be"),
        (("--add-witness", f"w.example.org {WITNESS} zz"), "not the id of a member"),
        (("--remove-witness", "w.example.org"), "is none; nothing to remove"),
        (("--quorum", "1"), "quorum"),
    ],
)
async def test_changes_that_cannot_be(
    place: Place, options: tuple[str, ...], expected: str
) -> None:
    file = beside(place, "next.json")
    said = await run(
        "root", "rotate", "--state", place.folder.path, "--out", file, *options, expect=1
    )
    assert expected in said
    assert not file.exists()


# files and keys that are wrong


def _damage(change: Callable[[dict[str, object]], None]) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        content = json.loads(file.read_text())
        change(content)
        file.write_text(json.dumps(content))

    return damage


DAMAGED: dict[str, tuple[Callable[[Path], object], str]] = {
    "gone": (Path.unlink, "cannot be read"),
    "nonsense": (lambda file: file.write_bytes(b"\xff"), "not a request to root keys"),
    "empty": (lambda file: file.write_text(""), "not a request to root keys"),
    "huge": (lambda file: file.write_text(" " * 9_000_000), "not a request to root keys"),
    "extra": (_damage(lambda c: c.update(more=1)), "not a request to root keys"),
    "content": (_damage(lambda c: c.update(content="00")), "damaged, or altered"),
    "roots": (_damage(lambda c: c.update(roots=[])), "damaged, or altered"),
    "signature": (
        _damage(lambda c: c.update(signatures=[[EWA, "00" * 64]])),
        "damaged, or altered",
    ),
    "short": (_damage(lambda c: c.update(signatures=[["00", "00"]])), "damaged, or altered"),
}


@pytest.mark.parametrize("damage", DAMAGED)
async def test_files_that_are_damaged(place: Place, damage: str) -> None:
    file = await rotated(place, "--add-registrar", EWA)
    alter, expected = DAMAGED[damage]
    alter(file)
    for arguments in (
        ("sign", file, "--key", place.folder.offline / "root-1.key"),
        ("publish", file, "--state", place.folder.path),
        ("show", file),
    ):
        assert expected in await run("root", *arguments, expect=1)


async def test_content_of_another_directory(place: Place, tmp_path: Path) -> None:
    """Roots of this directory around a content of another one: nobody signs that."""
    other = await made(tmp_path / "other", ahead=-8 * DAY)
    file = await rotated(place, "--add-registrar", EWA)
    theirs = tmp_path / "theirs.json"
    await run("root", "rotate", "--state", other.folder.path, "--out", theirs,
              "--add-registrar", EWA)  # fmt: skip
    ours, content = json.loads(file.read_text()), json.loads(theirs.read_text())["content"]
    file.write_text(json.dumps(ours | {"content": content}))
    with pytest.raises(Trouble, match="wrong-genesis"):
        read_request(file)
    key = place.folder.offline / "root-1.key"
    assert "not one of the root keys that sign this" in await run(
        "root", "sign", theirs, "--key", key, expect=1
    )
    await signed(other, theirs, 1, 2)
    said = await run("root", "publish", theirs, "--state", place.folder.path, expect=1)
    assert "wrong-genesis" in said


async def test_roots_that_nobody_signed(place: Place) -> None:
    """A second root of a thief's, put between: the holder would compare with the wrong one."""
    file = await rotated(place, "--add-registrar", EWA)
    asked_for = read_request(file)
    assert asked_for.before is not None
    thief = signer("thief")
    root = msgspec.structs.replace(
        asked_for.before.root, root_keys=(thief.public,), root_threshold=1
    )
    now = place.clock()
    content = make_root_entry(root, now, place.genesis, asked_for.before.hash, 2)
    old = asked_for.before.root.root_keys[:2]
    forged = [EntrySignature(key, bytes(64)) for key in old]
    leaf = Leaf(now, content, merge_signatures(forged, sign_entry(content, thief))).pack()
    third = make_root_entry(
        msgspec.structs.replace(root, registrars=(thief.public[::-1],)),
        now, place.genesis, entry_hash(content), 3,
    )  # fmt: skip
    write_request(file, (*asked_for.roots, (1, leaf)), third)
    said = await run("root", "show", file, expect=1)
    assert "damaged, or altered by somebody (bad-signature): sign nothing" in said


async def test_keys_that_are_wrong(place: Place) -> None:
    file = await rotated(place, "--add-registrar", EWA)
    before = file.read_bytes()
    offline, wrong = place.folder.offline, beside(place, "password")
    key = offline / "root-1.key"
    registrar = place.folder.registrar("registrar")
    for arguments, expected in (
        (("--key", offline / "root-9.key"), "cannot be read"),
        (("--key", registrar), "not one of the root keys"),
        (("--key", file), "not a sealed key"),
        (("--key", key, "--yes", "--password-file", wrong), "the password is wrong"),
    ):
        assert expected in await run("root", "sign", file, *arguments, expect=1)
    said = await run("root", "sign", file, "--key", key, typed="n\n", expect=1)
    assert "not signed" in said.replace("\n", " ")
    assert file.read_bytes() == before
    await signed(place, file, 1)
    again = await run("root", "sign", file, "--key", key, "--yes", expect=1)
    assert "has signed it already" in again


# what the root keys decide after a veto


@pytest.mark.parametrize("outcome", ["--keep", "--recover"])
async def test_root_keys_decide_after_a_veto(place: Place, outcome: str) -> None:
    state, file = place.folder.path, beside(place, "decision.json")
    place.clock.ahead = -5 * DAY
    async with place.served() as client:
        await client.admit("lisbon")
        member = id_of("lisbon").hex()
        none = await run("root", "decide", member, "--state", state, outcome, "--out", file,
                         expect=1)  # fmt: skip
        assert "nothing for root keys to decide" in none
        place.clock.ahead = -4 * DAY
        submission = asked(client)
        await client.request(submission)
        signed_by = by(submission.content, place.registrar())
        await client.office.approve(submission.id.hex(), signed_by)
        old = client.running.ledger.directory.known(id_of("lisbon"))
        content = make_status_entry(
            place.genesis, old.id, old.number + 1, old.head, Status("suspended", None, "veto"),
            place.clock(),
        )  # fmt: skip
        await client.office.propose(content, by(content, OLD))
    place.clock.ahead = 0
    said = await run("root", "decide", member, "--state", state, "--out", file, expect=1)
    assert "--keep or --recover" in said
    said = await run("root", "decide", member, "--state", state, outcome, "--out", file)
    assert "The directory calls it: " in said
    await signed(place, file, 2, 3)
    assert "Decided, as entry 4." in await run("root", "publish", file, "--state", state)
    members = json.loads(await run("members", "--state", state, "--json"))
    expected = NEW if outcome == "--recover" else OLD
    assert (members[0]["status"], members[0]["vault_key"]) == ("active", expected.public.hex())
