"""The state folder: what lies where, and that one process at a time uses it.

Law: the folder and all in it belong to one user and nobody else may read them; a second process is
refused with one line, it never waits.
"""

import fcntl
import os
from pathlib import Path
from typing import Final, Self

from referral_directory.trouble import Trouble

OFFLINE: Final = "offline"


class Folder:
    """Paths of a state folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "directory.toml"
        self.waiting = path / "directory.toml.waiting"
        self.database = path / "directory.sqlite"
        self.log_key = path / "keys" / "log.key"
        self.registrars = path / "keys" / "registrars"
        self.offline = path / OFFLINE
        self.socket = path / "control.sock"
        self.lock = path / "lock"

    def log_keys(self) -> list[Path]:
        """The files of the log keys: the first one, and each that took or will take its place."""
        return [self.log_key, *sorted(self.log_key.parent.glob("log-*.key"))]

    def registrar(self, name: str) -> Path:
        """Where the sealed key of the registrar of this name lies."""
        return self.registrars / f"{name}.key"

    def make(self) -> None:
        """Make the folder for a new directory; refused if one is there already."""
        if self.config.exists() or self.database.exists():
            raise Trouble(f"{self.path}: there is a directory here already; choose another folder")
        try:
            for folder in (self.path, self.log_key.parent, self.registrars, self.offline):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                folder.chmod(0o700)
        except OSError as error:
            raise Trouble(f"{self.path}: cannot be made ({error.strerror})") from None

    def check(self) -> None:
        """Trouble unless a directory lies here."""
        if not self.config.exists():
            raise Trouble(
                f"{self.path}: there is no directory here; `referral directory init` makes one"
            )


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read: whole and on disk, or not at all."""
    partial = path.with_name(path.name + ".partial")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise Trouble(f"{path}: cannot be written ({error.strerror})") from None


class Lock:
    """The folder's lock, held until closed or until the process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, folder: Folder) -> Self | None:
        """The lock, or None if another process has it."""
        try:
            descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Trouble(f"{folder.path}: cannot be used ({error.strerror})") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return cls(descriptor)

    def release(self) -> None:
        """Let another process in."""
        os.close(self._descriptor)
