"""Members whose keyholders can sign in: real nodes, real vaults with a cheap password, real pages.

Times are those of the story: it begins on Thursday 19 November 2026, before Inês sends.
"""

import asyncio
from pathlib import Path
from typing import Any

from aiohttp import web

from node_world import Office, Offices
from page_reader import Page, Reader
from referral_node.config import parse_config
from referral_node.exchange import Actor, Said
from referral_node.store import Tx
from referral_node.vault import KdfCost, Password, Sessions, SignIn, SlotKeys
from referral_node.vault.vault import VAULT_KEY
from referral_node.web.app import SITE, build_app
from referral_node.web.site import TryMail
from referral_protocol import forms, profiles
from referral_protocol.examples import LISBON, LVIV, SENT, UTRECHT, referral
from referral_protocol.statements import Head

CHEAP = KdfCost(1, 8192)
PASSWORD = "correct horse battery"
HOUR = 3_600_000
DAY = 24 * HOUR
PROFILES = {"lisboa": LISBON, "utrecht": UTRECHT, "lviv": LVIV}
KEYHOLDERS = {
    "lisboa": ("ines", "Inês Carvalhal"),
    "utrecht": ("jasmijn", "Jasmijn de Wit"),
    "lviv": ("mariia", "Марія Гнатюк"),
}
CONFIG = """
name = "{name}"
country = "NL"
time_zone = "Europe/Amsterdam"
allow_loopback = true
[exchange]
endpoint = "{endpoint}"
[pages]
hosts = ["localhost", "{name}.localhost"]
port = 0
"""


class Desk:
    """One member's pages and the person who reads them."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.name, self.display = KEYHOLDERS[office.name]
        self.keys = SlotKeys(CHEAP, office.entropy)
        self.sessions = Sessions(office.clock, office.entropy)
        self.actor = Actor(b"u" * 16, self.display, "point-of-contact")
        self.try_mail: TryMail | None = None
        """Set before the desk is opened: what a test mail is sent by."""
        self.reader: Reader
        self.base = ""
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        """Let the keyholder in, and listen."""
        office = self.office
        slot = await self.keys.password_slot(
            Password(PASSWORD), office.vault.master(), user=self.actor.id, now=office.clock.now
        )

        async def work(tx: Tx) -> None:
            await tx.execute(
                "INSERT INTO users (id, name, display, role, made_at) VALUES (?, ?, ?, ?, ?)",
                (self.actor.id, self.name, self.display, self.actor.role, office.clock.now),
            )
            await tx.execute(
                "INSERT INTO slots (id, kind, user, parameters, wrapped, made_at) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                slot,
            )
            await tx.execute(
                "INSERT INTO secrets (name, sealed, made_at) VALUES (?, ?, ?)",
                (VAULT_KEY, office.vault.sealed_vault_key, office.clock.now),
            )

        await office.store.write(work)
        app = build_app(
            exchange=office.exchange,
            sessions=self.sessions,
            sign_in=SignIn(office.clock, self.keys),
            config=parse_config(CONFIG.format(name=office.name, endpoint=office.endpoint)),
            try_mail=self.try_mail,
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port = self._runner.addresses[0][1]
        for host in ("localhost", f"{office.name}.localhost", "127.0.0.1"):
            app[SITE].origins.add(f"http://{host}:{port}")
        self.base = f"http://127.0.0.1:{port}/"
        self.reader = Reader(self.base)

    async def close(self) -> None:
        await self.reader.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self.keys.close()

    async def sign_in(self) -> Page:
        """Sign in; the page after it."""
        page = await self.reader.get("/sign-in")
        return await self.reader.submit(page, "Sign in", {"name": self.name, "password": PASSWORD})


class Desks(Offices):
    """Offices with their pages. ``at`` moves the clock."""

    def __init__(self, folder: Path, *names: str, now: int = SENT - HOUR) -> None:
        super().__init__(folder, *names)
        self.world.now = self.clock.now = now
        self.desks = {name: Desk(office) for name, office in self.all.items()}

    async def start(self, *, prekeys: bool = True) -> None:
        await super().start(prekeys=prekeys)
        for office in self.all.values():
            for name, other in self.all.items():
                profile = profiles.decode(profiles.encode(PROFILES[name]))
                office.exchange.members.set_profile(other.id, profile)
        for desk in self.desks.values():
            await desk.open()

    async def stop(self) -> None:
        for desk in self.desks.values():
            await desk.close()
        await super().stop()

    def at(self, now: int) -> None:
        """Move the clock."""
        self.clock.now = now
        self.world.now = now

    def desk(self, name: str) -> Desk:
        return self.desks[name]

    async def sent(self, **changes: Any) -> bytes:
        """The story's referral, sent at its time and held by Utrecht's node."""
        self.at(SENT)
        said = await self.send(**changes)
        await self.settle()
        return said.thread

    async def settle(self) -> None:
        """Wait until everything that waits for delivery is delivered; fail after five seconds."""
        for _ in range(1000):
            if not [office for office in self.all.values() if await _waiting(office)]:
                return
            await asyncio.sleep(0.005)
        raise AssertionError("something is still on its way after five seconds")

    async def send(self, **changes: Any) -> Said:
        """Inês sends the story's referral, now. ``changes`` replaces sections or head values."""
        lisboa, utrecht = self["lisboa"], self["utrecht"]
        draft = referral(utrecht.id, self.clock.now)
        draft["answer"] |= {
            key: changes.pop(key) for key in ("priority", "respond_by") if key in changes
        }
        content, head = forms.body(draft | changes)
        return await lisboa.exchange.voice.open(
            lisboa.vault,
            self.desk("lisboa").actor,
            recipient=utrecht.id,
            head=Head("referral", head.priority, head.respond_by, None),
            content=content,
        )


async def _waiting(office: Office) -> bool:
    return bool(await office.store.rows("SELECT 1 FROM outbox WHERE code IS NULL LIMIT 1"))
