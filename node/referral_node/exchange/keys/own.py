"""Which vault key of ours signs now, which is to come, and what waits signed by either.

Law: what leaves bears the key that the log names. A key that is to come has signed everything that
waits before the log names it, so that whoever is away loses nothing; what slipped through is signed
anew at the next page of a keyholder. The hash of a statement leaves its signature out: counters,
chain and bodies stay as they are.
"""

from typing import Final

from referral_node.exchange.core import Core
from referral_node.store import Store, Tx
from referral_node.store.facts import RESIGN, VAULT_PUBLIC, fact
from referral_node.vault.vault import VAULT_KEY, UnlockedVault, secret_place
from referral_protocol import labels
from referral_protocol.directory.entries import COMPROMISED
from referral_protocol.errors import ProtocolError
from referral_protocol.suite import Signer, verify

WAITING: Final = (
    "SELECT m.number, m.statement FROM messages m WHERE m.mine = 1 "
    "AND (m.body IN ('unsealed', 'outgoing') "
    "OR EXISTS (SELECT 1 FROM outbox o WHERE o.message = m.number)) ORDER BY m.number"
)
"""What we said and nobody holds yet; a husk has no body, but a place in the outbox."""


async def load(core: Core) -> None:
    """At a start: which key signs, whether another is to come, whether something waits for it."""
    core.vault_key = await fact(core.store, VAULT_PUBLIC)
    core.key_changes = await core.store.row("SELECT 1 FROM key_changes") is not None
    core.resign = await fact(core.store, RESIGN) is not None


async def left_behind(store: Store) -> set[bytes]:
    """Keys of ours that were replaced here as compromised. All that they ever signed is here: what
    comes back under one of them was signed by somebody else."""
    rows = await store.rows("SELECT public FROM former_keys WHERE reason = ?", (COMPROMISED,))
    return {bytes(row["public"]) for row in rows}


async def present_signer(tx: Tx, core: Core, vault: UnlockedVault) -> Signer:
    """The vault key of now. A vault that was opened before a change turns to it first."""
    if core.vault_key is not None and vault.signer.public != core.vault_key:
        row = await tx.row("SELECT sealed FROM secrets WHERE name = ?", (VAULT_KEY,))
        if row is not None:
            vault.turn(bytes(row["sealed"]))
    return vault.signer


async def sign_ahead(tx: Tx, core: Core, vault: UnlockedVault, number: int, content: bytes) -> None:
    """While a change is under way: sign what was said now with the key that is to come as well."""
    if not core.key_changes:
        return
    row = await tx.row("SELECT sealed FROM key_changes")
    if row is not None:
        await ahead(tx, coming(vault, bytes(row["sealed"])), number, content)


async def ahead(tx: Tx, signer: Signer, number: int, content: bytes) -> None:
    """Keep the signature of a key that is to come beside one message."""
    await tx.execute(
        "INSERT INTO signed_ahead (message, signature) VALUES (?, ?) "
        "ON CONFLICT (message) DO UPDATE SET signature = excluded.signature",
        (number, signer.sign(labels.STATEMENT, content)),
    )


async def all_ahead(tx: Tx, signer: Signer) -> None:
    """The same for everything that waits."""
    await tx.execute("DELETE FROM signed_ahead")
    for row in await tx.rows(WAITING):
        await ahead(tx, signer, row["number"], bytes(row["statement"]))


def coming(vault: UnlockedVault, sealed: bytes) -> Signer:
    """The key that is to come."""
    return Signer(vault.unseal(sealed, secret_place(VAULT_KEY)))


async def sign_anew(tx: Tx, core: Core, vault: UnlockedVault, number: int) -> None:
    """Sign one message of ours anew if an earlier key signed it: it is to be sent once more."""
    row = await tx.row("SELECT statement, signature FROM messages WHERE number = ?", (number,))
    if row is None:
        return
    signer = await present_signer(tx, core, vault)
    content = bytes(row["statement"])
    await sign_ahead(tx, core, vault, number, content)
    try:
        verify(signer.public, labels.STATEMENT, content, bytes(row["signature"]), "own statement")
    except ProtocolError:
        await tx.execute(
            "UPDATE messages SET signature = ? WHERE number = ?",
            (signer.sign(labels.STATEMENT, content), number),
        )


async def all_anew(core: Core, vault: UnlockedVault) -> int:
    """After a change: whatever waits and still bears an earlier key; how many were looked at."""
    if not core.resign:
        return 0

    async def work(tx: Tx) -> int:
        rows = await tx.rows(WAITING)
        for row in rows:
            await sign_anew(tx, core, vault, row["number"])
        await tx.execute("UPDATE outbox SET next_at = 0 WHERE code IS NULL")
        await tx.execute("DELETE FROM facts WHERE name = ?", (RESIGN,))
        return len(rows)

    count = await core.store.write(work)
    core.resign = False
    return count
