"""`referral node`: what an administrator does with a node at a terminal.

Law: a command either does its work or says in one line what is wrong and what to do, and ends with
status 1 (2 when the command itself was mistyped). While a node serves its folder the command asks
it over `control.sock`; the files are opened only when nobody else works in the folder. A password
or kit comes from the terminal, unseen, or from a file, never from an argument.
"""

import asyncio
import functools
import json
import sys
from pathlib import Path
from typing import Any

import click

from referral_node import asking
from referral_node.authority import authority, authority_options
from referral_node.backup.making import COPY_WITHIN, back_up
from referral_node.backup.restoring import read_backup_head, restore_node
from referral_node.commands import show
from referral_node.commands.keys import keys, member_id
from referral_node.commands.reaching import do, told
from referral_node.commands.services import services
from referral_node.commands.watching import directory, log, witness
from referral_node.config import read_config
from referral_node.control import Arguments
from referral_node.folder import StateFolder
from referral_node.joining import invited
from referral_node.new_folder import refuse_taken
from referral_node.parts import Parts
from referral_node.passwords import ask_new_password, ask_password, check_password, file_text
from referral_node.profile_file import read_profile
from referral_node.setup import NewNode, make_node
from referral_node.telling import NONE, report_test
from referral_node.users import DEPUTY, ROLES, display_name, sign_in_name
from referral_node.vault.slots import PRODUCTION, Kit, SlotKeys

