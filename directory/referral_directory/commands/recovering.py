"""`referral directory recover`, `proposals` and `sign`: what registrars decide together.

Law: a registrar signs what the directory has checked, and only after it was shown in words.
"""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final

import click

from referral_directory import main
from referral_directory.commands import desk
from referral_directory.commands.options import as_json, as_name, password_file, state, told
from referral_directory.control import Reached, reach
from referral_directory.folder import Folder
from referral_directory.log.office import Plain
from referral_directory.log.recovering import ANNOUNCED, VETOED
from referral_directory.registrars import Registrar
from referral_directory.trouble import Trouble
from referral_protocol.directory.entries import RECOVERY, sign_entry

CALL_THE_OLD_NUMBER: Final = (
    "They say that their vault key is lost and ask for new keys. The name and number above are "
    "those known before: call that number, never one that they give you now."
)
_MEMBER = click.argument("member")
_WORDS = {
    "announced": "announced; can be completed from {acts_from}",
    "ready": "can be completed since {acts_from}, until {lapses_at}",
    "vetoed": "vetoed by the key that was said to be lost: the root keys decide",
}


@click.group("recover")
def recover() -> None:
    """A member that has lost its vault key: what was announced, and what comes of it."""


@recover.command("list")
@state
@as_json
@told
async def list_(folder: Path, machine: bool) -> None:
    """Recoveries that are announced or vetoed."""
    async with _reach(folder) as office:
        found = await office.ask("recoveries")
    if machine:
        desk.show_json(found)
        return
    desk.show_table(
        ("Member", "Organisation", "Since", "How it stands"),
        [
            (each["id"][:8], _name(each), desk.shown_time(each["announced_at"]), _standing(each))
            for each in found
        ],
        "No recovery is announced.",
    )


@recover.command("complete")
@state
@_MEMBER
@password_file
@as_name
@told
async def complete(folder: Path, member: str, password_file: Path | None, name: str | None) -> None:
    """Give the member its new keys, when the 72 hours are over."""
    async with _reach(folder) as office:
        found = await _open(office, member)
        if found["state"] == ANNOUNCED:
            when = desk.shown_time(found["acts_from"])
            raise Trouble(f"{_name(found)}: announced for 72 hours; complete it from {when} on")
        done = await _sign(office, folder, bytes(found["complete"]), password_file, name)
    _tell(done, f"{_name(found)} has its new keys from now on.")


@recover.command("end")
@state
@_MEMBER
@password_file
@as_name
@told
async def end(folder: Path, member: str, password_file: Path | None, name: str | None) -> None:
    """End a recovery that was announced: the member keeps the keys that it has."""
    async with _reach(folder) as office:
        found = await _open(office, member)
        done = await _sign(office, folder, bytes(found["end"]), password_file, name)
    _tell(done, f"The recovery of {_name(found)} has ended; its keys stay as they are.")


@click.command("proposals")
@state
@as_json
@told
async def proposals(folder: Path, machine: bool) -> None:
    """What waits for another registrar's signature."""
    async with _reach(folder) as office:
        found = await office.ask("proposals")
    if machine:
        desk.show_json(found)
        return
    desk.show_table(
        ("Id", "Organisation", "What", "Signed by", "Until"),
        [
            (
                each["proposal"][:8],
                _name(each),
                _what(each),
                f"{each['have']} of {each['need']}",
                desk.shown_time(each["ends_at"]),
            )
            for each in found
        ],
        "Nothing waits for a signature.",
    )


@click.command("sign")
@state
@click.argument("proposal")
@password_file
@as_name
@told
async def sign(folder: Path, proposal: str, password_file: Path | None, name: str | None) -> None:
    """Sign what another registrar has begun."""
    async with _reach(folder) as office:
        found = await _proposed(office, proposal)
        click.echo(f"{_name(found)}: {_what(found)}")
        who = await desk.signer(office, folder, password_file, name)
        signatures = _signatures(bytes(found["content"]), who)
        done = await office.ask(
            "sign", proposal=found["proposal"], signatures=signatures, by=who.name
        )
    _tell(done, "Signed; it is in the log.")


@click.command("drop")
@state
@click.argument("proposal")
@told
async def drop(folder: Path, proposal: str) -> None:
    """Give up what waits for another registrar; nothing of it is written into the log."""
    async with _reach(folder) as office:
        found = await _proposed(office, proposal)
        await office.ask("drop", proposal=found["proposal"])
    click.echo(f"Given up: {_name(found)}, {_what(found)}.")


def granted(found: Plain, done: Plain) -> str:
    """What came of a registrar's signature under a request."""
    if not done["done"]:
        return f"Signed. One more registrar: `referral directory sign {done['proposal'][:8]}`."
    if found["kind"] == RECOVERY:
        return (
            f"Announced as entry {done['index']}. In 72 hours: "
            f"`referral directory recover complete {found['member'][:8]}`."
        )
    return f"Admitted as member {bytes(done['member']).hex()}, entry {done['index']}."


async def _open(office: Reached, member: str) -> Plain:
    wanted = (await office.ask("member", member=member))["id"]
    for each in await office.ask("recoveries"):
        if each["id"] == wanted:
            if each["state"] == VETOED:
                raise Trouble(
                    f"{_name(each)}: the key that was said to be lost has vetoed it; "
                    "the root keys decide: `referral directory root decide`"
                )
            return dict(each)
    raise Trouble(f"{member}: no recovery is announced; `referral directory recover list`")


async def _proposed(office: Reached, proposal: str) -> Plain:
    """What waits under this id, or its beginning."""
    wanted = proposal.strip().lower()
    waiting = await office.ask("proposals")
    found = [each for each in waiting if wanted and each["proposal"].startswith(wanted)]
    if len(found) != 1:
        raise Trouble(f"{proposal!r}: `referral directory proposals` lists what waits")
    return dict(found[0])


async def _sign(
    office: Reached, folder: Path, content: bytes, password_file: Path | None, name: str | None
) -> Plain:
    who = await desk.signer(office, folder, password_file, name)
    signatures = _signatures(content, who)
    done = await office.ask("propose", content=content, signatures=signatures, by=who.name)
    return dict(done)


def _signatures(content: bytes, who: Registrar) -> list[list[bytes]]:
    return [[each.key, each.signature] for each in sign_entry(content, who.key)]


def _tell(done: Plain, said: str) -> None:
    if done["done"]:
        click.echo(said)
        return
    more = done["need"] - done["have"]
    click.echo(f"Signed. {more} more must sign: `referral directory sign {done['proposal'][:8]}`.")


def _what(found: Plain) -> str:
    if found["kind"] == RECOVERY:
        return "announce new keys, for the vault key is lost"
    if found["kind"] == "update":
        return "complete the recovery: the new keys act"
    return f"{found['status']}, reason {found['reason']}"


def _standing(found: Plain) -> str:
    times = {name: desk.shown_time(found[name]) for name in ("acts_from", "lapses_at")}
    return _WORDS[found["state"]].format(**times)


def _name(found: Plain) -> str:
    return found["name"] or f"member {(found.get('id') or found['member'])[:8]}"


def _reach(folder: Path) -> AbstractAsyncContextManager[Reached]:
    place = Folder(folder)
    return reach(place, lambda: main.office(place, main.World()))
