"""`referral node services`: a member's services out of files that other directories write."""

import asyncio
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from referral_node.commands.reaching import do, told
from referral_node.config import read_config
from referral_node.exchange.directory.service_files import BadFile, left_out, read_bytes
from referral_node.folder import StateFolder
from referral_node.passwords import ask_password, file_text
from referral_node.trouble import Trouble
from referral_protocol.hsds.reading import LEFT_OUT, Problem, Reading
from referral_protocol.hsds.whose import Whose

_FILE = click.Path(path_type=Path, dir_okay=False)
_SAID: Final = {
    "new": "new, not on the public page before you choose that",
    "changed": "changed",
    "same": "as it is",
    "kept": "not in the file, stays",
    "removed": "not in the file, goes",
}


@click.group()
def services() -> None:
    """Your services, from files in the form of HSDS."""


@services.command("import")
@click.argument("file", type=_FILE)
@click.option("--state", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--language", default="", help="Of names and texts, if the file does not say: pt.")
@click.option("--map", "map_file", type=_FILE, help="What foreign terms mean here: a TOML file.")
@click.option("--replace", is_flag=True, help="Services that are not in the file go.")
@click.option("--ours", is_flag=True, help="All services in the file are ours, whoever it names.")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option("--user", help="Sign-in name of a keyholder.")
@click.option("--password-file", type=_FILE, help="File with their password.")
@click.option("--json", "as_json", is_flag=True, help="For programs: JSON.")
@told
def import_(
    file: Path,
    state: Path,
    language: str,
    map_file: Path | None,
    replace: bool,
    ours: bool,
    dry_run: bool,
    user: str | None,
    password_file: Path | None,
    as_json: bool,
) -> None:
    """Load services from FILE: HSDS as JSON, its CSV data package, or services.csv."""
    folder = StateFolder(state)
    folder.check()
    read_config(folder.config)
    means = _mapping(map_file)
    us = None if ours else _us(asyncio.run(do(folder, "services-whose", {})))
    found = read_file(file, language, means, us)
    if not found.good:
        raise Trouble("\n".join([*_wrong(found), "Nothing was changed."]))
    name = user or _only(asyncio.run(do(folder, "users", {})))
    password = (
        file_text(password_file, "a password")
        if password_file is not None
        else ask_password(f"Password of {name}")
    )
    answer = asyncio.run(
        do(
            folder,
            "services-import",
            {
                "loaded": {
                    "services": list(found.services),
                    "ids": list(found.ids),
                    "replace": replace,
                },
                "dry_run": dry_run,
                "authority": {"name": name, "password": password},
            },
        )
    )
    if answer["problems"]:
        lines = [f"{place}: {field}: {words}" for place, field, words in answer["problems"]]
        raise Trouble("\n".join([*lines, "Nothing was changed."]))
    if as_json:
        click.echo(json.dumps(_all(answer, found)))
    else:
        _tell(answer, found, dry_run=dry_run)


def read_file(path: Path, language: str, mapping: Mapping[str, str], us: Whose | None) -> Reading:
    """What a file says; Trouble in one line if it is none that can be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Trouble(f"{path}: cannot be read ({error.strerror})") from None
    try:
        return read_bytes(data, language, mapping, us)
    except BadFile as bad:
        raise Trouble(f"{path}: {bad}") from None


def _mapping(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Trouble(f"{path}: cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Trouble(f"{path}: not well-formed TOML: {error}") from None
    wrong = [name for name, target in found.items() if not isinstance(target, str)]
    if wrong:
        raise Trouble(f'{path}: write each term as "{wrong[0]}" = "needs:practical-help"')
    return found


def _wrong(found: Reading) -> list[str]:
    """All that keeps the file from being taken, a line each."""
    lines = [_line(each) for each in found.problems]
    if found.others and not found.services:
        lines.append("If they are yours nevertheless, say so with --ours.")
    if found.ignored:
        lines.append(f"A profile has no place for these columns: {', '.join(found.ignored)}.")
    if found.unknown:
        lines.append("These terms are not ours. Say in a file for --map what each of them means:")
        lines += [
            f'"{each.name}" = "{LEFT_OUT}"  # or a field and code, like needs:practical-help; '
            f"in {', '.join(each.places[:3])}{' and more' if len(each.places) > 3 else ''}"
            for each in found.unknown
        ]
    return lines


def _line(found: Problem) -> str:
    if not found.field:
        return f"{found.place}: {found.words}"
    more = ", or --language pt for the whole file" if found.field == "language" else ""
    return f"{found.place}: {found.field}: {found.words}{more}"


def _us(said: dict[str, Any]) -> Whose:
    return Whose(said["id"], frozenset(said["names"]))


def _all(answer: dict[str, Any], found: Reading) -> dict[str, Any]:
    """The answer for programs."""
    return answer | {
        "ignored": list(found.ignored),
        "others": [list(each) for each in found.others],
    }


def _only(people: list[dict[str, Any]]) -> str:
    names = [each["name"] for each in people if each["ended_at"] is None]
    if len(names) != 1:
        raise Trouble(f"say whose password it is: --user {' or '.join(names)}")
    return str(names[0])


def _tell(answer: dict[str, Any], found: Reading, *, dry_run: bool) -> None:
    for kind, name, fields in answer["changes"]:
        what = f": {', '.join(fields)}" if fields else ""
        click.echo(f"{name}: {_SAID[kind]}{what}")
    if found.ignored:
        click.echo(f"A profile has no place for: {', '.join(found.ignored)}.")
    if found.others:
        click.echo(f"{left_out(found.others)} If they are yours: --ours.")
    if answer["kept"]:
        click.echo("Kept on this node. Read it and send it to the directory: Settings, Profile.")
    else:
        click.echo("Nothing was changed." if dry_run else "There was nothing to change.")
