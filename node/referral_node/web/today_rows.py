"""The rows of Today: each thread becomes a row of one group, or none. Pure; see ``today_view``.

Law: whether a thread is in a group, and where, is decided for all of them; the words of a row are
made only when it is drawn.
"""

from collections.abc import Callable
from typing import Final

from markupsafe import Markup

from referral_node.exchange import Summary
from referral_node.web import query_words
from referral_node.web.case import GOING, WAITING
from referral_node.web.going_on import what_became
from referral_node.web.today_job import Known, Row, call, job, needs_of, since
from referral_protocol import codes
from referral_protocol.forms.values import real_date
from referral_protocol.ladder import delivery_times
from referral_protocol.times import start_of
from referral_ui.parts import Job, Tag, Text
from referral_ui.times import DAY, MINUTE
from referral_ui.words import lowered

SETTLING: Final = 10 * MINUTE
AHEAD: Final = 7 * DAY
"""How far ahead follow-ups are listed; later ones stand under Next on an empty page."""
CONSENT_AHEAD: Final = 14 * DAY


# Now: immediate and overdue.


def urgent_row(known: Known, s: Summary) -> Row | None:
    """What cannot wait: an immediate one, one that is late, one that did not arrive."""
    times = known.times
    if s.priority == "immediate":
        row = decide_row(known, s, Tag("Immediate", "danger"))
        if row is not None:
            return row
    if s.withdrawn and s.ended and s.case is not None and s.case.owes_word:
        return _say_erased(known, s, s.case.last_at)
    if s.ended:
        return None
    if s.withdrawn:
        return _stop(known, s)
    if s.state not in WAITING:
        return None
    if s.role == "referring" and s.case is not None and s.case.later:
        return _two_asked(known, s)
    late = s.respond_by < times.now
    immediate = s.priority == "immediate"
    if s.role == "receiving":
        if not (late or immediate):
            return None
        tag = Tag("Immediate" if immediate else "Overdue", "danger")
        return _urgent(known, s, "Answer:", lambda: needs_of(s), tag)
    lost = s.refused > 0 and s.opener != "gone"
    warn, fail = delivery_times(s.priority, s.opened_at, s.respond_by)
    on_its_way = s.opener_held is None and s.opener != "gone" and s.state == "requested"
    if lost or (on_its_way and times.now >= (warn if immediate else fail)):
        kind = "immediate " if immediate else ""
        words = Markup("your {}referral has not reached them{}")
        if s.unknown:
            words = Markup("your {}referral may have reached them, no receipt came back{}")
        tag = Tag("Not delivered", "danger")
        return _urgent(known, s, "Telephone them:", lambda: words.format(kind, call(known, s)), tag)
    if not late:
        return None
    tag = Tag("Overdue", "danger")
    no_answer = Markup("no answer{}")
    return _urgent(known, s, "Telephone them:", lambda: no_answer.format(call(known, s)), tag)


def _urgent(known: Known, s: Summary, do: str, detail: Callable[[], Text], tag: Tag) -> Row:
    def draw() -> Job:
        distance = known.times.distance(s.respond_by)
        return job(known, s, do, detail(), tag=tag, distance=distance)

    return Row(s.respond_by, draw, late=s.priority != "immediate")


def _stop(known: Known, s: Summary) -> Row | None:
    """A person who no longer agrees: whoever has their case stops, before anything else."""
    if s.role != "receiving" or s.case is None or s.case.withdrawn != "consent-withdrawn":
        return None
    case = s.case

    def draw() -> Job:
        detail = "consent was withdrawn: erase what no law obliges you to keep"
        return job(known, s, "Stop, and end it:", detail, when=since(known, case.last_at))

    return Row(case.last_at, draw)


def _two_asked(known: Known, s: Summary) -> Row:
    """Another service was asked meanwhile: two of them must not call the same person."""

    def draw() -> Job:
        detail = "another service was asked meanwhile, and this one may still act on it"
        return job(known, s, "Withdraw it:", detail, when=since(known, s.opened_at))

    return Row(s.respond_by, draw, late=s.priority != "immediate")


def _say_erased(known: Known, s: Summary, at: int) -> Row:
    """It was stopped; what became of the content they still do not know."""

    def draw() -> Job:
        detail = "consent was withdrawn, and they wait for your word"
        return job(known, s, "Say what you erased:", detail, when=since(known, at))

    return Row(at, draw)


