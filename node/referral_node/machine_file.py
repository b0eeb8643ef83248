"""The file of the machine's key while it is replaced.

Law: nobody copies the folder meanwhile: a backup with the database of one key and the file of the
other would restore nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from referral_node.backup.copying import backup_lock
from referral_node.folder import FolderBusy, StateFolder
from referral_node.trouble import Trouble
from referral_protocol.suite import Signer


class MachineFile:
    """`node.key` of one folder."""

    def __init__(self, folder: StateFolder) -> None:
        self._folder = folder

    @contextmanager
    def changing(self, key: Signer) -> Iterator[None]:
        """The new key lies beside; left without an error, it takes the old one's place."""
        lock = backup_lock(self._folder)
        try:
            lock.take()
        except FolderBusy:
            raise Trouble(
                "a backup of this node is being made: try again when it is done"
            ) from None
        try:
            try:
                self._folder.prepare_node_key(key)
            except OSError as error:
                raise Trouble(
                    f"{self._folder.next_node_key}: cannot be written ({error.strerror})"
                ) from None
            yield
            try:
                self._folder.turn_node_key()
            except OSError as error:  # the database names the new key: the next start ends this
                raise Trouble(
                    f"{self._folder.node_key}: cannot be written ({error.strerror}): the new key "
                    "is in use; restart the node once the disk can be written"
                ) from None
        finally:
            lock.release()
