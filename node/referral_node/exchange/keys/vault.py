"""A new vault key: made in the vault, told to the directory, in use when the log names it.

Law: the log decides which key speaks for us, and may do so while nobody is signed in. So everything
that the new key has to sign is signed before the old one asks for it: certificate, prekey bundle,
and all that waits for delivery. When our copy of the log names the new key, one transaction puts it
in its place; until then nothing has changed. A new key whose request may have left is never thrown
away: the directory could still log it.
"""

import asyncio
from typing import Final

import msgspec
import structlog

from referral_node.exchange.core import Actor, Core
from referral_node.exchange.directory.recovery import Recovering
from referral_node.exchange.directory.updating import (
    NotJoined,
    UpdateRefused,
    UpdateWaits,
    Updating,
)
from referral_node.exchange.keys.machine import Machine, certified, next_made_at
from referral_node.exchange.keys.own import all_ahead, coming, present_signer
from referral_node.exchange.rows import audit
from referral_node.store import Tx
from referral_node.store.facts import (
    BUNDLE,
    CERTIFICATE,
    NODE_KEY_AT,
    RESIGN,
    VAULT_PUBLIC,
    fact,
    keep,
    time_of,
)
from referral_node.trouble import Trouble
from referral_node.vault.vault import VAULT_KEY, UnlockedVault
from referral_protocol.certificates import (
    CASE_PREKEY_LIFE,
    Bundle,
    CasePrekey,
    make_bundle,
    make_certificate,
)
from referral_protocol.directory.earlier import VaultKey, vault_keys
from referral_protocol.directory.entries import ROUTINE
from referral_protocol.keys import fingerprint
from referral_protocol.signed import parse_signed
from referral_protocol.suite import SUITE, Signer
from referral_protocol.wire import decode

ANEW: Final = 4
"""Case prekeys made with a key that replaces a compromised one; the first is current at once."""

Prekey = tuple[bytes, bytes, bytes, int, int, int]
"""A row of case_prekeys: id, sealed seed, public half, made at, starts, ends."""

log = structlog.get_logger()


class KeysStanding(msgspec.Struct, frozen=True):
    """Our keys, for people. Times are ms UTC; None: not known.

    ``coming_since``: a new vault key was made then and is not in the log yet, for ``reason``;
    ``foreign``: the log names a vault key that this folder does not have.
    """

    fingerprint: str
    vault_since: int | None
    machine_since: int | None
    earlier: tuple[VaultKey, ...]
    coming_since: int | None
    reason: str | None
    foreign: bool


