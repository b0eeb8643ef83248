"""A node's folder in the making, for `init` and `restore`.

Law: a folder is whole or not there. Everything is made in a temporary folder beside the place and
moved there at the end, on disk before it counts; an error or Ctrl-C removes it, and what a killed
process left is removed by the next one.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from referral_node.folder import FolderBusy, FolderLock, StateFolder, sync_folder
from referral_node.trouble import Trouble


def refuse_taken(target: Path) -> None:
    """Refuse a place where something is; before anything is asked."""
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise Trouble(f"{target}: is not a folder: choose another place")
    if (target / "node.toml").exists():
        raise Trouble(f"{target}: a node is here already; choose another folder for a new one")
    if target.is_dir() and any(target.iterdir()):
        raise Trouble(f"{target}: the folder is not empty: choose a new or an empty one")


@contextmanager
def new_folder(target: Path, by: str) -> Iterator[StateFolder]:
    """A folder beside ``target`` to build in, moved there at the end, removed on any error.

    ``by`` is the command that builds. Trouble if the target is not free or cannot be written.
    """
    target = target.absolute()
    refuse_taken(target)
    building = target.parent / f".{target.name}.{by}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        building.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Trouble(f"{target.parent}: cannot be written ({error.strerror})") from None
    lock = FolderLock(building)
    try:
        lock.take()
    except FolderBusy as busy:
        raise Trouble(f"{target}: process {busy.pid} is making a node here now") from None
    try:
        _empty(building)  # what an earlier run left that was killed
        yield StateFolder(building)
        for path in (building, *building.iterdir()):
            _sync(path)
        building.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        raise Trouble(f"{target}: {_why(error)}; nothing was kept") from None
    finally:
        lock.release()
        shutil.rmtree(building, ignore_errors=True)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name == "lock":
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _why(error: OSError) -> str:
    if error.errno in (errno.EBUSY, errno.EXDEV):
        return "is a place where a disk is mounted: choose a folder inside it"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "the disk is full: make room"
    return f"cannot be written ({error.strerror})"
