"""Who lets a command do what only a keyholder may: by password, or with the recovery kit.

Law: neither comes from an argument; a password is asked for unseen, or read from a file.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import msgspec

from referral_node import asking
from referral_node.passwords import ask_password, file_text

F = TypeVar("F", bound=Callable[..., Any])
_FILE: Final = click.Path(dir_okay=False, path_type=Path)


class Authority(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who lets it happen: a keyholder by name and password, or the kit as typed."""

    name: str | None = None
    password: str | None = None
    kit: str | None = None


def authority_options(command: F) -> F:
    """`--by`, `--by-password-file`, `--kit` and `--kit-file` of a command."""
    for option in (
        click.option("--kit-file", type=_FILE, help="Instead of a keyholder: file with the kit."),
        click.option("--kit", is_flag=True, help="Instead of a keyholder: type the recovery kit."),
        click.option("--by-password-file", type=_FILE, help="File with that keyholder's password."),
        click.option("--by", help="Sign-in name of the keyholder who lets it happen."),
    ):
        command = option(command)
    return command


def authority(
    by: str | None, by_password_file: Path | None, kit: bool, kit_file: Path | None
) -> dict[str, str]:
    """What those options, and the person, say."""
    if kit_file is not None:
        return {"kit": file_text(kit_file, "the recovery kit")}
    if kit:
        return {"kit": ask_password("The recovery kit")}
    name = asking.need(by, "--by (or --kit)", "Sign-in name of the keyholder who lets it happen")
    prompt = f"Password of {name}"
    given = by_password_file
    typed = ask_password(prompt) if given is None else file_text(given, "a password")
    return {"name": name, "password": typed}
