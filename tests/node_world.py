"""Members with real nodes in one process, over real sockets, on a clock that the test moves.

The directory's log is made by :mod:`directory_world` and handed to each node's replica; everything
else (store, vault, listener, courier) is what a node runs.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog

from directory_world import DAY, World, id_of, signer
from referral_node.api.listener import build_listener
from referral_node.delivery.courier import Courier
from referral_node.delivery.http import Http
from referral_node.exchange import Actor, Core, Exchange, MemberBook, Said, ThreadView
from referral_node.exchange.directory.replica import ReplicaKeeper
from referral_node.exchange.files.folder import Files
from referral_node.store import Store, Tx
from referral_node.vault.vault import UnlockedVault
from referral_protocol import forms
from referral_protocol.certificates import Bundle, CasePrekey, make_bundle, make_certificate
from referral_protocol.directory.board import verify_posted
from referral_protocol.examples import referral
from referral_protocol.statements import Head
from referral_protocol.suite import SUITE
from referral_ui.connections import Listening, listen

AUTHOR = {"name": "Jasmijn de Wit", "role": "point-of-contact"}
ACTOR = Actor(b"u" * 16, "Inês Carvalhal", "point-of-contact")


class Entropy:
    """Bytes that look random, never repeat, and are the same in every run."""

    def __init__(self, name: str) -> None:
        self._name = name.encode()
        self._count = 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        return hashlib.shake_256(self._name + self._count.to_bytes(8, "big")).digest(size)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


class Office:
    """One member: its node's parts and its open vault."""

    def __init__(self, name: str, folder: Path, clock: Clock) -> None:
        self.name = name
        self.id = id_of(name)
        self.folder = folder
        self.clock = clock
        self.entropy = Entropy(name)
        self.vault = UnlockedVault.found(self.entropy(32), signer(f"{name} vault").seed())
        self.store: Store
        self.exchange: Exchange
        self.courier: Courier
        self.http: Http
        self.keeper: ReplicaKeeper
        self.endpoint = ""
        self._listening: Listening | None = None

    async def start(self, world: World, port: int = 0) -> None:
        """Open the store and listen; the courier starts when the members are known."""
        self.store = await Store.open(self.folder / f"{self.name}.db")
        core = Core(
            us=self.id,
            epoch=self.clock.now,
            node=signer(f"{self.name} node"),
            certificate=make_certificate(
                self.vault.signer, self.id, signer(f"{self.name} node").public, world.now
            ),
            store=self.store,
            members=MemberBook(self.clock),
            clock=self.clock,
            entropy=self.entropy,
            files=Files(self.folder / f"{self.name}.attachments"),
        )
        self.exchange = Exchange(core)
        await core.transport.upkeep()
        self.http = Http()
        self.courier = Courier(core, self.http, lambda: 0.0)
        self.keeper = ReplicaKeeper(
            core, world.genesis, allow_loopback=True, views=self.exchange.views
        )
        self._listening = await listen(
            build_listener(self.exchange), "127.0.0.1", port, log=structlog.get_logger()
        )
        self.endpoint = f"http://127.0.0.1:{self._listening.port}"

    async def first_prekeys(self) -> bytes:
        """Make this member's first case prekeys, as ``init`` does; returns the bundle."""
        now = self.clock.now
        keys = [self.vault.seal_prekey(self.entropy(32)) for _ in range(2)]
        rows = [
            (key, seed, public, now, now + i * 30 * DAY, now + (i + 1) * 30 * DAY)
            for i, (key, public, seed) in enumerate(keys)
        ]

        async def work(tx: Tx) -> None:
            await tx.many(
                "INSERT INTO case_prekeys (id, seed, public, made_at, starts, ends) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )

        await self.store.write(work)
        prekeys = tuple(CasePrekey(SUITE, r[2], r[3], r[4], r[5]) for r in rows)
        return make_bundle(self.vault.signer, Bundle(SUITE, self.id, now, prekeys))

    async def stop(self) -> None:
        """Stop everything of this member."""
        if self._listening is not None:
            await self._listening.close()
        await self.courier.stop()
        await self.http.close()
        await self.store.close()


class Offices:
    """Some members who know each other."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.world = World(loopback=True)
        self.clock = Clock(self.world.now)
        self.all = {name: Office(name, folder, self.clock) for name in names}
        self.bundles: dict[str, bytes] = {}

    def __getitem__(self, name: str) -> Office:
        return self.all[name]

    async def start(self, *, prekeys: bool = True) -> None:
        """Start all nodes, log them into the directory, hand everybody the log and the board."""
        for name, office in self.all.items():
            await office.start(self.world)
            self.world.join(name, endpoint=office.endpoint)
            self.bundles[name] = await office.first_prekeys()
        for office in self.all.values():
            await office.keeper.take(self.world.checkpoint(), self.world.leaves)
            if prekeys:
                await self.post_board(office)
            await office.courier.start()

    async def post_board(self, office: Office) -> None:
        """Give one node the board."""
        directory = office.keeper.replica.directory
        await office.keeper.take_board(
            [verify_posted(b, directory, self.clock.now) for b in self.bundles.values()]
        )

    async def stop(self) -> None:
        for office in self.all.values():
            await office.stop()


async def until(ready: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something that the courier does has happened; fail after five seconds."""
    async with asyncio.timeout(5):
        while not await ready():  # noqa: ASYNC110 - what is awaited lies in a database
            await asyncio.sleep(0.01)


async def send(offices: Offices, priority: str = "urgent") -> Said:
    """Lisbon refers the story's person to Utrecht."""
    lisboa = offices["lisboa"]
    head = Head("referral", priority, offices.clock.now + 3 * DAY, None)
    return await lisboa.exchange.voice.open(
        lisboa.vault,
        ACTOR,
        recipient=offices["utrecht"].id,
        head=head,
        content=content_for(offices),
    )


def content_for(offices: Offices) -> dict[str, Any]:
    """What that referral says."""
    body, _ = forms.body(referral(offices["utrecht"].id))
    return body


async def delivered(office: Office, count: int = 0) -> None:
    """Wait until so many messages are left in an outbox."""

    async def empty() -> bool:
        row = await office.store.row("SELECT COUNT(*) FROM outbox")
        return row is not None and row[0] == count

    await until(empty)


async def view(office: Office, thread: bytes) -> ThreadView:
    """A thread as this member sees it."""
    shown = await office.exchange.threads.view(office.vault, thread)
    assert shown is not None
    return shown


async def say(office: Office, thread: bytes, kind: str, head: Head, **content: object) -> Said:
    """Say something in a thread."""
    body = {"author": AUTHOR, "language": "en", **content}
    return await office.exchange.voice.say(office.vault, ACTOR, thread, kind, head, body)
