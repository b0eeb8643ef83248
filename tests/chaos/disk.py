"""A small disk of its own for one node, which can be filled and freed while the node runs."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

SIZE: Final = 256 * 1024 * 1024


class SmallDisk:
    """A tmpfs. ``mounted`` is False where this machine does not let us mount one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fills = 0
        path.mkdir()
        how = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", str(path)]
        try:
            done = subprocess.run(how, check=False, capture_output=True)
        except OSError:
            done = None
        self.mounted = done is not None and done.returncode == 0
        self._keeper: subprocess.Popen[bytes] | None = None
        if self.mounted:
            # A process of its own takes it away when this one ends, however it ends.
            self._keeper = subprocess.Popen(
                ["sh", "-c", 'read -r _; exec umount -l "$1"', "sh", str(path)],
                stdin=subprocess.PIPE,
                start_new_session=True,
            )

    @property
    def _filler(self) -> Path:
        return self.path / "filler"

    @property
    def filled(self) -> bool:
        return self._filler.exists()

    def fill(self, left: int) -> None:
        """Leave so many bytes of room, or not a page with 0."""
        self.fills += 1
        room = os.statvfs(self.path)
        size = max(0, room.f_bavail * room.f_frsize - left)
        with self._filler.open("wb", buffering=0) as file, suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, max(1, size))
            while left == 0:
                file.seek(0, os.SEEK_END)
                file.write(b"x" * 4096)

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)

    def close(self) -> None:
        """Take the disk away, with all that is on it."""
        self.free()
        if self._keeper is not None:
            self._keeper.communicate()
            self._keeper = None
