"""The directory with more than one face: what whoever holds its machine and all its keys can do.

    async with face_of(fed, tmp_path / "other") as other:  # the directory as it is now, once more
        fed.faces["utrecht"] = other                       # from now on utrecht is shown this one
        await fed.change_status_unseen(fed["lviv"], SUSPENDED, other.folder)

Nothing is made up: a face is a copy of the directory's folder, served by the same program with the
same log key and the same registrar. What differs is what is written into it, whom it is shown to,
and, for one that holds time still, its clock.
"""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fed_member import Member
from federation import Federation
from node_world import Entropy
from referral_directory import main as directory_main
from referral_directory.config import read_config
from referral_directory.folder import Folder, Lock
from referral_directory.sealing import Cost


class Face:
    """A second directory out of the first one's folder. ``port`` is None while it does not run."""

    def __init__(self, folder: Folder, clock: Callable[[], int]) -> None:
        self.folder = folder
        self.port: int | None = None
        self._clock = clock
        self._lock: Lock | None = None
        self._serving: Any = None

    async def start(self) -> None:
        """Serve this face."""
        self._lock = Lock.take(self.folder)
        assert self._lock is not None
        world = directory_main.World(
            clock=self._clock,
            random=Entropy(str(self.folder.path.name)),
            cost=Cost(1, 64 * 1024 * 1024),
        )
        serving = directory_main.serving(self.folder, read_config(self.folder.config), world)
        running = await serving.__aenter__()
        self._serving, self.port = serving, running.port

    async def stop(self) -> None:
        """Serve it no more."""
        if self._serving is not None:
            await self._serving.__aexit__(None, None, None)
        if self._lock is not None:
            self._lock.release()
        self._serving = self._lock = self.port = None


@asynccontextmanager
async def face_of(
    fed: Federation, path: Path, clock: Callable[[], int] | None = None
) -> AsyncIterator[Face]:
    """The directory of now, copied while it is stopped; both run afterwards.

    ``clock``: the face's own, for one that does not keep up; without it the federation's.
    """
    await fed.stop_directory()
    shutil.copytree(fed.directory.path, path, ignore=shutil.ignore_patterns("*.sock", "lock"))
    await fed.start_directory()
    face = Face(Folder(path), clock or fed.clock)
    await face.start()
    try:
        yield face
    finally:
        await face.stop()


async def poll(member: Member) -> str | None:
    """Let a node ask its directory once; the code of what went wrong, None if nothing did."""
    assert member.node.poller is not None
    await member.node.poller.poll()
    trouble: str | None = member.node.poller.trouble
    return trouble
