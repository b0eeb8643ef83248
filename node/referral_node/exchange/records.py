"""The record of access: who looked at what, and what was done, in ids and codes."""

from typing import Final

import msgspec

from referral_node.exchange.core import Actor, Core
from referral_node.exchange.rows import audit
from referral_node.store import Tx

_LINES: Final = (
    "SELECT a.at, u.display, a.action, a.subject, a.code, m.thread FROM audit a "
    "LEFT JOIN users u ON u.id = a.actor LEFT JOIN messages m ON m.hash = a.subject "
)
_NEWEST: Final = "ORDER BY a.number DESC LIMIT ?"
_OF_THREAD: Final = (
    "WHERE a.subject IN (SELECT hash FROM messages WHERE thread = ? UNION SELECT ?) "
)


class Line(msgspec.Struct, frozen=True):
    """One line of the record. ``actor``: display name, None for the node itself. ``thread``: of the
    message that the line is about."""

    at: int
    actor: str | None
    action: str
    subject: bytes | None
    code: str | None
    thread: bytes | None


class Records:
    """Writing and reading the record."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def note(self, actor: Actor, action: str, subject: bytes | None, code: str = "") -> None:
        """Record that a person did or saw something."""
        now = self._core.clock()

        async def work(tx: Tx) -> None:
            await audit(tx, now, actor.id, action, subject, code)

        await self._core.store.write(work)

    async def of(self, subject: bytes | None = None, most: int = 500) -> list[Line]:
        """The newest lines, of one thread (its messages included) or of everything."""
        store = self._core.store
        if subject is None:
            rows = await store.rows(_LINES + _NEWEST, (most,))
        else:
            rows = await store.rows(_LINES + _OF_THREAD + _NEWEST, (subject, subject, most))
        return [
            Line(
                row["at"],
                row["display"],
                row["action"],
                None if row["subject"] is None else bytes(row["subject"]),
                row["code"],
                None if row["thread"] is None else bytes(row["thread"]),
            )
            for row in rows
        ]


async def set_follow_up(core: Core, actor: Actor, thread: bytes, when: int | None) -> None:
    """Ask on Today at this time whether the person was reached; None: done."""

    async def work(tx: Tx) -> None:
        await tx.execute("UPDATE threads SET follow_up_at = ? WHERE id = ?", (when, thread))
        await audit(tx, core.clock(), actor.id, "follow-up", thread, "" if when else "done")

    await core.store.write(work)
    core.changes.changed(thread)


async def looked(core: Core, actor: Actor, thread: bytes) -> None:
    """A person looked at a case: recorded with who and when, before it is shown."""
    now = core.clock()

    async def work(tx: Tx) -> None:
        await audit(tx, now, actor.id, "looked", thread)

    await core.store.write(work)
