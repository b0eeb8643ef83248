"""What `referral node backup` does: one file that only the recovery kit opens, proved before it
counts.

Law: a file has a backup's name only when it is whole: it was written under another name, brought to
the disk, read again from there, every byte decrypted and compared; and the database in it was found
without fault. Older backups go only after that, and only this member's. Nothing unencrypted is
written but the copy of the database, beside the database itself.
"""

import os
import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from referral_node.backup import copying
from referral_node.backup.contents import parts_of
from referral_node.backup.format import (
    CHUNK,
    KEY_SIZE,
    BackupTrouble,
    Head,
    Part,
    Reader,
    Writer,
    make_head,
    read_head,
)
from referral_node.config import read_config
from referral_node.folder import FolderBusy, StateFolder, sync_folder
from referral_node.store import StoreError
from referral_node.store.errors import translated
from referral_node.store.facts import KIT_BACKUP, MEMBER
from referral_node.trouble import Trouble

Do = Callable[[str, dict[str, Any]], Awaitable[Any]]
"""Runs one of the node's operations: through its socket, or over its files while it stands."""

COPY_WITHIN: Final = 3600.0
"""Seconds that a running node gets for the copy of its database."""

_NAME: Final = re.compile(r"referral-[0-9a-f]{32}-\d{8}T\d{9}Z\.backup")
_PART: Final = ".part"


class Holds(NamedTuple):
    """What a copy of the database says of itself."""

    member: bytes
    kit: bytes
    threads: int
    messages: int


class Made(NamedTuple):
    """A backup that was made, and the older ones that went."""

    path: Path
    made_at: int
    size: int
    threads: int
    messages: int
    removed: list[Path]


async def back_up(
    folder: StateFolder, to: Path, keep: int | None, do: Do, entropy: Callable[[int], bytes]
) -> Made:
    """Make one backup in ``to``, tell the node, remove all but the ``keep`` newest of this member.

    Trouble or StoreError in one line; then no new file is there, no older one went, and the node
    knows that it failed.
    """
    lock = copying.backup_lock(folder)
    try:
        lock.take()
    except FolderBusy as busy:
        raise Trouble(
            f"{folder.path}: process {busy.pid} is making a backup of this node now"
        ) from None
    try:
        copying.clear(folder)
        try:
            _check_place(folder, to)
            made_at: int = (await do("backup-copy", {}))["at"]
            made = write_backup(folder, to, made_at, entropy)
        except (Trouble, StoreError, OSError) as error:
            with suppress(Trouble, StoreError, OSError):  # the first trouble is the one to tell
                await do("backup-failed", {})
            if isinstance(error, OSError):
                raise _unwritable(to, error) from None
            raise
        await do("backup-done", {"at": made_at})
    finally:
        copying.clear(folder)
        lock.release()
    if keep is None:
        return made
    return made._replace(removed=remove_older(to, made.path, keep))


def write_backup(
    folder: StateFolder, to: Path, made_at: int, entropy: Callable[[int], bytes]
) -> Made:
    """Write the folder and the copied database into one file, prove it, and give it its name."""
    copy = copying.copy_path(folder)
    copying.check_whole(copy)
    holds = what_it_holds(copy)
    files = parts_of(folder, read_config(folder.config))
    copying.need_room(to, _bytes(files), "a backup")
    member = holds.member.hex()
    for left in to.glob(f".referral-{member}-*{_PART}"):  # of a backup that was killed
        left.unlink(missing_ok=True)
    moment = datetime.fromtimestamp(made_at / 1000, UTC)
    name = f"referral-{member}-{moment:%Y%m%dT%H%M%S}{made_at % 1000:03}Z.backup"
    path, writing = to / name, to / f".{name}{_PART}"
    if path.exists():
        raise Trouble(f"{path}: is there already: is this machine's clock right?")
    key = entropy(KEY_SIZE)
    head = make_head(holds.kit, holds.member, made_at, key)
    try:
        written = _write(writing, head, key, files)
        _prove(writing, head, key, written)
        size = writing.stat().st_size
        writing.rename(path)
        sync_folder(to)
    finally:
        writing.unlink(missing_ok=True)
    return Made(path, made_at, size, holds.threads, holds.messages, [])


