"""`referral directory root`: the root keys, on files that travel by USB stick.

Law: no command that needs a root key needs the directory's folder or a network, and none that needs
the folder needs a root key. What will be signed is shown in words before a password is asked for.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final

import click

from referral_directory import main, registrars, rooting
from referral_directory.commands import desk
from referral_directory.commands.listening import listening, new_config
from referral_directory.commands.options import state, told
from referral_directory.commands.root_words import described
from referral_directory.config import write_config
from referral_directory.control import Reached, reach
from referral_directory.folder import Folder, Lock
from referral_directory.rootfile import (
    Asked,
    read_draft,
    read_request,
    write_draft,
    write_request,
)
from referral_directory.sealing import WrongPassword, open_key, public_of
from referral_directory.trouble import Trouble
from referral_protocol.directory.entries import (
    Root,
    anchor_text,
    parse_entry,
    parse_leaf,
    sign_entry,
)
from referral_protocol.directory.rules import ROOT_DELAY
from referral_protocol.suite import Signer

KEYS: Final = 3
THRESHOLD: Final = 2
MOST: Final = 16

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_request = click.argument("file", type=_FILE)
_out = click.option("--out", type=_FILE, required=True, help="The file to write.")
_password = click.option(
    "--password-file", type=_FILE, help="For scripts: the password, first line of this file."
)
_yes = click.option("--yes", is_flag=True, help="For scripts: sign without asking.")


@click.group("root")
def root() -> None:
    """The root keys: who may write the log. They stay offline, with different people."""


@root.command()
@state
@click.option("--origin", required=True, help="The log's name for ever: directory.example.org.")
@click.option("--registrar", "first", default=registrars.FIRST, show_default=True)
@click.option("--display", help="The first registrar's full name, for people to read.")
@click.option(
    "--password-file", type=_FILE, help="The registrar's password: first line of this file."
)
@listening
@_out
@told
async def prepare(
    folder: Path,
    origin: str,
    first: str,
    display: str | None,
    password_file: Path | None,
    out: Path,
    **listens: Any,
) -> None:
    """On the server, once: make the keys that stay here, and a file for the root keys' machine."""
    config = new_config(**listens)
    rooting.check_free([out])
    place = Folder(folder)
    password = desk.new_password("Registrar's password", password_file)
    person = main.Person(first, display or first.capitalize())
    draft = await rooting.prepare(
        place, write_config(config), origin, password, main.World(), person
    )
    write_draft(out, draft)
    click.echo(f"Take {out} to the machine on which the root keys are made, and there:")
    click.echo(f"referral directory root init {out.name} --out first-root.json --to FOLDER")
    desk.show_secret(registrars.unlock(place, first, password), origin)


@root.command()
@click.argument("draft", type=_FILE)
@click.option("--to", "folder", type=_FOLDER, required=True, help="Where the keys' files go.")
@click.option("--keys", default=KEYS, show_default=True, type=click.IntRange(1, MOST))
@click.option("--threshold", default=THRESHOLD, show_default=True, type=click.IntRange(1, MOST))
@click.option(
    "--password-file", type=_FILE, help="For trials: one password for all, first line of it."
)
@_out
@told
async def init(
    draft: Path, folder: Path, keys: int, threshold: int, password_file: Path | None, out: Path
) -> None:
    """Offline, once: make the root keys, each under its own password, and the first root."""
    found = read_draft(draft)
    if threshold > keys:
        raise Trouble(f"--threshold {threshold}: there are {keys} root keys only")
    paths = [folder / f"root-{number}.key" for number in range(1, keys + 1)]
    rooting.check_free([out, *paths])
    passwords = [
        desk.new_password(f"Password of root key {number}", password_file)
        for number in range(1, keys + 1)
    ]
    world = main.World()
    made = await asyncio.to_thread(
        rooting.make_root_keys, paths, passwords, world.cost, world.random
    )
    publics = [key.public for key in made]
    write_request(out, (), rooting.first_content(found, publics, threshold, world.clock()))
    click.echo(f"{keys} root keys lie in {folder}: move each to a USB stick of another person.")
    click.echo(f"{threshold} of them sign {out.name}: {_signing(out)}")


