"""One member of a federation: a folder as `init` makes it, a node in this process or its own."""

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

from directory_world import DAY
from links import Link
from node_world import Clock, Entropy
from page_reader import Page, Reader
from referral_node.config import Config, DirectoryChoice, Exchange, Metrics, Pages
from referral_node.delivery.http import Answer, Http
from referral_node.exchange import Actor, ImportResult, Said, ThreadView
from referral_node.folder import FolderLock, StateFolder
from referral_node.main import Node, start
from referral_node.parts import Parts
from referral_node.setup import Made, NewNode, make_node
from referral_node.store import Tx
from referral_node.users import sign_in
from referral_node.vault import FLOOR, KdfCost, Kit, Password, SlotKeys, UnlockedVault
from referral_protocol import forms
from referral_protocol.examples import LISBON, LVIV, UTRECHT, referral
from referral_protocol.statements import Head

CHEAP: Final = KdfCost(1, 8192)
PASSWORD: Final = "violet anchor seven rivers"
PROFILES: Final[dict[str, dict[str, Any]]] = {"lisboa": LISBON, "utrecht": UTRECHT, "lviv": LVIV}
KEYHOLDERS: Final = {
    "lisboa": ("ines", "Inês Carvalhal"),
    "utrecht": ("jasmijn", "Jasmijn de Wit"),
    "lviv": ("mariia", "Марія Гнатюк"),
}


class Around(Protocol):
    """What a member asks of the federation that it is in."""

    clock: Clock

    def links_of(self, name: str) -> list[Link]: ...

    def route(self, a: str, url: str) -> str: ...


class RoutedHttp(Http):
    """A node's transport whose connections go through the links: addresses are looked up here."""

    def __init__(self, route: Callable[[str], str]) -> None:
        super().__init__()
        self._route = route

    async def request(self, method: str, url: str, **how: Any) -> Answer:
        return await super().request(method, self._route(url), **how)


