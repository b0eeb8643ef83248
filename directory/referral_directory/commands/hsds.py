"""`referral directory hsds`: what members publish, in the form that other directories read."""

from pathlib import Path

import click
import msgspec

from referral_directory.commands.options import state, told
from referral_directory.config import read_config
from referral_directory.folder import Folder
from referral_directory.main import real_clock
from referral_directory.public.exporting import published_in
from referral_directory.trouble import Trouble
from referral_protocol.hsds import export, tabular
from referral_ui.archives import packed

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def hsds() -> None:
    """Published services as Open Referral's HSDS 3.0."""


@hsds.command("export")
@state
@click.option("--json", "json_file", type=_FILE, help="All services, into this JSON file.")
@click.option("--csv", "csv_file", type=_FILE, help="The CSV data package, into this ZIP file.")
@told
async def export_(folder: Path, json_file: Path | None, csv_file: Path | None) -> None:
    """Write all published services into a file; the directory may run meanwhile."""
    if json_file is None and csv_file is None:
        raise click.UsageError("say where to: --json FILE, --csv FILE, or both")
    place = Folder(folder)
    place.check()
    config = read_config(place.config)
    members = published_in(place.database, real_clock(), allow_loopback=config.allow_loopback)
    services = [each for member in members for each in export.services(member.id, member.profile)]
    size = max(len(services), 1)
    if json_file is not None:
        page = export.page(services, 1, size, len(services))
        _write(json_file, msgspec.json.format(msgspec.json.encode(page), indent=2))
    if csv_file is not None:
        _write(csv_file, packed(tabular.package(services)))
    click.echo(f"{len(services)} services of {len(members)} organisations.")


def _write(path: Path, data: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(data)
        partial.chmod(0o644)  # published: whoever serves the file must be able to read it
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise Trouble(f"{path}: cannot be written ({error.strerror})") from None
