"""Who changed what: each act of a registrar, written down where nobody can leave it out.

Law: an act stands in the same transaction as what it did, wherever that is one. Lines are added and
read, never changed. They hold ids, codes, the number that was called and the registrar's own words
to an applicant; no key, no password, no fingerprint.
"""

import sqlite3
from typing import Final, NamedTuple

from referral_directory.log.store import Store, Tx

SIGNED_IN: Final = "signed-in"
SIGNED_OUT: Final = "signed-out"
PASSWORD: Final = "new-password"  # noqa: S105 - a code of the journal
TELEPHONE: Final = "new-telephone"
"""A new password of one's own; a new secret for codes."""
ADMITTED: Final = "admitted"
ASKED: Final = "asked"
DECLINED: Final = "declined"
DECIDED: Final = "decided"
"""An entry about a member that registrars sign; ``detail`` says which (``suspended left``)."""
SIGNED: Final = "signed"
"""The same, but it waits for more registrars."""
DROPPED: Final = "dropped"
ROOT: Final = "root"
INVITED: Final = "invited"
ERASED: Final = "erased"
DIFFERED: Final = "differed"
"""A fingerprint was typed that is not the request's; ``detail`` names the lines."""

TERMINAL: Final = "terminal"
"""Who acted, where a command was run that asks for no registrar's password."""
MAX_DETAIL: Final = 1000


class Act(NamedTuple):
    """One line. ``registrar``: the name to sign in with, or TERMINAL."""

    number: int
    at: int
    registrar: str
    what: str
    member: bytes | None
    request: bytes | None
    detail: str


class Acting(NamedTuple):
    """Who does something, and what belongs to the line about it."""

    by: str = TERMINAL
    detail: str = ""


async def note(
    tx: Tx,
    at: int,
    acting: Acting,
    what: str,
    *,
    member: bytes | None = None,
    request: bytes | None = None,
) -> None:
    """Add a line within a transaction."""
    await tx.execute(
        "INSERT INTO acts (at, registrar, what, member, request, detail) VALUES (?, ?, ?, ?, ?, ?)",
        (at, acting.by[:64], what, member, request, acting.detail[:MAX_DETAIL]),
    )


class Journal:
    """The lines of one directory."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def note(
        self,
        at: int,
        acting: Acting,
        what: str,
        *,
        member: bytes | None = None,
        request: bytes | None = None,
    ) -> None:
        """Add a line about something that has no transaction of its own here."""
        await self._store.write(
            lambda tx: note(tx, at, acting, what, member=member, request=request)
        )

    async def count(self, registrar: str | None = None) -> int:
        """How many lines there are, of everybody or of one."""
        where, values = _where(registrar)
        row = await self._store.row(f"SELECT COUNT(*) AS n FROM acts{where}", values)  # noqa: S608 - the text is ours
        return 0 if row is None else int(row["n"])

    async def lines(self, first: int, most: int, registrar: str | None = None) -> list[Act]:
        """Lines newest first: ``most`` of them after the ``first``."""
        where, values = _where(registrar)
        rows = await self._store.rows(
            f"SELECT * FROM acts{where} ORDER BY number DESC LIMIT ? OFFSET ?",  # noqa: S608 - the text is ours
            (*values, most, first),
        )
        return [_act(row) for row in rows]

    async def of_member(self, member: bytes, most: int) -> list[Act]:
        """The newest lines about one member."""
        rows = await self._store.rows(
            "SELECT * FROM acts WHERE member = ? ORDER BY number DESC LIMIT ?", (member, most)
        )
        return [_act(row) for row in rows]


def _where(registrar: str | None) -> tuple[str, tuple[str, ...]]:
    return ("", ()) if registrar is None else (" WHERE registrar = ?", (registrar,))


def _act(row: sqlite3.Row) -> Act:
    return Act(
        row["number"],
        row["at"],
        row["registrar"],
        row["what"],
        None if row["member"] is None else bytes(row["member"]),
        None if row["request"] is None else bytes(row["request"]),
        row["detail"],
    )
