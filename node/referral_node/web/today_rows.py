"""The rows of Today: each thread becomes a row of one group, or none. Pure; see ``today_view``.

Law: whether a thread is in a group, and where, is decided for all of them; the words of a row are
made only when it is drawn.
"""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from markupsafe import Markup

from referral_node.exchange import Draft, Figures, Summary
from referral_node.web.case import GOING, WAITING
from referral_node.web.members import Organisation
from referral_protocol import codes, profiles
from referral_protocol.forms.values import real_date
from referral_protocol.ladder import delivery_times
from referral_protocol.times import start_of
from referral_ui import names, numbers
from referral_ui.parts import Job, Tag, Text
from referral_ui.times import DAY, MINUTE, Times
from referral_ui.words import lowered

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
    closed: dict[bytes, int | None] = field(default_factory=dict)

    def peer(self, id: bytes) -> Organisation:
        """An organisation, made once for the page."""
        if id not in self.cache:
            self.cache[id] = self.organisation(id)
        return self.cache[id]

    def closed_until(self, id: bytes) -> int | None:
        """When they open, if they are closed now and say when they are not."""
        if id not in self.closed:
            self.closed[id] = _closed_until(self, self.peer(id))
        return self.closed[id]


@dataclass(frozen=True)
class Row:
    """A row with what it is sorted by; ``draw`` makes its words."""

    at: int
    draw: Callable[[], Job]
    late: bool = False


# Now: immediate and overdue.


def urgent_row(known: Known, s: Summary) -> Row | None:
    """What cannot wait: an immediate one, one that is late, one that did not arrive."""
    times = known.times
    if s.ended:
        return None
    if s.withdrawn:
        return _stop(known, s)
    if s.state not in WAITING:
        return None
    late = s.respond_by < times.now
    immediate = s.priority == "immediate"
    if s.role == "receiving":
        if not (late or immediate):
            return None
        tag = Tag("Immediate" if immediate else "Overdue", "danger")
        return _urgent(known, s, "Answer:", lambda: _needs(s), tag)
    lost = s.refused > 0 and s.opener != "gone"
    warn, fail = delivery_times(s.priority, s.opened_at, s.respond_by)
    on_its_way = s.opener_held is None and s.opener != "gone" and s.state == "requested"
    if lost or (on_its_way and times.now >= (warn if immediate else fail)):
        kind = "immediate " if immediate else ""
        words = Markup("your {}referral has not reached them{}")
        if s.unknown:
            words = Markup("your {}referral may have reached them, no receipt came back{}")
        tag = Tag("Not delivered", "danger")
        return _urgent(
            known, s, "Telephone them:", lambda: words.format(kind, _call(known, s)), tag
        )
    if not late:
        return None
    tag = Tag("Overdue", "danger")
    no_answer = Markup("no answer{}")
    return _urgent(known, s, "Telephone them:", lambda: no_answer.format(_call(known, s)), tag)


def _urgent(known: Known, s: Summary, do: str, detail: Callable[[], Text], tag: Tag) -> Row:
    def draw() -> Job:
        distance = known.times.distance(s.respond_by)
        return _job(known, s, do, detail(), tag=tag, distance=distance)

    return Row(s.respond_by, draw, late=s.priority != "immediate")


def _stop(known: Known, s: Summary) -> Row | None:
    """A person who no longer agrees: whoever has their case stops, before anything else."""
    if s.role != "receiving" or s.case is None or s.case.withdrawn != "consent-withdrawn":
        return None
    case = s.case

    def draw() -> Job:
        detail = "consent was withdrawn: erase what no law obliges you to keep"
        return _job(known, s, "Stop, and end it:", detail, when=_since(known, case.last_at))

    return Row(case.last_at, draw)


# The other groups: each makes a row of a thread, or none.


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
        return _job(known, s, do, detail, when=when)

    return Row(s.respond_by if due else asked.at, draw)


