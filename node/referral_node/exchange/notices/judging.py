"""What a thread's clear rows call for: the same ladder that its page shows, as notices. Pure.

Law: everything here is known with nobody signed in: roles, priorities, states and times, never a
word of a case. Warn and fail times come from the ladder alone, so that a page and a mail never
disagree.
"""

import sqlite3
from typing import Final

import msgspec

from referral_node.exchange.notices.duty import CONTACT, DEPUTY
from referral_protocol.ladder import GIVEN_UP, Evidence, Rung, Standing, Step, ladder
from referral_protocol.states import RECEIVED, REQUESTED

ARRIVED: Final = "arrived"
UNOPENED: Final = "unopened"
UNANSWERED: Final = "unanswered"
OVERDUE: Final = "overdue"
WITHDRAWN: Final = "withdrawn"
NOT_HELD: Final = "not-held"
NOT_DELIVERED: Final = "not-delivered"
NO_ANSWER: Final = "no-answer"
OF_THREADS: Final = frozenset(
    {ARRIVED, UNOPENED, UNANSWERED, OVERDUE, WITHDRAWN, NOT_HELD, NOT_DELIVERED, NO_ANSWER}
)
"""Reasons whose subject is a thread that nobody has answered yet."""
ESCALATED: Final = frozenset({OVERDUE, NOT_DELIVERED, NO_ANSWER})
"""What goes to the deputies as well."""
IMMEDIATE: Final = "immediate"
NEVER: Final = 2**62
"""Not before something changes."""

THREAD: Final = (
    "SELECT t.id, t.role, t.kind, t.priority, t.opened_at, t.respond_by, t.state, t.ended, "
    "t.withdrawn, m.body AS opener, m.mine, m.held_at, m.withheld, o.sent_at, o.code "
    "FROM threads t LEFT JOIN messages m ON m.hash = t.id "
    "LEFT JOIN outbox o ON o.message = m.number "
)
"""The rows that :func:`judge` takes."""


class Finding(msgspec.Struct, frozen=True):
    """One thing to tell. ``occasion`` makes it new: what was told for one is not told again."""

    reason: str
    subject: bytes
    occasion: int
    priority: str
    due: int | None = None
    plain: bool = False
    """Not about a person: a question for advice, or whether there is room."""

    @property
    def urgent(self) -> bool:
        """Whether it may wake somebody."""
        return self.priority == IMMEDIATE

    @property
    def audiences(self) -> tuple[str, ...]:
        """Whom it is for."""
        return (CONTACT, DEPUTY) if self.reason in ESCALATED else (CONTACT,)


class Judged(msgspec.Struct, frozen=True):
    """What a thread calls for now, and when to look again (ms) if nothing changes before."""

    findings: tuple[Finding, ...]
    look_at: int


def judge(row: sqlite3.Row, now: int) -> Judged:
    """One thread."""
    if row["ended"]:
        return Judged((), NEVER)
    if row["role"] == "receiving":
        return _received(row, now)
    return _sent(row, now)


def _received(row: sqlite3.Row, now: int) -> Judged:
    if row["withdrawn"]:  # opened before that: it has to be ended, whatever its answer was
        return Judged((_finding(row, WITHDRAWN, 0),), NEVER)
    if row["state"] not in (REQUESTED, RECEIVED):
        return Judged((), NEVER)
    found = [_finding(row, ARRIVED, 0)] if row["state"] == REQUESTED else []
    step = _waiting(row, now)
    if step.standing is Standing.WARN:
        reason = UNOPENED if step.rung is Rung.OPENED else UNANSWERED
        found.append(_finding(row, reason, row["respond_by"]))
    elif step.standing is Standing.FAILED:
        found.append(_finding(row, OVERDUE, row["respond_by"]))
    return Judged(tuple(found), _next(step, now))


def _sent(row: sqlite3.Row, now: int) -> Judged:
    if row["withdrawn"] or row["state"] not in (REQUESTED, RECEIVED):
        return Judged((), NEVER)
    step = _waiting(row, now)
    reason = None
    if step.rung is Rung.HELD:
        late = _late(step, now)
        if step.standing is Standing.FAILED or late is Standing.FAILED:
            reason = NOT_DELIVERED
        elif late is Standing.WARN:
            reason = NOT_HELD
    elif step.standing is Standing.FAILED:
        reason = NO_ANSWER
    found = () if reason is None else (_finding(row, reason, row["respond_by"]),)
    return Judged(found, _next(step, now))


def _waiting(row: sqlite3.Row, now: int) -> Step:
    """The rung that waits: there is one as long as nobody has answered."""
    return next(
        step
        for step in ladder(_evidence(row), now)
        if step.standing not in (Standing.DONE, Standing.NOT_YET)
    )


def _evidence(row: sqlite3.Row) -> Evidence:
    """As the page has it; of what only the content tells, nothing is needed before an answer."""
    since = row["opened_at"]
    bare = bool(row["mine"]) and row["opener"] == "none"
    return Evidence(
        priority=row["priority"],
        respond_by=row["respond_by"],
        sent_at=since,
        held_at=since if row["role"] == "receiving" else None if bare else row["held_at"],
        receipt_lost=row["sent_at"] is not None,
        refused=row["code"] or (row["withheld"] if bare else None),
        opened_at=None if row["state"] == REQUESTED else since,
    )


def _late(step: Step, now: int) -> Standing:
    """How late a rung is by the clock alone: for one whose standing is unknown."""
    if step.fail is not None and now >= step.fail:
        return Standing.FAILED
    if step.warn is not None and now >= step.warn:
        return Standing.WARN
    return Standing.FAILED if step.code == GIVEN_UP else Standing.WAITING


def _next(step: Step, now: int) -> int:
    ahead = [at for at in (step.warn, step.fail) if at is not None and at > now]
    return min(ahead, default=NEVER)


def _finding(row: sqlite3.Row, reason: str, occasion: int) -> Finding:
    return Finding(
        reason,
        bytes(row["id"]),
        occasion,
        row["priority"],
        row["respond_by"],
        row["kind"] not in ("referral", "transfer"),
    )