class Member:
    """One member of a federation: its folder, its running node, its keyholder."""

    def __init__(self, federation: Around, name: str, folder: Path, *, strong: bool) -> None:
        self.federation = federation
        self.name = name
        self.sign_in_name, self.display = KEYHOLDERS.get(name, (name, name.title()))
        self.folder = StateFolder(folder)
        self.entropy = Entropy(name)
        self.made: Made
        self.kit = Kit(self.entropy(32))
        self.cost = FLOOR if strong else CHEAP
        self.process: asyncio.subprocess.Process | None = None
        self.log: list[dict[str, Any]] = []
        """Lines of the node's log while it runs as a process."""
        self._actor: Actor | None = None
        self._node: Node | None = None
        self._vault: UnlockedVault | None = None
        self._lock = FolderLock(folder)
        self._reader: Reader | None = None
        self._port: int | None = None
        self.pages_port: int | None = None
        """Where the pages of the process listen."""
        self._errors: asyncio.Task[None] | None = None

    # what a test asks for

    @property
    def id(self) -> bytes:
        return self.made.member

    @property
    def node(self) -> Node:
        """The running node; fails while it does not run in this process."""
        assert self._node is not None, f"{self.name} does not run here"
        return self._node

    @property
    def exchange(self) -> Any:
        return self.node.exchange

    @property
    def store(self) -> Any:
        return self.node.exchange.store

    @property
    def port(self) -> int | None:
        """Where the exchange listens now, or None."""
        return self._port

    @property
    def here(self) -> bool:
        """Whether the node runs in this process."""
        return self._node is not None

    @property
    def actor(self) -> Actor:
        """The keyholder who is signed in."""
        assert self._actor is not None
        return self._actor

    def vault(self) -> UnlockedVault:
        """The vault, opened with the keyholder's password since the node runs."""
        assert self._vault is not None, f"nobody is signed in at {self.name}"
        return self._vault

    def page(self) -> Reader:
        """The keyholder's browser, at this node's pages (not signed in yet)."""
        if self._reader is None:
            self._reader = Reader(f"http://127.0.0.1:{self.node.ports['pages']}/")
        return self._reader

    async def sign_in(self) -> Page:
        """Sign in on the page; the page that follows."""
        reader = self.page()
        asked = await reader.get("/sign-in")
        return await reader.submit(
            asked, "Sign in", {"name": self.sign_in_name, "password": PASSWORD}
        )

    async def refer(self, to: "Member", priority: str = "urgent", **changes: Any) -> Said:
        """Send the story's referral; ``changes`` replaces its sections."""
        now = self.federation.clock.now
        content, _ = forms.body(referral(to.id, now) | changes)
        head = Head("referral", priority, now + 3 * DAY, None)
        said: Said = await self.exchange.voice.open(
            self.vault(), self.actor, recipient=to.id, head=head, content=content
        )
        return said

    async def say(self, thread: bytes, kind: str, head: Head | None = None, **content: Any) -> Said:
        """Say something in a thread: its kind, what the statement says openly, and the body."""
        author = {"name": self.display, "role": "point-of-contact"}
        body = {"author": author, "language": "en", **content}
        said: Said = await self.exchange.voice.say(
            self.vault(), self.actor, thread, kind, head or Head(), body
        )
        return said

    async def note(self, thread: bytes, text: str) -> Said:
        """A note in a thread."""
        return await self.say(thread, "note", form="note", text=text)

    async def read(self) -> ImportResult:
        """Open what has come, as every page does first."""
        done: ImportResult = await self.exchange.importing.run(self.vault(), self.actor)
        return done

    async def view(self, thread: bytes) -> ThreadView:
        """One referral as this member sees it."""
        shown: ThreadView | None = await self.exchange.threads.view(self.vault(), thread)
        assert shown is not None, f"{self.name} has no such referral"
        return shown

    async def count(self, sql: str, *params: Any) -> int:
        """One number out of this node's database."""
        row = await self.store.row(sql, params)
        return 0 if row is None or row[0] is None else int(row[0])

    def wake(self) -> None:
        """Let the courier look at once, for every peer for whom something waits."""
        self.node.courier.wake_all()

    # how it lives

    async def make(self, endpoint: str) -> None:
        """What `referral node init` does."""
        config = Config(
            name=PROFILES.get(self.name, LISBON)["organisation"]["name"],
            exchange=Exchange(endpoint=endpoint, port=0),
            pages=Pages(hosts=("127.0.0.1", f"{self.name}.localhost"), port=0),
            metrics=Metrics(port=0),
            directory=DirectoryChoice(every_seconds=3600),
            allow_loopback=True,
        )
        keys = SlotKeys(self.cost, self.entropy)
        try:
            self.made = await make_node(
                self.folder.path,
                NewNode(config, self.sign_in_name, self.display, Password(PASSWORD), self.kit),
                keys,
                self.entropy,
                self.federation.clock.now,
            )
        finally:
            keys.close()
        self.config = config

    async def start(self) -> None:
        """Start the node in this process and let its keyholder in."""
        fed = self.federation
        self._lock.take()
        parts = Parts(
            clock=fed.clock,
            entropy=self.entropy,
            chance=lambda: 0.0,
            cost=self.cost,
            transport=lambda: RoutedHttp(lambda url: fed.route(self.name, url)),
        )
        try:
            self._node = await start(self.folder, self.config, parts)
        except BaseException:
            self._lock.release()
            raise
        self._port = self._node.ports["exchange"]
        user, self._vault = await sign_in(
            self.store, self._node.door, self.sign_in_name, Password(PASSWORD)
        )
        self._actor = Actor(user.id, user.display, user.role)

    async def stop(self) -> None:
        """Stop the node cleanly, wherever it runs."""
        if self.process is not None:
            await self._end_process(signal.SIGTERM)
        if self._vault is not None:
            self._vault.close()
        if self._reader is not None:
            await self._reader.close()
        if self._node is not None:
            await self._node.stop()
            self._lock.release()
        self._node, self._vault, self._reader, self._port = None, None, None, None

    async def crash(self) -> None:
        """End the node as a power cut would: what is committed is on disk, nothing else happens.

        All links of this node break, then the folder is copied between two commits; what the
        process does after that reaches neither a peer nor the folder.
        """
        image = self.folder.path.with_name(self.folder.path.name + ".image")

        for link in self.federation.links_of(self.name):
            link.cut()

        async def between_commits(_: Tx) -> None:
            shutil.copytree(self.folder.path, image, ignore=shutil.ignore_patterns("*.sock"))

        await self.store.write(between_commits)
        await self.stop()
        shutil.rmtree(self.folder.path)
        image.rename(self.folder.path)
        for link in self.federation.links_of(self.name):
            link.mend()

    async def start_process(self, *before: str) -> None:
        """Start `referral node serve` for this folder, on the machine's clock, as a process.

        ``before``: a command that runs it in its own place, like strace -D.
        """
        assert await self.launch(*before), f"{self.name} did not start: {self.log}"

    async def launch(self, *before: str) -> bool:
        """The same; False if it ended before it was ready."""
        assert self.cost == FLOOR, f"make {self.name} strong: `serve` refuses cheap passwords"
        self._port = self.pages_port = None
        self.process = await asyncio.create_subprocess_exec(
            *before,
            sys.executable,
            *("-c", "from referral_tools.cli import main; main()"),
            *("node", "serve", "--state", str(self.folder.path)),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONWARNINGS": "default"},
        )
        ready = asyncio.Event()
        self._errors = asyncio.create_task(self._follow(ready))
        async with asyncio.timeout(60):
            await ready.wait()
        return self._port is not None

    async def kill(self) -> None:
        """SIGKILL: the process ends in the middle of whatever it does."""
        await self._end_process(signal.SIGKILL)

    async def _follow(self, ready: asyncio.Event) -> None:
        assert self.process is not None
        assert self.process.stderr is not None
        async for raw in self.process.stderr:
            try:
                line = json.loads(raw)
            except ValueError:
                line = {"event": "not-json", "text": raw.decode("utf-8", "replace")}
            self.log.append(line)
            if line["event"] == "node.ready":
                self._port, self.pages_port = line["exchange"], line["pages"]
                ready.set()
        ready.set()  # it ended

    async def _end_process(self, how: signal.Signals) -> None:
        process = self.process
        assert process is not None
        self.process, self._port = None, None
        if process.returncode is None:
            process.send_signal(how)
        async with asyncio.timeout(30):
            await process.wait()
        if self._errors is not None:
            await self._errors
