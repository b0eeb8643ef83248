"""The public pages as values: the list with its map, the organisations, one of them.

Law: made of `Shown` alone, so nothing gets on a page that its member did not publish. What is not
stated is "not stated". Times are the organisation's own, by its own clock. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import urlencode

from markupsafe import Markup

from referral_directory.public.published import Public, Shown
from referral_protocol import codes
from referral_protocol.profiles import Organisation, Service
from referral_ui import filters, names, numbers, opening, services
from referral_ui.filters import NEED, ServiceSets, places
from referral_ui.map import Country, View, outside_europe, world_map
from referral_ui.paging import PER_PAGE, Paging
from referral_ui.parts import Choice, Fact, Link, Text
from referral_ui.words import capital, lowered

Part = TypeVar("Part")

TITLE: Final = "Map of countries with services. The table below says the same."
ASKED: Final = ("country", NEED, "language", "form")
"""What can be filtered by: how much room there is changes daily, and is for colleagues to ask."""


@dataclass(frozen=True)
class Row:
    """One service in the table."""

    href: str
    service: Text
    organisation: Text
    place: Text
    needs: str
    whom: str
    how: str
    contact: Text


@dataclass(frozen=True)
class ServicesPage:
    """The first page."""

    caption: Text
    rows: tuple[Row, ...]
    choices: Mapping[str, tuple[Choice, ...]]
    asked: Mapping[str, str]
    world: bool
    map: Markup
    other_map: Link
    filtered: bool
    nothing: bool
    previous: Link | None
    following: Link | None


@dataclass(frozen=True)
class MemberRow:
    """One organisation in the table of all."""

    href: str
    name: Text
    place: Text
    services: str
    contact: Text


@dataclass(frozen=True)
class MembersPage:
    """All organisations that are published."""

    caption: str
    rows: tuple[MemberRow, ...]
    previous: Link | None
    following: Link | None


@dataclass(frozen=True)
class HoursRow:
    """Opening hours of some days."""

    days: str
    open: Text


@dataclass(frozen=True)
class OrganisationPage:
    """One organisation."""

    plain: str
    name: Text
    where: str
    about: str
    about_lang: str | None
    services: tuple[services.ServiceRow, ...]
    reach: tuple[Fact, ...]
    hours: tuple[HoursRow, ...]
    clock: str
    facts: tuple[Fact, ...]


class Stock:
    """All published services, arranged for one state of the directory."""

    def __init__(self, shown: Shown) -> None:
        self.shown = shown
        self.all: list[tuple[Public, Service]] = [
            (member, service) for member in shown.members for service in member.profile.services
        ]
        self.sets = ServiceSets(
            (member.profile.organisation.country, service) for member, service in self.all
        )
        self.choices = filters.choices(self.sets)
        self.towns = _towns(shown.members)


def services_page(stock: Stock, query: Mapping[str, str]) -> ServicesPage:
    """The list under these filters, and its map."""
    known = filters.known(query, stock.choices)
    asked = {name: known[name] for name in ASKED}
    view: View = "world" if query.get("map") == "world" else "europe"
    kept = stock.sets.passing(asked)
    here = {**asked, "map": "world" if view == "world" else ""}
    paging = _paging(query, kept.bit_count(), "/", here)
    left_out = len(stock.all) - paging.total
    rows = [_row(*stock.all[at], stock.towns) for at in _part(places(kept), paging)]
    to_europe = Link("Show Europe on the map", _address("/", here | {"map": ""}))
    to_world = Link("Show the world on the map", _address("/", here | {"map": "world"}))
    return ServicesPage(
        caption=_caption(paging, left_out),
        rows=tuple(rows),
        choices=stock.choices,
        asked=asked,
        world=view == "world",
        map=_map(stock, kept, here, view),
        other_map=to_europe if view == "world" else to_world,
        filtered=left_out > 0,
        nothing=not stock.all,
        previous=paging.previous,
        following=paging.following,
    )


def members_page(stock: Stock, query: Mapping[str, str]) -> MembersPage:
    """The organisations, by name."""
    members = stock.shown.members
    paging = _paging(query, len(members), "/members", {})
    count = "1 organisation" if paging.total == 1 else f"{paging.total:,} organisations"
    return MembersPage(
        caption=count + paging.place,
        rows=tuple(_member(each) for each in _part(members, paging)),
        previous=paging.previous,
        following=paging.following,
    )


def organisation_page(stock: Stock, member: Public) -> OrganisationPage:
    """One organisation, as it describes itself."""
    said = member.profile.organisation
    return OrganisationPage(
        plain=said.name_latin or said.name,
        name=names.name(said.name, said.name_language or None, said.name_latin or None),
        where=_place(said),
        about=said.about,
        about_lang=said.about_language or None,
        services=tuple(services.row(each, stock.towns) for each in member.profile.services),
        reach=_reach(said),
        hours=tuple(_hours(days) for days in opening.week(said.hours)),
        clock=said.city_latin or said.city,
        facts=_facts(said),
    )


# --- the list -----------------------------------------------------------------------------------


def _paging(query: Mapping[str, str], total: int, path: str, here: Mapping[str, str]) -> Paging:
    return Paging.of(
        query.get("page", "1"),
        total,
        lambda number: _address(path, {**here, "page": str(number) if number > 1 else ""}),
    )


def _part(whole: Sequence[Part], paging: Paging) -> Sequence[Part]:
    return whole[paging.first : paging.first + PER_PAGE]


def _address(path: str, asked: Mapping[str, str]) -> str:
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"{path}?{query}" if query else path


def _caption(paging: Paging, left_out: int) -> Text:
    total = paging.total
    services_in_words = "1 service" if total == 1 else f"{total:,} services"
    if not left_out:
        return f"{services_in_words}{paging.place}"
    first = f"{services_in_words}{paging.place}." if total else "No service fits your filters."
    second = f"Your filters leave out {left_out:,}:"
    if not total:
        second = f"{left_out:,} {'is' if left_out == 1 else 'are'} left out:"
    return Markup('{} {} <a class="govuk-link tap" href="/">show all</a>').format(first, second)


def _row(member: Public, service: Service, towns: Mapping[str, str]) -> Row:
    said = member.profile.organisation
    shown = services.row(service, towns)
    return Row(
        href=f"/organisation/{member.id.hex()}",
        service=shown.name,
        organisation=names.name(said.name, said.name_language or None, said.name_latin or None),
        place=_place(said),
        needs=shown.needs,
        whom=shown.whom,
        how=shown.how,
        contact=_contact(said),
    )


def _map(stock: Stock, kept: int, here: Mapping[str, str], view: View) -> Markup:
    everywhere, listed = stock.sets.counted(stock.sets.everything), stock.sets.counted(kept)
    shaded = {
        code: Country(
            count,
            _address("/", {**here, "country": code}),
            f"{codes.COUNTRIES.label(code)}: {_counted(count, listed[code])}",
            listed[code] > 0,
        )
        for code, count in everywhere.items()
    }
    within = everywhere.keys() - set(outside_europe(everywhere))
    count, shown = (sum(each[code] for code in within) for each in (everywhere, listed))
    europe = Country(
        count,
        _address("/", {**here, "map": ""}),
        f"Europe: {_counted(count, shown)}. Show Europe",
        shown > 0,
    )
    return world_map(
        shaded, TITLE, view=view, here=here["country"], europe=europe if count else None
    )


def _counted(count: int, listed: int) -> str:
    in_words = "1 service" if count == 1 else f"{count:,} services"
    if not listed:
        return f"{in_words}, left out by your filters"
    return in_words if listed == count else f"{in_words}, some in the list below"


# --- organisations ------------------------------------------------------------------------------


def _member(each: Public) -> MemberRow:
    said = each.profile.organisation
    count = len(each.profile.services)
    return MemberRow(
        href=f"/organisation/{each.id.hex()}",
        name=names.name(said.name, said.name_language or None, said.name_latin or None),
        place=_place(said),
        services=str(count) if count else "None published",
        contact=_contact(said),
    )


def _place(said: Organisation) -> str:
    return f"{said.city_latin or said.city}, {codes.COUNTRIES.label(said.country)}"


def _contact(said: Organisation) -> Text:
    """One way to reach them: the helpline, else the telephone, else what there is."""
    line = said.emergency_line
    if line is not None:
        when = f", {lowered(line.when)}" if line.when else ""
        return Markup("{}{}").format(_helpline(line.number), when)
    if said.telephone:
        return numbers.dial(said.telephone)
    return _web(said.website) if said.website else "See their page"


def _reach(said: Organisation) -> tuple[Fact, ...]:
    line = said.emergency_line
    when = f", {lowered(line.when)}" if line is not None and line.when else ""
    found = [
        Fact("Victims’ helpline", Markup("{}{}").format(_helpline(line.number), when))
        if line is not None
        else None,
        Fact("Telephone", numbers.dial(said.telephone)) if said.telephone else None,
        Fact("E-mail", _mail(said.email)) if said.email else None,
        Fact("Website", _web(said.website)) if said.website else None,
        Fact("Languages", _languages(said)) if said.languages else None,
    ]
    return tuple(fact for fact in found if fact is not None)


def _helpline(number: str) -> Markup:
    """A number to press; a short one, such as 116 006, can be called inside its country only."""
    if number.startswith("+"):
        return numbers.dial(number)
    return Markup('<a class="govuk-link" href="tel:{}">{}</a>').format(
        number.replace(" ", ""), numbers.num(number)
    )


def _languages(said: Organisation) -> str:
    return ", ".join(codes.language_label(tag) for tag in said.languages)


def _mail(address: str) -> Markup:
    return Markup('<a class="govuk-link" href="mailto:{}">{}</a>').format(address, address)


def _web(address: str) -> Text:
    if not address.startswith(("https://", "http://")):
        return address
    return Markup('<a class="govuk-link" href="{}" rel="noopener noreferrer">{}</a>').format(
        address, address.partition("//")[2].rstrip("/")
    )


def _hours(days: opening.Days) -> HoursRow:
    spans = [numbers.num(f"{start}–{end}") for start, end in days.spans]
    return HoursRow(days.name, Markup(", ").join(spans) if spans else "closed")


def _facts(said: Organisation) -> tuple[Fact, ...]:
    staff = said.staff
    counted = [
        f"{staff.paid:,} paid" if staff and staff.paid is not None else "",
        f"{staff.volunteers:,} volunteers" if staff and staff.volunteers is not None else "",
    ]
    paid = said.financing_note or ", ".join(
        codes.label("financing", code) if code == "eu" else lowered(codes.label("financing", code))
        for code in said.financing
    )
    people = ", ".join(each for each in counted if each)
    found = [
        Fact("Staff", people) if people else None,
        Fact("Paid by", capital(paid)) if paid else None,
        Fact("When many are harmed at once", "They help") if _helps_many(said) else None,
    ]
    return tuple(fact for fact in found if fact is not None)


def _helps_many(said: Organisation) -> bool:
    return said.mass_events is not None and said.mass_events.responds


def _towns(members: Sequence[Public]) -> dict[str, str]:
    """Towns by the region that they stand for: the first organisation's of each region."""
    towns: dict[str, str] = {}
    for member in members:
        said = member.profile.organisation
        if said.region:
            towns.setdefault(said.region, said.city_latin or said.city)
    return towns