def decide_row(known: Known, s: Summary, tag: Tag | None = None) -> Row | None:
    """A person whom nobody helps now: until somebody refers again, or says why not."""
    case = s.case
    if case is None or not case.undecided or not (s.ended or s.withdrawn):
        return None
    draft = known.begun.get(s.id)

    def draw() -> Job:
        do, href = "Decide what next:", ""
        if draft is not None:
            do, href = "Finish the new referral:", f"/new/{draft.id.hex()}/{draft.step or 'who'}"
        detail = what_became(s.state, case)
        return job(known, s, do, detail, tag=tag, when=since(known, case.last_at), href=href)

    return Row(case.last_at, draw)


# The other groups: each makes a row of a thread, or none.


def _decide(known: Known, s: Summary) -> Row | None:
    return decide_row(known, s)


def _answer_due(known: Known, s: Summary) -> Row | None:
    """Somebody waits for our word."""
    if s.role == "receiving" and s.withdrawn and not s.ended:
        return Row(s.changed_at, lambda: _withdrawn(known, s))
    if s.role == "receiving" and s.state in WAITING:
        return Row(s.respond_by, lambda: _answer(known, s))
    pending = s.case.pending if s.case is not None else None
    if pending is None or pending.mine:
        return None
    asked = pending
    due = s.state in WAITING and s.respond_by > known.times.now

    def draw() -> Job:
        do, detail = _ASKED.get(asked.purpose, ("Answer:", "they ask you something"))
        when = None if due else f"Asked {_small_day(known.times.day(asked.at))}"
        return job(known, s, do, detail, when=when)

    return Row(s.respond_by if due else asked.at, draw)


def _answer(known: Known, s: Summary) -> Job:
    urgent = " (urgent)" if s.priority == "urgent" else ""
    detail: Text = Markup("{}{}").format(needs_of(s), urgent)
    if s.kind == "capacity":
        detail = Markup("{}; no personal data").format(detail)
        return job(known, s, "Say if you have capacity", detail, who=False)
    return job(known, s, "Answer:", detail)


def _withdrawn(known: Known, s: Summary) -> Job:
    """Taken back after it was opened here: only its end is an answer now."""
    why = s.case.withdrawn if s.case is not None else ""
    detail = "they withdrew it"
    if why and why != "other":
        detail = f"{detail}: {lowered(codes.label('withdraw-reasons', why))}"
    return job(known, s, "End it:", detail, when=since(known, s.changed_at))


def _small_day(day: str) -> str:
    return lowered(day) if day in ("Today", "Yesterday", "Tomorrow") else day


def _news(known: Known, s: Summary) -> Row | None:
    """Something came that nobody here has looked at."""
    if s.case is None or not s.case.unread or decide_row(known, s) is not None:
        return None
    if s.case.pending is not None and not s.case.pending.mine:
        return None  # its request stands among the answers due
    if s.role == "receiving" and s.withdrawn and not s.ended:
        return None  # and so does the withdrawal
    case = s.case

    def draw() -> Job:
        detail = "1 new message" if case.unread == 1 else f"{case.unread} new messages"
        answered = s.role == "referring" and case.answer
        if s.role == "receiving" and s.withdrawn and s.opener == "none":
            detail = "it was withdrawn before anybody here had opened it"
            return job(known, s, "Read:", detail, when=since(known, case.last_at))
        told = query_words.short(s.kind, case.answer) if answered else ""
        if told:
            return job(known, s, "Read:", told, when=since(known, case.last_at))
        # What ended on their side may have been withdrawn: that must not hide behind a count.
        if s.ended or (answered and s.state != case.answer):
            detail = f"{lowered(codes.label('states', s.state))}; {detail}"
        elif answered:
            detail = f"{lowered(codes.label('states', case.answer))}; {detail}"
        return job(known, s, "Read:", detail, when=since(known, case.last_at))

    return Row(case.last_at, draw)


