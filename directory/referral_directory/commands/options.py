"""What the commands share: their options, and how Trouble becomes a line.

Law: a refusal is one line with its cause and what to do; passwords come from the terminal or a
file.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import click

from referral_directory.trouble import Trouble

P = ParamSpec("P")

state = click.option(
    "--state",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("directory-state"),
    show_default=True,
    help="The folder in which everything of this directory lies.",
)
password_file = click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The registrar's password: first line of this file.",
)
as_name = click.option(
    "--as", "name", help="Which registrar, where there are several; `registrar list` names them."
)
as_json = click.option("--json", "machine", is_flag=True, help="For scripts.")


def told(function: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a command; Trouble becomes its one line."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        os.umask(0o077)
        try:
            asyncio.run(function(*args, **kwargs))
        except Trouble as trouble:
            raise click.ClickException(str(trouble)) from None
        except KeyboardInterrupt:
            raise click.Abort from None

    return run
