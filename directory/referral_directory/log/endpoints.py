"""What members' endpoints said when they were last asked, and when they last answered well.

Law: a hint for people, nothing that decides: a member whose node is silent stays a member.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from referral_directory.log.store import Store, Tx

GOOD: Final = "answers"
"""The answer of a node that speaks with the key that the log names (:mod:`probe`)."""


class Seen(NamedTuple):
    """The last answer (a code of :mod:`probe`), and when; ``good_at``: the last good one."""

    answer: str
    asked_at: int
    good_at: int | None


async def keep(tx: Tx, member: bytes, answer: str, now: int) -> None:
    """Keep within a transaction what an endpoint said."""
    await tx.execute(
        "INSERT INTO endpoints (member, answer, asked_at, good_at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (member) DO UPDATE SET answer = excluded.answer, "
        "asked_at = excluded.asked_at, good_at = COALESCE(excluded.good_at, good_at)",
        (member, answer, now, now if answer == GOOD else None),
    )


class Endpoints:
    """The answers of one directory's members."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(self, member: bytes, answer: str, now: int) -> None:
        """An endpoint has answered, or not."""
        await self._store.write(lambda tx: keep(tx, member, answer, now))

    async def of(self, members: Sequence[bytes]) -> dict[bytes, Seen]:
        """What these said; who was never asked is left out. At most a few hundred."""
        marks = ", ".join("?" * len(members))
        rows = await self._store.rows(
            f"SELECT * FROM endpoints WHERE member IN ({marks})",  # noqa: S608 - marks alone
            list(members),
        )
        return {
            bytes(row["member"]): Seen(row["answer"], row["asked_at"], row["good_at"])
            for row in rows
        }

    async def asked(self) -> dict[bytes, int]:
        """When each was asked last."""
        rows = await self._store.rows("SELECT member, asked_at FROM endpoints")
        return {bytes(row["member"]): int(row["asked_at"]) for row in rows}
