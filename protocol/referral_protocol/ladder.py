"""The evidence ladder: how far a referral has come, and what proves each rung (SPEC 5.6).

queued, held by their node, opened by a person, accepted or declined, victim contacted, outcome.
Law: a rung is *done* only on signed evidence; late evidence upgrades what was shown; a lost receipt
is *unknown*, never a failure; each rung has a time from which it warns and one from which it counts
as failed. Pages and notices take these times from here and from nowhere else.
"""

from enum import StrEnum
from typing import Final

import msgspec

from referral_protocol.certificates import DAY
from referral_protocol.retry import PATIENCE
from referral_protocol.states import ENDS, RECEIVED, REQUESTED

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DELIVERY_WARN: Final[dict[str, int]] = {"immediate": 15 * MINUTE, "urgent": 12 * HOUR}
DELIVERY_WARN_ELSE: Final = DAY
CONTACT_WARN: Final = 7 * DAY
CONTACT_FAIL: Final = 14 * DAY
OUTCOME_WARN: Final = 90 * DAY
OUTCOME_FAIL: Final = 180 * DAY
GIVEN_UP: Final = "undelivered"
"""Code of what was sent for 14 days and never answered: nobody refused it."""


class Rung(StrEnum):
    SENT = "sent"
    HELD = "held"
    OPENED = "opened"
    ANSWERED = "answered"
    CONTACTED = "contacted"
    OUTCOME = "outcome"


class Standing(StrEnum):
    DONE = "done"
    WAITING = "waiting"
    WARN = "warn"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_YET = "not-yet"


class Evidence(msgspec.Struct, frozen=True):
    """What is known of one thread. Times in ms; None: no evidence.

    ``receipt_lost``: the parcel left, and no answer to it came. ``refused``: code of a refusal.
    ``answer`` and ``outcome``: the state's code, with the time in ``answered_at``/``outcome_at``.
    """

    priority: str
    respond_by: int
    sent_at: int
    held_at: int | None = None
    receipt_lost: bool = False
    refused: str | None = None
    opened_at: int | None = None
    answer: str | None = None
    answered_at: int | None = None
    contacted_at: int | None = None
    outcome: str | None = None
    outcome_at: int | None = None


class Step(msgspec.Struct, frozen=True):
    """One rung. ``at``: when it was reached; ``code``: what was said.

    ``warn`` and ``fail``: from when it warns and counts as failed, of the one that waits.
    """

    rung: Rung
    standing: Standing
    at: int | None = None
    warn: int | None = None
    fail: int | None = None
    code: str | None = None


def ladder(evidence: Evidence, now: int) -> tuple[Step, ...]:
    """The six rungs in order; the first one not done is the one that waits."""
    steps = [
        Step(Rung.SENT, Standing.DONE, evidence.sent_at),
        _held(evidence, now),
        _opened(evidence, now),
        _answered(evidence, now),
        _contacted(evidence, now),
        _outcome(evidence, now),
    ]
    # What comes after is proof of what came before: whoever answered has held and opened it. Only
    # that the victim was reached is proved by nothing else.
    proved = False
    for number in range(len(steps) - 1, -1, -1):
        step = steps[number]
        if proved and step.standing is not Standing.DONE and step.rung is not Rung.CONTACTED:
            steps[number] = Step(step.rung, Standing.DONE)
        proved = proved or step.standing is Standing.DONE
    return tuple(_only_first_waits(steps, evidence))


def _only_first_waits(steps: list[Step], evidence: Evidence) -> list[Step]:
    ended = evidence.outcome is not None or (evidence.answer in ENDS)
    shown = []
    waiting = False
    for step in steps:
        if step.standing is Standing.DONE:
            shown.append(step)
        elif waiting or ended:
            shown.append(Step(step.rung, Standing.NOT_YET))
        else:
            waiting = True
            shown.append(step)
    return shown


def delivery_times(priority: str, sent_at: int, respond_by: int | None) -> tuple[int, int]:
    """From when a message that is not held warns, and from when it counts as not delivered.

    An opener has to be there well before its answer is due; ``respond_by`` None: anything else.
    It is sent again all the same, for as long as the sender's patience lasts.
    """
    warn = DELIVERY_WARN.get(priority, DELIVERY_WARN_ELSE)
    if respond_by is None:
        return sent_at + warn, sent_at + PATIENCE
    given = max(respond_by - sent_at, 0)
    return sent_at + min(warn, given // 4), sent_at + min(given, PATIENCE)


def _held(evidence: Evidence, now: int) -> Step:
    if evidence.held_at is not None:
        return Step(Rung.HELD, Standing.DONE, evidence.held_at)
    warn, fail = delivery_times(evidence.priority, evidence.sent_at, evidence.respond_by)
    code = evidence.refused
    if evidence.receipt_lost and code in (None, GIVEN_UP):
        return Step(Rung.HELD, Standing.UNKNOWN, warn=warn, fail=fail, code=code)
    if code is not None:
        return Step(Rung.HELD, Standing.FAILED, warn=warn, fail=fail, code=code)
    return _waits(Rung.HELD, now, warn, fail)


def _opened(evidence: Evidence, now: int) -> Step:
    if evidence.opened_at is not None:
        return Step(Rung.OPENED, Standing.DONE, evidence.opened_at)
    half = (evidence.sent_at + evidence.respond_by) // 2
    return _waits(Rung.OPENED, now, half, evidence.respond_by)


def _answered(evidence: Evidence, now: int) -> Step:
    if evidence.answer not in (None, REQUESTED, RECEIVED):
        return Step(Rung.ANSWERED, Standing.DONE, evidence.answered_at, code=evidence.answer)
    # The last quarter of the time that the sender gave.
    warn = evidence.respond_by - (evidence.respond_by - evidence.sent_at) // 4
    return _waits(Rung.ANSWERED, now, warn, evidence.respond_by)


def _contacted(evidence: Evidence, now: int) -> Step:
    if evidence.contacted_at is not None:
        return Step(Rung.CONTACTED, Standing.DONE, evidence.contacted_at)
    if evidence.answered_at is None:
        return Step(Rung.CONTACTED, Standing.NOT_YET)
    since = evidence.answered_at
    return _waits(Rung.CONTACTED, now, since + CONTACT_WARN, since + CONTACT_FAIL)


def _outcome(evidence: Evidence, now: int) -> Step:
    if evidence.outcome is not None:
        return Step(Rung.OUTCOME, Standing.DONE, evidence.outcome_at, code=evidence.outcome)
    if evidence.answered_at is None:
        return Step(Rung.OUTCOME, Standing.NOT_YET)
    since = evidence.answered_at
    return _waits(Rung.OUTCOME, now, since + OUTCOME_WARN, since + OUTCOME_FAIL)


def _waits(rung: Rung, now: int, warn: int, fail: int) -> Step:
    standing = Standing.WAITING
    if now >= warn:
        standing = Standing.FAILED if now >= fail else Standing.WARN
    return Step(rung, standing, warn=warn, fail=fail)
