"""A service of a profile in words, the same in every node and on the directory's public page.

Law: only what the profile says, in its order; what it leaves out is "not stated", never a "no".
Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from referral_protocol import codes
from referral_protocol.profiles import Service

from . import names, words
from .parts import Text
from .words import capital, lowered

EU: Final = frozenset(
    {
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU"),
        *("IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
    }
)
_WITH_THE: Final = frozenset({"NL", "GB", "US", "AE", "PH", "BS", "GM", "MV", "DO", "CF"})

# How a need reads inside a list, where the list's own label is too long for it.
_SHORT: Final = {
    "shelter-and-safety": "safe place to stay",
    "compensation-claim": "compensation claim",
    "legal-information": "legal advice",
    "medical": "medical care",
    "education": "school or studies",
    "vocational": "work or training",
}


@dataclass(frozen=True)
class ServiceRow:
    """One service: its name, its needs, and three cells."""

    name: Text
    needs: str
    whom: str
    how: str
    capacity: str


def row(each: Service, regions: Mapping[str, str]) -> ServiceRow:
    """A service in four cells. ``regions``: towns by the region that they stand for."""
    labels = [codes.label("needs", code) for code in each.needs]
    needs = ", ".join([labels[0], *(lowered(label) for label in labels[1:])]) if labels else ""
    return ServiceRow(named(each), needs, whom(each, regions), how(each), _room(each))


def named(each: Service) -> Text:
    """Its name, in English where it has one."""
    if each.name_english:
        return names.name(each.name_english, "en")
    return names.name(each.name, each.language or None)


def need(code: str) -> str:
    """A need inside a sentence: "safe place to stay"."""
    return _SHORT.get(code) or lowered(codes.label("needs", code))


def needs_of(chosen: Sequence[str]) -> str:
    """Needs in a row: "emotional support, safe place to stay"."""
    return ", ".join(need(code) for code in chosen)


def whom(each: Service, regions: Mapping[str, str]) -> str:
    """ "Women, 18 or older. Lives in Portugal." """
    groups = [codes.label("victim-groups", code) for code in each.served if code != "all"]
    people = words.listing([groups[0], *map(lowered, groups[1:])]) if groups else ""
    low, high = each.age_from, each.age_to
    if low is not None or high is not None:
        span = ages((str(low or 0), str(150 if high is None else high)))
        people = f"{people}, {span}" if people else ("Adults" if span == "18 or older" else span)
    if each.children_up_to is not None:
        people = f"{people or 'People'}, with children up to {each.children_up_to}"
    if each.witnesses == "yes":
        people = f"{people or 'Victims'}, witnesses too"
    lines = [capital(people), _eligibility(each, regions)]
    return " ".join(f"{line}." for line in lines if line) or "Not stated"


def _eligibility(each: Service, regions: Mapping[str, str]) -> str:
    """ "Lives in NL-UT (Utrecht) or harmed in any EU country"; "there" where no area is named."""
    if each.eligibility == "any-place":
        return "From any place"
    covered = {region[:2] for region in each.lives_in_regions}
    lands = (*each.lives_in_regions, *(code for code in each.lives_in if code not in covered))
    lives = f"lives in {area(lands, regions)}" if lands else "lives there"
    harmed_in = each.harmed_in or lands
    harmed = f"harmed in {area(harmed_in, regions)}" if harmed_in else "harmed there"
    return capital(
        {"lives-here": lives, "harmed-here": harmed, "either": f"{lives} or {harmed}"}.get(
            each.eligibility, ""
        )
    )


def area(values: Sequence[str], regions: Mapping[str, str]) -> str:
    """Countries by name, regions by their town: "the Netherlands", "NL-UT (Utrecht)"."""
    if frozenset(values) == EU:
        return "any EU country"
    if len(values) > 6:
        return f"one of {len(values)} countries"
    return words.listing([_land(value, regions) for value in values], either=True)


def _land(value: str, regions: Mapping[str, str]) -> str:
    if "-" in value:
        return f"{value} ({regions[value]})" if value in regions else value
    name = codes.COUNTRIES.label(value)
    return f"the {name}" if value in _WITH_THE else name


def ages(values: Sequence[str]) -> str:
    """ "18 or older", "under 18", "16 to 25"."""
    low, high = (int(value) for value in values) if len(values) == 2 else (0, 150)
    if high >= 120:
        return f"{low} or older" if low else "all ages"
    return f"{low} to {high}" if low else f"under {high + 1}"


def how(each: Service) -> str:
    """ "In person, online. Dutch, English; others with interpreter. Free of charge." """
    access = [codes.label("accessibilities", code) for code in each.accessibility]
    cost = codes.label("costs", each.cost) if each.cost else ""
    lines = [
        forms(each),
        capital(speech(each)),
        ", ".join([*access[:1], *(lowered(one) for one in access[1:])]),
        f"{cost}: {each.cost_note}" if cost and each.cost_note else cost,
        f"Needs: {lowered(each.documents)}" if each.documents else "",
        each.how_to_reach.rstrip("."),
    ]
    return " ".join(f"{line}." for line in lines if line)


def forms(each: Service) -> str:
    """ "In person, by telephone"."""
    listed = [codes.label("forms-of-help", code) for code in each.forms]
    return ", ".join([*listed[:1], *(lowered(form) for form in listed[1:])])


def speech(each: Service) -> str:
    """ "Dutch, English; others with interpreter, on request", or "" if nothing is stated."""
    interpreters = {
        "any-language": "any other with interpreter",
        "on-request": "others with interpreter, on request",
        "none": "no interpreters",
    }.get(each.interpreters, "")
    listed = [codes.language_label(tag) for tag in each.interpreter_languages]
    with_interpreter = f"{words.listing(listed)} with interpreter" if listed else interpreters
    spoken = ", ".join(codes.language_label(tag) for tag in each.languages)
    return "; ".join(part for part in (spoken, with_interpreter) if part)


def capacity(service: Service) -> str:
    """ "Waiting list, 3 weeks", "Not stated"."""
    if not service.capacity:
        return "Not stated"
    label = codes.label("capacities", service.capacity)
    note = service.capacity_note
    return f"{label}, {note[:1].lower()}{note[1:]}" if note else label


def _room(each: Service) -> str:
    if not each.capacity:
        return "Not stated"
    label, note = codes.label("capacities", each.capacity), each.capacity_note
    if note and each.capacity in ("waiting-list", "no-capacity"):
        return f"{capacity(each)}."
    return f"{label}. {note}." if note else f"{label}."
