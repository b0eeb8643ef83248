"""`referral directory registrar`: who may sign for this directory, their passwords and codes.

Law: a registrar changes their own password and secret with their own password. A new registrar
signs nothing that counts until the root keys have named the new key: the command says so.
"""

import asyncio
from pathlib import Path

import click

from referral_directory import main, registrars
from referral_directory.commands import desk
from referral_directory.commands.options import as_json, password_file, state, told
from referral_directory.control import reach
from referral_directory.folder import Folder

_NEW = click.option(
    "--new-password-file",
    "new_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The new password: first line of this file.",
)
_NAME = click.argument("name")


@click.group("registrar")
def registrar() -> None:
    """The registrars: who they are, their passwords and codes."""


@registrar.command("list")
@state
@as_json
@told
async def list_(folder: Path, machine: bool) -> None:
    """All registrars of this folder, and whether the log knows their keys."""
    place = Folder(folder)
    place.check()
    async with reach(place, lambda: main.office(place, main.World())) as office:
        acting = {bytes(key) for key in (await office.ask("status"))["registrars"]}
    found = registrars.everybody(place)
    if machine:
        desk.show_json(
            [
                {
                    "name": each.name,
                    "display": each.display,
                    "key": each.public,
                    "acting": each.public in acting,
                }
                for each in found
            ]
        )
        return
    desk.show_table(
        ("Name", "Full name", "Key", "Signs"),
        [
            (
                each.name,
                each.display,
                each.public.hex()[:16],
                "yes" if each.public in acting else "not before the next root names this key",
            )
            for each in found
        ],
        "There are no registrars here.",
    )


@registrar.command("new")
@state
@_NAME
@click.option("--display", prompt="Full name", help="The name that people read.")
@password_file
@told
async def new(folder: Path, name: str, display: str, password_file: Path | None) -> None:
    """Make a registrar: a key, a password and a secret for codes."""
    place = Folder(folder)
    origin = await _origin(place)
    registrars.check_name(name)
    password = desk.new_password("Registrar's password", password_file)
    world = main.World()
    place.registrars.mkdir(mode=0o700, exist_ok=True)
    made = await asyncio.to_thread(
        registrars.make, place, name, display, password, world.cost, world.random
    )
    desk.show_secret(made, origin)
    click.echo(f"key {made.key.public.hex()}")
    click.echo(
        f"{name} is no registrar yet: the root keys' holders name this key in the next root, "
        "with `referral directory root rotate`. It acts 72 hours later."
    )


@registrar.command("password")
@state
@_NAME
@password_file
@_NEW
@told
async def password(
    folder: Path, name: str, password_file: Path | None, new_file: Path | None
) -> None:
    """Change a registrar's password; the one before is asked for."""
    place = Folder(folder)
    place.check()
    found, _ = desk.opened(place, password_file, name)
    changed = desk.new_password("New password", new_file)
    world = main.World()
    await asyncio.to_thread(registrars.write, place, found, changed, world.cost, world.random)
    click.echo(f"{name} has a new password. A copy of the folder from before opens with the old.")


@registrar.command("totp")
@state
@_NAME
@password_file
@told
async def totp(folder: Path, name: str, password_file: Path | None) -> None:
    """A new secret for codes, for a new telephone; codes of the old one stop."""
    place = Folder(folder)
    origin = await _origin(place)
    found, secret = desk.opened(place, password_file, name)
    world = main.World()
    changed = await asyncio.to_thread(
        registrars.change_secret, place, found, secret, world.cost, world.random
    )
    desk.show_secret(changed, origin)


async def _origin(place: Folder) -> str:
    """The log's name, which the authenticator program shows."""
    place.check()
    async with reach(place, lambda: main.office(place, main.World())) as office:
        return str((await office.ask("status"))["origin"])
