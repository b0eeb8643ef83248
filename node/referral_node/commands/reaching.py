"""How a command gets its work done in a node's folder, and how it ends when it cannot.

Law: while a node serves the folder it is asked over `control.sock`; the files are opened only by
who holds the folder's lock. What a person can do something about is one line and status 1.
"""

import functools
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, ParamSpec, TypeVar

import click

from referral_node.config import read_config
from referral_node.control import Arguments, NotServing, ask
from referral_node.delivery.http import Http
from referral_node.folder import FolderBusy, FolderLock, StateFolder
from referral_node.operations import Operations
from referral_node.parts import Parts
from referral_node.store import Store, StoreError
from referral_node.trouble import Trouble
from referral_node.vault.signin import SignIn
from referral_node.vault.slots import PRODUCTION, SlotKeys

P = ParamSpec("P")
R = TypeVar("R")


def told(command: Callable[P, R]) -> Callable[P, R]:
    """Turn what a person can do something about into one line and status 1."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (Trouble, StoreError) as trouble:
            words = str(trouble)
        except BrokenPipeError:
            raise  # whoever read what we say, like `head`, has enough: click ends without a word
        except OSError as error:
            words = f"{error.filename or 'the state folder'}: {error.strerror}"
        for line in words.splitlines():
            click.echo(f"Error: {line}", err=True)
        sys.exit(1)

    return run


async def do(
    folder: StateFolder, command: str, arguments: Arguments, within: float | None = None
) -> Any:
    """Through the running node, or over the files while nobody works in the folder."""
    try:
        with FolderLock(folder.path):
            async with opened(folder) as operations:
                return await operations.handlers()[command](arguments)
    except FolderBusy as busy:
        try:
            return await ask(folder.control, command, arguments, within)
        except NotServing:
            raise Trouble(f"{busy}, or try again when it has started") from None


@asynccontextmanager
async def opened(folder: StateFolder) -> AsyncIterator[Operations]:
    parts = Parts()
    config, key = read_config(folder.config), folder.read_node_key()
    store = await Store.open(folder.database)
    keys, http = SlotKeys(PRODUCTION, parts.entropy), Http()
    try:
        yield Operations(
            store=store,
            folder=folder,
            config=config,
            node=key,
            http=http,
            keys=keys,
            door=SignIn(parts.clock, keys),
            clock=parts.clock,
            entropy=parts.entropy,
        )
    finally:
        await http.close()
        keys.close()
        await store.close()
