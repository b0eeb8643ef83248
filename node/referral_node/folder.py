"""A node's state folder: what lies where in it, who may look inside, and who works in it now.

Law: one process works in a folder at a time. Whoever opens the database holds the folder's lock,
which the system lets go when the process ends, however it ends. A folder that others on the machine
may read is refused: the node key lies in it.
"""

import fcntl
import os
from pathlib import Path
from typing import Final, Self

from referral_node.trouble import Trouble
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import SEED_SIZE, Signer

_LOCK: Final = "lock"


class FolderBusy(Trouble):
    """Another process works in the folder. ``pid`` is what it wrote there, or None."""

    def __init__(self, path: Path, pid: int | None) -> None:
        self.pid = pid
        who = f"process {pid}" if pid is not None else "another process"
        super().__init__(f"{path}: {who} works in this folder: stop it first")


class StateFolder:
    """Paths of a node's state folder. Nothing is opened or made by naming one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "node.toml"
        self.database = path / "node.db"
        self.node_key = path / "node.key"
        self.next_node_key = path / "node.key.next"
        self.control = path / "control.sock"
        self.attachments = path / "attachments"
        self.proofs = path / "proofs"

    def check(self) -> None:
        """Refuse a folder that is not a node's, not ours, or open to others."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            raise Trouble(
                f"{self.path}: there is no such folder; `referral node init` makes one"
            ) from None
        except OSError as error:
            raise Trouble(f"{self.path}: cannot be read ({error.strerror})") from None
        if not self.config.exists() or not self.database.exists():
            raise Trouble(f"{self.path}: not a node's folder; `referral node init` makes one")
        if os.geteuid() not in (0, found.st_uid):
            raise Trouble(f"{self.path}: belongs to another user: run this as its owner")
        for path, mode in ((self.path, found.st_mode), *self._modes()):
            if mode & 0o077:
                raise Trouble(f"{path}: others on this machine may read it: run `chmod go= {path}`")

    def _modes(self) -> list[tuple[Path, int]]:
        try:
            return [(self.node_key, self.node_key.stat().st_mode)]
        except FileNotFoundError:
            raise Trouble(
                f"{self.node_key}: the node's key is missing: restore it from your copy"
            ) from None

    def read_node_key(self) -> Signer:
        """The machine's own key."""
        try:
            seed = self.node_key.read_bytes()
        except OSError as error:
            raise Trouble(f"{self.node_key}: cannot be read ({error.strerror})") from None
        if len(seed) != SEED_SIZE:
            raise Trouble(f"{self.node_key}: damaged: restore it from your copy")
        return Signer(seed)

    def prepare_node_key(self, key: Signer) -> None:
        """Lay the key that is to come beside the one in use, on disk when this returns."""
        self.next_node_key.unlink(missing_ok=True)
        write_private(self.next_node_key, key.seed())
        sync_folder(self.path)

    def turn_node_key(self) -> None:
        """The key that lay beside takes the other one's place, which is gone then."""
        self.next_node_key.replace(self.node_key)
        sync_folder(self.path)

    def settled_node_key(self, certified: bytes) -> Signer:
        """The key that our certificate names; a change that was broken off is ended or undone.

        Trouble if neither file is that key.
        """
        if self.next_node_key.exists():
            try:
                coming = Signer(self.next_node_key.read_bytes())
            except (OSError, ProtocolError):
                coming = None  # it was never whole: nothing names it
            if coming is not None and coming.public == certified:
                self.turn_node_key()
            else:
                self.next_node_key.unlink(missing_ok=True)
        key = self.read_node_key()
        if key.public != certified:
            raise Trouble(
                f"{self.node_key}: is not the key of this node's database: put back the file that "
                "belongs to it, or restore a backup"
            )
        return key

    def write_node_key(self, key: Signer) -> None:
        """Write the key of a new node; refuses to write over one."""
        write_private(self.node_key, key.seed())


class FolderLock:
    """The right to work in a folder, or to do there what ``name`` says. A context manager."""

    def __init__(self, path: Path, name: str = _LOCK) -> None:
        self._path = path
        self._name = name
        self._handle: int | None = None

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def take(self) -> None:
        """Take the lock, or raise FolderBusy; Trouble if the folder cannot be written."""
        file = self._path / self._name
        try:
            handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Trouble(
                f"{self._path}: cannot be written ({error.strerror}): check its owner and that "
                "the file system is not read-only"
            ) from None
        try:
            # flock, not lockf: it is not lost when another handle of this process is closed.
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _pid(handle)
            os.close(handle)
            raise FolderBusy(self._path, pid) from None
        try:
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode("ascii"), 0)
        except OSError as error:
            os.close(handle)
            raise Trouble(f"{file}: cannot be written ({error.strerror}): make room") from None
        self._handle = handle

    def release(self) -> None:
        """Let the lock go. The file stays: removing it would let two processes each hold one."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def write_private(path: Path, data: bytes) -> None:
    """A new file that only we may read, on disk when this returns; FileExistsError if it is there.

    Removed again when it could not be written whole.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def sync_folder(path: Path) -> None:
    """Bring a folder's own entries to the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _pid(handle: int) -> int | None:
    try:
        text = os.pread(handle, 20, 0).decode("ascii").strip()
        return int(text) if text else None
    except (OSError, ValueError):
        return None
