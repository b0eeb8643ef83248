"""The rows of Today: each thread becomes a row of one group, or none. Pure; see ``today_view``."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from markupsafe import Markup

from referral_node.exchange import Draft, Figures, Summary
from referral_node.web.case import GOING, WAITING
from referral_node.web.members import Organisation, lowered
from referral_protocol import codes, profiles
from referral_protocol.forms.values import real_date
from referral_protocol.times import start_of
from referral_ui import names, numbers
from referral_ui.parts import Job, Tag, Text
from referral_ui.times import DAY, MINUTE, Times

PATIENCE: Final = 15 * MINUTE
"""An immediate referral that is on its way for longer than this wants a telephone call."""
SETTLING: Final = 10 * MINUTE
AHEAD: Final = 7 * DAY
"""How far ahead follow-ups are listed; later ones stand under Next on an empty page."""
CONSENT_AHEAD: Final = 14 * DAY


@dataclass(frozen=True)
class Known:
    """What the page is made of."""

    times: Times
    summaries: Sequence[Summary]
    drafts: Sequence[Draft]
    figures: Figures
    organisation: Callable[[bytes], Organisation]
    out_of_reach: AbstractSet[bytes] = frozenset()
    cache: dict[bytes, Organisation] = field(default_factory=dict)

    def peer(self, id: bytes) -> Organisation:
        """An organisation, made once for the page."""
        if id not in self.cache:
            self.cache[id] = self.organisation(id)
        return self.cache[id]


@dataclass(frozen=True)
class Row:
    """A row with what it is sorted by."""

    at: int
    job: Job
    late: bool = False


# Now: immediate and overdue.


def urgent_row(known: Known, s: Summary) -> Row | None:
    """What cannot wait: an immediate one, one that is late, one that did not arrive."""
    times = known.times
    if s.ended or s.state not in WAITING:
        return None
    late = s.respond_by < times.now
    immediate = s.priority == "immediate"
    if s.role == "receiving":
        if not (late or immediate):
            return None
        tag = Tag("Immediate" if immediate else "Overdue", "danger")
        job = _job(known, s, "Answer:", _needs(s), tag=tag, distance=times.distance(s.respond_by))
        return Row(s.respond_by, job, late=not immediate)
    lost = s.refused > 0 and s.opener != "gone"
    waited = s.queued_at is not None and times.now - s.queued_at > PATIENCE
    if lost or (immediate and s.opener_held is None and waited):
        kind = "immediate " if immediate else ""
        detail = Markup("your {}referral has not reached them{}").format(kind, _call(known, s))
        tag = Tag("Not delivered", "danger")
        job = _job(
            known, s, "Telephone them:", detail, tag=tag, distance=times.distance(s.respond_by)
        )
        return Row(s.respond_by, job, late=not immediate)
    if not late:
        return None
    detail = Markup("no answer{}").format(_call(known, s))
    tag = Tag("Overdue", "danger")
    job = _job(known, s, "Telephone them:", detail, tag=tag, distance=times.distance(s.respond_by))
    return Row(s.respond_by, job, late=not immediate)


# The other groups: each makes a row of a thread, or none.


def _answer_due(known: Known, s: Summary) -> Row | None:
    """Somebody waits for our word."""
    if s.role == "receiving" and s.state in WAITING:
        urgent = " (urgent)" if s.priority == "urgent" else ""
        detail: Text = Markup("{}{}").format(_needs(s), urgent)
        if s.kind == "capacity":
            detail = Markup("{}; no personal data").format(detail)
            return Row(s.respond_by, _job(known, s, "Say if you have capacity", detail, who=False))
        return Row(s.respond_by, _job(known, s, "Answer:", detail))
    pending = s.case.pending if s.case is not None else None
    if pending is None or pending.mine:
        return None
    do, detail = _ASKED.get(pending.purpose, ("Answer:", "they ask you something"))
    due = s.state in WAITING and s.respond_by > known.times.now
    at = s.respond_by if due else pending.at
    when = None if due else f"Asked {_small_day(known.times.day(pending.at))}"
    return Row(at, _job(known, s, do, detail, when=when))


def _small_day(day: str) -> str:
    return lowered(day) if day in ("Today", "Yesterday", "Tomorrow") else day


def _news(known: Known, s: Summary) -> Row | None:
    """Something came that nobody here has looked at."""
    if s.case is None or not s.case.unread:
        return None
    if s.case.pending is not None and not s.case.pending.mine:
        return None  # its request stands among the answers due
    count = s.case.unread
    detail = "1 new message" if count == 1 else f"{count} new messages"
    answered = s.role == "referring" and s.case.answer
    # What ended on their side may have been withdrawn: that must not hide behind a count.
    if s.ended or (answered and s.state != s.case.answer):
        detail = f"{lowered(codes.label('states', s.state))}; {detail}"
    elif answered:
        detail = f"{lowered(codes.label('states', s.case.answer))}; {detail}"
    return Row(s.case.last_at, _job(known, s, "Read:", detail, when=_since(known, s.case.last_at)))


def _since(known: Known, at: int) -> Text:
    return known.times.moment(at).mine


def _not_delivered(known: Known, s: Summary) -> Row | None:
    """On its way, or it did not get there."""
    if not s.undelivered or _waits_for_key(s):
        return None
    times, peer = known.times, known.peer(s.peer)
    what = "not delivered yet" if s.opener_held is None else "a message is not delivered yet"
    since = s.queued_at or s.changed_at
    if s.refused:
        detail = Markup("a message was refused by their node{}").format(_call(known, s))
        return Row(since, _job(known, s, "Telephone them:", detail, when=_since(known, since)))
    closed = _closed_until(known, peer)
    if closed is not None and s.priority != "immediate":
        words = f"{what}; they are closed until then"
        when = times.moment(closed).mine
        return Row(closed, _job(known, s, "Wait, then telephone:", words, when=when))
    if times.now - since < SETTLING:
        return Row(since, _job(known, s, "Wait:", what, when=_since(known, since)))
    detail = Markup("{}{}").format(what, _call(known, s))
    return Row(since, _job(known, s, "Telephone them:", detail, when=_since(known, since)))


def _waiting_for_key(known: Known, s: Summary) -> Row | None:
    """Signed, and cannot be sealed before their node publishes a key."""
    if not s.undelivered or not _waits_for_key(s):
        return None
    detail = Markup("it goes by itself when their node has published a key{}").format(
        _call(known, s)
    )
    when = _since(known, s.changed_at)
    return Row(s.changed_at, _job(known, s, "Wait for their key:", detail, when=when))


def _waits_for_key(s: Summary) -> bool:
    return s.opener == "unsealed" or s.queued_at is None


def _consent(known: Known, s: Summary) -> Row | None:
    """Consent that ends soon, or has ended, for what we referred and is still open."""
    until = s.case.consent_until if s.case is not None else ""
    if s.role != "referring" or not until or not real_date(until):
        return None
    ends = start_of(until) + DAY
    if ends - known.times.now > CONSENT_AHEAD:
        return None
    last = ends - MINUTE
    word = "ended" if ends <= known.times.now else "ends"
    when = f"{known.times.day(start_of(until) + DAY // 2)}, 23:59"
    job = _job(known, s, "Ask again, or end it:", f"consent to share {word}", when=when)
    return Row(last, job)


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
    said = []
    if s.case is not None and s.case.answered_at is not None:
        said.append(f"accepted {_ago(known, s.case.answered_at)}")
        said.append("first contact made" if s.case.contacted_at else "no news since")
    at = s.follow_up_at
    when = known.times.day(max(at, known.times.now))
    return Row(at, _job(known, s, "Was the person reached?", ", ".join(said), when=when))


def _ago(known: Known, at: int) -> str:
    days = (known.times.here.local(known.times.now).date() - known.times.here.local(at).date()).days
    return "today" if days <= 0 else "yesterday" if days == 1 else f"{days} days ago"


NEXT: Final = "Next"
GROUPS: Final = (
    ("Answers due", _answer_due),
    ("New messages", _news),
    ("Not delivered yet", _not_delivered),
    ("Waiting for their key", _waiting_for_key),
    ("Consents about to end", _consent),
    ("Follow-ups", _follow_up),
    (NEXT, _next),
)
TITLES: Final = tuple(title for title, _ in GROUPS)
AFTER_THE_END: Final = frozenset(
    {"Answers due", "New messages", "Not delivered yet", "Waiting for their key"}
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


# The pieces of a row.


def _job(
    known: Known,
    s: Summary,
    do: str,
    detail: Text,
    *,
    tag: Tag | None = None,
    distance: str | None = None,
    when: Text | None = None,
    who: bool = True,
) -> Job:
    preposition = "From" if s.role == "receiving" else "To"
    return Job(
        when=known.times.moment(s.respond_by).mine if when is None else when,
        do=do,
        href=f"/referral/{s.id.hex()}",
        who=_name(s) if who else None,
        detail=detail or None,
        organisation=Markup("{} {}").format(preposition, known.peer(s.peer).full),
        tag=tag,
        distance=distance,
    )


def _name(s: Summary) -> Text:
    """The person, in their own script; what can be said while nothing is opened."""
    if s.case is None or not s.case.name:
        return "a referral" if s.case is None else "a person without a name"
    return names.name(s.case.name, s.case.language or None)


def _needs(s: Summary) -> Text:
    if s.case is None:
        unread = "your node cannot read it; its sender was told"
        return unread if s.unreadable else "not opened yet"
    needs = [_short(codes.label("needs", need)) for need in s.case.needs]
    age = f", age {codes.label('age-bands', s.case.age_band)}" if s.kind == "capacity" else ""
    return ", ".join(needs) + (age if s.case.age_band else "")


def _short(need: str) -> str:
    """ "Help with a compensation claim" as "compensation claim"."""
    return lowered(need.removeprefix("Help with a ").removeprefix("Help with "))


def _call(known: Known, s: Summary) -> Text:
    """Their number, when one is known."""
    peer = known.peer(s.peer)
    number = next((p.telephone for p in peer.people), "")
    if not number and peer.profile is not None:
        number = peer.profile.organisation.telephone
    if not number:
        return ""
    return Markup(". Call {}").format(numbers.num(numbers.grouped(number.replace(" ", ""))))


def _closed_until(known: Known, peer: Organisation) -> int | None:
    """When they open, if they are closed now and say when they are not."""
    if peer.profile is None or not peer.profile.organisation.hours:
        return None
    verdict = profiles.open_now(peer.profile.organisation, known.times.now)
    return None if verdict.is_open else verdict.next_start
