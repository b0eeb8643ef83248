"""A real directory for tests: made and served in this process, on a port that the system chooses.

Nothing is replaced: the same composition root, with a clock that a test can move and a KDF at its
floor so that a key opens in a moment.
"""

import json
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import aiohttp

from directory_world import bundle_of, seed, signer
from referral_directory.config import Config, write_config
from referral_directory.folder import Folder, Lock
from referral_directory.log.office import Office
from referral_directory.main import Passwords, Running, World, found, office, serving
from referral_directory.registrars import FIRST, unlock
from referral_directory.sealing import FLOOR, Cost
from referral_protocol import profiles
from referral_protocol.directory import paths
from referral_protocol.directory.entries import sign_entry
from referral_protocol.directory.notes import peek_checkpoint
from referral_protocol.directory.records import Salted, salted
from referral_protocol.directory.replica import Replica
from referral_protocol.directory.requests import Submission, make_join
from referral_protocol.examples.profiles import LISBON, LVIV, UTRECHT
from referral_protocol.suite import Signer

ORIGIN = "directory.example.org"
PASSWORDS = Passwords("correct horse battery", "staple of the three")
MSGPACK = {"Content-Type": "application/msgpack"}
EXAMPLES = {"lisbon": LISBON, "utrecht": UTRECHT, "lviv": LVIV}


class Moved:
    """A clock that shows the real time and what a test adds to it, in milliseconds."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead


class Place:
    """A state folder with a directory in it."""

    def __init__(self, path: Path, genesis: bytes, clock: Moved, config: Config) -> None:
        self.folder = Folder(path)
        self.genesis = genesis
        self.clock = clock
        self.config = config
        self.world = World(clock, os.urandom, time.monotonic, Cost(1, FLOOR), head_time=1.0)

    def registrar(self) -> Signer:
        """The registrar's key, opened as the commands do."""
        return unlock(self.folder, FIRST, PASSWORDS.registrar).key

    @asynccontextmanager
    async def served(self) -> AsyncIterator["Client"]:
        """Serve, and give a client of it."""
        lock = Lock.take(self.folder)
        assert lock is not None
        try:
            async with (
                serving(self.folder, self.config, self.world) as running,
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session,
            ):
                yield Client(self, running, session)
        finally:
            lock.release()

    @asynccontextmanager
    async def at_rest(self) -> AsyncIterator[Office]:
        """The registrar's office of the directory while it does not run."""
        async with office(self.folder, self.world) as found_office:
            yield found_office


async def made(path: Path, *, ahead: int = 0, **settings: object) -> Place:
    """Make a directory whose members may be on loopback; ``ahead``: what its clock shows more."""
    fields: dict[str, object] = {"port": 0, "allow_loopback": True}
    config = Config(**(fields | settings))  # type: ignore[arg-type]  # fields by name
    clock = Moved()
    clock.ahead = ahead
    world = World(clock, os.urandom, time.monotonic, Cost(1, FLOOR))
    genesis = await found(Folder(path), write_config(config), ORIGIN, PASSWORDS, world)
    return Place(path, genesis, clock, config)


def contents_of(name: str) -> dict[str, bytes]:
    """The records of an example profile."""
    return profiles.split(profiles.encode(EXAMPLES[name]))


def records_of(name: str) -> tuple[Salted, ...]:
    """The same with salts that depend on the names only."""
    contents = contents_of(name)
    return salted(contents, {part: seed(f"{name} {part}") for part in contents})


class Answer(NamedTuple):
    """An answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str | None:
        """The code of a problem document, whose form is checked on the way."""
        assert self.headers["Content-Type"] == "application/problem+json"
        document = json.loads(self.body)
        assert document["status"] == self.status
        assert document["title"]
        code: str | None = document.get("code")
        return code

    @property
    def refused(self) -> tuple[int, str | None]:
        """Status and code of a problem document."""
        return self.status, self.code


class Client:
    """Speaks to a served directory over HTTP, as anybody may."""

    def __init__(self, place: Place, running: Running, session: aiohttp.ClientSession) -> None:
        self.place = place
        self.running = running
        self.session = session

    @property
    def office(self) -> Office:
        """The registrar's office of the directory that runs."""
        return self.running.office

    async def get(self, path: str, etag: str | None = None, expect: int = 200) -> Answer:
        """A GET, read whole, with the status that it must have."""
        answer = await self.send("GET", path, None, {} if etag is None else {"If-None-Match": etag})
        assert answer.status == expect, answer
        return answer

    async def body(self, path: str) -> bytes:
        """The body of a GET that must succeed."""
        return (await self.get(path)).body

    async def send(
        self,
        method: str,
        path: str,
        data: bytes | AsyncIterator[bytes] | None,
        headers: Mapping[str, str] = MSGPACK,
    ) -> Answer:
        """A request, and its answer read whole."""
        async with self.session.request(
            method, self.running.url + path, data=data, headers=headers
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    def join_of(self, name: str, **changes: object) -> Submission:
        """A request to join of an example organisation."""
        fields: dict[str, object] = {
            "genesis": self.place.genesis,
            "vault": signer(f"{name} vault"),
            "node": signer(f"{name} node"),
            "endpoint": f"https://{name}.invalid",
            "pins": (),
            "records": records_of(name),
            "bundle": bundle_of(name, self.place.clock()),
            "now": self.place.clock(),
        }
        return make_join(**(fields | changes))  # type: ignore[arg-type]  # fields by name

    async def request(self, submission: Submission) -> None:
        """Send a request to join, which must be taken."""
        answer = await self.send("POST", paths.REQUESTS, submission.pack())
        assert answer.status == 202, answer

    async def admit(self, *names: str, **changes: object) -> None:
        """Let organisations join: the request over HTTP, the registrar's part in the office."""
        for name in names:
            submission = self.join_of(name, **changes)
            await self.request(submission)
            signed = sign_entry(submission.content, self.place.registrar())
            await self.office.approve(
                submission.id.hex(), [[each.key, each.signature] for each in signed]
            )

    async def replica(self, held: Replica | None = None) -> Replica:
        """What a node has after it has fetched the log, first or again."""
        replica = held or Replica(self.place.genesis, allow_loopback=True)
        note = await self.body(paths.CHECKPOINT)
        leaves: list[bytes] = []
        for piece in paths.entries_paths(replica.size, peek_checkpoint(note).size):
            data = await self.body(piece.path)
            leaves += paths.parse_entries(data, piece.width)[piece.skip :]
        return replica.extend(note, leaves, self.place.clock())
