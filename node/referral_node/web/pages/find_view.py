"""Find a service: every service of every member, with its fit, under filters that hide nothing.

Law: a filter never leaves something out without saying how many, and how to see them. Order: best
fit first, then the readiest. "Answers in" is what we saw ourselves; before that, what they state.
The map says what the table says: a marker is filled where a service of its country is in the list.
Pure.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from statistics import median
from typing import Final
from urllib.parse import urlencode

from markupsafe import Markup

from referral_node.exchange import NO_ANSWERS, Answers
from referral_node.web import fit_words
from referral_node.web.catalogue import OF_THE_DRAFT
from referral_node.web.fit_words import Wish
from referral_node.web.members import Organisation
from referral_protocol import codes, fit
from referral_protocol.fit import Wanted
from referral_protocol.profiles import Service
from referral_ui import filters
from referral_ui.filters import ServiceSets
from referral_ui.map import Country, View, outside_europe, world_map
from referral_ui.paging import Paging
from referral_ui.parts import Choice, Link, Mark, Text
from referral_ui.services import capacity, named, needs_of
from referral_ui.times import DAY, Times

TITLE: Final = "Map of countries with services. The table below says the same."


@dataclass(frozen=True)
class Row:
    """One service in the table."""

    href: str
    service: Text
    organisation: Text
    place: Text
    together: str
    marks: tuple[Mark, ...]
    about: Text
    capacity: Text
    stated: Text
    answers: Text


@dataclass(frozen=True)
class Search:
    """What is looked for: filters by name, and the draft's wants with the words for them."""

    filters: Mapping[str, str]
    draft: str = ""
    wanted: Wanted | None = None
    wish: Wish = field(default_factory=Wish)
    view: View = "europe"

    @property
    def everything(self) -> str:
        """The same page without filters."""
        return address({"draft": self.draft, "map": self._map})

    @property
    def _map(self) -> str:
        return "world" if self.view == "world" else ""

    def address(self, **changes: str) -> str:
        """The same search with something else in it."""
        return address({**self.filters, "draft": self.draft, "map": self._map} | changes)


def address(asked: Mapping[str, str]) -> str:
    """Of this page, without what is empty."""
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"/find?{query}" if query else "/find"


@dataclass(frozen=True)
class FindPage:
    """All that the template draws."""

    caption: Text
    rows: tuple[Row, ...]
    choices: Mapping[str, tuple[Choice, ...]]
    map: Markup
    other_map: Link
    filtered: bool
    previous: Link | None
    following: Link | None
    with_draft: bool

    @property
    def none(self) -> bool:
        return not self.rows


def caption(count: int, left_out: int, search: Search, place: str) -> Text:
    """ "5 services, best fit first. Your filters leave out 47: show all"."""
    services = "1 service" if count == 1 else f"{count:,} services"
    if not count:
        first = "No service fits your filters." if left_out else "No member has stated a service."
    elif search.wanted is not None:
        first = f"{services}, best fit first{place}."
    else:
        first = f"{services}, those with capacity first{place}."
    if not left_out:
        return first
    second = f"Your filters leave out {left_out:,}:"
    if not count:
        second = f"{left_out:,} {'is' if left_out == 1 else 'are'} left out:"
    return Markup('{} {} <a class="govuk-link tap" href="{}">show all</a>').format(
        first, second, search.everything
    )


def draw_map(everywhere: Counter[str], listed: Counter[str], search: Search) -> Markup:
    """Every country that has a service; a click leaves only its services in the list."""
    shaded = {
        code: Country(
            count,
            search.address(country=code),
            f"{codes.COUNTRIES.label(code)}: {_counted(count, listed[code])}",
            listed[code] > 0,
        )
        for code, count in everywhere.items()
    }
    within = everywhere.keys() - set(outside_europe(everywhere))
    count = sum(everywhere[code] for code in within)
    shown = sum(listed[code] for code in within)
    europe = Country(
        count, search.address(map=""), f"Europe: {_counted(count, shown)}. Show Europe", shown > 0
    )
    return world_map(
        shaded,
        TITLE,
        view=search.view,
        here=search.filters.get("country", ""),
        europe=europe if count else None,
    )