_FILE = click.Path(dir_okay=False, path_type=Path)
_state = click.option(
    "--state",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The node's folder.",
)
_json = click.option("--json", "as_json", is_flag=True, help="For programs: JSON.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def node() -> None:
    """One organisation's node."""


@node.command()
@_state
@click.option("--name", help="What your organisation is called.")
@click.option("--country", help="Its country: two letters, like PT.")
@click.option("--time-zone", help="Its time zone, like Europe/Lisbon.")
@click.option("--endpoint", help="Where other nodes reach yours: https://...")
@click.option("--pin", "pins", multiple=True, help="SHA-256 (hex) of its TLS public key.")
@click.option(
    "--host", "hosts", multiple=True, help="Host name of the pages; more than one may be."
)
@click.option("--listen", default="127.0.0.1", show_default=True, help="Address of the exchange.")
@click.option("--exchange-port", default=8700, show_default=True)
@click.option("--pages-port", default=8701, show_default=True)
@click.option("--metrics-port", default=8702, show_default=True)
@click.option("--allow-loopback", is_flag=True, help="For a trial on one machine: http allowed.")
@click.option("--user", help="Sign-in name of the point of contact.")
@click.option("--display", help="Their name, as others read it.")
@click.option("--password-file", type=_FILE, help="File with their password.")
@click.option("--kit-file", type=_FILE, help="Write the recovery kit there, to be printed.")
@click.option("--kit-confirmed", is_flag=True, help="With --kit-file: do not ask for it again.")
@told
def init(
    state: Path,
    user: str | None,
    display: str | None,
    password_file: Path | None,
    kit_file: Path | None,
    kit_confirmed: bool,
    **answers: Any,
) -> None:
    """Make a new node: its keys, its vault, the recovery kit, the first keyholder."""
    refuse_taken(state)
    if kit_confirmed and kit_file is None:
        raise click.UsageError("--kit-confirmed goes with --kit-file: else nobody has the kit")
    config = asking.configuration(**answers)
    name = asking.answer(user, "--user", "Sign-in name of your point of contact", sign_in_name)
    shown = asking.answer(display, "--display", "Their name, as others read it", display_name)
    if password_file is not None:
        password = check_password(file_text(password_file, "a password"), name, shown, config.name)
    else:
        password = ask_new_password(shown, name, shown, config.name)
    parts = Parts()
    with asking.new_kit(parts.entropy, kit_file, confirmed=kit_confirmed) as kit:
        new = NewNode(config, name, shown, password, kit)
        keys = SlotKeys(PRODUCTION, parts.entropy)
        try:
            made = asyncio.run(make_node(state, new, keys, parts.entropy, parts.clock()))
        finally:
            keys.close()
    show.made(made, config)


@node.command()
@_state
@told
def serve(state: Path) -> None:
    """Run the node until it is stopped."""
    from referral_node import main  # the pages and all: only this command needs them

    main.serve(state)


@node.command()
@click.argument("url", required=False)
@_state
@click.option("--anchor", help="The directory's anchor, from paper: thirteen groups of four.")
@click.option("--invitation", metavar="LINE", help="Instead of both: the line that VSE sent you.")
@click.option("--profile", type=_FILE, help="Your organisation's PROFILE.toml.")
@click.option(
    "--recover",
    metavar="MEMBER-ID",
    help="The vault key is lost: take this member's place with a new node.",
)
@click.option("--user", help="Sign-in name of the keyholder who asks.")
@click.option("--password-file", type=_FILE, help="File with their password.")
@click.option("--other-name", is_flag=True, help="Its name differs from node.toml's: do not ask.")
@_json
@told
def join(
    url: str | None,
    state: Path,
    anchor: str | None,
    invitation: str | None,
    profile: Path | None,
    recover: str | None,
    user: str | None,
    password_file: Path | None,
    other_name: bool,
    as_json: bool,
) -> None:
    """Ask the directory at URL to admit this node, or how the request stands."""
    if profile is None and recover is None:
        raise click.UsageError("Missing option '--profile'.")
    folder = StateFolder(state)
    folder.check()
    config = read_config(folder.config)
    if invitation is not None:
        if url is not None or anchor is not None:
            raise click.UsageError("--invitation says both URL and --anchor: leave them out")
        url, anchor = invited(invitation)
    url, anchor = url or config.directory.url, anchor or config.directory.anchor
    if url is None or anchor is None:
        raise click.UsageError("say which directory: --invitation, or URL and --anchor")
    command = "join" if recover is None else "recover"
    arguments: Arguments = {"url": url, "anchor": anchor}
    if recover is not None:
        arguments["member"] = member_id(recover)
    if profile is not None:
        arguments["profile"] = read_profile(profile)
    answer = asyncio.run(do(folder, command, arguments))
    if "needs" in answer:
        if not other_name and profile is not None:
            asking.same_name(profile, arguments["profile"], config.name)
        if user is None and len(answer["names"]) != 1:
            user = asking.need(user, "--user", f"Who asks: {' or '.join(answer['names'])}")
        name = user or answer["names"][0]
        arguments["authority"] = {
            "name": name,
            "password": _password(f"Password of {name}", password_file),
        }
        answer = asyncio.run(do(folder, command, arguments))
    if as_json:
        click.echo(json.dumps(answer))
    else:
        show.request(answer, asyncio.run(do(folder, "status", {})), config)
    if answer["state"] == "declined":
        sys.exit(1)


@node.command()
@_state
@_json
@told
def status(state: Path, as_json: bool) -> None:
    """What waits and why; peers, sizes, times. Never a case."""
    folder = StateFolder(state)
    folder.check()
    config = read_config(folder.config)
    answer = asyncio.run(do(folder, "status", {}))
    if as_json:
        click.echo(json.dumps(answer))
    else:
        show.status(answer, config, Parts().clock())


@node.command()
@_state
@click.option("--add", metavar="NAME", help="Admit a keyholder under this sign-in name.")
@click.option("--display", help="With --add: their name, as others read it.")
@click.option("--role", type=click.Choice(ROLES), default=DEPUTY, show_default=True)
@click.option("--reset", metavar="NAME", help="Give a keyholder a new password.")
@click.option("--end", metavar="NAME", help="End a person's access.")
@click.option(
    "--set-mail",
    nargs=2,
    metavar="NAME ADDRESS",
    help="Where a keyholder is told that something waits; 'none' takes it away.",
)
@click.option("--away", metavar="NAME", help="Enter days away, with --from and --to.")
@click.option("--from", "first", metavar="DATE", help="With --away: the first day, 2026-12-24.")
@click.option("--to", "last", metavar="DATE", help="With --away: the last day.")
@click.option("--back", metavar="NAME", help="Take all days away of a keyholder back.")
@click.option("--password-file", type=_FILE, help="File with the new password.")
@authority_options
@_json
@told
def users(
    state: Path,
    add: str | None,
    display: str | None,
    role: str,
    reset: str | None,
    end: str | None,
    set_mail: tuple[str, str] | None,
    away: str | None,
    first: str | None,
    last: str | None,
    back: str | None,
    password_file: Path | None,
    as_json: bool,
    **by: Any,
) -> None:
    """Who may sign in and who is told; add one, end one's access, set mail and days away."""
    folder = StateFolder(state)
    folder.check()
    config = read_config(folder.config)
    if sum(given is not None for given in (add, reset, end, set_mail, away, back)) > 1:
        raise click.UsageError("one of --add, --reset, --end, --set-mail, --away, --back at a time")
    if set_mail is not None:
        arguments: Arguments = {"name": set_mail[0], "address": set_mail[1]}
        answer = asyncio.run(do(folder, "users-mail", arguments))
        told = "told by mail" if answer["sends"] else "told by mail once [mail] stands in node.toml"
        if set_mail[1] == NONE:
            told = "not told by mail any more"
        click.echo(f"{answer['name']} is {told}.")
    elif away is not None:
        if first is None or last is None:
            raise click.UsageError("--away goes with --from DATE and --to DATE")
        arguments = {"name": away, "first": first, "last": last}
        answer = asyncio.run(do(folder, "users-away", arguments))
        meanwhile = "another keyholder is told" if answer["others"] else "nobody else can be told"
        click.echo(f"{answer['name']} is away from {first} to {last}; meanwhile {meanwhile}.")
    elif back is not None:
        answer = asyncio.run(do(folder, "users-back", {"name": back}))
        click.echo(f"{answer['name']} has no days away any more.")
    elif end is not None:
        answer = asyncio.run(do(folder, "users-end", {"name": end}))
        click.echo(f"{answer['name']} may not sign in any more.")
    elif add is not None:
        name = sign_in_name(add)
        shown = display_name(asking.need(display, "--display", "Their name, as others read it"))
        arguments = {
            "name": name,
            "display": shown,
            "role": role,
            "authority": authority(**by),
            "password": _new_password(shown, password_file, name, shown, config.name),
        }
        asyncio.run(do(folder, "users-add", arguments))
        click.echo(f"{shown} may sign in as {name}.")
    elif reset is not None:
        arguments = {
            "name": reset,
            "authority": authority(**by),
            "password": _new_password(reset, password_file, reset, config.name),
        }
        answer = asyncio.run(do(folder, "users-reset", arguments))
        click.echo(f"{answer['name']} has a new password; the old one opens nothing any more.")
    else:
        people = asyncio.run(do(folder, "users", {}))
        click.echo(json.dumps(people)) if as_json else show.people(people, config)


@node.command()
@_state
@click.option(
    "--to",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the backup, best on another disk or machine.",
)
@click.option(
    "--keep", type=click.IntRange(min=1), help="Then remove all of this node's but so many newest."
)
@_json
@told
def backup(state: Path, to: Path, keep: int | None, as_json: bool) -> None:
    """Write all of the node into one file that only the recovery kit opens; it may be running."""
    folder = StateFolder(state)
    folder.check()
    reach = functools.partial(do, folder, within=COPY_WITHIN)
    made = asyncio.run(back_up(folder, to, keep, reach, Parts().entropy))
    if as_json:
        click.echo(json.dumps(show.plain_backup(made)))
    else:
        show.backed_up(made)


@node.command()
@click.argument("file", type=_FILE)
@_state
@click.option("--kit-file", type=_FILE, help="File with the recovery kit; else it is asked for.")
@told
def restore(file: Path, state: Path, kit_file: Path | None) -> None:
    """Make the node anew from a backup FILE and the recovery kit, in a new folder."""
    refuse_taken(state)
    head = read_backup_head(file)
    if kit_file is None:
        show.backup_found(head)
        kit = Kit.typed(ask_password("The recovery kit"))
    else:
        kit = Kit.typed(file_text(kit_file, "the recovery kit"))
    parts = Parts()
    keys = SlotKeys(PRODUCTION, parts.entropy)
    try:
        restored = asyncio.run(restore_node(file, state, kit, keys, parts.clock()))
    finally:
        keys.close()
    show.restored(restored)


@node.command("test-mail")
@_state
@told
def mail_test(state: Path) -> None:
    """Send a test mail to the administrators whom [mail] in node.toml names."""
    folder = StateFolder(state)
    folder.check()
    report_test(asyncio.run(do(folder, "mail-test", {})))


for _group in (directory, log, witness, keys, services):
    node.add_command(_group)


def _password(prompt: str, file: Path | None) -> str:
    return ask_password(prompt) if file is None else file_text(file, "a password")


def _new_password(whose: str, file: Path | None, *names: str) -> str:
    if file is not None:
        text = file_text(file, "a password")
        check_password(text, *names)
        return text
    return ask_new_password(whose, *names).reveal().decode("utf-8")
