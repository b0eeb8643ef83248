"""Three members and a directory as processes, a link on every way between them, a clock for each.

Law: nothing here knows what was said. It starts, stops, cuts and moves; what came of it is the
driver's to learn from pages and exit codes. Every process that it starts it ends by its own id.
"""

import asyncio
import json
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from chaos.clock import ClockHand, machine_time
from chaos.disk import SmallDisk
from chaos.process import NotReady, Process
from chaos.roots import CHEAP, CHEAP_DIRECTORY
from fed_member import KEYHOLDERS, PASSWORD, PROFILES
from links import Link
from referral_directory import main as directory_main
from referral_directory.control import reach
from referral_directory.folder import Folder
from referral_directory.registrars import FIRST, unlock
from referral_node.config import Config, DirectoryChoice, Exchange, Metrics, Pages
from referral_node.control import ask
from referral_node.folder import StateFolder
from referral_node.setup import NewNode, make_node
from referral_node.vault import Kit, Password, SlotKeys
from referral_protocol import profiles
from referral_protocol.directory.entries import anchor_text, sign_entry
from referral_protocol.examples import SENT

NAMES: Final = ("lisboa", "utrecht", "lviv")
DIRECTORY: Final = "directory"
REGISTRAR: Final = "the registrar's own password"
MOST_TRAFFIC: Final = 256 * 1024 * 1024
"""Bytes of recorded traffic that are kept for the search."""
REMEMBERED: Final = 300
"""Requests that each link remembers, to send them again."""


