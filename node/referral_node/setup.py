"""What `referral node init` does: a new member's keys, its vault and its first keyholder.

Law: a folder is whole or not there. Everything is made in a temporary folder beside the place and
moved there at the end, on disk before it counts; an error or Ctrl-C removes it. Nothing is made for
which the person does not hold the means: the recovery kit is confirmed before anything is written.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from referral_node.config import Config, write_config
from referral_node.exchange.rows import audit
from referral_node.folder import write_private
from referral_node.new_folder import new_folder
from referral_node.store import Store, Tx
from referral_node.store.facts import (
    BUNDLE,
    CERTIFICATE,
    EPOCH,
    KIT_BACKUP,
    MEMBER,
    VAULT_PUBLIC,
    keep,
    time_bytes,
)
from referral_node.users import POINT_OF_CONTACT, insert_slot, insert_user
from referral_node.vault.sessions import User
from referral_node.vault.slots import Kit, Password, SlotKeys
from referral_node.vault.vault import VAULT_KEY, UnlockedVault
from referral_protocol.certificates import (
    CASE_PREKEY_LIFE,
    Bundle,
    CasePrekey,
    make_bundle,
    make_certificate,
)
from referral_protocol.keys import fingerprint, member_id
from referral_protocol.suite import SUITE, Signer

FIRST_PREKEYS: Final = 4
"""Case prekeys that are made at once: the first is current, the others follow on one another."""

PrekeyRow = tuple[bytes, bytes, bytes, int, int, int]


@dataclass(frozen=True, slots=True)
class NewNode:
    """What a person answered."""

    config: Config
    name: str
    display: str
    password: Password
    kit: Kit


@dataclass(frozen=True, slots=True)
class Made:
    """What `init` tells: the member's id, and the fingerprint that the registrar will ask for."""

    member: bytes
    fingerprint: str
    folder: Path


async def make_node(
    target: Path, new: NewNode, keys: SlotKeys, entropy: Callable[[int], bytes], now: int
) -> Made:
    """Make a node's folder at ``target``, which must not be there, or be empty.

    Trouble in one line if it cannot be made; then nothing is left behind.
    """
    with new_folder(target, "init") as folder:
        vault = UnlockedVault.found(entropy(32), entropy(32))
        node = Signer(entropy(32))
        member = member_id(vault.signer.public)
        user = User(entropy(16), new.name, new.display, POINT_OF_CONTACT)
        slots = (
            await keys.password_slot(new.password, vault.master(), user=user.id, now=now),
            keys.kit_slot(new.kit, vault.master(), now=now),
        )
        rows, prekeys = _first_prekeys(vault, entropy, now)
        facts = {
            MEMBER: member,
            VAULT_PUBLIC: vault.signer.public,
            EPOCH: time_bytes(now),
            CERTIFICATE: make_certificate(vault.signer, member, node.public, now),
            BUNDLE: make_bundle(vault.signer, Bundle(SUITE, member, now, prekeys)),
            KIT_BACKUP: new.kit.backup_public(),
        }

        async def work(tx: Tx) -> None:
            await insert_user(tx, user, now)
            for slot in slots:
                await insert_slot(tx, slot)
            await tx.execute(
                "INSERT INTO secrets (name, sealed, made_at) VALUES (?, ?, ?)",
                (VAULT_KEY, vault.sealed_vault_key, now),
            )
            await tx.many(
                "INSERT INTO case_prekeys (id, seed, public, made_at, starts, ends) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
            for name, value in facts.items():
                await keep(tx, name, value)
            await audit(tx, now, user.id, "node-made", member)

        write_private(folder.config, write_config(new.config).encode("utf-8"))
        folder.write_node_key(node)
        # SQLite gives its other files the mode of this one.
        write_private(folder.database, b"")
        store = await Store.open(folder.database)
        try:
            await store.write(work)
        finally:
            await store.close()
        made = Made(member, fingerprint(vault.signer.public, node.public), target)
        vault.close()
    return made


def _first_prekeys(
    vault: UnlockedVault, entropy: Callable[[int], bytes], now: int
) -> tuple[list[PrekeyRow], tuple[CasePrekey, ...]]:
    rows: list[PrekeyRow] = []
    prekeys: list[CasePrekey] = []
    for number in range(FIRST_PREKEYS):
        starts = now + number * CASE_PREKEY_LIFE
        ends = starts + CASE_PREKEY_LIFE
        name, public, sealed = vault.seal_prekey(entropy(32))
        rows.append((name, sealed, public, now, starts, ends))
        prekeys.append(CasePrekey(SUITE, public, now, starts, ends))
    return rows, tuple(prekeys)
