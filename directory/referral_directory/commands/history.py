"""`referral directory history`, `acts` and `invite`: what the console says, at a terminal."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final

import click
import segno

from referral_directory import main, registrars
from referral_directory.commands import desk
from referral_directory.commands.options import as_json, state, told
from referral_directory.config import read_config
from referral_directory.control import Reached, reach
from referral_directory.folder import Folder
from referral_directory.log.journal import Act
from referral_directory.log.office import Plain
from referral_directory.log.wording import act_words
from referral_directory.trouble import Trouble
from referral_protocol.directory.invitation import make_invitation
from referral_protocol.errors import ProtocolError

MOST: Final = 10_000
_COUNT = click.option(
    "--count", default=50, show_default=True, type=click.IntRange(1, MOST), help="Newest first."
)


@click.command()
@state
@click.option("--member", default="", help="Only this member, by the beginning of its id.")
@_COUNT
@as_json
@told
async def history(folder: Path, member: str, count: int, machine: bool) -> None:
    """The log as sentences, newest first."""
    async with _reach(folder) as office:
        found = await office.ask("history", most=count, member=member)
    if machine:
        desk.show_json(found)
        return
    people = {each.public: each.display for each in registrars.everybody(Folder(folder))}
    desk.show_table(
        ("Entry", "When", "What", "Signed by"),
        [
            (
                str(each["index"]),
                desk.shown_time(each["logged"]),
                _sentence(each),
                ", ".join(people[bytes(key)] for key in each["signers"] if bytes(key) in people)
                or ("itself" if each["own"] else f"{len(each['signers'])} keys"),
            )
            for each in found
        ],
        "The log has no such entry.",
    )


@click.command()
@state
@_COUNT
@as_json
@told
async def acts(folder: Path, count: int, machine: bool) -> None:
    """Who changed what, newest first: sign-ins, admissions, refusals, suspensions."""
    async with _reach(folder) as office:
        found = await office.ask("acts", most=count)
    if machine:
        desk.show_json(found)
        return
    desk.show_table(
        ("When", "Who", "What"),
        [(desk.shown_time(each["at"]), each["registrar"], _act(each)) for each in found],
        "Nothing was done here yet.",
    )


@click.command()
@state
@told
async def invite(folder: Path) -> None:
    """The invitation for new members: one line to paste, and a QR code at a terminal."""
    place = Folder(folder)
    place.check()
    url = read_config(place.config).url
    if not url:
        raise Trouble(
            f"{place.config}: says no url: write the line "
            '`url = "https://directory.example.org"`, where members reach this directory, '
            "above [console], and start the directory again"
        )
    async with _reach(folder) as office:
        genesis = bytes((await office.ask("status"))["genesis"])
    try:
        line = make_invitation(url, genesis)
    except ProtocolError as error:
        raise Trouble(f"{place.config}: url: {error.detail}") from None
    desk.show_qr(segno.make(line, error="m", micro=False))
    click.echo(line)


def _sentence(each: Plain) -> str:
    if each["member"] is None:
        return str(each["text"])
    name = each["name"] or f"member {bytes(each['member']).hex()[:8]}"
    until = f", until {desk.shown_time(each['until'])}" if each["until"] is not None else ""
    return f"{name} {each['text']}{until}"


def _act(each: Plain) -> str:
    act = Act(**{name: each[name] for name in Act._fields})
    before, after = act_words(act)
    name = each["name"] or ("" if act.member is None else f"member {bytes(act.member).hex()[:8]}")
    return f"{before} {name}{after}" if name else f"{before}{after}"


def _reach(folder: Path) -> AbstractAsyncContextManager[Reached]:
    place = Folder(folder)
    return reach(place, lambda: main.office(place, main.World()))