def _answer(known: Known, s: Summary) -> Job:
    urgent = " (urgent)" if s.priority == "urgent" else ""
    detail: Text = Markup("{}{}").format(_needs(s), urgent)
    if s.kind == "capacity":
        detail = Markup("{}; no personal data").format(detail)
        return _job(known, s, "Say if you have capacity", detail, who=False)
    return _job(known, s, "Answer:", detail)


def _withdrawn(known: Known, s: Summary) -> Job:
    """Taken back after it was opened here: only its end is an answer now."""
    why = s.case.withdrawn if s.case is not None else ""
    detail = "they withdrew it"
    if why and why != "other":
        detail = f"{detail}: {lowered(codes.label('withdraw-reasons', why))}"
    return _job(known, s, "End it:", detail, when=_since(known, s.changed_at))


def _small_day(day: str) -> str:
    return lowered(day) if day in ("Today", "Yesterday", "Tomorrow") else day


def _news(known: Known, s: Summary) -> Row | None:
    """Something came that nobody here has looked at."""
    if s.case is None or not s.case.unread:
        return None
    if s.case.pending is not None and not s.case.pending.mine:
        return None  # its request stands among the answers due
    if s.role == "receiving" and s.withdrawn and not s.ended:
        return None  # and so does the withdrawal
    case = s.case

    def draw() -> Job:
        detail = "1 new message" if case.unread == 1 else f"{case.unread} new messages"
        answered = s.role == "referring" and case.answer
        # What ended on their side may have been withdrawn: that must not hide behind a count.
        if s.ended or (answered and s.state != case.answer):
            detail = f"{lowered(codes.label('states', s.state))}; {detail}"
        elif answered:
            detail = f"{lowered(codes.label('states', case.answer))}; {detail}"
        return _job(known, s, "Read:", detail, when=_since(known, case.last_at))

    return Row(case.last_at, draw)


def _since(known: Known, at: int) -> Text:
    return known.times.moment(at).mine


def _not_delivered(known: Known, s: Summary) -> Row | None:
    """On its way, or it did not get there."""
    if not s.undelivered or _waits_for_key(s):
        return None
    what = "not delivered yet" if s.opener_held is None else "a message is not delivered yet"
    if s.unknown:
        what = "their node may have it, no receipt came back"
    since = s.queued_at or s.changed_at

    def row(at: int, do: str, detail: Callable[[], Text]) -> Row:
        return Row(at, lambda: _job(known, s, do, detail(), when=_since(known, at)))

    if s.refused:
        refused = Markup("a message was refused by their node{}")
        return row(since, "Telephone them:", lambda: refused.format(_call(known, s)))
    closed = known.closed_until(s.peer)
    if closed is not None and s.priority != "immediate":
        return row(closed, "Wait, then telephone:", lambda: f"{what}; they are closed until then")
    if known.times.now - since < SETTLING:
        return row(since, "Wait:", lambda: what)
    return row(since, "Telephone them:", lambda: Markup("{}{}").format(what, _call(known, s)))


def _waiting_for_key(known: Known, s: Summary) -> Row | None:
    """Signed, and cannot be sealed before their node publishes a key."""
    if not s.undelivered or not _waits_for_key(s):
        return None

    def draw() -> Job:
        detail = Markup("it goes by itself when their node has published a key{}")
        when = _since(known, s.changed_at)
        return _job(known, s, "Wait for their key:", detail.format(_call(known, s)), when=when)

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
        return _job(known, s, "Ask again, or end it:", f"consent to share {word}", when=when)

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
        return _job(known, s, "Was the person reached?", ", ".join(said), when=when)

    return Row(at, draw)


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
    return Markup(". Call {}").format(numbers.dial(number))


def _closed_until(known: Known, peer: Organisation) -> int | None:
    if peer.profile is None or not peer.profile.organisation.hours:
        return None
    verdict = profiles.open_now(peer.profile.organisation, known.times.now)
    return None if verdict.is_open else verdict.next_start
