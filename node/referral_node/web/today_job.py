"""A row of Today: what it is made of, and its words. Pure; see ``today_rows``.

Law: a row begins with what to do, names whom, and says by when.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property

from markupsafe import Markup

from referral_node.exchange import Draft, Figures, Summary
from referral_node.web.case import QUERIES
from referral_node.web.members import Organisation
from referral_protocol import codes, profiles
from referral_ui import names, numbers
from referral_ui.parts import Job, Tag, Text
from referral_ui.times import Times
from referral_ui.words import lowered


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

    @cached_property
    def begun(self) -> Mapping[bytes, Draft]:
        """Drafts that go on from a thread, by that thread."""
        return {each.follows: each for each in self.drafts if each.follows is not None}

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


def since(known: Known, at: int) -> Text:
    return known.times.moment(at).mine


def job(
    known: Known,
    s: Summary,
    do: str,
    detail: Text,
    *,
    tag: Tag | None = None,
    distance: str | None = None,
    when: Text | None = None,
    who: bool = True,
    href: str = "",
) -> Job:
    preposition = "From" if s.role == "receiving" else "To"
    return Job(
        when=known.times.moment(s.respond_by).mine if when is None else when,
        do=do,
        href=href or f"/referral/{s.id.hex()}",
        who=name_of(s) if who else None,
        detail=detail or None,
        organisation=Markup("{} {}").format(preposition, known.peer(s.peer).full),
        tag=tag,
        distance=distance,
    )


def name_of(s: Summary) -> Text:
    """The person, in their own script; what can be said while nothing is opened."""
    if s.case is None or not s.case.name:
        if s.kind in QUERIES:
            return "a question about room" if s.kind == "capacity" else "a question"
        unread = s.case is None or s.opener == "none"
        return "a referral" if unread else "a person without a name"
    return names.name(s.case.name, s.case.language or None)


def needs_of(s: Summary) -> Text:
    if s.case is None:
        unread = "your node cannot read it; its sender was told"
        return unread if s.unreadable else "not opened yet"
    needs = [_short(codes.label("needs", need)) for need in s.case.needs]
    age = f", age {codes.label('age-bands', s.case.age_band)}" if s.kind == "capacity" else ""
    return ", ".join(needs) + (age if s.case.age_band else "")


def _short(need: str) -> str:
    """ "Help with a compensation claim" as "compensation claim"."""
    return lowered(need.removeprefix("Help with a ").removeprefix("Help with "))


def call(known: Known, s: Summary) -> Text:
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
