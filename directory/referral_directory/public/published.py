"""What members chose to show everybody, kept at hand and in step with the log.

Law: nothing gets in here but what `profiles.published` leaves of a record that the log names, of a
member that is active; whoever is suspended is not shown, since nobody should be sent there. Only
the tiles that changed are read again, and a page never waits for what did not change. Whoever holds
a `Shown` holds one state of the directory, whole.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

import msgspec

from referral_directory.log.beside import RECORDS
from referral_directory.log.ledger import Ledger
from referral_protocol import profiles
from referral_protocol.directory.records import Records, read_records_tile
from referral_protocol.directory.state import Directory
from referral_protocol.directory.tiles import EMPTY_TILE, parse_index
from referral_protocol.errors import ProtocolError
from referral_protocol.profiles import Profile

ACTIVE: Final = "active"
LOOK_AGAIN: Final = 60 * 1000
"""A suspension ends by the clock alone: that is looked at once a minute."""


class Public(msgspec.Struct, frozen=True):
    """One member's published profile: no contacts, and of its services only the chosen ones."""

    id: bytes
    profile: Profile


class Shown(msgspec.Struct, frozen=True):
    """All that is published, by the organisations' names. ``version`` changes with it, and begins
    anew with each start of the directory."""

    version: int
    members: tuple[Public, ...]
    by_id: dict[bytes, Public]


class Published:
    """Made once for a ledger; `now` gives what is published now."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._tiles: dict[bytes, tuple[Public, ...]] = {}
        self._shown = Shown(0, (), {})
        self._seen: tuple[bytes, int] = (b"", 0)
        self._until = 0
        self._turn = asyncio.Lock()

    async def now(self) -> Shown:
        """What is published; the same object as long as nothing changed."""
        if self._current():
            return self._shown
        async with self._turn:
            if not self._current():
                await self._look()
        return self._shown

    def _current(self) -> bool:
        now = self._ledger.clock()
        # Backwards too: a clock that was set back must not keep yesterday's members for a day.
        fresh = self._until - LOOK_AGAIN <= now < self._until
        return fresh and self._seen == self._state()

    def _state(self) -> tuple[bytes, int]:
        return self._ledger.beside.index(RECORDS), self._ledger.directory.size

    async def _look(self) -> None:
        seen, now = self._state(), self._ledger.clock()
        names = [name for name in parse_index(seen[0]).tiles if name != EMPTY_TILE]
        # A tile is made anew with every entry that changes which of its records the log names.
        self._tiles = {name: await self._tile(name) for name in names}
        self._seen, self._until = seen, now + LOOK_AGAIN
        self._show(each for tile in self._tiles.values() for each in tile)

    async def _tile(self, name: bytes) -> tuple[Public, ...]:
        if name in self._tiles:
            return self._tiles[name]
        tile = await self._ledger.beside.tile(RECORDS, name)
        if tile is None:
            return ()  # replaced while we were looking: the next look finds its successor
        return await asyncio.to_thread(_published, tile, name, self._ledger.directory)

    def _show(self, found: Iterable[Public]) -> None:
        directory, now = self._ledger.directory, self._ledger.clock()
        active = [each for each in found if directory.status(each.id, now) == ACTIVE]
        members = tuple(sorted(active, key=_order))
        if [each.profile for each in members] == [each.profile for each in self._shown.members]:
            return
        by_id = {each.id: each for each in members}
        self._shown = Shown(self._shown.version + 1, members, by_id)


def _published(tile: bytes, name: bytes, directory: Directory) -> tuple[Public, ...]:
    held, _ = read_records_tile(tile, name, directory)
    found = [(records.member, _profile(records)) for records in held]
    return tuple(Public(member, profile) for member, profile in found if profile is not None)


def _profile(records: Records) -> Profile | None:
    try:
        return profiles.published(profiles.unpack(records.contents()))
    except ProtocolError:
        return None  # of a version that this one cannot read, or without an organisation


def _order(each: Public) -> tuple[str, bytes]:
    said = each.profile.organisation
    return (said.name_latin or said.name).casefold(), each.id
