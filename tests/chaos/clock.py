"""A clock that stands beside the machine's: a file holds by how much it differs.

Whoever holds the file moves the clock of every process that was given it, at once and while it
runs. The machine's own clock is never touched.
"""

import mmap
import struct
import time
from pathlib import Path
from typing import Final

_OFFSET: Final = struct.Struct(">q")


def machine_time() -> int:
    """Milliseconds UTC by the machine."""
    return time.time_ns() // 1_000_000


class MovedClock:
    """Milliseconds UTC, moved by what the file says now."""

    def __init__(self, file: Path) -> None:
        with file.open("rb") as handle:
            self._bytes = mmap.mmap(handle.fileno(), _OFFSET.size, access=mmap.ACCESS_READ)

    def __call__(self) -> int:
        return machine_time() + int(_OFFSET.unpack_from(self._bytes)[0])


class ClockHand:
    """Moves one clock. ``offset`` is in milliseconds."""

    def __init__(self, file: Path, offset: int) -> None:
        self.file = file
        self.offset = offset
        file.write_bytes(_OFFSET.pack(offset))

    @property
    def now(self) -> int:
        """What the moved clock says."""
        return machine_time() + self.offset

    def set(self, offset: int) -> None:
        """All eight bytes in one write, in place: whoever mapped the file sees it."""
        with self.file.open("r+b", buffering=0) as handle:
            handle.write(_OFFSET.pack(offset))
        self.offset = offset
