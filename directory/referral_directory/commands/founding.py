"""`referral directory init` and `serve`: a directory is made, and runs."""

from pathlib import Path
from typing import Any

import click

from referral_directory import main, registrars
from referral_directory.commands import desk
from referral_directory.commands.listening import listening, new_config
from referral_directory.commands.options import password_file, state, told
from referral_directory.config import read_config, write_config
from referral_directory.folder import Folder
from referral_directory.logs import set_up
from referral_protocol.directory.entries import anchor_text

_PORT = click.IntRange(0, 65535)


@click.command()
@state
@click.option("--origin", help="The log's name for ever, like directory.example.org.")
@password_file
@click.option(
    "--registrar",
    "first",
    default=registrars.FIRST,
    show_default=True,
    help="The first registrar's name, to sign in with.",
)
@click.option("--display", help="The first registrar's full name, for people to read.")
@click.option(
    "--root-password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The root keys' password; without it they get the one of --password-file.",
)
@listening
@told
async def init(
    folder: Path,
    origin: str | None,
    password_file: Path | None,
    first: str,
    display: str | None,
    root_password_file: Path | None,
    **listens: Any,
) -> None:
    """Make a new directory and print its anchor."""
    config = new_config(**listens)
    name = origin or str(click.prompt("The log's name, like directory.example.org"))
    password = desk.new_password("Registrar's password", password_file)
    root = desk.new_password("Root keys' password", root_password_file or password_file)
    person = main.Person(first, display or first.capitalize())
    place = Folder(folder)
    genesis = await main.found(
        place, write_config(config), name, main.Passwords(password, root), main.World(), person
    )
    click.echo(f"The directory {name} lies in {folder}.")
    click.echo(
        f"Move the three files in {place.offline} to three USB sticks now, each to another person."
    )
    click.echo("Give every member this anchor on paper:")
    click.echo(f"anchor {anchor_text(genesis)}")
    desk.show_secret(registrars.unlock(place, first, password), name)


@click.command()
@state
@click.option("--port", type=_PORT, help="Instead of the one in the file.")
@told
async def serve(folder: Path, port: int | None) -> None:
    """Run until SIGTERM; prints `ready` and the address once it listens."""
    place = Folder(folder)
    place.check()
    set_up(read_config(place.config).log_level)
    await main.serve(place, port, main.World(), desk.show_ready)