@dataclass
class Site:
    """One member: its folder, its process, its clock."""

    name: str
    folder: StateFolder
    clock: ClockHand
    process: Process
    config: Config
    kit: Kit
    id: bytes
    fingerprint: str
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Who starts or stops the process holds it."""
    discarded: list[Path] = field(default_factory=list)
    """Folders that an older copy was put in the place of."""

    @property
    def sign_in_name(self) -> str:
        return KEYHOLDERS[self.name][0]

    @property
    def organisation(self) -> str:
        return str(PROFILES[self.name]["organisation"]["name"])

    @property
    def pages(self) -> int | None:
        """Port of the pages, or None while the node does not answer."""
        return self.process.ports.get("pages") if self.process.running else None


class World:
    """Use :meth:`found` and :meth:`close`. All that it makes lies below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sites: dict[str, Site] = {}
        self.links: dict[tuple[str, str], Link] = {}
        self.directory = Folder(folder / DIRECTORY)
        self.directory_lock = asyncio.Lock()
        self.start_offset = SENT - machine_time()
        """No clock ever goes back behind the time at which this world began."""
        self.anchor = ""
        for name in ("clocks", "logs", "traffic", "discarded", "copies"):
            (folder / name).mkdir()
        self.directory_clock = self._clock(DIRECTORY)
        self.directory_process = Process(
            DIRECTORY,
            [
                *("chaos.roots", "directory", str(self.directory.path)),
                str(self.directory_clock.file),
            ],
            folder / "logs" / "directory.log",
        )
        self.disk = SmallDisk(folder / "disk")
        self._traffic = (folder / "traffic" / "all").open("wb")

    def _clock(self, name: str) -> ClockHand:
        return ClockHand(self.folder / "clocks" / name, self.start_offset)

    def links_of(self, name: str) -> list[Link]:
        """All links to and from one end."""
        return [link for ends, link in self.links.items() if name in ends]

    def processes(self) -> list[Process]:
        return [self.directory_process, *(site.process for site in self.sites.values())]

    # the beginning

    async def found(self) -> None:
        """Make everything, start it, let everybody join."""
        ends = (*NAMES, DIRECTORY)
        for a in ends:
            for b in ends:
                if a != b:
                    link = self.links[a, b] = Link(f"{a}-{b}", partial(self._port_of, b))
                    link.witness = self._record
                    await link.start()
        passwords = directory_main.Passwords(REGISTRAR, REGISTRAR)
        here = directory_main.World(clock=lambda: self.directory_clock.now, cost=CHEAP_DIRECTORY)
        genesis = await directory_main.found(
            self.directory,
            "port = 0\nallow_loopback = true\n",
            "directory.example.org",
            passwords,
            here,
        )
        self.anchor = anchor_text(genesis)
        await self.directory_process.start()
        for name in NAMES:
            self.sites[name] = await self._make(name)
        await asyncio.gather(*(site.process.start() for site in self.sites.values()))
        for site in self.sites.values():
            await self._join(site)

    async def _make(self, name: str) -> Site:
        on_disk = name == NAMES[1] and self.disk.mounted
        folder = StateFolder((self.disk.path if on_disk else self.folder) / name)
        clock = self._clock(name)
        config = Config(
            name=PROFILES[name]["organisation"]["name"],
            exchange=Exchange(endpoint=self._address(name), port=0),
            pages=Pages(hosts=("127.0.0.1",), port=0),
            metrics=Metrics(port=0),
            directory=DirectoryChoice(every_seconds=5),
            allow_loopback=True,
        )
        keys = SlotKeys(CHEAP, secrets.token_bytes)
        kit = Kit(secrets.token_bytes(32))
        user, display = KEYHOLDERS[name]
        try:
            new = NewNode(config, user, display, Password(PASSWORD), kit)
            made = await make_node(folder.path, new, keys, secrets.token_bytes, clock.now)
        finally:
            keys.close()
        arguments = ["chaos.roots", "node", str(folder.path), str(clock.file), self._routes(name)]
        process = Process(name, arguments, self.folder / "logs" / f"{name}.log")
        return Site(name, folder, clock, process, config, kit, made.member, made.fingerprint)

    def _address(self, name: str) -> str:
        """The address in the log: the directory's own way there, which outlives restarts."""
        if name == DIRECTORY:
            return "http://127.0.0.1:1"  # nobody connects there: it is routed
        return f"http://127.0.0.1:{self.links[DIRECTORY, name].port}"

    def _routes(self, name: str) -> str:
        others = [end for end in (*NAMES, DIRECTORY) if end != name]
        return json.dumps(
            {
                self._address(other): f"http://127.0.0.1:{self.links[name, other].port}"
                for other in others
            }
        )

    def _port_of(self, name: str) -> int | None:
        process = self.directory_process if name == DIRECTORY else self.sites[name].process
        return process.ports.get("exchange") if process.running else None

    async def _join(self, site: Site) -> None:
        """As `join` does it, and as the registrar admits."""
        registrar = unlock(self.directory, FIRST, REGISTRAR).key
        async with reach(self.directory, _runs) as office:
            wanted = {
                "url": self._address(DIRECTORY),
                "anchor": self.anchor,
                "profile": profiles.encode(PROFILES[site.name]),
                "authority": {"name": site.sign_in_name, "password": PASSWORD},
            }
            answer = await ask(site.folder.control, "join", wanted)
            assert answer["state"] == "waiting", answer
            for waiting in await office.ask("requests"):
                await office.ask("request", request=waiting["id"], check=True)
                content = bytes((await office.ask("request", request=waiting["id"]))["content"])
                signed = [[s.key, s.signature] for s in sign_entry(content, registrar)]
                await office.ask("approve", request=waiting["id"], signatures=signed)

    def kit_file(self, site: Site) -> Path:
        """The printed kit, as somebody would type it."""
        file = self.folder / "copies" / f"{site.name}.kit"
        file.write_text(site.kit.text(), "ascii")
        return file

    def _record(self, data: bytes) -> None:
        if self._traffic.tell() < MOST_TRAFFIC:
            self._traffic.write(data)

    # while it runs

    async def restart(self, site: Site) -> None:
        """Start it until it answers; on a full disk perhaps again and again, as systemd does."""
        for _ in range(40):
            full, fills = self.disk.filled, self.disk.fills
            try:
                if not site.process.running:
                    await site.process.launch()
                await site.process.ready()
            except NotReady:
                full = full or fills != self.disk.fills  # then, or since
                if full and site.folder.path.is_relative_to(self.disk.path):
                    site.process.wrong.pop()
                    await asyncio.sleep(1)
                continue
            return
        raise AssertionError(f"{site.name} does not start: see its log")

    def set_aside(self, site: Site) -> None:
        """The folder of a node that does not run is where it was no more."""
        assert not site.process.running
        kept = self.folder / "discarded" / f"{len(site.discarded)}-{site.name}"
        shutil.copytree(site.folder.path, kept, ignore=_sockets)
        shutil.rmtree(site.folder.path)
        site.discarded.append(kept)

    def put_back(self, site: Site, copy: Path) -> None:
        """An old copy in the place of the folder of a node that does not run."""
        self.set_aside(site)
        shutil.copytree(copy, site.folder.path)

    def copy(self, site: Site, number: int) -> Path:
        """A copy of the folder of a node that does not run."""
        assert not site.process.running
        place = self.folder / "copies" / f"{number}-{site.name}"
        shutil.copytree(site.folder.path, place, ignore=_sockets)
        return place

    def flush(self) -> None:
        """All recorded traffic into its file."""
        self._traffic.flush()

    async def close(self) -> None:
        """End what still runs, and take the disk away."""
        for process in self.processes():
            if process.running:
                await process.kill()
        for link in self.links.values():
            await link.close()
        self._traffic.close()

    def clear(self) -> None:
        """The disk too: nothing on it can be looked at after that."""
        self.disk.close()


_sockets: Final[Callable[[Any, list[str]], set[str]]] = shutil.ignore_patterns("*.sock")


def _runs() -> Any:
    raise AssertionError("the directory runs")
