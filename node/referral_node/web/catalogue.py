"""Every service of every other organisation, arranged so that a page of fifty is found at once.

Law: made from the member book as it was at one moment, changed never; a newer book makes a new one.
It answers which services pass the filters and in which order, and holds only what that takes: of
10,000 profiles the words would be a hundred megabytes, so a page reads those that it draws. The
order under a draft is `fit.rank`'s, always; nothing here judges a service otherwise. Pure but for
reading the book.

A set of services is one integer with a bit for each, in the order of the organisations' names: so a
filter costs one `&`, whatever the number of services.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from referral_node.exchange import MemberBook
from referral_protocol import fit
from referral_protocol.fit import ServiceFit, Wanted
from referral_protocol.profiles import Profile, Service

FILTERS: Final = ("country", "need", "language", "form", "capacity")
NOT_FULL: Final = "not-full"
OF_THE_DRAFT: Final = "draft"
FEW: Final = 1_500
"""Up to so many services are ranked at once; of more, first those that the person may use."""

Bits = int


class Place(NamedTuple):
    """One service: whose, the how-manieth of its profile, and in which country."""

    member: bytes
    number: int
    country: str


class Catalogue:
    """``version``: the member book's when it was made. ``countries``, ``languages``: those that
    some service is in or names. ``towns``: by the region that they stand for."""

    def __init__(self, book: MemberBook, us: bytes) -> None:
        self.version = book.version
        self._book = book
        everybody = sorted(book.profiles(), key=_by_name)
        self.towns = _towns(profile for _, profile in everybody)
        found = [(member, profile) for member, profile in everybody if member != us]
        self.places = [
            Place(member, number, profile.organisation.country)
            for member, profile in found
            for number in range(len(profile.services))
        ]
        marks, readiness = _Marks(), []
        at = 0
        for _, profile in found:
            for service in profile.services:
                marks.note(at, service, profile.organisation.country)
                readiness.append((*_readiness(service), at))
                at += 1
        self.everything: Bits = (1 << at) - 1
        self._sets = marks.sets(at)
        self._ready = [place for *_, place in sorted(readiness)]
        self.countries = sorted({place.country for place in self.places})
        self.languages = frozenset(value for name, value in self._sets if name == "language")
        self._ranked: dict[tuple[Wanted, Bits], list[int]] = {}

    def passing(self, asked: Mapping[str, str], needs: Sequence[str] = ()) -> Bits:
        """Those that the filters let through; an empty filter lets everything through. ``needs``:
        the draft's, for "any need of this draft"."""
        passed = self.everything
        for name in FILTERS:
            value = asked.get(name, "")
            if name == "need" and value == OF_THE_DRAFT:
                passed &= self._any("need", needs) if needs else self.everything
            elif value:
                passed &= self._sets.get((name, value), 0)
        return passed

    def counted(self, chosen: Bits) -> Counter[str]:
        """How many of them there are in each country."""
        return Counter(self.places[at].country for at in members_of(chosen))

    def readiest(self, chosen: Bits) -> list[int]:
        """Those with room first, then those that answer soonest, then by name."""
        digits = _digits(chosen, len(self.places))
        return [at for at in self._ready if digits[at] == "1"]

    def best(self, wanted: Wanted, chosen: Bits, upto: int) -> list[int]:
        """The best fitting ones first, then as ready as they are: at least ``upto`` of them, if
        there are so many, in the order that ranking all of them gives."""
        key = (wanted, chosen)
        if key in self._ranked and len(self._ranked[key]) >= min(upto, chosen.bit_count()):
            return self._ranked[key]
        ranked: list[int] | None = None
        if chosen.bit_count() > FEW:
            # Whoever may use a service ranks before whoever may not: these come first.
            near = self._rank(wanted, chosen & self._usable(wanted))
            usable = [at for at, found in near if not found.excludes]
            ranked = usable if len(usable) >= upto else None
        if ranked is None:
            ranked = [at for at, _ in self._rank(wanted, chosen)]
        if len(self._ranked) >= 16:
            self._ranked.clear()
        self._ranked[key] = ranked
        return ranked

    def _rank(self, wanted: Wanted, chosen: Bits) -> list[tuple[int, ServiceFit]]:
        """All of these by fit. The key of each carries its place."""
        keyed = [(str(at), service) for at, service in self._services(members_of(chosen))]
        return [(int(found.key), found) for found in fit.rank(wanted, keyed)]

    def service(self, at: int) -> Service | None:
        """One service, read anew."""
        return next((service for _, service in self._services([at])), None)

    def _services(self, chosen: Iterable[int]) -> Iterable[tuple[int, Service]]:
        held: tuple[bytes, Profile | None] = (b"", None)
        for at in chosen:
            place = self.places[at]
            if held[0] != place.member:
                held = (place.member, self._book.profile(place.member))
            if held[1] is not None and place.number < len(held[1].services):
                yield at, held[1].services[place.number]

    def _usable(self, wanted: Wanted) -> Bits:
        """All that a person may use, and some more: those that meet a need and are not plainly for
        people of other countries."""
        meeting = self._any("need", wanted.needs)
        if not wanted.lives_country or not wanted.harmed_country:
            return meeting
        lands = (wanted.lives_country, wanted.harmed_country)
        return meeting & (self._any("land", lands) | self._sets.get(("open", ""), 0))

    def _any(self, name: str, values: Iterable[str]) -> Bits:
        found = 0
        for value in values:
            found |= self._sets.get((name, value), 0)
        return found


