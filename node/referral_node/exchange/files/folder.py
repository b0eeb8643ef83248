"""The folder of ciphertexts: each under its hash, whole; what comes or is made, under other names.

Law: a name of 64 hex digits is a whole file with that hash, synced before it got its name. What was
said to be held is on disk: bytes are synced, and a new name with its folder, before anything here
returns. No plaintext is ever written. Everything here blocks: call it in a thread.
"""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

from referral_node.store import StoreError

PIECE: Final = 256 * 1024
"""Bytes read or written at once."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Lost(Exception):
    """A file ends before what was held of it: another program was here."""


class Files:
    """The folder of one node; made when the first file comes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, hash: bytes) -> Path:
        """Where a whole ciphertext lies."""
        return self.folder / hash.hex()

    def coming(self, peer: bytes, hash: bytes) -> Path:
        """Where a peer's ciphertext lies until it is whole."""
        return self.folder / f"{hash.hex()}.{peer.hex()}"

    def write(self, path: Path, offset: int, data: bytes) -> None:
        """Put bytes where what is held ends, and sync them. Raises Lost, StoreError.

        What lies behind the offset was never said to be held: a crash left it, and it goes.
        """
        with _on_disk():
            new = self._make(path)
            handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                if os.fstat(handle).st_size < offset:
                    raise Lost
                os.ftruncate(handle, offset)
                _write_all(handle, data, offset)
                os.fsync(handle)
            finally:
                os.close(handle)
            if new:
                self._sync()

    def keep(self, path: Path, hash: bytes) -> None:
        """Give a synced file its name for good."""
        with _on_disk():
            path.replace(self.path(hash))
            self._sync()

    def begin(self, name: bytes) -> "Making":
        """A new ciphertext of our own, under a name of 16 random bytes until it is whole."""
        path = self.folder / f"new.{name.hex()}"
        with _on_disk():
            self._make(path)
            return Making(self, path, os.open(path, os.O_WRONLY | os.O_CLOEXEC))

    def digest(self, path: Path) -> bytes:
        """SHA-256 of a file; of no bytes if it is not there."""
        mark = hashlib.sha256()
        for piece in self.pieces(path):
            mark.update(piece)
        return mark.digest()

    def pieces(self, path: Path) -> Iterator[bytes]:
        """A file from its beginning; nothing if it is not there."""
        try:
            with path.open("rb", buffering=0) as file:
                while piece := file.read(PIECE):
                    yield piece
        except FileNotFoundError:
            return
        except OSError as error:
            raise _translated(error) from None

    def read(self, hash: bytes, offset: int, count: int) -> bytes:
        """A part of a whole ciphertext; less if it ends before, or is not there."""
        try:
            with self.path(hash).open("rb", buffering=0) as file:
                return os.pread(file.fileno(), count, offset)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise _translated(error) from None

    def remove(self, path: Path) -> None:
        """Delete a file, if it is there."""
        with _on_disk():
            path.unlink(missing_ok=True)

    def names(self) -> list[str]:
        """Everything that lies here."""
        try:
            return sorted(os.listdir(self.folder))
        except FileNotFoundError:
            return []

    def _make(self, path: Path) -> bool:
        """An empty file, if there is none; whether there was none."""
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            return False
        return True

    def _sync(self) -> None:
        handle = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class Making:
    """A ciphertext of our own while it is made. ``finish`` or ``abandon`` ends it; what a thread
    still adds after that goes nowhere."""

    def __init__(self, files: Files, path: Path, handle: int) -> None:
        self._files = files
        self._path = path
        self._handle = handle
        self._size = 0
        self._over = False
        self._lock = Lock()

    def add(self, data: bytes) -> None:
        """More of it. Raises StoreError."""
        with self._lock:
            if self._over:
                return
            with _on_disk():
                _write_all(self._handle, data, self._size)
            self._size += len(data)

    def finish(self, hash: bytes) -> None:
        """All of it is there: sync it and give it its name. If that fails it is gone."""
        try:
            with self._lock, _on_disk():
                os.fsync(self._handle)
        except StoreError:
            self.abandon()
            raise
        self._end()
        self._files.keep(self._path, hash)

    def abandon(self) -> None:
        """It is not wanted."""
        self._end()
        self._files.remove(self._path)

    def _end(self) -> None:
        with self._lock:
            if not self._over:
                self._over = True
                os.close(self._handle)


def _write_all(handle: int, data: bytes, offset: int) -> None:
    left = memoryview(data)
    while left:
        count = os.pwrite(handle, left, offset)
        left = left[count:]
        offset += count


@contextmanager
def _on_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _translated(error) from None


def _translated(error: OSError) -> StoreError:
    if error.errno in _FULL:
        return StoreError("disk", "the disk is full: make room")
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return StoreError("read-only", "the folder of attachments cannot be written")
    name = errno.errorcode.get(error.errno or 0, "?")
    return StoreError("disk", f"the folder of attachments failed ({name})")
