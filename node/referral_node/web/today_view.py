"""Today: what needs a person now, in the order of danger, then lateness. Pure.

Law: every row begins with what to do, names whom, and says by when; a group with nothing in it is
left out. What the list says of a case stands in its summary; nothing is opened for it.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from markupsafe import Markup

from referral_node.exchange import Draft, Figures, Summary
from referral_node.exchange.figures import LEAST
from referral_node.web.case import GOING, WAITING
from referral_node.web.members import Organisation, lowered
from referral_node.web.pages.steps import BY_CODE, STEPS
from referral_protocol import codes, forms, profiles
from referral_protocol.forms.values import real_date
from referral_protocol.times import start_of
from referral_ui import names, numbers
from referral_ui.parts import Figure, Job, Tag, Text
from referral_ui.times import DAY, MINUTE, Times

PATIENCE: Final = 15 * MINUTE
"""An immediate referral that is on its way for longer than this wants a telephone call."""
SETTLING: Final = 10 * MINUTE
AHEAD: Final = 7 * DAY
"""How far ahead follow-ups are listed; later ones stand under Next on an empty page."""
CONSENT_AHEAD: Final = 14 * DAY


@dataclass(frozen=True)
class Group:
    """Rows under one heading. ``urgent``: drawn as danger."""

    title: str
    jobs: tuple[Job, ...]
    urgent: bool = False

    @property
    def heading(self) -> str:
        return f"{self.title} ({len(self.jobs)})"


@dataclass(frozen=True)
class Today:
    """The whole page."""

    when: str
    checked: str
    groups: tuple[Group, ...]
    drafts: Group
    next: tuple[Job, ...]
    figures: tuple[Figure, ...]
    too_few: str
    reach: Text
    reached: bool

    @property
    def empty(self) -> bool:
        return not self.groups


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
class _Row:
    """A row with what it is sorted by."""

    at: int
    job: Job
    late: bool = False


def build(known: Known) -> Today:
    """The page, from the list of all threads."""
    now = known.times.now
    open_ones = [s for s in known.summaries if not s.ended]
    urgent: list[_Row] = []
    groups: dict[str, list[_Row]] = {title: [] for title in _TITLES}
    for summary in known.summaries:
        row = _urgent(known, summary)
        if row is not None:
            urgent.append(row)
            continue
        for title, make in _GROUPS:
            if summary.ended and title not in _AFTER_THE_END:
                continue
            found = make(known, summary)
            if found is not None:
                groups[title].append(found)
    later = groups.pop(_NEXT)
    listed = [Group(title, _sorted(rows)) for title, rows in groups.items() if rows]
    if urgent:
        # Danger outranks lateness: what is immediate first, then what is overdue, by deadline.
        listed.insert(0, Group("Now: immediate and overdue", _sorted(urgent), urgent=True))
    here = known.times.here
    day = known.times.appointment(now)
    return Today(
        when=f"{day} in {here.name}",
        checked=known.times.clock(now).mine,
        groups=tuple(listed),
        drafts=Group("Drafts: not sent", tuple(_draft(known, each) for each in known.drafts)),
        next=_sorted(later)[:3],
        figures=_figures(known.figures),
        too_few=_too_few(known.figures),
        reach=_reach(known, open_ones),
        reached=not _unreached(known, open_ones),
    )


def _sorted(rows: Sequence[_Row]) -> tuple[Job, ...]:
    return tuple(row.job for row in sorted(rows, key=lambda row: (row.late, row.at)))


# Now: immediate and overdue.


def _urgent(known: Known, s: Summary) -> _Row | None:
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
        return _Row(s.respond_by, job, late=not immediate)
    lost = s.refused > 0 and s.opener != "gone"
    waited = s.queued_at is not None and times.now - s.queued_at > PATIENCE
    if lost or (immediate and s.opener_held is None and waited):
        kind = "immediate " if immediate else ""
        detail = Markup("your {}referral has not reached them{}").format(kind, _call(known, s))
        tag = Tag("Not delivered", "danger")
        job = _job(
            known, s, "Telephone them:", detail, tag=tag, distance=times.distance(s.respond_by)
        )
        return _Row(s.respond_by, job, late=not immediate)
    if not late:
        return None
    detail = Markup("no answer{}").format(_call(known, s))
    tag = Tag("Overdue", "danger")
    job = _job(known, s, "Telephone them:", detail, tag=tag, distance=times.distance(s.respond_by))
    return _Row(s.respond_by, job, late=not immediate)


# The other groups: each makes a row of a thread, or none.


def _answer_due(known: Known, s: Summary) -> _Row | None:
    """Somebody waits for our word."""
    if s.role == "receiving" and s.state in WAITING:
        urgent = " (urgent)" if s.priority == "urgent" else ""
        detail: Text = Markup("{}{}").format(_needs(s), urgent)
        if s.kind == "capacity":
            detail = Markup("{}; no personal data").format(detail)
            return _Row(s.respond_by, _job(known, s, "Say if you have capacity", detail, who=False))
        return _Row(s.respond_by, _job(known, s, "Answer:", detail))
    pending = s.case.pending if s.case is not None else None
    if pending is None or pending.mine:
        return None
    do, detail = _ASKED.get(pending.purpose, ("Answer:", "they ask you something"))
    due = s.state in WAITING and s.respond_by > known.times.now
    at = s.respond_by if due else pending.at
    when = None if due else f"Asked {_small_day(known.times.day(pending.at))}"
    return _Row(at, _job(known, s, do, detail, when=when))


def _small_day(day: str) -> str:
    return lowered(day) if day in ("Today", "Yesterday", "Tomorrow") else day


def _news(known: Known, s: Summary) -> _Row | None:
    """Something came that nobody here has looked at."""
    if s.case is None or not s.case.unread:
        return None
    if s.case.pending is not None and not s.case.pending.mine:
        return None  # its request stands among the answers due
    count = s.case.unread
    detail = "1 new message" if count == 1 else f"{count} new messages"
    if s.role == "referring" and s.case.answer and s.state != s.case.answer:
        detail = f"{lowered(codes.label('states', s.state))}; {detail}"
    elif s.role == "referring" and s.case.answer:
        detail = f"{lowered(codes.label('states', s.case.answer))}; {detail}"
    return _Row(s.case.last_at, _job(known, s, "Read:", detail, when=_since(known, s.case.last_at)))


def _since(known: Known, at: int) -> Text:
    return known.times.moment(at).mine


def _not_delivered(known: Known, s: Summary) -> _Row | None:
    """On its way, or it did not get there."""
    if not s.undelivered or _waits_for_key(s):
        return None
    times, peer = known.times, known.peer(s.peer)
    what = "not delivered yet" if s.opener_held is None else "a message is not delivered yet"
    since = s.queued_at or s.changed_at
    if s.refused:
        detail = Markup("a message was refused by their node{}").format(_call(known, s))
        return _Row(since, _job(known, s, "Telephone them:", detail, when=_since(known, since)))
    closed = _closed_until(known, peer)
    if closed is not None and s.priority != "immediate":
        words = f"{what}; they are closed until then"
        when = times.moment(closed).mine
        return _Row(closed, _job(known, s, "Wait, then telephone:", words, when=when))
    if times.now - since < SETTLING:
        return _Row(since, _job(known, s, "Wait:", what, when=_since(known, since)))
    detail = Markup("{}{}").format(what, _call(known, s))
    return _Row(since, _job(known, s, "Telephone them:", detail, when=_since(known, since)))


def _waiting_for_key(known: Known, s: Summary) -> _Row | None:
    """Signed, and cannot be sealed before their node publishes a key."""
    if not s.undelivered or not _waits_for_key(s):
        return None
    detail = Markup("it goes by itself when their node has published a key{}").format(
        _call(known, s)
    )
    when = _since(known, s.changed_at)
    return _Row(s.changed_at, _job(known, s, "Wait for their key:", detail, when=when))


def _waits_for_key(s: Summary) -> bool:
    return s.opener == "unsealed" or s.queued_at is None


def _consent(known: Known, s: Summary) -> _Row | None:
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
    return _Row(last, job)


def _follow_up(known: Known, s: Summary) -> _Row | None:
    """Was the person reached? Due within the week."""
    if s.follow_up_at is None or s.follow_up_at > known.times.now + AHEAD:
        return None
    return _followed(known, s)


def _next(known: Known, s: Summary) -> _Row | None:
    """What comes later than this week."""
    if s.follow_up_at is None or s.follow_up_at <= known.times.now + AHEAD:
        return None
    return _followed(known, s)


def _followed(known: Known, s: Summary) -> _Row | None:
    if s.role != "referring" or s.state not in GOING or s.follow_up_at is None:
        return None
    said = []
    if s.case is not None and s.case.answered_at is not None:
        said.append(f"accepted {_ago(known, s.case.answered_at)}")
        said.append("first contact made" if s.case.contacted_at else "no news since")
    at = s.follow_up_at
    when = known.times.day(max(at, known.times.now))
    return _Row(at, _job(known, s, "Was the person reached?", ", ".join(said), when=when))


def _ago(known: Known, at: int) -> str:
    days = (known.times.here.local(known.times.now).date() - known.times.here.local(at).date()).days
    return "today" if days <= 0 else "yesterday" if days == 1 else f"{days} days ago"


_NEXT: Final = "Next"
_GROUPS: Final = (
    ("Answers due", _answer_due),
    ("New messages", _news),
    ("Not delivered yet", _not_delivered),
    ("Waiting for their key", _waiting_for_key),
    ("Consents about to end", _consent),
    ("Follow-ups", _follow_up),
    (_NEXT, _next),
)
_TITLES: Final = tuple(title for title, _ in _GROUPS)
_AFTER_THE_END: Final = frozenset(
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


def _draft(known: Known, draft: Draft) -> Job:
    said = forms.summary(draft.content)
    name = names.name(said.name, said.name_language or None) if said.name else "a new referral"
    number = STEPS.index(draft.step) + 1 if draft.step in STEPS else 1
    step = BY_CODE[STEPS[number - 1]].short
    to: Text = "No organisation chosen"
    if draft.recipient is not None:
        to = Markup("To {}").format(known.peer(draft.recipient).full)
    return Job(
        when=known.times.moment(draft.saved_at).mine,
        do="Continue:",
        href=f"/new/{draft.id.hex()}/{STEPS[number - 1]}",
        who=name,
        detail=f"saved at step {number} of {len(STEPS)}, {step}",
        organisation=to,
    )


# The figures, and the proof that all is well.


def _figures(figures: Figures) -> tuple[Figure, ...]:
    if figures.received < LEAST:
        return ()
    shown: Mapping[str, tuple[int, int]] = {
        "Acknowledged": (figures.acknowledged.reached, figures.acknowledged.total),
        "Answered in time": (figures.answered.reached, figures.answered.total),
        "Outcome returned": (figures.outcome.reached, figures.outcome.total),
    }
    return tuple(Figure(name, numbers.share(*pair)) for name, pair in shown.items())


def _too_few(figures: Figures) -> str:
    if figures.received >= LEAST:
        return ""
    return f"Too few referrals to show figures ({figures.received}; at least {LEAST} are needed)."


def _unreached(known: Known, summaries: Sequence[Summary]) -> list[bytes]:
    return sorted({s.peer for s in summaries} & set(known.out_of_reach))


def _reach(known: Known, summaries: Sequence[Summary]) -> Text:
    """ "All 12 organisations you work with can be reached"."""
    peers = {s.peer for s in summaries}
    lost = _unreached(known, summaries)
    if lost:
        listed = Markup(", ").join(known.peer(each).name for each in lost)
        return Markup("Not reached at the last try: {}").format(listed)
    if not peers:
        return ""
    if len(peers) == 1:
        return Markup("{} can be reached").format(known.peer(next(iter(peers))).name)
    return f"All {len(peers)} organisations you work with can be reached"
