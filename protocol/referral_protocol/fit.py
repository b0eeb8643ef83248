"""Does a service fit a person: every aspect with its verdict and its reason, best services first.

Law: a pure function of two values; it never hides a service, never calls a lack of data a "no", and
gives a reason for each verdict. It runs where the draft is: nothing of a person leaves for it.

Aspects: each need by itself, place, age, people served (only where either side limits it),
language, capacity. Capacity is told but does not count as fitting. A service that a person may not
use (place, age or people served do not fit) ranks below every one that the person may use.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from referral_protocol.forms.people import age, needs
from referral_protocol.profiles.model import Profile, Service

FITS: Final = "fits"
MISFIT: Final = "does-not-fit"
UNSTATED: Final = "not-stated"

EXCLUDING: Final = frozenset({"place", "age", "served"})
"""Aspects that keep a person out; the others mean that part of what is needed is not there."""

CAPACITY_ORDER: Final = ("has-capacity", "assessment-required", "waiting-list", "", "no-capacity")
"""From the readiest to the least; "" is not stated."""


class Wanted(NamedTuple):
    """What the fit check looks at, from a draft. Absent: "" or () or None."""

    needs: tuple[str, ...] = ()
    lives_country: str = ""
    lives_region: str = ""
    harmed_country: str = ""
    age_from: int | None = None
    age_to: int | None = None
    role: str = ""
    groups: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    interpreter: str = ""


class Finding(NamedTuple):
    """One aspect of one service. ``reason``: a code of the list ``fit-reasons``. ``values``: the
    codes that it is about (a need, countries or regions, ages as digits, groups, languages)."""

    aspect: str
    verdict: str
    reason: str
    values: tuple[str, ...] = ()


class ServiceFit(NamedTuple):
    """One service with its findings; ``key`` says whose it is."""

    key: str
    service: Service
    findings: tuple[Finding, ...]

    @property
    def fits(self) -> tuple[Finding, ...]:
        return _of(self.findings, FITS)

    @property
    def misfits(self) -> tuple[Finding, ...]:
        return _of(self.findings, MISFIT)

    @property
    def unstated(self) -> tuple[Finding, ...]:
        return _of(self.findings, UNSTATED)

    @property
    def excludes(self) -> bool:
        """Whether the person may not use it, or nothing that is needed is offered."""
        return any(finding.aspect in EXCLUDING for finding in self.misfits) or not any(
            finding.aspect == "need" for finding in self.fits
        )


Order = tuple[bool, int, int, int, int, int]


class OrganisationFit(NamedTuple):
    """An organisation as a whole: each need is met when one usable service meets it, and place, age
    and people served are as good as in the services that the needs take, the worst of them."""

    key: str
    findings: tuple[Finding, ...]
    services: tuple[ServiceFit, ...]

    @property
    def counted(self) -> tuple[int, int]:
        """How many aspects fit, of how many ("Fits 5 of 6"); capacity is not counted."""
        aspects = [finding for finding in self.findings if finding.aspect != "capacity"]
        return sum(finding.verdict == FITS for finding in aspects), len(aspects)


def wanted(content: Mapping[str, Any], now: int) -> Wanted:
    """What a draft or a capacity query wants; ``now`` (ms UTC) for the age."""
    who, happened = _map(content, "who"), _map(content, "happened")
    speech, lives = _map(content, "communication"), _map(who, "lives_in")
    years = age(_text(who, "date_of_birth"), now)
    low, high = _band(_text(who, "age_band") or _text(content, "age_band"))
    return Wanted(
        needs=needs(content),
        lives_country=_text(lives, "country") or _text(content, "lives_in"),
        lives_region=_text(lives, "region") or _text(content, "lives_in_region"),
        harmed_country=_text(happened, "country") or _text(content, "harmed_in"),
        age_from=low if years is None else years,
        age_to=high if years is None else years,
        role=_text(who, "role") or _text(content, "role"),
        groups=_codes(who, "groups") or _codes(content, "groups"),
        languages=_codes(speech, "languages") or _codes(content, "languages"),
        interpreter=_text(speech, "interpreter_language")
        if _text(speech, "interpreter") == "yes"
        else "",
    )


def fit(person: Wanted, service: Service) -> tuple[Finding, ...]:
    """Every finding for one service, in the order of the aspects."""
    return (
        *_needs(person, service),
        _place(person, service),
        _age(person, service),
        *_served(person, service),
        _language(person, service),
        _capacity(service),
    )


def rank(person: Wanted, services: Iterable[tuple[str, Service]]) -> list[ServiceFit]:
    """All of them, best fit first, then the readiest, then the quickest to answer. Equal ones stay
    in the order given. ``services``: whose (any key), and the service."""
    found = [ServiceFit(key, service, fit(person, service)) for key, service in services]
    return sorted(found, key=_order)


def order(person: Wanted, service: Service) -> Order:
    """What ``rank`` sorts one service by, the best first; the first item: it excludes the person.
    For whoever ranks more services than fit into memory."""
    return _order(ServiceFit("", service, fit(person, service)))


def organisation_fit(person: Wanted, key: str, profile: Profile) -> OrganisationFit:
    """One organisation: its services ranked, and what they give together."""
    ranked = rank(person, ((key, service) for service in profile.services))
    return OrganisationFit(key, tuple(_together(person, ranked)), tuple(ranked))


def rank_organisations(
    person: Wanted, profiles: Iterable[tuple[str, Profile]]
) -> list[OrganisationFit]:
    """All organisations, most needs met first, then fewest misfits, then as their best service."""
    found = [organisation_fit(person, key, profile) for key, profile in profiles]
    return sorted(found, key=_organisation_order)


# --- aspects ------------------------------------------------------------------------------------


def _needs(person: Wanted, service: Service) -> Iterable[Finding]:
    for need in person.needs:
        offered = need in service.needs
        yield Finding(
            "need",
            FITS if offered else MISFIT,
            "offered" if offered else "not-offered",
            (need,),
        )


def _place(person: Wanted, service: Service) -> Finding:
    """Fits if one of the ways that the eligibility allows fits; else not stated if one is open."""
    if service.eligibility == "any-place":
        return Finding("place", FITS, "any-place")
    ways = {
        "lives-here": ("lives",),
        "harmed-here": ("harmed",),
        "either": ("lives", "harmed"),
    }.get(service.eligibility, ())
    found = [
        _lives_there(person, service) if way == "lives" else _harmed_there(person, service)
        for way in ways
    ]
    for verdict in (FITS, UNSTATED):
        for finding in found:
            if finding.verdict == verdict:
                return finding
    if not ways:
        return Finding("place", UNSTATED, "area-not-stated")
    reason = {
        "lives-here": "only-lives-here",
        "harmed-here": "only-harmed-here",
        "either": "only-lives-or-harmed-here",
    }[service.eligibility]
    return Finding("place", MISFIT, reason, _area(service))


def _lives_there(person: Wanted, service: Service) -> Finding:
    """A country with regions named is only those regions; one without is the whole country."""
    country, region = person.lives_country, person.lives_region
    if not service.lives_in:
        return Finding("place", UNSTATED, "area-not-stated")
    if not country:
        return Finding("place", UNSTATED, "person-place-unknown")
    if country not in service.lives_in:
        return Finding("place", MISFIT, "only-lives-here", service.lives_in)
    regions = tuple(each for each in service.lives_in_regions if each.startswith(f"{country}-"))
    if regions and not region:
        return Finding("place", UNSTATED, "person-region-unknown", regions)
    if regions and region not in regions:
        return Finding("place", MISFIT, "only-lives-here", regions)
    return Finding("place", FITS, "lives-in-area", (region or country,))


def _harmed_there(person: Wanted, service: Service) -> Finding:
    """Only the country of the crime is compared; a service for some regions must be asked."""
    area = service.harmed_in or service.lives_in
    if not area:
        return Finding("place", UNSTATED, "area-not-stated")
    if not person.harmed_country:
        return Finding("place", UNSTATED, "person-place-unknown")
    if person.harmed_country not in area:
        return Finding("place", MISFIT, "only-harmed-here", area)
    if not service.harmed_in and service.lives_in_regions:
        return Finding("place", UNSTATED, "area-not-stated", service.lives_in_regions)
    return Finding("place", FITS, "harmed-in-area", (person.harmed_country,))


def _age(person: Wanted, service: Service) -> Finding:
    if service.age_from is None and service.age_to is None:
        return Finding("age", UNSTATED, "ages-not-stated")
    low = service.age_from or 0
    high = 150 if service.age_to is None else service.age_to
    values = (str(low), str(high))
    if person.age_from is None or person.age_to is None:
        whole = low == 0 and high >= 120
        return Finding(
            "age",
            FITS if whole else UNSTATED,
            "age-in-range" if whole else "person-age-unknown",
            values,
        )
    if low <= person.age_from and person.age_to <= high:
        return Finding("age", FITS, "age-in-range", values)
    if person.age_to < low or person.age_from > high:
        return Finding("age", MISFIT, "age-out-of-range", values)
    return Finding("age", UNSTATED, "age-band-overlaps", values)


def _served(person: Wanted, service: Service) -> Iterable[Finding]:
    """Only where someone could be left out: a service for some groups, or a person who is not the
    victim."""
    if person.role == "witness":
        yield {
            "yes": Finding("served", FITS, "witnesses-served"),
            "no": Finding("served", MISFIT, "witnesses-not-served"),
        }.get(service.witnesses, Finding("served", UNSTATED, "witnesses-not-stated"))
    if "all" in service.served:
        return
    if not service.served:
        if person.groups:
            yield Finding("served", UNSTATED, "served-not-stated")
        return
    shared = tuple(group for group in person.groups if group in service.served)
    if shared:
        yield Finding("served", FITS, "group-served", shared)
    elif _contradicts(person.groups, service.served):
        yield Finding("served", MISFIT, "group-not-served", service.served)
    else:
        # That a person does not name a group does not say that the person is not of it.
        yield Finding("served", UNSTATED, "only-groups", service.served)


def _contradicts(groups: Sequence[str], served: Sequence[str]) -> bool:
    """Only women and men exclude each other; every other group may be there unsaid."""
    return (served == ("women",) and "men" in groups) or (served == ("men",) and "women" in groups)


def _language(person: Wanted, service: Service) -> Finding:
    asked = tuple(dict.fromkeys((*person.languages, person.interpreter)))
    asked = tuple(tag for tag in asked if tag)
    if not asked:
        return Finding("language", UNSTATED, "person-language-unknown")
    spoken = tuple(tag for tag in asked if tag in service.languages)
    if spoken:
        return Finding("language", FITS, "spoken", spoken)
    interpreted = tuple(tag for tag in asked if tag in service.interpreter_languages)
    if interpreted or service.interpreters == "any-language":
        return Finding("language", FITS, "interpreter", interpreted or asked[:1])
    if service.interpreters == "none":
        return Finding("language", MISFIT, "no-interpreter", asked)
    reason = "interpreter-not-stated" if service.languages else "languages-not-stated"
    return Finding("language", UNSTATED, reason, asked)


def _capacity(service: Service) -> Finding:
    verdict = {
        "has-capacity": FITS,
        "no-capacity": MISFIT,
        "waiting-list": FITS,
        "assessment-required": FITS,
    }.get(service.capacity)
    if verdict is None:
        return Finding("capacity", UNSTATED, "capacity-not-stated")
    return Finding("capacity", verdict, service.capacity)


# --- order --------------------------------------------------------------------------------------


def _order(each: ServiceFit) -> Order:
    """May use it; fewest misfits; most fits; fewest unsaid; readiest; quickest to answer."""
    counted = [finding for finding in each.findings if finding.aspect != "capacity"]
    return (
        each.excludes,
        sum(finding.verdict == MISFIT for finding in counted),
        -sum(finding.verdict == FITS for finding in counted),
        sum(finding.verdict == UNSTATED for finding in counted),
        _readiness(each.service.capacity),
        999 if each.service.answer_days is None else each.service.answer_days,
    )


def _organisation_order(
    each: OrganisationFit,
) -> tuple[int, int, tuple[bool, int, int, int, int, int]]:
    met = sum(f.aspect == "need" and f.verdict == FITS for f in each.findings)
    misfits = sum(f.aspect != "capacity" and f.verdict == MISFIT for f in each.findings)
    best = _order(each.services[0]) if each.services else (True, 99, 0, 99, 99, 999)
    return -met, misfits, best


def _readiness(capacity: str) -> int:
    known = capacity if capacity in CAPACITY_ORDER else ""
    return CAPACITY_ORDER.index(known)


def _together(person: Wanted, ranked: Sequence[ServiceFit]) -> Iterable[Finding]:
    usable = [each for each in ranked if not each.excludes]
    taken = _taken(person, ranked)
    for need in person.needs:
        if need not in taken:
            yield Finding("need", MISFIT, "not-offered", (need,))
        elif taken[need].excludes:
            yield _why_not(need, taken[need])
        else:
            yield Finding("need", FITS, "offered", (need,))
    for aspect in ("place", "age", "served", "language", "capacity"):
        # Who may come is asked of the very services that the needs take: a room for people of
        # another place is no help to this person, whoever may come to the organisation's talks.
        strict = bool(taken) and aspect in EXCLUDING
        services = list(taken.values()) if strict else usable or ranked
        found = [f for each in services for f in each.findings if f.aspect == aspect]
        if found:
            yield max(found, key=_severity) if strict else min(found, key=_severity)


def _taken(person: Wanted, ranked: Sequence[ServiceFit]) -> dict[str, ServiceFit]:
    """By need: of the services that offer it, the one most open to the person; equal: as ranked."""
    found = {}
    for need in person.needs:
        offering = [each for each in ranked if need in each.service.needs]
        if offering:
            found[need] = min(offering, key=_barriers)
    return found


def _barriers(each: ServiceFit) -> tuple[int, int]:
    """How many findings keep the person out, and how many leave that open."""
    return (
        sum(finding.aspect in EXCLUDING for finding in each.misfits),
        sum(finding.aspect in EXCLUDING for finding in each.unstated),
    )


def _severity(finding: Finding) -> int:
    return (FITS, UNSTATED, MISFIT).index(finding.verdict)


def _why_not(need: str, taken: ServiceFit) -> Finding:
    """The need is offered, but only where the person may not use it: the service's reason."""
    reason = next(finding for finding in taken.misfits if finding.aspect in EXCLUDING)
    return Finding("need", MISFIT, reason.reason, (need,))


def _of(findings: Sequence[Finding], verdict: str) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.verdict == verdict)


def _area(service: Service) -> tuple[str, ...]:
    """What the service names, regions in place of their countries."""
    covered = {region[:2] for region in service.lives_in_regions}
    countries = tuple(country for country in service.lives_in if country not in covered)
    area = (*service.lives_in_regions, *countries) or service.harmed_in
    return area if service.eligibility != "harmed-here" else service.harmed_in or area


def _band(code: str) -> tuple[int | None, int | None]:
    """First and last year of an age band's code ("25-34")."""
    low, _, high = code.partition("-")
    if not (low.isdigit() and high.isdigit() and len(low) < 4 and len(high) < 4):
        return None, None
    return int(low), int(high)


def _map(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = content.get(key)
    return found if isinstance(found, Mapping) else {}


def _text(content: Mapping[str, Any], key: str) -> str:
    found = content.get(key)
    return found if isinstance(found, str) else ""


def _codes(content: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = content.get(key)
    if not isinstance(found, list | tuple):
        return ()
    return tuple(code for code in found if isinstance(code, str))
