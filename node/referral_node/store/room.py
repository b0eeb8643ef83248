"""Whether there is room on the disk for what others send: the watermark.

Law: below it nothing is taken from others any more, so that what our own people say, receipts and
the database's own upkeep still find room. It is looked at anew each time; nobody has to reset it.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

MIB: Final = 1024 * 1024
RESERVE: Final = 256
"""MiB that others may not fill."""
SMALL: Final = 50
"""On a small disk the reserve is its fiftieth part: two per cent."""

log = structlog.get_logger()


class Room:
    """The free space of the file system on which a folder lies.

    ``reserve``: MiB; ``measure``: total and free bytes of it, or OSError; ``quiet``: no log.
    """

    def __init__(
        self,
        folder: Path,
        reserve: int = RESERVE,
        measure: Callable[[Path], tuple[int, int]] | None = None,
        *,
        quiet: bool = False,
    ) -> None:
        self._folder = folder
        self._reserve = reserve * MIB
        self._measure = measure or _statvfs
        self._quiet = quiet
        self.low = False
        """Whether the last look found less than the reserve."""
        self.free = 0
        """Bytes that the last look found."""
        self.enough()

    def enough(self) -> bool:
        """Look: whether something of others may be stored now. Says once when that changes."""
        try:
            total, self.free = self._measure(self._folder)
        except OSError:
            return True  # not the disk's fault that it cannot be asked: the store knows better
        low = self.free < min(self._reserve, total // SMALL)
        changed, self.low = low != self.low, low
        if changed and not self._quiet:
            if low:
                log.error("disk.low", free_mib=self.free // MIB)
            else:
                log.info("disk.back", free_mib=self.free // MIB)
        return not low


def _statvfs(folder: Path) -> tuple[int, int]:
    found = os.statvfs(folder)
    return found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
