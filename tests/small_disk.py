"""A disk so small that a test can fill it. Needs the rights of root; tests skip without them."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

MIB = 1024 * 1024


@contextmanager
def small_disk_at(path: Path, size: int = 6 * MIB) -> Iterator[Path]:
    """A file system of its own in this new folder; skips the test if it cannot be mounted."""
    path.mkdir()
    how = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(path)]
    if subprocess.run(how, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs the rights of root")
    # A process of its own takes it away when this one ends, however it ends.
    keeper = subprocess.Popen(
        ["sh", "-c", 'read -r _; exec umount -l "$1"', "sh", str(path)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield path
    finally:
        keeper.communicate()


def fill(disk: Path, leave: int = 0) -> Path:
    """Leave not a page of room, or about so many bytes; what fills it is the file that is given."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            with suppress(OSError):
                while file.write(b"x" * size):
                    pass
        file.truncate(max(0, file.tell() - leave))
    return filler
