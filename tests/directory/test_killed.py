"""A directory that is killed in the middle of appending: nothing that it said is lost or unsaid.

SIGKILL, again and again, while updates come in and somebody reads: at the next start the log folds,
every entry that was answered is in it, and every checkpoint that was shown is one of its past.
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from directory_server import MSGPACK, Client, Place, made, records_of
from directory_world import card_of, id_of, signer
from referral_protocol.directory import paths
from referral_protocol.directory.entries import (
    ROUTINE,
    entry_hash,
    make_update_entry,
    sign_entry,
)
from referral_protocol.directory.notes import peek_checkpoint
from referral_protocol.directory.records import record_hashes
from referral_protocol.directory.replica import Replica
from referral_protocol.directory.requests import Submission

SERVE = [sys.executable, "-P", "-m", "referral_tools", "directory", "serve", "--port", "0"]
ROUNDS = 5


@asynccontextmanager
async def process(place: Place) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """The directory in a process of its own; its address. Killed at the end, if it still runs."""
    log = (place.folder.path.parent / "log").open("ab")
    with log:
        child = await asyncio.create_subprocess_exec(
            *SERVE, "--state", str(place.folder.path), stdout=PIPE, stderr=log
        )
    try:
        assert child.stdout is not None
        async with asyncio.timeout(30):
            line = (await child.stdout.readline()).decode()
        assert line.startswith("ready "), (place.folder.path.parent / "log").read_text()
        yield line.split()[1], child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


class Updates:
    """One member's updates, one after the other, as its node would send them."""

    def __init__(self, genesis: bytes, number: int, head: bytes) -> None:
        self.genesis = genesis
        self.number = number
        self.head = head
        self.answered: list[bytes] = []
        """Hashes of the entries that the directory said it has."""

    def next(self, now: int) -> Submission:
        card = card_of(
            "lisbon",
            endpoint=f"https://lisbon-{self.number}.example.org",
            records=record_hashes(RECORDS),
        )
        content = make_update_entry(
            self.genesis, id_of("lisbon"), self.number + 1, self.head, card, ROUTINE, now
        )
        return Submission(content, sign_entry(content, signer("lisbon vault")), (), None)

    def took(self, submission: Submission) -> None:
        self.head, self.number = entry_hash(submission.content), self.number + 1
        self.answered.append(self.head)


RECORDS = records_of("lisbon")


async def writes(url: str, updates: Updates, place: Place, pending: list[Submission]) -> None:
    """Send updates until the directory is gone; ``pending``: the one without an answer."""
    async with aiohttp.ClientSession() as session:
        while True:
            submission = pending[0] if pending else updates.next(place.clock())
            pending[:] = [submission]
            address = f"198.51.100.{updates.number % 250}"
            async with session.post(
                url + paths.SUBMIT,
                data=submission.pack(),
                headers=MSGPACK | {"X-Forwarded-For": address},
            ) as response:
                assert response.status in (200, 201), await response.text()
            updates.took(submission)
            pending.clear()


async def reads(url: str, shown: set[bytes]) -> None:
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.get(url + paths.CHECKPOINT) as response:
                if response.status == 200:
                    shown.add(await response.read())


async def until_gone(*work: asyncio.Task[None]) -> None:
    for found in await asyncio.gather(*work, return_exceptions=True):
        assert isinstance(found, aiohttp.ClientError | OSError), found


@pytest.mark.parametrize("after", [0.05, 0.2])
async def test_killed_in_the_middle_of_appends(tmp_path: Path, after: float) -> None:
    place = await made(tmp_path / "state", proxy=True)
    async with place.served() as client:
        await client.admit("lisbon")
        head = client.running.ledger.directory.known(id_of("lisbon")).head
    updates, shown = Updates(place.genesis, 1, head), set[bytes]()
    pending: list[Submission] = []
    held: Replica | None = None
    for turn in range(ROUNDS):
        async with process(place) as (url, child):
            count = len(updates.answered)
            tasks = (
                asyncio.create_task(writes(url, updates, place, pending)),
                asyncio.create_task(reads(url, shown)),
            )
            async with asyncio.timeout(30):
                while len(updates.answered) < count + 2:  # noqa: ASYNC110 - another process works
                    await asyncio.sleep(0.005)
            await asyncio.sleep(after * (turn + 1) / ROUNDS)  # somewhere within an append
            os.kill(child.pid, signal.SIGKILL)
            await until_gone(*tasks)
        held = await checked(place, updates, shown, held)
        member = held.directory.known(id_of("lisbon"))
        if pending and member.head == entry_hash(pending[0].content):
            updates.took(pending.pop())  # it was stored, and the answer was lost
        assert (member.number, member.head) == (updates.number, updates.head)
    assert len(updates.answered) >= 2 * ROUNDS
    assert len({peek_checkpoint(note).size for note in shown}) > ROUNDS


async def checked(
    place: Place, updates: Updates, shown: set[bytes], held: Replica | None
) -> Replica:
    """The log after a start holds what was answered and shown, and extends what a node held."""
    async with place.served() as client:
        await well_served(client)
        replica = await client.replica(held)
        for note in shown:
            replica.compare(note, place.clock())  # raises `forked-log` if it is another's past
            assert peek_checkpoint(note).size <= replica.size
        leaves = await client.running.ledger.leaves(0, replica.size)
        assert len(leaves) == replica.size
        number = replica.directory.known(id_of("lisbon")).number
        assert number >= len(updates.answered) + 1
    return replica


async def well_served(client: Client) -> None:
    """Everything that a node fetches at its first sync holds."""
    replica = await client.replica()
    assert replica.checkpoint is not None
    assert replica.checkpoint.size == replica.size