@root.command()
@_password
@_out
@told
async def key(password_file: Path | None, out: Path) -> None:
    """Offline: make one more root key, for the next root."""
    password = desk.new_password("Password of the root key", password_file)
    world = main.World()
    (made,) = await asyncio.to_thread(
        rooting.make_root_keys, [out], [password], world.cost, world.random
    )
    click.echo(f"key {made.public.hex()}")
    click.echo("It signs nothing that counts before a root names it: `root rotate --add-root-key`.")


@root.command()
@state
@click.option("--add-registrar", multiple=True, metavar="KEY", help="The `key` line of it.")
@click.option("--remove-registrar", multiple=True, metavar="NAME|KEY")
@click.option("--registrar-threshold", type=click.IntRange(1, MOST), help="How many decide.")
@click.option("--add-root-key", multiple=True, metavar="KEY", help="The `key` line of it.")
@click.option("--remove-root-key", multiple=True, metavar="KEY")
@click.option("--root-threshold", type=click.IntRange(1, MOST), help="How many decide.")
@click.option("--add-witness", multiple=True, metavar="'NAME KEY [MEMBER [URL]]'")
@click.option("--remove-witness", multiple=True, metavar="NAME")
@click.option("--quorum", type=click.IntRange(0, 64), help="How many witnesses must cosign.")
@click.option("--new-log-key", is_flag=True, help="Make another log key; it stays here.")
@_out
@told
async def rotate(folder: Path, new_log_key: bool, out: Path, **asked: Any) -> None:
    """On the server: write what the next root is to say, for the root keys to sign."""
    rooting.check_free([out])
    place = Folder(folder)
    async with _reach(place) as office:
        found = await office.ask("roots")
    leaves = [(index, bytes(leaf)) for index, leaf in found["roots"]]
    newest = parse_entry(parse_leaf(leaves[-1][1]).content)
    if not isinstance(newest.body, Root):
        raise Trouble("the directory gave something else than roots")
    old = newest.body
    changes = rooting.Changes(
        [rooting.key_from(text) for text in asked["add_registrar"]],
        [rooting.key_named(text, place, old.registrars) for text in asked["remove_registrar"]],
        asked["registrar_threshold"],
        [rooting.key_from(text) for text in asked["add_root_key"]],
        [rooting.key_named(text, place, old.root_keys) for text in asked["remove_root_key"]],
        asked["root_threshold"],
        [rooting.witness_from(text) for text in asked["add_witness"]],
        asked["remove_witness"],
        asked["quorum"],
    )
    world = main.World()
    if new_log_key:
        changes = changes._replace(log_key=rooting.new_log_key(place, world.random).public)
    content = rooting.content_of(
        rooting.changed(old, changes),
        world.clock(),
        bytes(found["genesis"]),
        bytes(found["head"]),
        newest.number + 1,
    )
    write_request(out, leaves, content)
    _show(read_request(out))
    click.echo("")
    click.echo(f"Take {out} to the root keys: {_signing(out)}")


@root.command()
@state
@click.argument("member")
@click.option("--keep", "outcome", flag_value="end", help="It keeps the key it has.")
@click.option("--recover", "outcome", flag_value="complete", help="It gets the new keys.")
@_out
@told
async def decide(folder: Path, member: str, outcome: str | None, out: Path) -> None:
    """On the server: write what the root keys are to decide after a veto."""
    if outcome is None:
        raise Trouble("say what the root keys are to decide: --keep or --recover")
    rooting.check_free([out])
    async with _reach(Folder(folder)) as office:
        wanted = (await office.ask("member", member=member))["id"]
        found = [each for each in await office.ask("recoveries") if each["id"] == wanted]
        if not found or found[0]["state"] != "vetoed":
            raise Trouble(f"{member}: nothing for root keys to decide; `recover list` says why")
        roots = await office.ask("roots")
    if found[0][outcome] is None:
        when = desk.shown_time(found[0]["acts_from"])
        raise Trouble(f"{member}: the new keys cannot act before {when}; write the file then")
    leaves = [(index, bytes(leaf)) for index, leaf in roots["roots"]]
    write_request(out, leaves, bytes(found[0][outcome]), called=found[0]["name"])
    _show(read_request(out))
    click.echo("")
    click.echo(f"Take {out} to the root keys: {_signing(out)}")


@root.command()
@_request
@told
async def show(file: Path) -> None:
    """Say in words what a file asks for, and who has signed it."""
    _show(read_request(file))


