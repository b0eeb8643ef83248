"""What a node remembers of its backups, and when that is too old.

Law: only moments. `status`, the figures for monitoring and mails say the same, because they ask
here.
"""

from typing import Final

import msgspec

from referral_node.store import Store, Tx
from referral_node.store.facts import (
    BACKED_UP_AT,
    BACKUP_FAILED_AT,
    fact,
    keep,
    time_bytes,
    time_of,
)

LATE_AFTER: Final = 48 * 3_600_000
"""A nightly backup that failed once is no alarm yet; the second night is one."""


class Backups(msgspec.Struct, frozen=True):
    """``at``: the moment that the last good backup holds; None: there was none yet.

    ``failed_at``: when one failed, if none was good since.
    """

    at: int | None
    failed_at: int | None

    def late(self, now: int) -> bool:
        """Whether somebody should look: backups were begun here, and none is good and recent."""
        if self.at is None:
            return self.failed_at is not None
        return now - self.at > LATE_AFTER


async def backups(store: Store) -> Backups:
    """What is known of this node's backups."""
    at, failed_at = await fact(store, BACKED_UP_AT), await fact(store, BACKUP_FAILED_AT)
    return Backups(
        None if at is None else time_of(at), None if failed_at is None else time_of(failed_at)
    )


async def done(store: Store, at: int) -> None:
    """A backup of the moment ``at`` is good."""

    async def work(tx: Tx) -> None:
        await keep(tx, BACKED_UP_AT, time_bytes(at))
        await tx.execute("DELETE FROM facts WHERE name = ?", (BACKUP_FAILED_AT,))

    await store.write(work)


async def failed(store: Store, now: int) -> None:
    """A backup was tried and could not be made."""
    await store.write(lambda tx: keep(tx, BACKUP_FAILED_AT, time_bytes(now)))
