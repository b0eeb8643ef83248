"""Requests to join, from their arrival to the registrar's answer.

Law: a request is kept as it came and never altered; the same request again gets the same answer. A
request that was admitted and the entry that admits it are one transaction.
"""

import sqlite3
from typing import Final, NamedTuple

from referral_directory.log import endpoints, journal
from referral_directory.log.journal import Acting
from referral_directory.log.ledger import Ledger
from referral_directory.log.proposals import Proposals, Proposed, merged, proposal_id
from referral_directory.log.store import Tx
from referral_protocol import profiles
from referral_protocol.directory.entries import (
    EntrySignature,
    RecordHash,
    Recovery,
    parse_entry,
)
from referral_protocol.directory.records import parse_records
from referral_protocol.directory.requests import (
    APPROVED,
    ASKED,
    DECLINED,
    WAITING,
    Join,
    Recover,
    RequestState,
    Submission,
    asked_card,
    check_join,
    check_recovery,
    join_leaf,
    parse_submission,
)
from referral_protocol.errors import ProtocolError

MOST_WAITING: Final = 500
KEPT: Final = 90 * 24 * 3600 * 1000
"""How long a request that was declined is kept, so that its applicant can read why."""
OPEN: Final = (WAITING, ASKED)
REPLACED: Final = "A newer request of yours has taken the place of this one."


class Kept(NamedTuple):
    """A request as it stands. ``answer``: what the endpoint said last, see :mod:`probe`."""

    id: bytes
    submission: Submission
    state: RequestState
    received_at: int
    answer: str | None
    answered_at: int | None


