"""Small facts of this node, by name. The one list of their names.

Law: a fact is a few bytes that the node must find again after a restart. No secret is a fact.
"""

from typing import Final

from referral_node.store.database import Store, Tx

MEMBER: Final = "member"
"""Our member id, 16 bytes."""
VAULT_PUBLIC: Final = "vault-public"
"""Public half of our vault key, 32 bytes: with the node key's it makes our fingerprint."""
EPOCH: Final = "epoch"
"""The epoch of our counters, a new one at every start: ms, 8 bytes big-endian."""
CERTIFICATE: Final = "certificate"
"""Our node certificate, as it travels."""
BUNDLE: Final = "bundle"
"""Our newest bundle of case prekeys, as it travels."""
KIT_BACKUP: Final = "kit-backup"
"""Public half of the kit's pair that backups are sealed to, 1,216 bytes."""
GENESIS: Final = "genesis"
"""Hash of the directory's entry 0, 32 bytes: set when the node asks to join."""
DIRECTORY_URL: Final = "directory-url"
"""Where the directory is, UTF-8."""
REQUEST: Final = "request"
"""The 16 bytes under which the directory answers how our request to join stands."""
SUBMISSION: Final = "submission"
"""Our request to join, as it was sent: sent again byte for byte."""
REQUEST_STATE: Final = "request-state"
"""How the request stood when the directory last said so, as it came."""
CHECKPOINT: Final = "checkpoint"
"""The newest verified checkpoint, its note's bytes."""
CHECKED_AT: Final = "checked-at"
"""When the directory last answered: ms, 8 bytes big-endian."""
WATCHED_AT: Final = "watched-at"
"""When the other members were last asked for their checkpoints: ms, 8 bytes big-endian."""
WATCH_NEXT: Final = "watch-next"
"""When they are asked again: ms, 8 bytes big-endian."""
COSIGNED: Final = "cosigned"
"""What we last cosigned as a witness: size, 8 bytes big-endian, and root, 32 bytes."""
BACKED_UP_AT: Final = "backed-up-at"
"""The moment that the last good backup holds: ms, 8 bytes big-endian. None: never."""
BACKUP_FAILED_AT: Final = "backup-failed-at"
"""When a backup last failed, and none was good since: ms, 8 bytes big-endian."""
RESTORED_AT: Final = "restored-at"
"""When this folder was made by `restore`: ms, 8 bytes big-endian. None: by `init`."""
RESTORED_FROM: Final = "restored-from"
"""The moment that the restored backup held: ms, 8 bytes big-endian. What came later is missing."""

CATCH_UP_SINCE: Final = "catch-up-since"
"""From when on all members are asked for what is missing here: ms, 8 bytes big-endian."""
CATCH_UP_BEGUN: Final = "catch-up-begun"
"""When that began: ms, 8 bytes big-endian."""
ROLLED_BACK_AT: Final = "rolled-back-at"
"""When it was found that this folder was put back to an earlier state: ms, 8 bytes big-endian."""
RECOVERING: Final = "recovering"
"""This folder was set up anew for a member whose vault key is lost, and waits for the log to name
its own: the request's entry hash."""
RECOVERY_OURS: Final = "recovery-ours"
"""The announced recovery that a keyholder here said is right: its place in the log, 8 bytes."""
NODE_KEY_AT: Final = "node-key-at"
"""When the machine's key was last replaced here: ms, 8 bytes big-endian. None: never."""
RESIGN: Final = "sign-anew"
"""Our vault key was replaced: what waits is looked through at the next page of a keyholder."""
HEARD_UPTO: Final = "heard-upto"
"""The last row of messages that was looked at for gaps, 8 bytes big-endian."""


async def fact(store: Store, name: str) -> bytes | None:
    """A fact, or None."""
    row = await store.row("SELECT value FROM facts WHERE name = ?", (name,))
    return None if row is None else bytes(row["value"])


async def keep(tx: Tx, name: str, value: bytes) -> None:
    """Set a fact inside a transaction."""
    await tx.execute(
        "INSERT INTO facts (name, value) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def time_bytes(when: int) -> bytes:
    """A time as a fact's value."""
    return when.to_bytes(8, "big")


def time_of(value: bytes) -> int:
    """The time that :func:`time_bytes` made."""
    return int.from_bytes(value, "big")
