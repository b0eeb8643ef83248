"""Backup and restore of a federation's members, as the two commands do it."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fed_member import CHEAP, Member
from referral_node.backup.copying import copy_database
from referral_node.backup.format import Reader, open_key, read_head
from referral_node.backup.making import Made, back_up
from referral_node.backup.restoring import Restored, restore_node
from referral_node.commands.node import node
from referral_node.vault import Kit, SlotKeys


async def back_up_here(member: Member, to: Path, keep: int | None = None) -> Made:
    """What `referral node backup` does beside a running node; this one runs in our process."""
    handlers = member.node.operations().handlers()

    async def do(command: str, arguments: dict[str, Any]) -> Any:
        return await handlers[command](arguments)

    return await back_up(member.folder, to, keep, do, os.urandom)


async def restored(member: Member, file: Path, target: Path, kit: Kit | None = None) -> Restored:
    """What `referral node restore` does, with the member's own kit unless another is given."""
    keys = SlotKeys(CHEAP, os.urandom)
    try:
        return await restore_node(
            file, target, kit or member.kit, keys, member.federation.clock.now
        )
    finally:
        keys.close()


def parts_inside(member: Member, file: Path) -> list[tuple[str, bytes]]:
    """Name and bytes of each part of a backup."""
    with file.open("rb") as handle:
        head = read_head(handle, str(file))
        key = open_key(head, member.kit.backup_pair(), str(file))
        parts = Reader(handle, key, str(file)).parts()
        return [(name, b"".join(pieces)) for name, _, pieces in parts]


def without_index_rows(database: Path) -> None:
    """Damage that no query of a node meets: a row that its index does not have."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        name = "audit_subject"
        find = "SELECT sql FROM sqlite_master WHERE name = ?"
        (sql,) = connection.execute(find, (name,)).fetchone()
        connection.execute(f"DROP INDEX {name}")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(sql + " WHERE number < 0")
        connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (sql, name))
    with closing(sqlite3.connect(database)) as connection:
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        assert "missing from index" in found


def opened(member: Member) -> bytes:
    """The member's master key."""
    return member.vault().master()


async def given_up(member: Member, stop: threading.Event) -> None:
    """A copy that somebody waits for."""
    await asyncio.to_thread(copy_database, member.folder, stop)


def left(folder: Path) -> set[str]:
    """What lies in a folder."""
    return set(os.listdir(folder))


REFERRAL = [sys.executable, "-c", "from referral_tools.cli import main; main()"]
KILLED = """
import os, signal, sys
from referral_node.backup import copying, making, restoring
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
module, name = sys.argv.pop(1).split(".")
setattr({"copying": copying, "making": making, "restoring": restoring}[module], name, die)
from referral_tools.cli import main
main()
"""


async def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """`referral node ...` without a terminal, in this process: starting one takes a second."""
    command = list(map(str, words))
    done = await asyncio.to_thread(CliRunner().invoke, node, command)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(command, done.exit_code, done.stdout, done.stderr)


async def ran(*words: str | Path, killed_at: str | None = None) -> subprocess.CompletedProcess[str]:
    """`referral node ...` as a process of its own, killed where it calls one of our functions."""
    start = REFERRAL if killed_at is None else [sys.executable, "-c", KILLED, killed_at]
    return await asyncio.to_thread(
        subprocess.run,
        [*start, "node", *map(str, words)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def mounted(path: Path, size: int) -> Iterator[Path]:
    """A small disk of its own; the test is skipped where it cannot be mounted."""
    path.mkdir()
    how = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(path)]
    if subprocess.run(how, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk needs the rights of root")
    # A process of its own takes it away when this one ends, however it ends.
    keeper = subprocess.Popen(
        ["sh", "-c", 'read -r _; exec umount -l "$1"', "sh", str(path)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield path
    finally:
        keeper.communicate()
