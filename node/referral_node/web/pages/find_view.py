"""Find a service: every service of every member, with its fit, under filters that hide nothing.

Law: a filter never leaves something out without saying how many, and how to see them. Order: best
fit first, then the readiest. "Answers in" is what we saw ourselves; before that, what they state.
Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from statistics import median
from typing import Final
from urllib.parse import urlencode

from markupsafe import Markup

from referral_node.exchange import NO_ANSWERS, Answers
from referral_node.web import fit_words
from referral_node.web.fit_words import Wish
from referral_node.web.members import Organisation
from referral_node.web.pages.step_view import Choices, languages
from referral_protocol import codes, fit
from referral_protocol.fit import ServiceFit, Wanted
from referral_protocol.profiles import Service
from referral_ui import names
from referral_ui.parts import Choice, Mark, Text
from referral_ui.times import DAY, Times

FILTERS: Final = ("country", "need", "language", "form", "capacity")
NOT_FULL: Final = "not-full"


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
class FindPage:
    """All that the template draws. ``chosen``: the filters as asked for, by name."""

    caption: Text
    left_out: int
    show_all: str
    rows: tuple[Row, ...]
    choices: Mapping[str, Choices]
    with_draft: bool
    none: bool


@dataclass(frozen=True)
class Search:
    """What is looked for: filters by name, and the draft's wants with the words for them."""

    filters: Mapping[str, str]
    draft: str = ""
    wanted: Wanted | None = None
    wish: Wish = field(default_factory=Wish)


def build(
    members: Sequence[Organisation],
    search: Search,
    answers: Mapping[bytes, Answers],
    times: Times,
) -> FindPage:
    """The page for these filters."""
    by_id = {member.id.hex(): member for member in members}
    services = [
        (member.id.hex(), service)
        for member in members
        if member.profile is not None
        for service in member.profile.services
    ]
    ranked = _ranked(members, services, search)
    kept = [each for each in ranked if fits_filters(each.service, by_id[each.key], search)]
    left_out = len(ranked) - len(kept)
    rows = tuple(_row(each, by_id[each.key], search, answers, times) for each in kept)
    everything = f"/find?{urlencode({'draft': search.draft})}" if search.draft else "/find"
    return FindPage(
        caption=_caption(len(rows), left_out, everything, search),
        left_out=left_out,
        show_all=everything,
        rows=rows,
        choices=_choices(members, search),
        with_draft=search.wanted is not None,
        none=not rows,
    )


def _ranked(
    members: Sequence[Organisation], services: Sequence[tuple[str, Service]], search: Search
) -> list[ServiceFit]:
    """With a draft the services of the organisation that fits best first: it is an organisation
    that a referral goes to. Without one, those with capacity first."""
    if search.wanted is None:
        return sorted(fit.rank(Wanted(), services), key=_readiness)
    profiles = [(member.id.hex(), member.profile) for member in members if member.profile]
    found = fit.rank_organisations(search.wanted, profiles)
    return [service for organisation in found for service in organisation.services]


def _readiness(each: ServiceFit) -> tuple[int, int]:
    """Those with room first, then those that answer soonest."""
    known = fit.CAPACITY_ORDER
    room = each.service.capacity if each.service.capacity in known else ""
    days = each.service.answer_days
    return known.index(room), 1_000 if days is None else days


def fits_filters(service: Service, member: Organisation, search: Search) -> bool:
    """Whether a service is shown under the filters; an empty filter leaves nothing out."""
    asked = search.filters
    return (
        _fits_country(service, member, asked.get("country", ""))
        and _fits_need(service, asked.get("need", ""), search)
        and _fits_language(service, asked.get("language", ""))
        and (not asked.get("form") or asked["form"] in service.forms)
        and _fits_capacity(service, asked.get("capacity", ""))
    )


def _fits_country(service: Service, member: Organisation, asked: str) -> bool:
    if not asked or member.profile is None:
        return True
    online = "online" in service.forms and service.eligibility == "any-place"
    return member.profile.organisation.country == asked or online


def _fits_need(service: Service, asked: str, search: Search) -> bool:
    if asked == "draft" and search.wanted is not None:
        return bool(set(search.wanted.needs) & set(service.needs))
    return not asked or asked == "draft" or asked in service.needs


