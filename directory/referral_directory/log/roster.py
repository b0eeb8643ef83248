"""Who the members are, in a line each: what lists show, without reading every profile each time.

Law: a line says what the profile beside the log says now. What changed is found by the hashes of
the tiles, so nothing needs to be told here: an update, an erased record and a removal all change
their tile, and only the profiles in it are read again.
"""

import asyncio
import hashlib
from datetime import UTC, datetime
from typing import Final, NamedTuple

from referral_directory.log.beside import RECORDS
from referral_directory.log.ledger import Ledger
from referral_directory.log.likeness import Hint, Likeness
from referral_protocol import profiles
from referral_protocol.directory.records import MAX_ITEM, Records, held_records, parse_records
from referral_protocol.directory.rules import Member
from referral_protocol.directory.tiles import EMPTY_TILE, parse_tile
from referral_protocol.errors import ProtocolError

OLD_AFTER: Final = 182
"""Days after which a profile should be looked at again: half a year."""


class Line(NamedTuple):
    """A member's profile in short. Empty texts: not said, or erased. ``assured_on``: a date."""

    name: str = ""
    language: str = ""
    latin: str = ""
    country: str = ""
    city: str = ""
    zone: str = ""
    contact: str = ""
    telephone: str = ""
    services: int = 0
    assured_on: str = ""
    assured_by: str = ""
    found_by: str = ""
    """Name, Latin name and city, folded for searching."""

    @property
    def readable(self) -> str:
        """The name in letters that every reader can pronounce."""
        return self.latin or self.name


NOTHING: Final = Line()


def looked_at(line: Line, member: Member) -> str:
    """The day (YYYY-MM-DD) on which a profile was last said to be right; until it says one, the day
    of joining, when a registrar read it."""
    joined = datetime.fromtimestamp(member.joined_at / 1000, UTC).date().isoformat()
    return line.assured_on or joined


def line_of(profile: profiles.Profile) -> Line:
    """What a list shows of a profile."""
    said = profile.organisation
    contact = profile.contact("point-of-contact")
    return Line(
        said.name,
        said.name_language,
        said.name_latin,
        said.country,
        said.city_latin or said.city,
        said.zone,
        "" if contact is None else contact.name_latin or contact.name,
        said.telephone if contact is None else contact.telephone,
        len(profile.services),
        "" if said.assured is None else said.assured.on,
        "" if said.assured is None else said.assured.by,
        "\n".join((said.name, said.name_latin, said.city, said.city_latin)).casefold(),
    )


class Orders(NamedTuple):
    """What lists are cut from, put in order once for each change of the log or of a profile."""

    mark: tuple[int, int]
    by_name: list[Member]
    by_age: list[tuple[str, Member]]
    countries: tuple[str, ...]


class Roster:
    """The lines of all members. Made empty; :meth:`fresh` before each use."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._tiles: dict[int, tuple[bytes, frozenset[bytes]]] = {}
        self._lines: dict[bytes, tuple[bytes, Line]] = {}
        self._turn = asyncio.Lock()
        self._orders = Orders((-1, -1), [], [], ())
        self._likeness = Likeness()
        self._version = 0

    async def fresh(self) -> None:
        """Read again what has changed since; other tasks go on in between."""
        async with self._turn:
            for number, name in enumerate(self._ledger.beside.tiles(RECORDS)):
                if self._tiles.get(number, (EMPTY_TILE,))[0] != name:
                    await self._read(number, name)
                    await asyncio.sleep(0)

    def line(self, member: bytes) -> Line:
        """A member's line; empty if there is nothing about it beside the log."""
        return self._lines.get(member, (b"", NOTHING))[1]

    def hints(self, profile: profiles.Profile | None, but: bytes = b"") -> list[Hint]:
        """Members whose name looks like this profile's, and words of several alphabets in it."""
        if profile is None:
            return []
        said = profile.organisation
        return self._likeness.hints((said.name, said.name_latin), but)

    def hints_of(self, member: bytes) -> list[Hint]:
        """The same of a member: it may have taken another name since it joined."""
        line = self.line(member)
        return self._likeness.hints((line.name, line.latin), member)

    async def profile(self, member: bytes) -> profiles.Profile | None:
        """A member's whole profile; None if it is erased, or of a form of later days."""
        row = await self._ledger.store.row(
            "SELECT records FROM members WHERE member = ?", (member,)
        )
        if row is None or row["records"] is None:
            return None
        try:
            held, _ = held_records(parse_records(bytes(row["records"])), self._ledger.directory)
            return profiles.unpack(held.contents())
        except ProtocolError:
            return None

    def by_name(self) -> list[Member]:
        """All members, by name as readers pronounce it; those without one last."""
        return self._ordered().by_name

    def by_age(self) -> list[tuple[str, Member]]:
        """Members that are not removed, with the day from which their profile's age counts
        (:func:`looked_at`), the longest ago first."""
        return self._ordered().by_age

    def countries(self) -> tuple[str, ...]:
        """The codes of all countries that profiles name."""
        return self._ordered().countries

    def _ordered(self) -> "Orders":
        mark = (self._version, self._ledger.directory.size)
        if self._orders.mark != mark:
            members = list(self._ledger.directory.members())
            members.sort(key=lambda each: self._place(each.id))
            aged = [
                (looked_at(self.line(each.id), each), each)
                for each in members
                if each.removed_at is None
            ]
            aged.sort(key=lambda pair: pair[0])
            countries = {self.line(each.id).country for each in members} - {""}
            self._orders = Orders(mark, members, aged, tuple(sorted(countries)))
        return self._orders

    def _place(self, member: bytes) -> tuple[bool, str, bytes]:
        name = self.line(member).readable.casefold()
        return not name, name, member

    async def _read(self, number: int, name: bytes) -> None:
        content = b"" if name == EMPTY_TILE else await self._ledger.beside.tile(RECORDS, name)
        if content is None:
            return  # replaced meanwhile: the next look finds the new one
        there = set()
        for item in parse_tile(content, name, MAX_ITEM, "records"):
            records = parse_records(item)
            there.add(records.member)
            mark = hashlib.sha256(item).digest()
            if self._lines.get(records.member, (b"",))[0] != mark:
                line = self._line(records)
                self._lines[records.member] = (mark, line)
                self._likeness.put(records.member, (line.name, line.latin))
        for gone in self._tiles.get(number, (b"", frozenset()))[1] - there:
            self._lines.pop(gone, None)
            self._likeness.drop(gone)
        self._tiles[number] = (name, frozenset(there))
        self._version += 1

    def _line(self, records: Records) -> Line:
        try:
            held, _ = held_records(records, self._ledger.directory)
            return line_of(profiles.unpack(held.contents()))
        except ProtocolError:
            return NOTHING  # erased, or of a form of later days
