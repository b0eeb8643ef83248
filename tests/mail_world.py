"""An office whose keyholders are told by mail: a real mail server, rows of real shape, a clock.

async with MailWorld(tmp_path) as world:
    await world.keyholder("ines", POINT_OF_CONTACT)
    await world.thread("receiving", "urgent", respond_by=...)
    world.clock.now += MINUTE
    await world.round()
    world.texts("ines")          # what she was told, mail by mail
"""

from datetime import date
from pathlib import Path
from typing import Any, Self

from node_world import Office, Offices
from referral_node.delivery.postman import Postman
from referral_node.exchange.notices.duty import add_absence, set_address
from referral_node.mail_settings import Mail
from referral_node.store import Tx
from smtp_server import MailHost

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
BEGIN = 1_795_098_000_000
"""Thursday 19 November 2026, 15:20 in Utrecht."""
ZONE = "Europe/Amsterdam"
LINK = "https://cases.example/"
ADMINISTRATOR = "it@utrecht.example"


class MailWorld:
    """One office of ``offices`` (made here if none are given), its people and its postman."""

    def __init__(self, folder: Path, offices: Offices | None = None, **settings: Any) -> None:
        self.folder = folder
        self.offices = offices
        self.settings: dict[str, Any] = {"administrators": (ADMINISTRATOR,), **settings}
        self.host = MailHost(folder)
        self.office: Office
        self.postman: Postman
        self._own = offices is None
        self._threads = 0

    async def __aenter__(self) -> Self:
        if self.offices is None:
            self.offices = Offices(self.folder, "utrecht")
            self.offices.clock.now = self.offices.world.now = BEGIN
            await self.offices.start()
        self.office = self.offices["utrecht"]
        await self.host.__aenter__()
        self.restart()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.host.stop()
        if self._own and self.offices is not None:
            await self.offices.stop()

    @property
    def clock(self) -> Any:
        return self.office.clock

    @property
    def store(self) -> Any:
        return self.office.store

    @property
    def mail(self) -> Mail:
        return self.host.settings(**self.settings)

    def restart(self) -> None:
        """Another postman over the same store, as after a restart of the node."""
        core = self.office.exchange.core
        self.postman = Postman(core, self.mail, self.folder, ZONE, LINK)

    async def round(self, after: int = 0) -> int:
        """Move the clock and let the postman go round once; how many mails went."""
        self.clock.now += after
        return await self.postman.round()

    async def keyholder(self, name: str, role: str, address: str | None = "") -> bytes:
        """Somebody who may sign in; ``address`` "": one made of the name; None: none."""
        user = name.encode().ljust(16, b"-")

        async def work(tx: Tx) -> None:
            await tx.execute(
                "INSERT INTO users (id, name, display, role, made_at) VALUES (?, ?, ?, ?, ?)",
                (user, name, name.title(), role, self.clock.now),
            )

        await self.store.write(work)
        if address is not None:
            await set_address(self.store, user, address or at(name), None, self.clock.now)
        return user

    async def away(self, user: bytes, first: str, last: str) -> None:
        begins, ends = date.fromisoformat(first), date.fromisoformat(last)
        await add_absence(self.store, user, begins, ends, None, self.clock.now, begins)

    async def thread(
        self,
        role: str = "receiving",
        priority: str = "urgent",
        *,
        respond_by: int | None = None,
        state: str = "requested",
        held: bool = True,
        kind: str = "referral",
        **more: Any,
    ) -> bytes:
        """A thread and its opener, as they lie in the store; ``more``: columns of the thread."""
        self._threads += 1
        name = b"thread" + self._threads.to_bytes(26, "big")
        now = self.clock.now
        values = {
            "id": name,
            "peer": b"p" * 16,
            "role": role,
            "kind": kind,
            "priority": priority,
            "opened_at": now,
            "respond_by": now + 3 * DAY if respond_by is None else respond_by,
            "state": state,
            "changed_at": now,
            **more,
        }
        mine = role == "referring"
        body = ("gone" if held else "outgoing") if mine else "sealed"

        async def work(tx: Tx) -> None:
            names, marks = ",".join(values), ",".join("?" * len(values))
            await tx.execute(
                f"INSERT INTO threads ({names}) VALUES ({marks})",  # noqa: S608 - the test's own
                list(values.values()),
            )
            await _message(tx, name, name, "open", mine, now, body, now if held else None)
            if mine and not held:
                await tx.execute(
                    "INSERT INTO outbox (message, peer, rank, queued_at, next_at) "
                    "SELECT number, peer, 1, at, at FROM messages WHERE hash = ?",
                    (name,),
                )

        await self.store.write(work)
        return name

    async def message(self, thread: bytes, *, mine: bool = False) -> bytes:
        """A note in a thread: theirs waits to be opened, ours to be delivered."""
        self._threads += 1
        name = b"note" + self._threads.to_bytes(28, "big")
        now = self.clock.now

        async def work(tx: Tx) -> None:
            await _message(
                tx, name, thread, "note", mine, now, "outgoing" if mine else "sealed", None
            )
            if mine:
                await tx.execute(
                    "INSERT INTO outbox (message, peer, rank, queued_at, next_at) "
                    "SELECT number, peer, 1, at, at FROM messages WHERE hash = ?",
                    (name,),
                )

        await self.store.write(work)
        return name

    async def change(self, sql: str, *params: Any) -> None:
        """Change rows, as what comes from outside does."""

        async def work(tx: Tx) -> None:
            await tx.execute(sql, params)

        await self.store.write(work)

    async def move(self, thread: bytes, state: str, *, ended: bool = False) -> None:
        """What `settle` does when a state came."""
        await self.change(
            "UPDATE threads SET state = ?, ended = ?, look_at = 0, changed_at = ? WHERE id = ?",
            state,
            int(ended),
            self.clock.now,
            thread,
        )

    def texts(self, name: str) -> list[str]:
        """The sentences of each mail to somebody, without the foot."""
        return [
            mail.get_content().replace("\r\n", "\n").split("\n-- \n")[0].strip()
            for mail in self.host.to(at(name) if "@" not in name else name)
        ]

    def told(self, name: str) -> list[list[str]]:
        """The lines before the link, of each mail to somebody."""
        return [text.split("\n\n")[0].split("\n") for text in self.texts(name)]


def at(name: str) -> str:
    return f"{name}@utrecht.example"


async def _message(
    tx: Tx,
    name: bytes,
    thread: bytes,
    kind: str,
    mine: bool,
    now: int,
    body: str,
    held_at: int | None,
) -> None:
    await tx.execute(
        "INSERT INTO messages (hash, thread, peer, mine, epoch, seq, at, expires, kind, statement, "
        "signature, body, held_at) "
        "VALUES (?, ?, ?, ?, 1, (SELECT COUNT(*) FROM messages), ?, ?, ?, ?, ?, ?, ?)",
        (name, thread, b"p" * 16, int(mine), now, now + 30 * DAY, kind, b"", b"", body, held_at),
    )
