"""The consistent copy of the database that a backup is made of, while the node goes on working.

Law: the copy is one moment of the database, never a mixture. It is made by a connection that only
reads (the store's law: one connection writes and checkpoints), lies in the node's own folder under
one name, readable by its owner alone, and lives only while the backup is made: what a killed
process leaves is removed by the running node within a minute, or by the next start or backup. No
transport prekey leaves with it: they are overwritten in the copy before anybody gets it.
"""

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Final

from referral_node.folder import FolderBusy, FolderLock, StateFolder, write_private
from referral_node.store import StoreError
from referral_node.store.errors import translated
from referral_node.trouble import Trouble

COPY: Final = "backup.db"
"""Name of the copy in the node's folder."""
LOCK: Final = "backup.lock"
"""Held by the command that makes a backup, for as long as it does."""
PAGES_AT_ONCE: Final = 1024
"""Pages copied between two looks at whether to stop: a few milliseconds' work."""
SPARE: Final = 1024 * 1024
"""Bytes that stay free beside a copy: the node itself goes on writing."""


class Stopped(Exception):
    """The copy was broken off because the node stops."""


def backup_lock(folder: StateFolder) -> FolderLock:
    """The right to make a backup of this folder; one at a time."""
    return FolderLock(folder.path, LOCK)


def copy_path(folder: StateFolder) -> Path:
    return folder.path / COPY


def clear(folder: StateFolder) -> None:
    """Remove a copy, and what SQLite lays beside it. For the holder of the backup lock."""
    for path in folder.path.glob(f"{COPY}*"):
        path.unlink(missing_ok=True)


def clear_leftovers(folder: StateFolder) -> None:
    """Remove what a killed backup left behind, unless one is being made now."""
    if not any(folder.path.glob(f"{COPY}*")):
        return
    try:
        with backup_lock(folder):
            clear(folder)
    except FolderBusy:
        pass  # it removes its own


def copy_database(folder: StateFolder, stop: threading.Event) -> None:
    """Copy the database of one moment to :func:`copy_path`, without transport prekeys.

    Blocking; for a thread of its own. Trouble or StoreError, and no copy, if it cannot be made;
    Stopped when ``stop`` is set.
    """
    target = copy_path(folder)
    need_room(folder.path, database_bytes(folder) + SPARE, "a copy of the database")
    try:
        write_private(target, b"")  # SQLite would make it readable for others
        _copy(folder.database, target, stop)
        _without_transport_prekeys(target)
    except BaseException as error:
        clear(folder)
        if isinstance(error, sqlite3.Error):
            raise translated(error, folder.database) from None
        if isinstance(error, OSError):
            raise Trouble(f"{target}: cannot be written ({error.strerror})") from None
        raise


def database_bytes(folder: StateFolder) -> int:
    """Size of the database, with what still stands in its write-ahead log."""
    total = 0
    for name in (folder.database.name, f"{folder.database.name}-wal"):
        try:
            total += (folder.path / name).stat().st_size
        except FileNotFoundError:
            pass  # the log is not there while nothing was written
    return total


def need_room(place: Path, needed: int, what: str) -> None:
    """Trouble unless ``place`` lies on a disk with so many bytes free."""
    free = shutil.disk_usage(place).free
    if free < needed:
        raise Trouble(
            f"{place}: {what} takes {_mib(needed)} MiB, and {_mib(free)} MiB are free: make room"
        )


def check_whole(database: Path) -> None:
    """SQLite finds no fault in this database; StoreError ``damaged`` otherwise."""
    try:
        with closing(reading(database)) as connection:
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        raise translated(error, database) from None
    if found != "ok":
        raise StoreError("damaged", f"{database}: the database is damaged")


def reading(database: Path) -> sqlite3.Connection:
    """A connection that can only read, and never makes a file."""
    connection = sqlite3.connect(f"{_uri(database)}?mode=ro", uri=True, isolation_level=None)
    connection.execute("PRAGMA query_only=ON")
    return connection


def _copy(source: Path, target: Path, stop: threading.Event) -> None:
    def look(_status: int, _left: int, _pages: int) -> None:
        if stop.is_set():
            raise Stopped

    with closing(reading(source)) as held, closing(_throwaway(target)) as copy:
        # An open read transaction holds the moment: without it each commit of the node would make
        # the copy begin again. In WAL mode it keeps no writer waiting.
        held.execute("BEGIN")
        held.execute("SELECT 1 FROM facts LIMIT 1").fetchone()
        held.backup(copy, pages=PAGES_AT_ONCE, progress=look)
        held.execute("ROLLBACK")


def _without_transport_prekeys(target: Path) -> None:
    with closing(_throwaway(target)) as copy:
        copy.execute("PRAGMA journal_mode=DELETE")  # no write-ahead log beside it, as the node has
        copy.execute("PRAGMA journal_mode=OFF")
        copy.execute("PRAGMA secure_delete=ON")
        copy.execute("DELETE FROM transport_prekeys")


def _throwaway(target: Path) -> sqlite3.Connection:
    """A connection to a copy that nobody needs after a crash: nothing of it waits for the disk."""
    connection = sqlite3.connect(target, isolation_level=None)
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    connection.execute("PRAGMA synchronous=OFF")
    return connection


def _uri(path: Path) -> str:
    return path.absolute().as_uri()


def _mib(count: int) -> str:
    return f"{-(-count // 2**20):,}"