@root.command()
@_request
@click.option("--key", "key_file", type=_FILE, required=True, help="The root key's file.")
@_password
@_yes
@told
async def sign(file: Path, key_file: Path, password_file: Path | None, yes: bool) -> None:
    """Offline: read what changes, then sign it with one root key."""
    asked = read_request(file)
    public = public_of(key_file)
    if not asked.may_sign(public):
        raise Trouble(f"{key_file}: not one of the root keys that sign this")
    if asked.has_signed(public):
        raise Trouble(f"{file}: this key has signed it already; {_lacks(asked)}")
    _show(asked)
    click.echo("")
    if not yes and not click.confirm("Is this what was agreed?"):
        raise Trouble("not signed; the file is as it was")
    key = await asyncio.to_thread(_unlock, key_file, password_file)
    signed = (*asked.signatures, *sign_entry(asked.content, key))
    write_request(file, asked.roots, asked.content, signed, asked.called)
    click.echo(f"Signed. {_lacks(read_request(file))}")


@root.command()
@_request
@state
@told
async def publish(file: Path, folder: Path) -> None:
    """On the server: hand in what the root keys have signed."""
    asked = read_request(file)
    if asked.missing():
        raise Trouble(f"{file}: {_lacks(asked)}")
    place = Folder(folder)
    if asked.before is None:
        await _begin(place, asked)
        return
    signatures = [[each.key, each.signature] for each in asked.signatures]
    async with _reach(place) as office:
        name = "publish-root" if isinstance(asked.entry.body, Root) else "propose"
        _refuse_published(asked, (await office.ask("roots"))["roots"])
        done = await office.ask(name, content=asked.content, signatures=signatures)
    if isinstance(asked.entry.body, Root):
        acts = desk.shown_time(done["acts_from"])
        click.echo(
            f"Version {asked.entry.number} is entry {done['index']}. It acts from {acts} on."
        )
    else:
        click.echo(f"Decided, as entry {done['index']}.")


def _refuse_published(asked: Asked, roots: Sequence[tuple[int, bytes]]) -> None:
    """Trouble if this root, or another of its number, stands in the log."""
    for index, data in roots:
        leaf = parse_leaf(bytes(data))
        if leaf.content == asked.content:
            acts = leaf.logged + (ROOT_DELAY if index else 0)
            raise Trouble(
                f"version {asked.entry.number} is published already: entry {index}, "
                f"acts from {desk.shown_time(acts)}"
            )
        if (
            isinstance(asked.entry.body, Root)
            and parse_entry(leaf.content).number == asked.entry.number
        ):
            raise Trouble(
                f"another root is published as version {asked.entry.number}: entry {index}; "
                "begin again with `referral directory root rotate`"
            )


async def _begin(place: Folder, asked: Asked) -> None:
    if place.config.exists():
        async with _reach(place) as office:
            _refuse_published(asked, (await office.ask("roots"))["roots"])
    if not place.waiting.exists():
        raise Trouble(f"{place.path}: no new directory waits here for its first root")
    lock = Lock.take(place)
    if lock is None:
        raise Trouble(f"{place.path}: another process uses this folder; try again")
    try:
        await rooting.begin(place, asked, main.World())
    finally:
        lock.release()
    click.echo(f"The directory lies in {place.path}. Give every member this anchor on paper:")
    click.echo(f"anchor {anchor_text(asked.genesis)}")


def _unlock(path: Path, password_file: Path | None) -> Signer:
    if password_file is not None:
        return open_key(path, "root", desk.read_secret(password_file))
    for left in range(desk.ATTEMPTS - 1, -1, -1):
        try:
            return open_key(path, "root", desk.hidden("Its password"))
        except WrongPassword:
            if left:
                click.echo(f"The password is wrong. {left} more.", err=True)
    raise Trouble("the password was wrong five times; the file is as it was")


def _show(asked: Asked) -> None:
    for line in described(asked):
        click.echo(line)
    click.echo("")
    click.echo(_lacks(asked))


def _lacks(asked: Asked) -> str:
    missing = asked.missing()
    if not missing:
        return "It has all the signatures that it needs: `referral directory root publish FILE`."
    return f"It needs the signatures of {' and '.join(missing)}."


def _signing(out: Path) -> str:
    return f"`referral directory root sign {out.name} --key KEY-FILE`."


def _reach(place: Folder) -> AbstractAsyncContextManager[Reached]:
    return reach(place, lambda: main.office(place, main.World()))
