"""What a member keeps on another one: the telephone check before the first referral, and notes.

Law: whom somebody spoke with and what was noted is sealed under the master key; that the check was
made, and of which keys, is not. A check counts for the vault key that it was made of.
"""

from typing import Any

import msgspec

from referral_node.exchange.core import Actor, Core
from referral_node.exchange.directory.members import Member
from referral_node.exchange.rows import audit
from referral_node.store import Tx
from referral_node.vault.vault import UnlockedVault


class FirstContact(msgspec.Struct, frozen=True):
    """A telephone check. ``same``: all sixty digits were read out alike; ``fingerprint``: those
    that were compared; others stand now if the machine's key was replaced since."""

    same: bool
    spoke_with: str
    by: str
    at: int
    fingerprint: str = ""


class MemberNote(msgspec.Struct, frozen=True):
    """A note on a member; stays here. ``id``: 16 random bytes."""

    id: bytes
    text: str
    by: str
    at: int


class _Spoken(msgspec.Struct):
    spoke_with: str
    by: str


class _Text(msgspec.Struct):
    text: str
    by: str


class Contacts:
    """First contacts and notes of this node."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def first_contact(self, vault: UnlockedVault, member: bytes) -> FirstContact | None:
        """The check made of this member's present vault key; None if there was none."""
        row = await self._core.store.row(
            "SELECT fingerprint, vault_key, same, sealed, at FROM first_contacts WHERE member = ?",
            (member,),
        )
        known = self._core.members.get(member)
        if row is None or known is None or not _counts(row, known):
            return None
        plain = vault.unseal(bytes(row["sealed"]), ("first_contacts", member, row["at"]))
        spoken = msgspec.msgpack.decode(plain, type=_Spoken)
        return FirstContact(
            bool(row["same"]), spoken.spoke_with, spoken.by, row["at"], row["fingerprint"]
        )

    async def seen(self, member: bytes) -> bool:
        """Whether the member's present vault key was in use here before: since it came into the
        log it sent us something, or its node has held something of ours; or its present
        fingerprint was compared by telephone."""
        core = self._core
        known = core.members.get(member)
        if known is None:
            return False
        if await core.store.row(
            "SELECT 1 FROM messages WHERE peer = ? AND held_at >= ? LIMIT 1", (member, known.since)
        ):
            return True
        return bool(
            await core.store.row(
                "SELECT 1 FROM first_contacts WHERE member = ? AND vault_key = ? AND same = 1",
                (member, known.vault_key),
            )
        )

    async def compared(
        self, vault: UnlockedVault, actor: Actor, member: bytes, *, same: bool, spoke_with: str
    ) -> None:
        """Record a telephone check of the member's present fingerprint."""
        core = self._core
        now = core.clock()
        known = core.members.known(member)
        plain = msgspec.msgpack.encode(_Spoken(spoke_with, actor.display))
        sealed = vault.seal(plain, ("first_contacts", member, now))

        async def work(tx: Tx) -> None:
            await tx.execute(
                "INSERT INTO first_contacts "
                "(member, fingerprint, vault_key, same, sealed, actor, at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (member) DO UPDATE SET "
                "fingerprint = excluded.fingerprint, vault_key = excluded.vault_key, "
                "same = excluded.same, sealed = excluded.sealed, actor = excluded.actor, "
                "at = excluded.at",
                (member, known.fingerprint, known.vault_key, int(same), sealed, actor.id, now),
            )
            await audit(tx, now, actor.id, "compared", member, "same" if same else "different")

        await core.store.write(work)
        core.members.compared.pop(member, None)
        if same:
            core.members.compared[member] = known.vault_key

    async def notes(self, vault: UnlockedVault, member: bytes) -> list[MemberNote]:
        """Our notes on a member, the newest first."""
        rows = await self._core.store.rows(
            "SELECT id, sealed, at FROM member_notes WHERE member = ? ORDER BY at DESC", (member,)
        )
        return [_note(vault, row) for row in rows]

    async def add_note(self, vault: UnlockedVault, actor: Actor, member: bytes, text: str) -> None:
        """Keep a note on a member, sealed; it never leaves this node."""
        core = self._core
        now, name = core.clock(), core.entropy(16)
        plain = msgspec.msgpack.encode(_Text(text, actor.display))
        sealed = vault.seal(plain, ("member_notes", name, now))

        async def work(tx: Tx) -> None:
            await tx.execute(
                "INSERT INTO member_notes (id, member, sealed, at) VALUES (?, ?, ?, ?)",
                (name, member, sealed, now),
            )
            await audit(tx, now, actor.id, "member-note", member)

        await core.store.write(work)


def _counts(row: Any, known: Member) -> bool:
    """A vault key that was compared vouches for every machine's key after it; digits that differed
    count against both."""
    if row["same"]:
        return bytes(row["vault_key"]) == known.vault_key
    return bool(row["fingerprint"] == known.fingerprint)


def _note(vault: UnlockedVault, row: Any) -> MemberNote:
    name = bytes(row["id"])
    plain = vault.unseal(bytes(row["sealed"]), ("member_notes", name, row["at"]))
    text = msgspec.msgpack.decode(plain, type=_Text)
    return MemberNote(name, text.text, text.by, row["at"])