class _Marks:
    """Collects which services have what, then packs each set into one integer."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[int]] = {}

    def note(self, at: int, service: Service, country: str) -> None:
        online = "online" in service.forms and service.eligibility == "any-place"
        self._add("country", country, at)
        if online:
            self._add("online", "", at)
        for need in service.needs:
            self._add("need", need, at)
        for form in service.forms:
            self._add("form", form, at)
        if service.interpreters == "any-language":
            self._add("any-language", "", at)
        for tag in {*service.languages, *service.interpreter_languages}:
            self._add("language", tag, at)
        if service.capacity:
            self._add("capacity", service.capacity, at)
        if service.capacity != "no-capacity":
            self._add("capacity", NOT_FULL, at)
        if _open(service):
            self._add("open", "", at)
        for land in {*service.lives_in, *service.harmed_in}:
            self._add("land", land, at)

    def _add(self, name: str, value: str, at: int) -> None:
        self._found.setdefault((name, value), []).append(at)

    def sets(self, count: int) -> dict[tuple[str, str], Bits]:
        """By filter and value. Who helps online from any place stands in every country's set; who
        has an interpreter for any language in every language's."""
        packed = {key: _packed(places, count) for key, places in self._found.items()}
        for filtered, everywhere in (("country", "online"), ("language", "any-language")):
            also = packed.get((everywhere, ""), 0)
            for key in packed:
                if key[0] == filtered:
                    packed[key] |= also
        return packed


def _open(service: Service) -> bool:
    """Whether the place can fit, or is not stated, for people of a land that it does not name."""
    if service.eligibility == "harmed-here":
        return not service.harmed_in and not service.lives_in
    return service.eligibility not in ("lives-here", "either") or not service.lives_in


def members_of(chosen: Bits) -> list[int]:
    """The places of a set's services, in order."""
    return [at for at, digit in enumerate(reversed(f"{chosen:b}")) if digit == "1"]


def _digits(chosen: Bits, count: int) -> str:
    return f"{chosen:0{count}b}"[::-1]


def _packed(places: Sequence[int], count: int) -> Bits:
    data = bytearray(count // 8 + 1)
    for at in places:
        data[at >> 3] |= 1 << (at & 7)
    return int.from_bytes(data, "little")


def _by_name(found: tuple[bytes, Profile]) -> tuple[str, bytes]:
    said = found[1].organisation
    return (said.name_latin or said.name).casefold(), found[0]


def _readiness(service: Service) -> tuple[int, int]:
    known = fit.CAPACITY_ORDER
    room = service.capacity if service.capacity in known else ""
    return known.index(room), 1_000 if service.answer_days is None else service.answer_days


def _towns(profiles: Iterable[Profile]) -> dict[str, str]:
    """Towns by the region that they stand for: the first organisation's of each region."""
    towns: dict[str, str] = {}
    for profile in profiles:
        said = profile.organisation
        if said.region:
            towns.setdefault(said.region, said.city_latin or said.city)
    return towns
