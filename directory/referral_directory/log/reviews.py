"""How far a registrar has come with a request to join, so that nothing is asked twice.

Law: what stands here helps people and decides nothing: an admission is the signature and the
fingerprint that was heard.
"""

from typing import Final, NamedTuple

from referral_directory.log.store import Store

CHECKS: Final = ("member", "works", "found", "asked")
"""Boxes, in the order of the page: is a member of VSE; the person works there; the number was found
elsewhere; the person on the telephone asked to join."""


class Review(NamedTuple):
    """What was done so far. ``ticked``: codes of CHECKS; ``called``: a telephone number."""

    ticked: tuple[str, ...] = ()
    called: str = ""
    registrar: str = ""
    at: int = 0

    @property
    def missing(self) -> tuple[str, ...]:
        """The boxes that are not ticked yet."""
        return tuple(code for code in CHECKS if code not in self.ticked)


class Reviews:
    """The reviews of one directory."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, request: bytes) -> Review:
        """How far it is; an empty one if nobody has begun."""
        row = await self._store.row("SELECT * FROM reviews WHERE request = ?", (request,))
        if row is None:
            return Review()
        return Review(tuple(row["ticked"].split()), row["called"], row["registrar"], row["at"])

    async def keep(self, request: bytes, review: Review) -> None:
        """Keep how far it is now."""
        await self._store.write(
            lambda tx: tx.execute(
                "INSERT INTO reviews (request, ticked, called, registrar, at) "
                "SELECT request, ?, ?, ?, ? FROM requests WHERE request = ? "
                "ON CONFLICT (request) DO UPDATE SET ticked = excluded.ticked, "
                "called = excluded.called, registrar = excluded.registrar, at = excluded.at",
                (" ".join(review.ticked), review.called, review.registrar, review.at, request),
            )
        )
