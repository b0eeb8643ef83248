"""Members as pages show them: name, place, telephone, whether they are open now. Pure.

Law: what a profile does not say is not made up: without one an organisation is shown by its id, so
that two of them are never mistaken for each other.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

from markupsafe import Markup

from referral_node.exchange import Member
from referral_protocol import codes
from referral_protocol.forms.values import known_zone
from referral_protocol.hours import Verdict, verdict, windows_of
from referral_protocol.profiles import Contact, Profile
from referral_ui import names
from referral_ui.parts import Text
from referral_ui.times import Place
from referral_ui.words import lowered

UTC: Final = Place("UTC", "UTC")


@dataclass(frozen=True)
class Person:
    """Whom to call: name in its own script, role in words, number as E.164 or as written."""

    name: Text
    plain_name: str
    role: str
    telephone: str
    email: str = ""


@dataclass(frozen=True)
class Organisation:
    """One organisation on a page. ``plain`` is its name without markup, for sentences and titles;
    ``latin`` the name that every reader can pronounce."""

    id: bytes
    plain: str
    latin: str
    name: Text
    place: Place
    status: str = "active"
    people: tuple[Person, ...] = ()
    profile: Profile | None = None
    city_known: bool = True

    @property
    def full(self) -> Text:
        """ "Ponte Tejo, Lisbon", the name in its own script and tagged with its language; the city
        alone where the name does not hold it already."""
        if not self.city_known or self.place.name.casefold() in self.plain.casefold().split():
            return self.name
        return Markup("{}, {}").format(self.name, self.place.name)

    def open_now(self, now: int) -> Verdict | None:
        """Whether they are open; None if they do not state their hours."""
        if self.profile is None or not self.profile.organisation.hours:
            return None
        organisation = self.profile.organisation
        rows = [
            {"days": each.days, "from": each.starts, "to": each.ends} for each in organisation.hours
        ]
        closed = []
        for closure in organisation.holidays:
            first, last = _day(closure.first), _day(closure.last or closure.first)
            if first and last:
                closed.append((first, last))
        return verdict(windows_of(rows, organisation.zone), now, closed)


def organisation(id: bytes, member: Member | None) -> Organisation:
    """A member for a page; also one whose profile or entry is not here."""
    profile = member.profile if member is not None else None
    status = member.status if member is not None else "unknown"
    if profile is None:
        plain = f"Organisation {id.hex()[:8]}"
        return Organisation(id, plain, plain, plain, UTC, status, city_known=False)
    said = profile.organisation
    return Organisation(
        id=id,
        plain=said.name,
        latin=said.name_latin or said.name,
        name=names.name(said.name, said.name_language or None),
        place=_place(said.zone, said.city_latin or said.city),
        status=status,
        people=tuple(_person(each) for each in profile.contacts),
        profile=profile,
        city_known=bool(said.city),
    )


def unjoined(id: bytes, name: str, zone: str) -> Organisation:
    """Ourselves before the directory knows us: what the configuration says."""
    place = _place(zone, zone.rsplit("/", 1)[-1].replace("_", " "))
    return Organisation(id, name, name, name, place, city_known=False)


def _person(contact: Contact) -> Person:
    return Person(
        name=names.name(contact.name, latin=contact.name_latin or None),
        plain_name=contact.name,
        role=lowered(codes.label("contact-roles", contact.role)),
        telephone=contact.telephone,
        email=contact.email,
    )


def _place(zone: str, name: str) -> Place:
    # Not available_timezones(): that walks the whole folder of zones, each time it is asked.
    known = known_zone(zone)
    return Place(zone if known else "UTC", name if known and name else "UTC")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
