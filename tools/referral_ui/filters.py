"""Which services pass which filters, in a node and on the directory's public page alike.

Law: a filter leaves out what does not say that it fits, and the page says how many that are. Who
helps online from any place passes every country's filter; who has an interpreter for any language
passes every language's. A set of services is one integer with a bit for each, so a filter costs one
`&`, whatever the number of services. Pure.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from referral_protocol import codes
from referral_protocol.profiles import Service

from .parts import Choice

NEED: Final = "need"
FILTERS: Final = ("country", NEED, "language", "form", "capacity")
NOT_FULL: Final = "not-full"
Bits = int
Key = tuple[str, str]


def _nothing(_service: Service) -> Iterable[Key]:
    return ()


class ServiceSets:
    """Services in an order that their owner chose, each with its country.

    ``also`` names further sets that a service stands in, for the owner's own use.
    """

    def __init__(
        self,
        services: Iterable[tuple[str, Service]],
        also: Callable[[Service], Iterable[Key]] = _nothing,
    ) -> None:
        self.countries: list[str] = []
        found: dict[Key, list[int]] = {}
        for at, (country, service) in enumerate(services):
            self.countries.append(country)
            for key in (*_keys(country, service), *also(service)):
                found.setdefault(key, []).append(at)
        count = len(self.countries)
        self.everything: Bits = (1 << count) - 1
        self._sets = {key: _packed(places, count) for key, places in found.items()}
        self._widen("country", "online")
        self._widen("language", "any-language")

    def passing(self, asked: Mapping[str, str], anyway: Mapping[str, Bits] | None = None) -> Bits:
        """Those that the filters let through; an empty filter lets everything through.

        ``anyway``: by filter, what a value that is no code of this module's lets through.
        """
        passed = self.everything
        for name in FILTERS:
            value = asked.get(name, "")
            if value and anyway and name in anyway:
                passed &= anyway[name]
            elif value:
                passed &= self.of(name, value)
        return passed

    def of(self, name: str, value: str = "") -> Bits:
        """One set."""
        return self._sets.get((name, value), 0)

    def any(self, name: str, values: Iterable[str]) -> Bits:
        """Those that stand in one of several sets."""
        found = 0
        for value in values:
            found |= self.of(name, value)
        return found

    def values(self, name: str) -> frozenset[str]:
        """All values of a filter that some service has."""
        return frozenset(value for key, value in self._sets if key == name)

    def counted(self, chosen: Bits) -> Counter[str]:
        """How many of them there are in each country."""
        return Counter(self.countries[at] for at in places(chosen))

    def _widen(self, name: str, everywhere: str) -> None:
        also = self.of(everywhere)
        for key in self._sets:
            if key[0] == name:
                self._sets[key] |= also


def places(chosen: Bits) -> list[int]:
    """The services of a set, in order."""
    return [at for at, digit in enumerate(reversed(f"{chosen:b}")) if digit == "1"]


def in_order(order: Sequence[int], chosen: Bits) -> list[int]:
    """Those of an order that stand in a set."""
    digits = f"{chosen:0{len(order)}b}"[::-1]
    return [at for at in order if digits[at] == "1"]


def choices(sets: ServiceSets) -> dict[str, tuple[Choice, ...]]:
    """What each filter offers. Only countries and languages that some service names: any other
    would leave everything out."""
    country = sorted((codes.COUNTRIES.label(code), code) for code in sets.values("country"))
    spoken = sets.values("language")
    return {
        "country": tuple(Choice(code, f"{name}, and online") for name, code in country),
        NEED: _listed("needs"),
        "language": tuple(
            each for key in LANGUAGES for each in _listed(key) if each.code in spoken
        ),
        "form": _listed("forms-of-help"),
        "capacity": (
            Choice("has-capacity", "Has capacity"),
            Choice(NOT_FULL, "Anything but full"),
        ),
    }


LANGUAGES: Final = ("languages", "sign-languages")


def known(asked: Mapping[str, str], offered: Mapping[str, Sequence[Choice]]) -> dict[str, str]:
    """The filters as asked for, without what is not offered: an old or mistyped address must not
    leave everything out."""
    good = {name: {each.code for each in offered[name]} for name in FILTERS}
    return {name: asked.get(name, "") if asked.get(name) in good[name] else "" for name in FILTERS}


def _listed(key: str) -> tuple[Choice, ...]:
    return tuple(Choice(code, row.label) for code, row in codes.listed(key).codes.items())


def _keys(country: str, service: Service) -> Iterable[Key]:
    yield "country", country
    if "online" in service.forms and service.eligibility == "any-place":
        yield "online", ""
    for need in dict.fromkeys(service.needs):
        yield NEED, need
    for form in dict.fromkeys(service.forms):
        yield "form", form
    if service.interpreters == "any-language":
        yield "any-language", ""
    for tag in {*service.languages, *service.interpreter_languages}:
        yield "language", tag
    if service.capacity:
        yield "capacity", service.capacity
    if service.capacity != "no-capacity":
        yield "capacity", NOT_FULL


def _packed(found: Sequence[int], count: int) -> Bits:
    data = bytearray(count // 8 + 1)
    for at in found:
        data[at >> 3] |= 1 << (at & 7)
    return int.from_bytes(data, "little")
