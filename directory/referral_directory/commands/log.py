"""`referral directory log`: the whole log in one file, for whoever wants to check it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import click

from referral_directory.commands.options import state, told
from referral_directory.folder import Folder
from referral_directory.log.store import translated
from referral_directory.trouble import Trouble
from referral_protocol.directory.paths import pack_entries
from referral_protocol.directory.saved import saved_head


@click.group()
def log() -> None:
    """The log itself."""


@log.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@state
@told
async def save(file: Path, folder: Path) -> None:
    """Write the whole log into FILE, for `referral verify FILE`; the directory may run meanwhile.

    It holds no secret: what it says is what every member holds.
    """
    place = Folder(folder)
    place.check()
    count, size = _save(place.database, file)
    click.echo(f"{file}: {count} entries, {size} bytes. `referral verify {file}` checks them.")


def _save(database: Path, file: Path) -> tuple[int, int]:
    """Entries and bytes written, of one moment of the database. A file that is there stays."""
    try:
        with (
            closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection,
            file.open("xb") as out,
        ):
            try:
                connection.execute("BEGIN")
                note, size = connection.execute("SELECT note, size FROM checkpoint").fetchone()
                out.write(saved_head(bytes(note)))
                leaves = connection.execute(
                    "SELECT leaf FROM entries WHERE number < ? ORDER BY number", (size,)
                )
                while batch := [bytes(row[0]) for row in leaves.fetchmany(1024)]:
                    out.write(pack_entries(batch))
            except BaseException:
                file.unlink()
                raise
            return int(size), out.tell()
    except FileExistsError:
        raise Trouble(f"{file}: is there already; give another name") from None
    except sqlite3.Error as error:
        raise Trouble(str(translated(error, str(database)))) from None
    except OSError as error:
        raise Trouble(f"{file}: cannot be written ({error.strerror})") from None
