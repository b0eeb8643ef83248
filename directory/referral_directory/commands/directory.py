"""`referral directory`: what VSE's office and its technicians do from a terminal.

Law: every command works whether the directory runs or not. A refusal is one line with its cause and
what to do; passwords come from the terminal or a file.
"""

import re
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from referral_directory import main
from referral_directory.commands import desk
from referral_directory.commands.founding import init, serve
from referral_directory.commands.history import acts, history, invite
from referral_directory.commands.hsds import hsds
from referral_directory.commands.log import log
from referral_directory.commands.options import as_json, as_name, password_file, state, told
from referral_directory.commands.recovering import (
    CALL_THE_OLD_NUMBER,
    drop,
    granted,
    proposals,
    recover,
    sign,
)
from referral_directory.commands.registrars import registrar
from referral_directory.commands.roots import root
from referral_directory.control import Reached, reach
from referral_directory.folder import Folder
from referral_directory.log.likeness import hint_words
from referral_directory.log.office import Plain
from referral_directory.log.wording import LIFT_REASONS, REMOVE_REASONS, SUSPEND_REASONS
from referral_directory.server.probe import WORDS
from referral_directory.trouble import Trouble
from referral_protocol.directory.coming import listed
from referral_protocol.directory.entries import (
    ACTIVE,
    RECOVERY,
    REMOVED,
    SUSPENDED,
    Card,
    Recovery,
    Status,
    make_status_entry,
    parse_entry,
    sign_entry,
)
from referral_protocol.errors import ProtocolError
from referral_protocol.keys import fingerprint
from referral_protocol.profiles import RECORDS
from referral_protocol.suite import Signer

F = TypeVar("F", bound=Callable[..., Any])

DAY: Final = 24 * 3600 * 1000
_FILE = click.Path(path_type=Path, dir_okay=False)


def _reason(codes: Iterable[str], default: str | None = None) -> Callable[[F], F]:
    """The console's own list: a word of one's own would stand in the log for ever."""
    return click.option(
        "--reason",
        type=click.Choice(tuple(codes)),
        default=default,
        required=default is None,
        show_default=default is not None,
        help="Everybody can read it, for ever.",
    )


@click.group("directory")
def directory() -> None:
    """The directory of keys, contacts and services."""


for command in (
    *(init, serve, registrar, root, recover, proposals, sign, drop),
    *(history, acts, invite, hsds, log),
):
    directory.add_command(command)


@directory.command()
@state
@as_json
@told
async def requests(folder: Path, machine: bool) -> None:
    """Who waits to be admitted, oldest first, and what number to call."""
    async with _reach(folder) as office:
        found = await office.ask("requests")
    if machine:
        desk.show_json([_without_keys(each) for each in found])
        return
    desk.show_table(
        ("Request", "Since", "State", "Organisation", "Whom to call", "Telephone", "Its node"),
        [
            (
                each["id"][:8],
                desk.shown_time(each["received_at"]),
                each["state"],
                " ".join((_place(each), *(f"({hint_words(*hint)})" for hint in each["hints"]))),
                each["contact"],
                each["telephone"],
                each["hindrance"] or f"{each['endpoint']} {_answer(each)}",
            )
            for each in found
        ],
        "No one is waiting to join.",
    )


