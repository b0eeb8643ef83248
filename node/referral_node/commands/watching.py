"""`referral node directory | log | witness`: what an administrator does about views of the log.

Law: as of :mod:`commands`. Settling a conflict asks for the proof by its name and for a yes, since
nothing else in the program ever does it.
"""

import asyncio
import json
import os
from pathlib import Path
from typing import Any, Final

import click

from referral_node.commands import show
from referral_node.commands.reaching import do, told
from referral_node.config import read_config
from referral_node.folder import StateFolder
from referral_node.trouble import Trouble
from referral_protocol.directory.notes import COSIGNATURE, key_id
from referral_protocol.directory.paths import pack_entries
from referral_protocol.directory.saved import saved_head

_FILE = click.Path(dir_okay=False, path_type=Path)
_state = click.option(
    "--state",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The node's folder.",
)
_json = click.option("--json", "as_json", is_flag=True, help="For programs: JSON.")

ASK: Final = (
    "Has VSE explained this conflict to you, on a number that you know from elsewhere, and said\n"
    "that the log that this node holds is the true one?"
)


@click.group()
def directory() -> None:
    """Conflicts between this node's copy of the directory's log and what others show."""


@directory.command()
@_state
@_json
@told
def proofs(state: Path, as_json: bool) -> None:
    """Which conflicts were found, where the proofs lie, which are settled."""
    folder = _folder(state)
    found = asyncio.run(do(folder, "directory-proofs", {}))
    if as_json:
        click.echo(json.dumps(found))
    elif not found:
        click.echo("No conflict was ever found.")
    else:
        show.proofs(found, folder.proofs, read_config(folder.config))


@directory.command()
@click.argument("proof")
@_state
@click.option("--yes", is_flag=True, help="VSE has explained it; do not ask.")
@told
def settle(proof: str, state: Path, yes: bool) -> None:
    """Go on with the log that is held here, after VSE has explained conflict PROOF."""
    folder = _folder(state)
    if not yes:
        click.confirm(ASK, abort=True)
    answer = asyncio.run(do(folder, "directory-settle", {"proof": proof}))
    click.echo(f"Conflict {proof} is settled: this node goes on with the log that it holds.")
    if answer["left"]:
        click.echo(f"{answer['left']} more to settle: until then no new keys are used.")


@click.group()
def log() -> None:
    """The directory's log, as this node holds it."""


@log.command()
@click.argument("file", type=_FILE)
@_state
@told
def save(file: Path, state: Path) -> None:
    """Write the whole log into FILE, for `referral verify FILE`."""
    folder = _folder(state)
    count, size = asyncio.run(_save(folder, file))
    click.echo(f"{file}: {count} entries, {size} bytes. `referral verify {file}` checks them.")


@click.group()
def witness() -> None:
    """A witness cosigns the directory's log, if VSE names it in a root."""


@witness.command("init")
@_state
@click.option("--name", help="Its name, like exchange.example.org/witness.")
@_json
@told
def witness_init(state: Path, name: str | None, as_json: bool) -> None:
    """Make this node's witness key, or show the one that is there."""
    answer = asyncio.run(do(_folder(state), "witness-init", {"name": name}))
    if as_json:
        click.echo(json.dumps({"name": answer["name"], "key": bytes(answer["key"]).hex()}))
        return
    key = bytes(answer["key"])
    identifier = key_id(answer["name"], COSIGNATURE, key).hex()
    click.echo(f"Name         {answer['name']}")
    click.echo(f"Key          {key.hex()}")
    click.echo(f"Key id       {identifier}")
    click.echo("Give name and key to VSE for its next root. From when that acts this node cosigns.")


async def _save(folder: StateFolder, file: Path) -> tuple[int, int]:
    """Entries and bytes that were written. A file that is there already stays as it is."""
    head = await do(folder, "log-checkpoint", {})
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        raise Trouble(f"{file}: is there already; give another name") from None
    count = 0
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(saved_head(bytes(head["note"])))
            # The log may grow meanwhile: what the checkpoint does not cover stays out.
            while count < head["entries"]:
                leaves: list[Any] = await do(folder, "log-entries", {"start": count})
                wanted = [bytes(each) for each in leaves[: head["entries"] - count]]
                if not wanted:
                    raise Trouble(f"{folder.path}: its copy of the log is shorter than it says")
                out.write(pack_entries(wanted))
                count += len(wanted)
            size = out.tell()
    except BaseException:
        os.unlink(file)
        raise
    return count, size


def _folder(state: Path) -> StateFolder:
    folder = StateFolder(state)
    folder.check()
    return folder