def _not_delivered(known: Known, s: Summary) -> Row | None:
    """On its way, or it did not get there."""
    if not s.undelivered or _waits_for_key(s):
        return None
    what = "not delivered yet" if s.opener_held is None else "a message is not delivered yet"
    if s.unknown:
        what = "their node may have it, no receipt came back"
    begun = s.queued_at or s.changed_at

    def row(at: int, do: str, detail: Callable[[], Text]) -> Row:
        return Row(at, lambda: job(known, s, do, detail(), when=since(known, at)))

    if s.refused:
        refused = Markup("a message was refused by their node{}")
        return row(begun, "Telephone them:", lambda: refused.format(call(known, s)))
    closed = known.closed_until(s.peer)
    if closed is not None and s.priority != "immediate":
        return row(closed, "Wait, then telephone:", lambda: f"{what}; they are closed until then")
    if known.times.now - begun < SETTLING:
        return row(begun, "Wait:", lambda: what)
    return row(begun, "Telephone them:", lambda: Markup("{}{}").format(what, call(known, s)))


def _waiting_for_key(known: Known, s: Summary) -> Row | None:
    """Signed, and cannot be sealed before their node publishes a key."""
    if not s.undelivered or not _waits_for_key(s):
        return None

    def draw() -> Job:
        detail = Markup("it goes by itself when their node has published a key{}")
        when = since(known, s.changed_at)
        return job(known, s, "Wait for their key:", detail.format(call(known, s)), when=when)

    return Row(s.changed_at, draw)


def _waits_for_key(s: Summary) -> bool:
    return s.opener == "unsealed" or s.queued_at is None


def _consent(known: Known, s: Summary) -> Row | None:
    """Consent that ends soon, or has ended, for what we referred and is still open."""
    until = s.case.consent_until if s.case is not None else ""
    if s.role != "referring" or s.withdrawn or not until or not real_date(until):
        return None
    ends = start_of(until) + DAY
    if ends - known.times.now > CONSENT_AHEAD:
        return None

    def draw() -> Job:
        word = "ended" if ends <= known.times.now else "ends"
        when = f"{known.times.day(start_of(until) + DAY // 2)}, 23:59"
        return job(known, s, "Ask again, or end it:", f"consent to share {word}", when=when)

    return Row(ends - MINUTE, draw)


def _follow_up(known: Known, s: Summary) -> Row | None:
    """Was the person reached? Due within the week."""
    if s.follow_up_at is None or s.follow_up_at > known.times.now + AHEAD:
        return None
    return _followed(known, s)


def _next(known: Known, s: Summary) -> Row | None:
    """What comes later than this week."""
    if s.follow_up_at is None or s.follow_up_at <= known.times.now + AHEAD:
        return None
    return _followed(known, s)


def _followed(known: Known, s: Summary) -> Row | None:
    if s.role != "referring" or s.state not in GOING or s.follow_up_at is None:
        return None
    at = s.follow_up_at

    def draw() -> Job:
        said = []
        if s.case is not None and s.case.answered_at is not None:
            said.append(f"accepted {_ago(known, s.case.answered_at)}")
            said.append("first contact made" if s.case.contacted_at else "no news since")
        when = known.times.day(max(at, known.times.now))
        return job(known, s, "Was the person reached?", ", ".join(said), when=when)

    return Row(at, draw)


def _ago(known: Known, at: int) -> str:
    days = (known.times.here.local(known.times.now).date() - known.times.here.local(at).date()).days
    return "today" if days <= 0 else "yesterday" if days == 1 else f"{days} days ago"


NEXT: Final = "Next"
GROUPS: Final = (
    ("Answers due", _answer_due),
    ("Decide what next", _decide),
    ("New messages", _news),
    ("Not delivered yet", _not_delivered),
    ("Waiting for their key", _waiting_for_key),
    ("Consents about to end", _consent),
    ("Follow-ups", _follow_up),
    (NEXT, _next),
)
TITLES: Final = tuple(title for title, _ in GROUPS)
AFTER_THE_END: Final = frozenset(
    {
        *("Answers due", "Decide what next", "New messages"),
        *("Not delivered yet", "Waiting for their key"),
    }
)
"""Groups that a thread can be in although it has ended."""
_ASKED: Final = {
    "information": ("Give information:", "they ask for information"),
    "news": ("Give news:", "they ask for news"),
    "cancel": ("Answer:", "they ask you to cancel"),
    "erase": ("Say what you erased:", "they ask you to erase"),
    "confirm": ("Confirm the meeting:", "they ask if you join"),
    "another-time": ("Find another time:", "they cannot come to the meeting"),
}
