"""Every service of every other organisation, arranged so that a page of fifty is found at once.

Law: made from the member book as it was at one moment, changed never; a newer book makes a new one.
It answers which services pass the filters and in which order, and holds only what that takes: of
10,000 profiles the words would be a hundred megabytes, so a page reads those that it draws. The
order under a draft is `fit.rank`'s, always; nothing here judges a service otherwise. Pure but for
reading the book.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from referral_node.exchange import MemberBook
from referral_protocol import fit
from referral_protocol.fit import Wanted
from referral_protocol.profiles import Profile, Service
from referral_ui.filters import NEED, Bits, Key, ServiceSets, in_order, places

OF_THE_DRAFT: Final = "draft"
"""The value of the filter for needs that stands for all those of the draft."""
FEW: Final = 1_500
"""Up to so many services are ranked at once; of more, first those that the person may use."""


class Place(NamedTuple):
    """One service: whose, and the how-manieth of its profile."""

    member: bytes
    number: int


class Catalogue:
    """``version``: the member book's when it was made. ``towns``: by the region that they stand
    for. A service is called by its place in the order of the organisations' names."""

    def __init__(self, book: MemberBook, us: bytes) -> None:
        self.version = book.version
        self._book = book
        self.towns: dict[str, str] = {}
        self.places: list[Place] = []
        ready: list[tuple[int, int, int]] = []

        def services() -> Iterator[tuple[str, Service]]:
            # One profile at a time: all of them together would be what the book keeps packed.
            for _, member in sorted(map(_named, book.profiles())):
                profile = book.profile(member)
                if profile is None:
                    continue
                said = profile.organisation
                if said.region:
                    self.towns.setdefault(said.region, said.city_latin or said.city)
                for number, service in enumerate(profile.services if member != us else ()):
                    ready.append((*_readiness(service), len(self.places)))
                    self.places.append(Place(member, number))
                    yield said.country, service

        self.sets = ServiceSets(services(), _also)
        self._ready = [at for *_, at in sorted(ready)]
        self._ranked: dict[tuple[Wanted, Bits], list[int]] = {}

    @property
    def everything(self) -> Bits:
        return self.sets.everything

    def passing(self, asked: Mapping[str, str], needs: Sequence[str] = ()) -> Bits:
        """Those that the filters let through. ``needs``: the draft's, for "any need of it"."""
        if asked.get(NEED) != OF_THE_DRAFT:
            return self.sets.passing(asked)
        meeting = self.sets.any(NEED, needs) if needs else self.everything
        return self.sets.passing(asked, {NEED: meeting})

    def counted(self, chosen: Bits) -> Counter[str]:
        """How many of them there are in each country."""
        return self.sets.counted(chosen)

    def readiest(self, chosen: Bits) -> list[int]:
        """Those with room first, then those that answer soonest, then by name."""
        return in_order(self._ready, chosen)

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
            usable = [at for excludes, at in near if not excludes]
            ranked = usable if len(usable) >= upto else None
        if ranked is None:
            ranked = [at for _, at in self._rank(wanted, chosen)]
        if len(self._ranked) >= 16:
            self._ranked.clear()
        self._ranked[key] = ranked
        return ranked

    def service(self, at: int) -> Service | None:
        """One service, read anew."""
        return next((service for _, service in self._services([at])), None)

    def _rank(self, wanted: Wanted, chosen: Bits) -> list[tuple[bool, int]]:
        """All of these by fit, equal ones by name; with whether each excludes the person."""
        found = self._services(places(chosen))
        ranked = sorted((fit.order(wanted, service), at) for at, service in found)
        return [(order[0], at) for order, at in ranked]

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
        meeting = self.sets.any(NEED, wanted.needs)
        if not wanted.lives_country or not wanted.harmed_country:
            return meeting
        lands = (wanted.lives_country, wanted.harmed_country)
        return meeting & (self.sets.any("land", lands) | self.sets.of("open"))


def _also(service: Service) -> Iterable[Key]:
    """The sets that `_usable` needs."""
    if _open(service):
        yield "open", ""
    for land in {*service.lives_in, *service.harmed_in}:
        yield "land", land


def _open(service: Service) -> bool:
    """Whether the place can fit, or is not stated, for people of a land that it does not name."""
    if service.eligibility == "harmed-here":
        return not service.harmed_in and not service.lives_in
    return service.eligibility not in ("lives-here", "either") or not service.lives_in


def _named(found: tuple[bytes, Profile]) -> tuple[str, bytes]:
    """What organisations are sorted by, with the id."""
    said = found[1].organisation
    return (said.name_latin or said.name).casefold(), found[0]


def _readiness(service: Service) -> tuple[int, int]:
    known = fit.CAPACITY_ORDER
    room = service.capacity if service.capacity in known else ""
    return known.index(room), 1_000 if service.answer_days is None else service.answer_days