@directory.command()
@state
@click.argument("request")
@click.option(
    "--fingerprint-file", type=_FILE, help="For scripts: the fingerprint that was read out."
)
@click.option("--called", default="", help="The number you called; it is kept with the entry.")
@password_file
@as_name
@told
async def approve(
    folder: Path,
    request: str,
    fingerprint_file: Path | None,
    called: str,
    password_file: Path | None,
    name: str | None,
) -> None:
    """Grant a request, to join or to recover, after its fingerprint was heard on the telephone."""
    async with _reach(folder) as office:
        found = await office.ask("request", request=request, check=True)
        click.echo(f"{_place(found)}: {found['contact']}, {found['telephone']}")
        click.echo(f"The node at {found['endpoint']} {_answer(found)}.")
        for hint in found["hints"]:
            click.echo(f"Look closely: {hint_words(*hint)}.")
        if found["kind"] == RECOVERY:
            click.echo(CALL_THE_OLD_NUMBER)
        if found["hindrance"] is not None:
            raise Trouble(f"this request cannot be granted ({found['hindrance']}); decline it")
        content = bytes(found["content"])
        desk.confirm_fingerprint(_fingerprint(content), fingerprint_file)
        who = await desk.signer(office, folder, password_file, name)
        done = await office.ask(
            "approve",
            request=found["id"],
            signatures=_signatures(content, who.key),
            by=who.name,
            called=called,
        )
    click.echo(granted(found, done))


@directory.command()
@state
@click.argument("request")
@click.option("--reason", required=True, help="What the applicant will read.")
@told
async def decline(folder: Path, request: str, reason: str) -> None:
    """Decline a request, with a reason that the applicant reads."""
    async with _reach(folder) as office:
        await office.ask("decline", request=request, text=reason)
    click.echo("Declined. The applicant's node shows the reason.")


@directory.command()
@state
@click.argument("request")
@click.option("--text", required=True, help="What the applicant is asked.")
@told
async def ask(folder: Path, request: str, text: str) -> None:
    """Ask an applicant for something; the request goes on waiting."""
    async with _reach(folder) as office:
        await office.ask("ask", request=request, text=text)
    click.echo("Asked. The applicant's node shows it.")


@directory.command()
@state
@click.argument("member")
@_reason(SUSPEND_REASONS)
@click.option("--until", help="A date (2026-12-31) or days (7d); without it: until lifted.")
@password_file
@as_name
@told
async def suspend(
    folder: Path,
    member: str,
    reason: str,
    until: str | None,
    password_file: Path | None,
    name: str | None,
) -> None:
    """Suspend a member at once: its new messages wait everywhere."""
    now = main.real_clock()
    ends = None if until is None else _until(until, now)
    await _change_status(folder, member, Status(SUSPENDED, ends, reason), password_file, name)


@directory.command()
@state
@click.argument("member")
@_reason(LIFT_REASONS, default="resolved")
@password_file
@as_name
@told
async def lift(
    folder: Path, member: str, reason: str, password_file: Path | None, name: str | None
) -> None:
    """End a suspension."""
    await _change_status(folder, member, Status(ACTIVE, None, reason), password_file, name)


@directory.command()
@state
@click.argument("member")
@_reason(REMOVE_REASONS)
@password_file
@as_name
@click.confirmation_option(prompt="For ever: the organisation can join again only anew. Remove?")
@told
async def remove(
    folder: Path, member: str, reason: str, password_file: Path | None, name: str | None
) -> None:
    """Remove a member for ever; its profile and prekeys go too."""
    await _change_status(folder, member, Status(REMOVED, None, reason), password_file, name)


@directory.command()
@state
@click.argument("member")
@click.argument("record", type=click.Choice(sorted(RECORDS)))
@click.confirmation_option(prompt="It cannot be brought back, only sent anew. Erase?")
@told
async def erase(folder: Path, member: str, record: str) -> None:
    """Erase a record of a member's profile, like contacts: a person's name must go."""
    async with _reach(folder) as office:
        found = await office.ask("member", member=member)
        await office.ask("erase", member=found["id"], record=record)
    click.echo(f"Erased: {record} of {_place(found)}. Nodes drop it when they ask next.")


@directory.command()
@state
@as_json
@told
async def members(folder: Path, machine: bool) -> None:
    """All members in the order in which they joined."""
    async with _reach(folder) as office:
        found = await office.ask("members")
    if machine:
        desk.show_json(found)
        return
    desk.show_table(
        ("Member", "Joined", "Status", "Organisation", "Whom to call", "Telephone", "Its node"),
        [
            (
                each["id"][:8],
                desk.shown_time(each["joined_at"]),
                each["status"],
                _place(each),
                each["contact"],
                each["telephone"],
                each["endpoint"],
            )
            for each in found
        ],
        "There are no members yet.",
    )