def other_map(search: Search) -> Link:
    """From Europe to the world, and back."""
    if search.view == "world":
        return Link("Show Europe on the map", search.address(map=""))
    return Link("Show the world on the map", search.address(map="world"))


def _counted(count: int, listed: int) -> str:
    services = "1 service" if count == 1 else f"{count:,} services"
    if not listed:
        return f"{services}, left out by your filters"
    return services if listed == count else f"{services}, some in the list below"


def row(
    service: Service,
    member: Organisation,
    search: Search,
    answers: Answers,
    times: Times,
) -> Row:
    """One service of one organisation."""
    query = f"?{urlencode({'draft': search.draft})}" if search.draft else ""
    findings = fit.fit(search.wanted, service) if search.wanted is not None else ()
    return Row(
        href=f"/organisation/{member.id.hex()}{query}",
        service=named(service),
        organisation=member.name,
        place=_place(member, service),
        together=_suspended(member) or _together(findings, member, search),
        marks=fit_words.marks(findings, search.wish),
        about=needs_of(service.needs),
        capacity=capacity(service),
        stated=stated(service, times),
        answers=answers_in(service, answers),
    )


def _suspended(member: Organisation) -> str:
    """Not left out: whoever is looked for must be found, with the reason why it cannot be now."""
    return "" if member.status == "active" else "Suspended: nothing new can be sent to them now"


def _together(findings: Sequence[fit.Finding], member: Organisation, search: Search) -> str:
    """What an organisation's services fit together, where that is more than this one does."""
    if search.wanted is None or member.profile is None or len(member.profile.services) < 2:
        return ""
    good, of = fit.organisation_fit(search.wanted, "", member.profile).counted
    alone = sum(each.verdict == fit.FITS and each.aspect != "capacity" for each in findings)
    return f"With their other services: fits {good} of {of}" if good > alone else ""


def _place(member: Organisation, service: Service) -> Text:
    country = member.profile.organisation.country if member.profile is not None else ""
    where = f"{member.place.name}, {codes.COUNTRIES.label(country)}" if country else ""
    return f"{where}, and online" if "online" in service.forms else where


def stated(service: Service, times: Times) -> str:
    """ "stated 12 Nov", "" where no day is named."""
    try:
        on = date.fromisoformat(service.capacity_on)
    except ValueError:
        return ""
    today = times.here.local(times.now).date()
    if on == today:
        return "stated today"
    return f"stated {times.short_day(on).split(' ', 1)[1]}"


def answers_in(service: Service, answers: Answers = NO_ANSWERS) -> str:
    """ "2 days (3 referrals)" as we saw it, else "1 working day (stated)", else "Not stated"."""
    seen = answers.took
    if seen:
        days = max(1, round(median(seen) / DAY))
        counted = "1 referral" if len(seen) == 1 else f"{len(seen)} referrals"
        return f"{_days(days)} ({counted})"
    if service.answer_days is None:
        return "Not stated"
    working = "working day" if service.answer_days == 1 else "working days"
    return f"{service.answer_days} {working} (stated)"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def choices(sets: ServiceSets, *, with_draft: bool) -> dict[str, tuple[Choice, ...]]:
    """What each filter offers; with a draft also all its needs at once."""
    offered = filters.choices(sets)
    if with_draft:
        offered[filters.NEED] = (Choice(OF_THE_DRAFT, "Any need of this draft"), *offered["need"])
    return offered


def page(
    rows: Sequence[Row],
    offered: Mapping[str, tuple[Choice, ...]],
    search: Search,
    paging: Paging,
    counts: tuple[Counter[str], Counter[str]],
) -> FindPage:
    """All of it. ``counts``: services by country, all of them and those in the list."""
    everywhere, listed = counts
    left_out = everywhere.total() - paging.total
    return FindPage(
        caption=caption(paging.total, left_out, search, paging.place),
        rows=tuple(rows),
        choices=offered,
        map=draw_map(everywhere, listed, search),
        other_map=other_map(search),
        filtered=left_out > 0,
        previous=paging.previous,
        following=paging.following,
        with_draft=search.wanted is not None,
    )