class Requests:
    """The requests of one directory."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.proposals = Proposals(ledger)

    async def receive(self, submission: Submission) -> tuple[RequestState, bool]:
        """Take in a request; how it stands, and whether it is new. Commits before it returns."""
        known = await self.state(submission.id)
        if known is not None:
            return known, False
        ledger = self._ledger
        now = ledger.clock()
        asked = self.check(submission)
        profiles.unpack(await self._contents(asked))  # of the form that everybody can read
        state = RequestState(WAITING, now, "")

        async def work(tx: Tx) -> sqlite3.Row | None:
            # The same bytes may have come twice at once: the second would take the first's place.
            known = await tx.rows("SELECT * FROM requests WHERE request = ?", (submission.id,))
            if known:
                return known[0]
            count = await tx.rows("SELECT COUNT(*) FROM requests WHERE state IN (?, ?)", OPEN)
            if count[0][0] >= MOST_WAITING:
                raise ProtocolError("busy", "request: too many are waiting for the registrar")
            await _replace(tx, asked, now)
            await tx.execute(
                "DELETE FROM requests WHERE state = ? AND changed_at < ?", (DECLINED, now - KEPT)
            )
            await tx.execute(
                "INSERT INTO requests (request, member, submission, state, text, received_at, "
                "changed_at) VALUES (?, ?, ?, ?, '', ?, ?)",
                (submission.id, asked.member, submission.pack(), WAITING, now, now),
            )
            return None

        held = await ledger.store.write(work)
        return (state, True) if held is None else (_state(held), False)

    async def state(self, request: bytes) -> RequestState | None:
        """How a request stands; None if there is none of this id."""
        row = await self._ledger.store.row(
            "SELECT state, changed_at, text FROM requests WHERE request = ?", (request,)
        )
        return None if row is None else _state(row)

    async def waiting(self) -> list[Kept]:
        """All requests that wait for the registrar, or for the applicant, oldest first."""
        rows = await self._ledger.store.rows(
            "SELECT * FROM requests WHERE state IN (?, ?) ORDER BY received_at", OPEN
        )
        return [_kept(row) for row in rows]

    async def get(self, request: bytes) -> Kept | None:
        """One request; None if there is none of this id."""
        row = await self._ledger.store.row("SELECT * FROM requests WHERE request = ?", (request,))
        return None if row is None else _kept(row)

    async def answered(self, request: bytes, answer: str) -> None:
        """Keep what the endpoint said."""
        now = self._ledger.clock()
        await self._ledger.store.write(
            lambda tx: tx.execute(
                "UPDATE requests SET answer = ?, answered_at = ? WHERE request = ?",
                (answer, now, request),
            )
        )

    async def decide(self, request: bytes, state: str, text: str, acting: Acting) -> bool:
        """Decline, or ask for more; False if the request does not wait any more."""
        now = self._ledger.clock()

        async def work(tx: Tx) -> bool:
            rows = await tx.rows(
                "SELECT member FROM requests WHERE request = ? AND state IN (?, ?)",
                (request, *OPEN),
            )
            await tx.execute(
                "UPDATE requests SET state = ?, text = ?, changed_at = ? "
                "WHERE request = ? AND state IN (?, ?)",
                (state, text, now, request, *OPEN),
            )
            if rows:
                what = journal.DECLINED if state == DECLINED else journal.ASKED
                said = acting._replace(detail=text)
                member = bytes(rows[0]["member"])
                await journal.note(tx, now, said, what, member=member, request=request)
            return bool(rows)

        return await self._ledger.store.write(work)

    async def approve(
        self, request: bytes, signatures: tuple[EntrySignature, ...], acting: Acting
    ) -> Proposed:
        """Grant a request: the registrar's signature over the very content that it signed.

        It admits a member at once; a recovery is announced as soon as enough have signed it.
        """
        kept = await self.get(request)
        if kept is None or kept.state.state not in OPEN:
            raise ProtocolError("wrong-value", "request: does not wait (any more)")
        submission, ledger = kept.submission, self._ledger
        asked = self.check(submission)
        if isinstance(asked, Recover):
            return await self.proposals.sign(
                submission.content, merged(submission.signatures, signatures), acting
            )
        now = ledger.clock()

        async def settle(tx: Tx) -> None:
            await tx.execute(
                "UPDATE requests SET state = ?, text = '', changed_at = ? WHERE request = ?",
                (APPROVED, now, request),
            )
            await journal.note(
                tx, now, acting, journal.ADMITTED, member=asked.member, request=request
            )
            if kept.answer is not None and kept.answered_at is not None:
                await endpoints.keep(tx, asked.member, kept.answer, kept.answered_at)

        done = await ledger.admit(
            lambda logged: join_leaf(submission, signatures, logged),
            asked.records,
            submission.bundle,
            settle,
        )
        return Proposed(proposal_id(submission.content), done, 1, 1)

    def check(self, submission: Submission) -> Join | Recover:
        """Check a request again, as it would be logged now."""
        ledger = self._ledger
        now = max(ledger.clock(), ledger.directory.logged)
        if isinstance(parse_entry(submission.content).body, Recovery):
            return check_recovery(submission, ledger.directory, now)
        return check_join(submission, ledger.directory, now)

    async def _contents(self, asked: Join | Recover) -> dict[str, bytes]:
        """The records that the card names, of those sent and those held."""
        held: dict[str, bytes] = {}
        if isinstance(asked, Recover):
            row = await self._ledger.store.row(
                "SELECT records FROM members WHERE member = ?", (asked.member,)
            )
            named = set(asked.card.records)
            if row is not None and row["records"] is not None:
                for record in parse_records(bytes(row["records"])).records:
                    if RecordHash(record.name, record.hash) in named:
                        held[record.name] = record.content
        return held | asked.records.contents()


async def _replace(tx: Tx, asked: Join | Recover, now: int) -> None:
    """A request takes the place of those that wait for the same vault key, of nobody else's.

    Anybody may say that a member's key is lost: that must not put the member's own request aside.
    """
    rows = await tx.rows(
        "SELECT request, submission FROM requests WHERE member = ? AND state IN (?, ?)",
        (asked.member, *OPEN),
    )
    key = asked.card.vault_key
    for row in rows:
        if asked_card(parse_submission(bytes(row["submission"]))).vault_key == key:
            await tx.execute(
                "UPDATE requests SET state = ?, text = ?, changed_at = ? WHERE request = ?",
                (DECLINED, REPLACED, now, row["request"]),
            )


def _state(row: sqlite3.Row) -> RequestState:
    return RequestState(row["state"], row["changed_at"], row["text"])


def _kept(row: sqlite3.Row) -> Kept:
    return Kept(
        bytes(row["request"]),
        parse_submission(bytes(row["submission"])),
        _state(row),
        row["received_at"],
        row["answer"],
        row["answered_at"],
    )