def _fits_language(service: Service, asked: str) -> bool:
    if not asked:
        return True
    return (
        asked in service.languages
        or asked in service.interpreter_languages
        or service.interpreters == "any-language"
    )


def _fits_capacity(service: Service, asked: str) -> bool:
    if asked == NOT_FULL:
        return service.capacity != "no-capacity"
    return not asked or service.capacity == asked


def _caption(count: int, left_out: int, everything: str, search: Search) -> Text:
    services = "1 service" if count == 1 else f"{count} services"
    if not count:
        first = "No service fits your filters." if left_out else "No member has stated a service."
    elif search.wanted is not None:
        first = f"{services}, best fit first."
    else:
        first = f"{services}, those with capacity first."
    if not left_out:
        return first
    verb = f"{left_out} {'is' if left_out == 1 else 'are'} left out" if not count else ""
    second = f"{verb}:" if verb else f"Your filters leave out {left_out}:"
    return Markup('{} {} <a class="govuk-link tap" href="{}">show all</a>').format(
        first, second, everything
    )


def _row(
    each: ServiceFit,
    member: Organisation,
    search: Search,
    answers: Mapping[bytes, Answers],
    times: Times,
) -> Row:
    service = each.service
    query = f"?{urlencode({'draft': search.draft})}" if search.draft else ""
    return Row(
        href=f"/organisation/{each.key}{query}",
        service=names.name(service.name_english or service.name, _language_of(service)),
        organisation=member.name,
        place=_place(member, service),
        together=_together(each, member, search),
        marks=fit_words.marks(each.findings, search.wish) if search.wanted is not None else (),
        about=fit_words.needs(service.needs),
        capacity=capacity(service),
        stated=stated(service, times),
        answers=answers_in(service, member, answers),
    )


def _together(each: ServiceFit, member: Organisation, search: Search) -> str:
    """What an organisation's services fit together, where that is more than this one does."""
    if search.wanted is None or member.profile is None or len(member.profile.services) < 2:
        return ""
    whole = fit.organisation_fit(search.wanted, "", member.profile)
    good, of = whole.counted
    alone = sum(finding.aspect != "capacity" for finding in each.fits)
    return f"With their other services: fits {good} of {of}" if good > alone else ""


def _language_of(service: Service) -> str:
    return "en" if service.name_english else service.language


def _place(member: Organisation, service: Service) -> Text:
    country = member.profile.organisation.country if member.profile is not None else ""
    where = f"{member.place.name}, {codes.COUNTRIES.label(country)}" if country else ""
    return f"{where}, and online" if "online" in service.forms else where


def capacity(service: Service) -> str:
    """ "Waiting list, 3 weeks", "Not stated"."""
    if not service.capacity:
        return "Not stated"
    label = codes.label("capacities", service.capacity)
    note = service.capacity_note
    return f"{label}, {note[:1].lower()}{note[1:]}" if note else label


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


def answers_in(service: Service, member: Organisation, answers: Mapping[bytes, Answers]) -> str:
    """ "2 days (3 referrals)" as we saw it, else "1 working day (stated)", else "Not stated"."""
    seen = answers.get(member.id, NO_ANSWERS).took
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


def _choices(members: Sequence[Organisation], search: Search) -> dict[str, Choices]:
    countries = {
        member.profile.organisation.country for member in members if member.profile is not None
    }
    country = sorted((codes.COUNTRIES.label(code), code) for code in countries)
    needs = codes.listed("needs")
    first = (Choice("draft", "Any need of this draft"),) if search.wanted is not None else ()
    return {
        "country": tuple(Choice(code, f"{name}, and online") for name, code in country),
        "need": (*first, *(Choice(code, needs.label(code)) for code in needs)),
        "language": _spoken(members),
        "form": tuple(
            Choice(code, row.label) for code, row in codes.listed("forms-of-help").codes.items()
        ),
        "capacity": (
            Choice("has-capacity", "Has capacity"),
            Choice(NOT_FULL, "Anything but full"),
        ),
    }


def _spoken(members: Sequence[Organisation]) -> Choices:
    """Only languages that some service names: any other would leave everything out."""
    named = {
        tag
        for member in members
        if member.profile is not None
        for service in member.profile.services
        for tag in (*service.languages, *service.interpreter_languages)
    }
    listed = [choice for group in languages() for choice in getattr(group, "choices", ())]
    return tuple(choice for choice in listed if choice.code in named)
