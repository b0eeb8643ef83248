"""Who is told what by mail: addresses of keyholders, days on which they are away, who stands in.

Law: somebody is always told while anybody has an address: the points of contact who are there, else
the deputies who are there, else whoever is left. An address is never logged and never shown but to
its owner and to whoever runs the node.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from referral_node.exchange.rows import audit
from referral_node.store import Store, Tx

CONTACT: Final = "contact"
DEPUTY: Final = "deputy"
ADMINISTRATOR: Final = "administrator"
POINT_OF_CONTACT: Final = "point-of-contact"
"""The role; deputies have the role ``deputy``."""
LONGEST_ABSENCE: Final = 366
"""Days."""
MOST_ABSENCES: Final = 20


class Absence(msgspec.Struct, frozen=True):
    """Days on which a keyholder is away, both included."""

    number: int
    first: date
    last: date


class Person(msgspec.Struct, frozen=True):
    """Somebody with an address. ``id``: the user's, or one made of an administrator's address."""

    id: bytes
    role: str
    address: str
    away: bool = False

    def __repr__(self) -> str:
        return f"Person({self.id.hex()})"


class NotPossible(Exception):
    """An absence that cannot be entered: the reason, for the person."""


def today(now: int, zone: str) -> date:
    """The date on the wall at this moment (ms)."""
    return datetime.fromtimestamp(now / 1000, UTC).astimezone(ZoneInfo(zone)).date()


def administrators(addresses: Iterable[str]) -> list[Person]:
    """The administrators whom `node.toml` names."""
    return [
        Person(hashlib.sha256(address.encode()).digest()[:16], ADMINISTRATOR, address)
        for address in dict.fromkeys(addresses)
    ]


def told(people: Sequence[Person], audience: str) -> list[Person]:
    """Whom a notice for this audience goes to now."""
    if audience == ADMINISTRATOR:
        return [each for each in people if each.role == ADMINISTRATOR]
    contacts = [each for each in people if each.role == POINT_OF_CONTACT]
    deputies = [each for each in people if each.role == DEPUTY]
    deputies_here = [each for each in deputies if not each.away]
    if audience == DEPUTY:
        return deputies_here
    contacts_here = [each for each in contacts if not each.away]
    return contacts_here or deputies_here or contacts or deputies


async def keyholders(store: Store, day: date) -> list[Person]:
    """Everybody who may sign in and has an address."""
    rows = await store.rows(
        "SELECT u.id, u.role, a.address, EXISTS (SELECT 1 FROM absences b WHERE b.user = u.id "
        "AND b.first <= ? AND b.last >= ?) AS away "
        "FROM users u JOIN mail_addresses a ON a.user = u.id WHERE u.ended_at IS NULL "
        "ORDER BY u.made_at, u.id",
        (day.isoformat(), day.isoformat()),
    )
    return [Person(bytes(r["id"]), r["role"], r["address"], bool(r["away"])) for r in rows]


async def address_of(store: Store, user: bytes) -> str | None:
    """Where a keyholder is told, or None."""
    row = await store.row("SELECT address FROM mail_addresses WHERE user = ?", (user,))
    return None if row is None else str(row["address"])


async def set_address(
    store: Store, user: bytes, address: str | None, by: bytes | None, now: int
) -> None:
    """Set or take away a keyholder's address, which was checked. ``by`` None: the administrator."""

    async def work(tx: Tx) -> None:
        await tx.execute("DELETE FROM mail_addresses WHERE user = ?", (user,))
        # Whatever was wrong with the last one, this one is tried at once.
        await tx.execute("DELETE FROM mailings WHERE person = ?", (user,))
        if address is not None:
            await tx.execute(
                "INSERT INTO mail_addresses (user, address, set_at) VALUES (?, ?, ?)",
                (user, address, now),
            )
        await audit(tx, now, by, "mail-set" if address is not None else "mail-removed", user)

    await store.write(work)


async def absences(store: Store, user: bytes, day: date) -> list[Absence]:
    """A keyholder's absences that are not over on this day."""
    rows = await store.rows(
        "SELECT number, first, last FROM absences WHERE user = ? AND last >= ? "
        "ORDER BY first, number",
        (user, day.isoformat()),
    )
    return [
        Absence(r["number"], date.fromisoformat(r["first"]), date.fromisoformat(r["last"]))
        for r in rows
    ]


def check_absence(first: date, last: date, day: date) -> None:
    """Refuse days that make no sense; NotPossible with the reason."""
    if last < first:
        raise NotPossible("the last day must not be before the first")
    if last < day:
        raise NotPossible("these days are over")
    if (last - first).days >= LONGEST_ABSENCE:
        raise NotPossible("this is longer than a year: check the dates")


async def add_absence(
    store: Store, user: bytes, first: date, last: date, by: bytes | None, now: int, day: date
) -> None:
    """Enter days away; NotPossible if they make no sense or there are too many entries."""
    check_absence(first, last, day)

    async def work(tx: Tx) -> None:
        row = await tx.row(
            "SELECT COUNT(*) FROM absences WHERE user = ? AND last >= ?", (user, day.isoformat())
        )
        if row is not None and row[0] >= MOST_ABSENCES:
            raise NotPossible("there are too many entries: remove one first")
        await tx.execute(
            "INSERT INTO absences (user, first, last, set_at) VALUES (?, ?, ?, ?)",
            (user, first.isoformat(), last.isoformat(), now),
        )
        await audit(tx, now, by, "absence-set", user)

    await store.write(work)


async def end_absences(
    store: Store, user: bytes, number: int | None, by: bytes | None, now: int
) -> int:
    """Take back one absence, or all of them; how many there were."""

    async def work(tx: Tx) -> int:
        which, params = ("", (user,)) if number is None else (" AND number = ?", (user, number))
        gone = await tx.execute(
            f"DELETE FROM absences WHERE user = ?{which}",  # noqa: S608 - one of two literals
            params,
        )
        if gone:
            await audit(tx, now, by, "absence-ended", user)
        return gone

    return await store.write(work)