@directory.command()
@state
@as_json
@told
async def status(folder: Path, machine: bool) -> None:
    """How the log stands, and whether the directory runs."""
    async with _reach(folder) as office:
        found = await office.ask("status")
        running = office.running
    if machine:
        desk.show_json(found | {"running": running})
        return
    counts = found["members"]
    click.echo(f"directory  {found['origin']} ({'running' if running else 'not running'})")
    click.echo(f"anchor     {found['anchor']}")
    size, signed_at = _entries(found["size"]), desk.shown_time(found["signed_at"])
    click.echo(f"log        {size}, signed {signed_at}")
    click.echo(
        f"members    {counts['active']} active, {counts['suspended']} suspended, "
        f"{counts['removed']} removed"
    )
    click.echo(f"requests   {found['waiting']} waiting")
    for each in found["coming"]:
        click.echo(
            f"new root   version {each['version']} acts from {desk.shown_time(each['acts_from'])};"
            f" it changes {listed(each['changes'])}"
        )


def _reach(folder: Path) -> AbstractAsyncContextManager[Reached]:
    place = Folder(folder)
    return reach(place, lambda: main.office(place, main.World()))


async def _change_status(
    folder: Path, member: str, body: Status, password_file: Path | None, name: str | None
) -> None:
    async with _reach(folder) as office:
        found = await office.ask("member", member=member)
        click.echo(f"{_place(found)}, member {found['id']}, now {found['status']}")
        content = _status_content(found, body)
        who = await desk.signer(office, folder, password_file, name)
        signed = await office.ask(
            "propose", content=content, signatures=_signatures(content, who.key), by=who.name
        )
    if signed["done"]:
        click.echo(f"{_place(found)} is {body.status} from now on.")
    else:
        more = signed["need"] - signed["have"]
        click.echo(
            f"{_place(found)} stays {found['status']} until {more} more "
            f"registrar{' signs' if more == 1 else 's sign'}; "
            f"this waits as {signed['proposal'][:8]}."
        )


def _status_content(member: Plain, body: Status) -> bytes:
    try:
        return make_status_entry(
            bytes(member["genesis"]),
            bytes.fromhex(member["id"]),
            member["number"] + 1,
            bytes(member["head"]),
            body,
            main.real_clock(),
        )
    except ProtocolError as error:
        raise Trouble(f"such a decision cannot be ({error.code}: {error.detail})") from None


def _signatures(content: bytes, key: Signer) -> list[list[bytes]]:
    return [[each.key, each.signature] for each in sign_entry(content, key)]


def _fingerprint(content: bytes) -> str:
    """Of the keys in the very content that is going to be signed."""
    body = parse_entry(content).body
    card = body.card if isinstance(body, Recovery) else body
    if not isinstance(card, Card):
        raise Trouble("this request is neither to join nor to recover")
    return fingerprint(card.vault_key, card.node_key)


def _until(text: str, now: int) -> int:
    days = re.fullmatch(r"([1-9][0-9]{0,3})d", text)
    if days:
        return now + int(days[1]) * DAY
    try:
        return int(click.DateTime(["%Y-%m-%d"]).convert(text, None, None).timestamp() * 1000)
    except click.BadParameter:
        raise Trouble(f"{text}: write a date like 2026-12-31, or days like 7d") from None


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count} entries"


def _place(found: Plain) -> str:
    where = ", ".join(part for part in (found["city"], found["country"]) if part)
    name = found["name"] or "(no profile)"
    return f"{name} ({where})" if where else name


def _answer(found: Plain) -> str:
    return WORDS.get(found["answer"] or "", "was not asked yet")


def _without_keys(found: Plain) -> Plain:
    """For scripts too the fingerprint must come from elsewhere."""
    return {name: value for name, value in found.items() if not name.endswith("_key")}
