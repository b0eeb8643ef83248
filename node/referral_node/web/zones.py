"""Places for times: which zones a page offers, and what it calls them.

Law: a zone is offered under the name of a place that the reader knows (the person's town, our own,
the recipient's), with how far its clock is from ours. Pure.
"""

from collections.abc import Iterable

from babel.core import get_global

from referral_protocol import codes
from referral_ui.parts import Choice, ChoiceGroup
from referral_ui.times import Place, Times

_TERRITORY_ZONES = get_global("territory_zones")


def zones_of(country: str) -> tuple[str, ...]:
    """IANA zones of a country (ISO 3166-1), as the locale data has them; () for an unknown one."""
    return tuple(_TERRITORY_ZONES.get(country, ()))


def every_zone() -> list[str]:
    """The IANA zones of all countries, by their town."""
    return sorted({zone for zones in _TERRITORY_ZONES.values() for zone in zones}, key=town_of)


def town_of(zone: str) -> str:
    """What a zone calls itself: "Europe/Amsterdam" as "Amsterdam"."""
    return zone.rsplit("/", 1)[-1].replace("_", " ")


def places_in(country: str, town: str, times: Times) -> list[Place]:
    """The country's zones as places; where all its clocks show the same, one place by its town."""
    found: dict[object, Place] = {}
    for zone in zones_of(country):
        place = Place(zone, town_of(zone))
        found.setdefault(place.local(times.now).utcoffset(), place)
    places = list(found.values())
    if len(places) == 1:
        name = town or codes.COUNTRIES.label(country)
        return [Place(places[0].zone, name)]
    return sorted(places, key=lambda place: place.name)


def choices(times: Times, near: Iterable[Place]) -> tuple[Choice | ChoiceGroup, ...]:
    """For a select: the places that matter here first, our own among them, then Europe's."""
    listed: dict[str, Place] = {}
    for place in (*near, times.here):
        listed.setdefault(place.zone, place)
    first = tuple(Choice(place.zone, _label(place, times)) for place in listed.values())
    others = tuple(
        Choice(zone, _label(Place(zone, town_of(zone)), times))
        for zone in sorted(_europe(), key=town_of)
        if zone not in listed
    )
    return (*first, ChoiceGroup("Elsewhere", others))


def _label(place: Place, times: Times) -> str:
    return f"{place.name} ({times.offset(place)})"


def _europe() -> set[str]:
    return {
        zone for zones in _TERRITORY_ZONES.values() for zone in zones if zone.startswith("Europe/")
    }
