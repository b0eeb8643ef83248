"""VSE's office in tests: a served directory, its console, and registrars who sign in to it.

Nothing is replaced but the clock: real keys, real passwords at the floor's cost, codes as a
telephone makes them.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from directory_roots import change_root
from directory_server import PASSWORDS, Client, Place, made
from directory_world import signer
from page_reader import Page, Reader
from referral_directory import registrars
from referral_directory.config import Console
from referral_directory.registrars import FIRST, Registrar
from referral_directory.sealing import FLOOR, Cost
from referral_directory.totp import STEP_SECONDS, code_at
from referral_protocol.keys import fingerprint

CHEAP = Cost(1, FLOOR)


def lines_of(name: str) -> list[str]:
    """The fingerprint of an example organisation as its screen shows it: three lines."""
    groups = fingerprint(signer(f"{name} vault").public, signer(f"{name} node").public).split(" ")
    return [" ".join(groups[at : at + 4]) for at in (0, 4, 8)]


class Desk:
    """One registrar with a browser. ``reader`` fetches pages as that browser would."""

    def __init__(self, client: Client, registrar: Registrar, password: str) -> None:
        assert client.running.console is not None
        self.client = client
        self.registrar = registrar
        self.password = password
        self.reader = Reader(client.running.console + "/")

    def code(self) -> str:
        """The code of now, on a clock that has moved on: each counts once."""
        self.client.place.clock.ahead += STEP_SECONDS * 1000
        return code_at(self.registrar.secret, self.client.place.clock())

    async def sign_in(self) -> Page:
        """Sign in; the first page."""
        page = await self.reader.get("/sign-in")
        typed = {"name": self.registrar.name, "password": self.password, "code": self.code()}
        return await self.reader.submit(page, "Sign in", typed)

    async def get(self, path: str) -> Page:
        return await self.reader.get(path)


class Office:
    """The office: a directory that runs, and its registrars."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.place: Place = client.place
        self._desks: list[Desk] = []

    def desk(self, name: str = FIRST, password: str = PASSWORDS.registrar) -> Desk:
        """A registrar sits down, not signed in yet."""
        desk = Desk(self.client, registrars.unlock(self.place.folder, name, password), password)
        self._desks.append(desk)
        return desk

    async def signed_in(self) -> Desk:
        """The first registrar, signed in."""
        desk = self.desk()
        page = await desk.sign_in()
        assert page.status == 200, page.text
        return desk

    async def second(self, threshold: int = 2) -> Desk:
        """A second registrar, whom the root names; two must sign from now on."""
        password = "another long password"
        made_one = registrars.make(
            self.place.folder, "jan", "Jan Novák", password, CHEAP, os.urandom
        )
        acting = self.client.running.ledger.directory.root_at(self.place.clock()).root
        keys = tuple(sorted((*acting.registrars, made_one.key.public)))
        await change_root(self.client, registrars=keys, registrar_threshold=threshold)
        return self.desk("jan", password)

    async def close(self) -> None:
        for desk in self._desks:
            await desk.reader.close()


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Office]:
    """An office in a new folder, its directory served."""
    place = await made(path, console=Console(port=0))
    # A sign-in takes its time; the connection that waits for it is not to be closed meanwhile.
    place.world = place.world._replace(head_time=30.0)
    async with place.served() as client:
        office = Office(client)
        try:
            yield office
        finally:
            await office.close()
