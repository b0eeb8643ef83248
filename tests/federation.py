"""N real nodes and a real directory in one process, real sockets, a clock that stands still.

    async with Federation(tmp_path, "lisboa", "utrecht", "lviv") as fed:
        lisboa, utrecht = fed["lisboa"], fed["utrecht"]
        fed.link("lisboa", "utrecht").cut()
        said = await lisboa.refer(utrecht)           # signed, sealed, queued
        fed.link("lisboa", "utrecht").mend()
        await fed.settle()                           # until nothing waits anywhere
        await utrecht.read()                         # import, as a page does
        view = await utrecht.view(said.thread)

Everything is what production runs: folders made by `init`'s function, nodes by `main.start`, joined
by the command `join`, admitted by the registrar who types the fingerprint, pages in front of real
sessions. Only this is chosen otherwise: the clock, chance (none), the price of a password, and the
way: each node speaks to each other one, and to the directory, through a :class:`links.Link`.

The clock moves only when a test moves it (``fed.clock.now += ...``, or :meth:`Federation.settle`,
which moves it by a second per round so that what failed is tried again).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, Self

from fed_member import PASSWORD, PROFILES, Member
from links import Link
from node_world import Clock, Entropy
from referral_directory import main as directory_main
from referral_directory.config import read_config
from referral_directory.control import Reached, reach
from referral_directory.folder import Folder, Lock
from referral_directory.registrars import FIRST, unlock
from referral_directory.sealing import Cost
from referral_protocol import profiles
from referral_protocol.directory.entries import (
    SUSPENDED,
    Status,
    anchor_text,
    make_status_entry,
    sign_entry,
)
from referral_protocol.examples import LISBON, SENT
from referral_protocol.suite import Signer

REGISTRAR: Final = "the registrar's own password"
ORIGIN: Final = "directory.example.org"
DIRECTORY: Final = "directory"
"""The directory's name among the ends of links."""
SECOND: Final = 1000
_ROUTED: Final = "http://127.0.0.1:1"
"""The directory's address: nobody connects there, it is routed."""
_CONFIG: Final = f'url = "{_ROUTED}"\nport = 0\nallow_loopback = true\n'


class Shown(Protocol):
    """What answers at the directory's address instead of it."""

    @property
    def port(self) -> int | None: ...


