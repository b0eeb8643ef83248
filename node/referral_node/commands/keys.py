"""`referral node keys`: which keys this node has, and replacing one.

Law: as of :mod:`commands`. What is asked for is said in one line before it is done.
"""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from referral_node.authority import authority, authority_options
from referral_node.commands import show
from referral_node.commands.reaching import do, told
from referral_node.config import Config, read_config
from referral_node.folder import StateFolder
from referral_node.trouble import Trouble

_state = click.option(
    "--state",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The node's folder.",
)
_json = click.option("--json", "as_json", is_flag=True, help="For programs: JSON.")
_compromised = click.option(
    "--compromised", is_flag=True, help="Somebody else may have had the old key: told to everybody."
)
BACK_UP: Final = "Make a backup now: one that was made before does not hold the new key."


@click.group()
def keys() -> None:
    """Which keys this node has; replace one."""


@keys.command("list")
@_state
@_json
@told
def list_keys(state: Path, as_json: bool) -> None:
    """Which keys there are, since when, and the fingerprint to read out."""
    folder, config = _folder(state)
    found = asyncio.run(do(folder, "keys", {}))
    click.echo(json.dumps(found)) if as_json else _show(found, config)


@keys.command("new-node-key")
@_state
@_compromised
@authority_options
@_json
@told
def new_node_key(state: Path, compromised: bool, as_json: bool, **by: Any) -> None:
    """Replace the machine's key, in use at once; the organisation's key vouches for it."""
    _replace(state, "keys-new-node-key", compromised, as_json, by)


@keys.command("new-vault-key")
@_state
@_compromised
@authority_options
@_json
@told
def new_vault_key(state: Path, compromised: bool, as_json: bool, **by: Any) -> None:
    """Replace the organisation's key, in use as soon as the directory names it."""
    _replace(state, "keys-new-vault-key", compromised, as_json, by)
    if not as_json:
        click.echo(BACK_UP)


def member_id(text: str) -> bytes:
    """A member id as `init` and `status` show it."""
    folded = "".join(text.split()).lower()
    try:
        member = bytes.fromhex(folded)
    except ValueError:
        member = b""
    if len(member) != 16:
        raise Trouble("a member id has 32 characters 0-9 and a-f: `status` and backups show it")
    return member


def _replace(state: Path, command: str, compromised: bool, as_json: bool, by: Any) -> None:
    folder, config = _folder(state)
    arguments = {"authority": authority(**by), "compromised": compromised}
    found = asyncio.run(do(folder, command, arguments))
    click.echo(json.dumps(found)) if as_json else _show(found, config)


def _folder(state: Path) -> tuple[StateFolder, Config]:
    folder = StateFolder(state)
    folder.check()
    return folder, read_config(folder.config)


def _recovery(recovery: Mapping[str, Any], zone: ZoneInfo) -> str:
    """A lost vault key, as this node sees it."""
    whose = "this node's" if recovery["this_node"] else "another node's"
    if recovery["state"] == "asked":
        return "asked for: VSE telephones, and has to announce it"
    if recovery["state"] == "vetoed":
        return "stopped by the key before: suspended until VSE has decided"
    when = datetime.fromtimestamp(recovery["acts_from"] / 1000, zone)
    return f"{whose} key is announced, and can take over from {when:%Y-%m-%d %H:%M} on"


def _show(found: Mapping[str, Any], config: Config) -> None:
    zone = ZoneInfo(config.time_zone)

    def day(at: int | None) -> str:
        if at is None:
            return "not in the directory yet"
        return f"since {datetime.fromtimestamp(at / 1000, zone):%Y-%m-%d %H:%M}"

    show.fingerprint(found["fingerprint"])
    click.echo(f"{'Vault key':<13}{day(found['vault_since'])}")
    click.echo(f"{'Node key':<13}{day(found['node_since'])}")
    for until, reason in found["earlier"]:
        before = datetime.fromtimestamp(until / 1000, zone)
        click.echo(f"{'Replaced':<13}{before:%Y-%m-%d %H:%M}, {reason}")
    if found["coming_since"] is not None:
        click.echo(f"{'Under way':<13}a new vault key, until the directory names it")
    recovery = found["recovery"]
    if recovery is not None:
        click.echo(f"{'Recovery':<13}{_recovery(recovery, zone)}")
    elif found["foreign"]:
        click.echo("The directory names a vault key that is not here: see the runbook, Keys.")
