"""Our own profile: what the directory says of us, and what we are changing in it.

Law: changes are kept here, sealed, until a keyholder has read them word for word and sends them;
only records that differ are sent. What is kept may still be incomplete, as before joining; what is
sent is a whole profile that passes every rule.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from referral_node.exchange.core import Actor, Core
from referral_node.exchange.directory.updating import NotJoined, Updating
from referral_node.exchange.rows import audit
from referral_node.store import Tx
from referral_node.vault.vault import UnlockedVault
from referral_protocol import profiles
from referral_protocol.directory.entries import Card
from referral_protocol.errors import ProtocolError

_NAME: Final = "profile"
Values = dict[str, Any]
"""A profile in the shape of PROFILE.toml; a part may be missing."""


class StaleProfile(Exception):
    """Another window saved in the meantime: look again."""


class NotWhole(Exception):
    """The profile breaks a rule, so it cannot be sent."""


class Mine(msgspec.Struct, frozen=True):
    """``values``: as we want it; ``sent``: as the directory has it, or gets it with the update that
    is under way; {} before we are in it. ``version`` 0: nothing is kept here."""

    values: Values
    sent: Values
    version: int = 0
    saved_at: int | None = None

    @property
    def changed(self) -> tuple[str, ...]:
        """The records that differ from what the directory has."""
        return tuple(
            name for name in profiles.RECORDS if self.values.get(name) != self.sent.get(name)
        )


class OwnProfile:
    """The profile of this node's own member."""

    def __init__(self, core: Core, updating: Updating) -> None:
        self._core = core
        self._updating = updating
        self._turn = asyncio.Lock()

    async def load(self, vault: UnlockedVault) -> Mine:
        """What is kept here, or else what the directory says."""
        row = await self._core.store.row(
            "SELECT sealed, version, saved_at FROM own_profile WHERE name = ?", (_NAME,)
        )
        sent = await self._sent()
        if row is None:
            return Mine(await self.stated(), sent)
        plain = vault.unseal(bytes(row["sealed"]), _place(row["version"]))
        return Mine(msgspec.msgpack.decode(plain), sent, row["version"], row["saved_at"])

    async def stated(self) -> Values:
        """What the directory says of us, or our request to join; {} before both. Needs no vault."""
        return dict(await self._sent() or await self._asked())

    async def save(self, vault: UnlockedVault, actor: Actor, values: Values, seen: int) -> Mine:
        """Keep changes; ``seen`` is the version that they were made of. StaleProfile."""
        core, now = self._core, self._core.clock()
        version = max(now, seen + 1)  # never one that was thrown away before
        sealed = vault.seal(msgspec.msgpack.encode(values), _place(version))

        async def work(tx: Tx) -> None:
            row = await tx.row("SELECT version FROM own_profile WHERE name = ?", (_NAME,))
            if (0 if row is None else row["version"]) != seen:
                raise StaleProfile
            await tx.execute(
                "INSERT INTO own_profile (name, sealed, version, saved_at) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, "
                "version = excluded.version, saved_at = excluded.saved_at",
                (_NAME, sealed, version, now),
            )
            await audit(tx, now, actor.id, "profile-saved", core.us)

        await core.store.write(work)
        return Mine(values, await self._sent(), version, now)

    async def discard(self) -> None:
        """Forget what was changed here: what the directory says stands."""
        await self._core.store.write(
            lambda tx: tx.execute("DELETE FROM own_profile WHERE name = ?", (_NAME,))
        )

    async def send(self, vault: UnlockedVault, actor: Actor, values: Values) -> bytes | None:
        """Propose the records that differ; the update's hash, or None if none does.

        Raises NotWhole, and what :meth:`Updating.propose` raises.
        """
        if profiles.validate(values):
            raise NotWhole
        async with self._turn:
            held = await self._updating.own_records()
            whole = {name: profiles.record(name, values[name]) for name in values}
            records = {name: data for name, data in whole.items() if data != held.get(name)}
            if not records:
                return None
            card: Card = await self._updating.own_card()
            return await self._updating.propose(vault, actor, card, records=records)

    async def tidy(self, vault: UnlockedVault) -> None:
        """Once the directory says all that was changed here, nothing has to be kept any more."""
        mine = await self.load(vault)
        under_way = await self._updating.status()
        if mine.version and mine.sent and not mine.changed and under_way is None:
            await self.discard()

    async def _asked(self) -> Values:
        """What our request to join says, before the directory names us."""
        try:
            return profiles.plain(await self._updating.asked_records())
        except ProtocolError:
            return {}

    async def _sent(self) -> Values:
        try:
            held = await self._updating.own_records()
            return profiles.plain(held | await self._updating.under_way())
        except (NotJoined, ProtocolError):
            return {}


def tidied(values: Mapping[str, Any]) -> Values:
    """A profile with its texts as they are sent, and nothing empty in it. Raises ProtocolError."""
    kept = {
        name: profiles.record(name, values[name])
        for name in profiles.RECORDS
        if values.get(name) not in (None, {}, [])
    }
    return {name: msgspec.msgpack.decode(data)[name] for name, data in kept.items()}


def _place(version: int) -> tuple[str, bytes, int]:
    return ("own_profile", _NAME.encode(), version)