class Keys:
    """Our two keys."""

    def __init__(self, core: Core, updating: Updating) -> None:
        self._core = core
        self._updating = updating
        self._turning = asyncio.Lock()
        self.machine = Machine(core, updating, self._turning)
        self.recovery = Recovering(core)
        core.log_grew = self.look

    async def standing(self) -> KeysStanding:
        """What keys there are, since when, and what is under way."""
        core = self._core
        row = await core.store.row("SELECT public, reason, begun_at FROM key_changes")
        replaced = await fact(core.store, NODE_KEY_AT)
        directory = core.members.directory
        member = None if directory is None else directory.member(core.us)
        vault = core.vault_key or (b"" if member is None else member.vault_key)
        return KeysStanding(
            fingerprint(vault, core.node.public),
            None if member is None else member.vault_since,
            certified(core.certificate).made_at if replaced is None else time_of(replaced),
            () if member is None else vault_keys(member)[1:],
            None if row is None else row["begun_at"],
            None if row is None else row["reason"],
            self.foreign,
        )

    @property
    def foreign(self) -> bool:
        """Whether the log names a vault key that this folder does not have: it was put back to a
        time before the key was replaced, or somebody else replaced it."""
        core = self._core
        directory = core.members.directory
        member = None if directory is None else directory.member(core.us)
        if member is None or core.vault_key is None:
            return False
        return member.vault_key != core.vault_key

    async def replace(self, vault: UnlockedVault, actor: Actor | None, reason: str) -> bytes:
        """Begin to replace the vault key; the hash of the entry that the directory has to log.

        Begun again after a refusal, it is the same new key. UpdateWaits, NotJoined, UpdateRefused:
        nothing was begun then.
        """
        async with self._turning:  # of two at once, the second would throw away the first one's key
            return await self._replace(vault, actor, reason)

    async def _replace(self, vault: UnlockedVault, actor: Actor | None, reason: str) -> bytes:
        core = self._core
        status = await self._updating.status()
        if status is not None and status.code is None:
            raise UpdateWaits
        if self.foreign:
            raise NotJoined
        card = await self._updating.own_card()
        seed = core.entropy(32)
        prekeys = self._prekeys(vault) if reason != ROUTINE else []
        known = core.key_changes
        core.key_changes = True  # before the commit: what is said right after it is signed by both
        try:
            signer, bundle = await core.store.write(
                lambda tx: self._begin(tx, vault, actor, reason, seed, prekeys)
            )
        except BaseException:
            core.key_changes = known
            raise
        try:
            hashed = await self._updating.propose(
                vault,
                actor,
                msgspec.structs.replace(card, vault_key=signer.public),
                reason=reason,
                signers=(signer,),
                bundle=bundle,
            )
        except (UpdateRefused, UpdateWaits, NotJoined):
            if not known:  # nobody was told of this key
                await core.store.write(_forget)
                core.key_changes = False
            raise
        log.info("keys.vault-begun", code=reason)
        return hashed

    def _prekeys(self, vault: UnlockedVault) -> list[Prekey]:
        """New case prekeys, whose seeds no earlier thief of the vault has."""
        now = self._core.clock()
        rows: list[Prekey] = []
        for number in range(ANEW):
            starts = now + number * CASE_PREKEY_LIFE
            name, public, sealed = vault.seal_prekey(self._core.entropy(32))
            rows.append((name, sealed, public, now, starts, starts + CASE_PREKEY_LIFE))
        return rows

    async def _begin(
        self,
        tx: Tx,
        vault: UnlockedVault,
        actor: Actor | None,
        reason: str,
        seed: bytes,
        prekeys: list[Prekey],
    ) -> tuple[Signer, bytes]:
        """Keep the new key with all that it has to sign."""
        core, now = self._core, self._core.clock()
        await present_signer(tx, core, vault)
        row = await tx.row("SELECT sealed FROM key_changes")
        sealed = vault.seal_vault_key(seed) if row is None else bytes(row["sealed"])
        signer = coming(vault, sealed)
        certificate = make_certificate(signer, core.us, core.node.public, next_made_at(core))
        bundle = make_bundle(signer, await self._bundle(tx, prekeys, now))
        await _forget(tx)
        who = None if actor is None else actor.id
        await tx.execute(
            "INSERT INTO key_changes (public, reason, sealed, certificate, bundle, begun_at, actor)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (signer.public, reason, sealed, certificate, bundle, now, who),
        )
        await tx.many(
            "INSERT INTO key_change_prekeys (id, seed, public, made_at, starts, ends) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            prekeys,
        )
        await all_ahead(tx, signer)
        await audit(tx, now, who, "vault-key-made", core.us, reason)
        return signer, bundle

    async def _bundle(self, tx: Tx, prekeys: list[Prekey], now: int) -> Bundle:
        """What is published under the new key: the prekeys that are, or the new ones alone."""
        core = self._core
        held = await tx.row("SELECT value FROM facts WHERE name = ?", (BUNDLE,))
        last = 0 if held is None else _made_at(bytes(held["value"]))
        rows = prekeys or [
            tuple(row)
            for row in await tx.rows(
                "SELECT id, seed, public, made_at, starts, ends FROM case_prekeys WHERE ends > ? "
                "ORDER BY starts",
                (now,),
            )
        ]
        listed = tuple(CasePrekey(SUITE, bytes(r[2]), r[3], r[4], r[5]) for r in rows)
        return Bundle(SUITE, core.us, max(now, last + 1), listed)

    async def look(self) -> None:
        """Our copy of the log grew: if it names the key that was to come, that is the key now."""
        core = self._core
        await self.recovery.load()
        row = await core.store.row("SELECT public FROM key_changes")
        directory = core.members.directory
        member = None if directory is None else directory.member(core.us)
        if row is None or member is None or member.vault_key != bytes(row["public"]):
            return
        before = core.certificate, core.vault_key, core.key_changes
        try:
            sealed = await core.store.write(self._turn)
        except BaseException:
            core.certificate, core.vault_key, core.key_changes = before
            raise
        core.resign = True
        core.turned(sealed)
        await core.store.truncate()  # the key that was lies in the write-ahead log until then
        log.info("keys.vault-replaced")

    async def _turn(self, tx: Tx) -> bytes:
        """The one transaction that is the change; the new key, sealed."""
        core, now = self._core, self._core.clock()
        rows = await tx.rows("SELECT * FROM key_changes")
        change = rows[0]
        old = await tx.row("SELECT value FROM facts WHERE name = ?", (VAULT_PUBLIC,))
        if old is not None:
            await tx.execute(
                "INSERT INTO former_keys (public, until, reason) VALUES (?, ?, ?) "
                "ON CONFLICT (public) DO NOTHING",
                (bytes(old["value"]), now, change["reason"]),
            )
        await tx.execute(
            "UPDATE secrets SET sealed = ?, made_at = ? WHERE name = ?",
            (change["sealed"], change["begun_at"], VAULT_KEY),
        )
        await tx.execute(
            "UPDATE messages SET signature = (SELECT a.signature FROM signed_ahead a "
            "WHERE a.message = messages.number) "
            "WHERE number IN (SELECT message FROM signed_ahead)"
        )
        await tx.execute(
            "UPDATE case_prekeys SET ends = ? WHERE ends > ? "
            "AND EXISTS (SELECT 1 FROM key_change_prekeys)",
            (change["begun_at"], change["begun_at"]),
        )
        await tx.execute(
            "INSERT INTO case_prekeys (id, seed, public, made_at, starts, ends) "
            "SELECT id, seed, public, made_at, starts, ends FROM key_change_prekeys"
        )
        await keep(tx, VAULT_PUBLIC, bytes(change["public"]))
        await keep(tx, CERTIFICATE, bytes(change["certificate"]))
        await keep(tx, BUNDLE, bytes(change["bundle"]))
        await keep(tx, RESIGN, b"\x01")
        await _forget(tx)
        await audit(tx, now, change["actor"], "vault-key-replaced", core.us, change["reason"])
        # Before the commit: whatever is said or sent from now on goes with this. A parcel of
        # messages that bear the new key must bear its certificate.
        core.certificate = bytes(change["certificate"])
        core.vault_key, core.key_changes = bytes(change["public"]), False
        return bytes(change["sealed"])

    async def go_on(self, vault: UnlockedVault, actor: Actor | None) -> None:
        """At a sign-in: the machine's key and the directory's card, if they came apart.

        A crash in between leaves the card behind; a folder that was put back has a key that the
        directory has replaced since, and needs a new one.
        """
        core = self._core
        directory = core.members.directory
        member = None if directory is None else directory.member(core.us)
        status = await self._updating.status()
        if member is None or directory is None or status is not None or self.foreign:
            return
        if core.key_changes or member.node_key == core.node.public or core.key_file is None:
            return
        try:
            if directory.uses(core.node.public):
                await self.machine.replace(vault, actor)
            else:
                await self.machine.tell(vault, actor, ROUTINE)
        except (Trouble, NotJoined, UpdateRefused, UpdateWaits) as trouble:
            # Nobody who signs in shall be kept out by it: at the next sign-in once more.
            log.warning("keys.not-told", kind=type(trouble).__name__)


def _made_at(bundle: bytes) -> int:
    content = parse_signed(bundle, len(bundle), "own bundle").content
    return decode(content, Bundle, len(content), "own bundle").made_at


async def _forget(tx: Tx) -> None:
    for table in ("key_changes", "key_change_prekeys", "signed_ahead"):
        await tx.execute(f"DELETE FROM {table}")  # noqa: S608 - one of three names