def what_it_holds(database: Path) -> Holds:
    """Whose database this is, and how much is in it; StoreError ``damaged`` if it is no node's."""
    try:
        with closing(copying.reading(database)) as connection:
            facts = dict(
                connection.execute(
                    "SELECT name, value FROM facts WHERE name IN (?, ?)", (MEMBER, KIT_BACKUP)
                ).fetchall()
            )
            (threads,) = connection.execute("SELECT COUNT(*) FROM threads").fetchone()
            (messages,) = connection.execute("SELECT COUNT(*) FROM messages").fetchone()
    except sqlite3.Error as error:
        raise damaged_if_strange(translated(error, database), database) from None
    member, kit = facts.get(MEMBER), facts.get(KIT_BACKUP)
    if not isinstance(member, bytes) or not isinstance(kit, bytes):
        raise StoreError("damaged", f"{database}: not the database of a node")
    return Holds(member, kit, threads, messages)


def damaged_if_strange(error: StoreError, database: Path) -> StoreError:
    """A statement of ours that a database does not understand: it has not our tables."""
    if error.code != "internal":
        return error
    return StoreError("damaged", f"{database}: not the database of a node")


def remove_older(to: Path, newest: Path, keep: int) -> list[Path]:
    """Remove this member's backups in a folder but the newest ones; the new one always stays."""
    with newest.open("rb") as file:
        member = read_head(file, str(newest)).member
    older = []
    for path in to.iterdir():
        if path != newest and _NAME.fullmatch(path.name) and not path.is_symlink():
            head = _head_of(path)
            if head is not None and head.member == member:
                older.append((head.made_at, path))
    older.sort(reverse=True)
    gone = [path for _, path in older[max(keep - 1, 0) :]]
    for path in gone:
        try:
            path.unlink()
        except OSError as error:
            raise Trouble(
                f"{path}: cannot be removed ({error.strerror}); the new backup is good"
            ) from None
    return gone


def _check_place(folder: StateFolder, to: Path) -> None:
    if not to.is_dir():
        raise Trouble(f"{to}: there is no such folder: make it, or mount the disk that it lies on")
    if to.resolve().is_relative_to(folder.path.resolve()):
        raise Trouble(f"{to}: lies in the node's own folder: choose another disk or machine")


def _write(path: Path, head: Head, key: bytes, files: list[tuple[str, Path]]) -> list[Part]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        writer = Writer(file, head, key)
        written = [part for name, place in files if (part := _add(writer, name, place)) is not None]
        writer.end()
        file.flush()
        os.fsync(file.fileno())
        # What is proved is what lies on the disk, not what the system remembers of it.
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return written


def _add(writer: Writer, name: str, place: Path) -> Part | None:
    try:
        file = place.open("rb")
    except FileNotFoundError:
        if name.startswith("attachments/"):
            return None  # its case was erased a moment ago
        raise
    with file:
        size = os.fstat(file.fileno()).st_size
        try:
            return writer.add(name, size, _pieces(file, size))
        except ValueError:
            raise Trouble(f"{place}: was changed while it was read: try again") from None


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size:
        piece = file.read(min(size, CHUNK))
        if not piece:
            return
        size -= len(piece)
        yield piece


def _prove(path: Path, head: Head, key: bytes, written: list[Part]) -> None:
    """Read the file as `restore` will; only the seal of its key cannot be tried without the kit."""
    try:
        with path.open("rb") as file:
            found = read_head(file, str(path))
            reader = Reader(file, key, str(path))
            for _, _, pieces in reader.parts():
                for _ in pieces:
                    pass
    except BackupTrouble:
        found, reader = None, None
    if found != head or reader is None or reader.seen != written:
        raise Trouble(
            f"{path.parent}: what was written there does not read back as it was: that disk, or "
            "this machine's memory, is failing; make backups elsewhere until it is mended"
        )


def _head_of(path: Path) -> Head | None:
    try:
        with path.open("rb") as file:
            return read_head(file, str(path))
    except (Trouble, OSError):
        return None  # not one of ours, or a damaged one: a person decides


def _bytes(files: list[tuple[str, Path]]) -> int:
    """About what a file of these takes: their sizes, and what encryption adds."""
    total = 64 * 1024
    for _, path in files:
        with suppress(FileNotFoundError):
            total += path.stat().st_size + 256
    return total + total // 1024


def _unwritable(to: Path, error: OSError) -> Trouble:
    return Trouble(f"{error.filename or to}: {error.strerror}: the backup was not made")