class Federation:
    """Use as an asynchronous context manager; inside, every node knows every other one.

    ``strong`` names members whose passwords cost what production asks, so that they may also run
    as processes; ``later`` those who are not there yet (:meth:`arrives`); ``places`` the folders of
    those that lie elsewhere; ``console``: registrars have their pages; ``now`` is the time at which
    everything begins.
    """

    def __init__(
        self,
        folder: Path,
        *names: str,
        strong: tuple[str, ...] = (),
        later: tuple[str, ...] = (),
        console: bool = False,
        places: Mapping[str, Path] | None = None,
        now: int = SENT - 3_600_000,
    ) -> None:
        self.clock = Clock(now)
        self.directory = Folder(folder / "directory")
        self.world = directory_main.World(
            clock=self.clock, random=Entropy(DIRECTORY), cost=Cost(1, 64 * 1024 * 1024)
        )
        self.anchor = ""
        self.members = {
            name: Member(self, name, (places or {}).get(name, folder / name), strong=name in strong)
            for name in (*names, *later)
        }
        self._later = later
        self._console = console
        self.console: str | None = None
        """Where registrars sign in, if there is a console."""
        self._registrar: Signer | None = None
        self._directory_lock: Lock | None = None
        self._serving: Any = None
        self.directory_port: int | None = None
        self.faces: dict[str, Shown] = {}
        """Who is shown another directory than the others, and which."""
        self._links: dict[tuple[str, str], Link] = {}
        self._endpoints: dict[str, str] = {}

    def __getitem__(self, name: str) -> Member:
        return self.members[name]

    def link(self, a: str, b: str) -> Link:
        """The way from ``a`` to ``b``: names of members, or ``directory``."""
        return self._links[a, b]

    def links_of(self, name: str) -> list[Link]:
        """All links to and from one end."""
        return [link for ends, link in self._links.items() if name in ends]

    def route(self, a: str, url: str) -> str:
        """The address that ``a`` connects to when it means ``url``."""
        for b, endpoint in self._endpoints.items():
            if url.startswith(endpoint + "/"):
                link = self._links[a, b]
                return f"http://127.0.0.1:{link.port}{url.removeprefix(endpoint)}"
        raise AssertionError(f"{a} wants to go to a strange place: {url}")

    async def __aenter__(self) -> Self:
        try:
            await self._found()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop all that runs."""
        for member in self.members.values():
            await member.stop()
        await self.stop_directory()
        for link in self._links.values():
            await link.close()

    async def _found(self) -> None:
        ends = [*self.members, DIRECTORY]
        for a in ends:
            for b in ends:
                if a != b:
                    link = self._links[a, b] = Link(f"{a} -> {b}", partial(self._port_of, a, b))
                    await link.start()
        # The address in the directory is the directory's own way there: it outlives restarts.
        for name in self.members:
            self._endpoints[name] = f"http://127.0.0.1:{self.link(DIRECTORY, name).port}"
        genesis = await directory_main.found(
            self.directory,
            _CONFIG + ("[console]\nport = 0\n" if self._console else ""),
            ORIGIN,
            directory_main.Passwords(REGISTRAR, REGISTRAR),
            self.world,
        )
        self.anchor = anchor_text(genesis)
        await self.start_directory()
        self._endpoints[DIRECTORY] = _ROUTED
        for member in self.members.values():
            if member.name not in self._later:
                await self.arrives(member)
                await self.join(member)
        await self.everybody_knows()

    async def arrives(self, member: Member) -> None:
        """A node is set up and serves; it has not joined yet."""
        await member.make(self._endpoints[member.name])
        await member.start()

    def _port_of(self, asker: str, name: str) -> int | None:
        if name != DIRECTORY:
            return self.members[name].port
        return self.faces[asker].port if asker in self.faces else self.directory_port

    # the directory

    async def start_directory(self) -> None:
        self._directory_lock = Lock.take(self.directory)
        assert self._directory_lock is not None
        serving = directory_main.serving(
            self.directory, read_config(self.directory.config), self.world
        )
        running = await serving.__aenter__()
        self._serving, self.directory_port = serving, running.port
        self.console = running.console

    async def stop_directory(self) -> None:
        if self._serving is not None:
            await self._serving.__aexit__(None, None, None)
        if self._directory_lock is not None:
            self._directory_lock.release()
        self._serving = self._directory_lock = self.directory_port = None

    async def join(self, member: Member) -> None:
        """Ask to be admitted, as `referral node join` does, and let the registrar admit it."""
        await self.asks_to_join(member)
        await self.admit()

    async def asks_to_join(self, member: Member) -> None:
        """What `referral node join` does, at the directory that this member is shown."""
        profile = profiles.encode(PROFILES.get(member.name, LISBON))
        answer = await member.node.operations().join(
            {
                "url": self._endpoints[DIRECTORY],
                "anchor": self.anchor,
                "profile": profile,
                "authority": {"name": member.sign_in_name, "password": PASSWORD},
            }
        )
        assert answer["state"] == "waiting", answer

    async def admit(self, folder: Folder | None = None) -> None:
        """What the registrar does with everybody who waits, at this directory or the true one."""
        async with self.registrar(folder) as office:
            for waiting in await office.ask("requests"):
                await office.ask("request", request=waiting["id"], check=True)
                content = (await office.ask("request", request=waiting["id"]))["content"]
                await office.ask(
                    "approve", request=waiting["id"], signatures=self._signed(bytes(content))
                )

    def registrar(self, folder: Folder | None = None) -> Any:
        """The registrar's way to a directory that runs: its socket."""

        def unused() -> Any:
            raise AssertionError("the directory runs")

        return reach(folder or self.directory, unused)

    async def change_status(self, member: Member, status: str = SUSPENDED) -> None:
        """What `suspend`, `lift` and `remove` do; then every running node learns of it."""
        await self.change_status_unseen(member, status)
        for each in self._here():
            await self.learns(each, partial(_is, each, member.id, status))

    async def change_status_unseen(
        self, member: Member, status: str, folder: Folder | None = None
    ) -> None:
        """The same, and the nodes learn of it when they next ask."""
        async with self.registrar(folder) as office:
            found = await _ask_member(office, member)
            body = Status(status, None, "test")
            content = make_status_entry(
                bytes(found["genesis"]),
                member.id,
                found["number"] + 1,
                bytes(found["head"]),
                body,
                self.clock.now,
            )
            await office.ask("change-status", content=content, signatures=self._signed(content))

    def registrar_key(self) -> Signer:
        """The first registrar's key, opened with its password."""
        if self._registrar is None:  # opening it is made to be slow
            self._registrar = unlock(self.directory, FIRST, REGISTRAR).key
        return self._registrar

    def _signed(self, content: bytes) -> list[list[bytes]]:
        return [[s.key, s.signature] for s in sign_entry(content, self.registrar_key())]

    # time and order

    def _here(self) -> list[Member]:
        return [m for m in self.members.values() if m.here]

    async def everybody_knows(self) -> None:
        """Until each node that runs has everybody's keys, profile and prekeys."""
        for member in self._here():
            await self.learns(member, partial(self._knows_all, member))

    def _knows_all(self, member: Member) -> bool:
        known = member.exchange.members
        return all(
            known.get(other.id) is not None
            and known.current_prekey(other.id) is not None
            and known.get(other.id).profile is not None
            for other in self.members.values()
            if other.name not in self._later
        )

    async def learns(self, member: Member, ready: Callable[[], bool]) -> None:
        """Let a node ask the directory until something is so in its copy."""

        async def asked() -> bool:
            if not ready():
                assert member.node.poller is not None
                member.node.poller.soon()
            return ready()

        await until(asked)

    async def settle(self, rounds: int = 600, *, waiting: int = 0) -> None:
        """Until at most ``waiting`` messages are still to be delivered by the nodes that run here.

        In each round the clock moves by a second and every courier looks again.
        """
        left = -1
        for _ in range(rounds):
            left = sum([await m.count(_UNDELIVERED) for m in self._here()])
            if left <= waiting:
                return
            self.clock.now += SECOND
            for member in self._here():
                member.wake()
            await asyncio.sleep(0.01)
        raise AssertionError(f"{left} messages are still not delivered")

    async def read_all(self) -> None:
        """Deliver and open everything, again and again, until nothing new comes of it."""
        for _ in range(20):
            await self.settle()
            results = [await m.read() for m in self._here()]
            if not any((r.imported, r.unreadable, r.sealed) != (0, 0, 0) for r in results):
                return
        raise AssertionError("there is always something new to read")


_UNDELIVERED: Final = "SELECT COUNT(*) FROM outbox WHERE code IS NULL"


async def _ask_member(office: Reached, member: Member) -> dict[str, Any]:
    found: dict[str, Any] = await office.ask("member", member=member.id.hex())
    return found


def _is(member: Member, other: bytes, status: str) -> bool:
    found = member.exchange.members.get(other)
    return found is not None and found.status == status


async def until(ready: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    """Wait until something that goes on by itself has happened; TimeoutError otherwise."""
    async with asyncio.timeout(seconds):
        while not await ready():  # noqa: ASYNC110 - it lies in a database or behind a socket
            await asyncio.sleep(0.005)
