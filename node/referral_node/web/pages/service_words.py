"""One service of a profile in four cells: name and needs, for whom, how, how much room.

Law: only what the profile says, in its order; what it leaves out is "not stated". Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from referral_node.web import fit_words
from referral_node.web.members import lowered
from referral_node.web.pages.find_view import capacity
from referral_protocol import codes
from referral_protocol.profiles import Service
from referral_ui import names, words
from referral_ui.parts import Text


@dataclass(frozen=True)
class ServiceRow:
    """One service: its name, its needs, and three cells."""

    name: Text
    needs: str
    whom: str
    how: str
    capacity: str


def row(each: Service, regions: Mapping[str, str]) -> ServiceRow:
    name = names.name(
        each.name_english or each.name, "en" if each.name_english else each.language or None
    )
    labels = [codes.label("needs", code) for code in each.needs]
    needs = ", ".join([labels[0], *(lowered(label) for label in labels[1:])]) if labels else ""
    return ServiceRow(name, needs, _whom(each, regions), _how(each), _room(each))


def _whom(each: Service, regions: Mapping[str, str]) -> str:
    groups = [codes.label("victim-groups", code) for code in each.served if code != "all"]
    people = words.listing([groups[0], *map(lowered, groups[1:])]) if groups else ""
    low, high = each.age_from, each.age_to
    if low is not None or high is not None:
        span = fit_words.ages((str(low or 0), str(150 if high is None else high)))
        people = f"{people}, {span}" if people else ("Adults" if span == "18 or older" else span)
    if each.children_up_to is not None:
        people = f"{people or 'People'}, with children up to {each.children_up_to}"
    if each.witnesses == "yes":
        people = f"{people or 'Victims'}, witnesses too"
    lines = [first_large(people), _eligibility(each, regions)]
    return " ".join(f"{line}." for line in lines if line) or "Not stated"


def _eligibility(each: Service, regions: Mapping[str, str]) -> str:
    """ "Lives in NL-UT (Utrecht) or harmed in any EU country"; "there" where no area is named."""
    if each.eligibility == "any-place":
        return "From any place"
    covered = {region[:2] for region in each.lives_in_regions}
    area = (*each.lives_in_regions, *(code for code in each.lives_in if code not in covered))
    lives = f"lives in {fit_words.area(area, regions)}" if area else "lives there"
    harmed_in = each.harmed_in or area
    harmed = f"harmed in {fit_words.area(harmed_in, regions)}" if harmed_in else "harmed there"
    return first_large(
        {"lives-here": lives, "harmed-here": harmed, "either": f"{lives} or {harmed}"}.get(
            each.eligibility, ""
        )
    )


def _how(each: Service) -> str:
    forms = [codes.label("forms-of-help", code) for code in each.forms]
    spoken = [codes.language_label(tag) for tag in each.languages]
    interpreters = {
        "any-language": "any other with interpreter",
        "on-request": "others with interpreter, on request",
        "none": "no interpreters",
    }.get(each.interpreters, "")
    named = [codes.language_label(tag) for tag in each.interpreter_languages]
    with_interpreter = f"{words.listing(named)} with interpreter" if named else interpreters
    speech = ", ".join(spoken)
    speech = (
        f"{speech}; {with_interpreter}"
        if speech and with_interpreter
        else (speech or with_interpreter)
    )
    access = [codes.label("accessibilities", code) for code in each.accessibility]
    cost = codes.label("costs", each.cost) if each.cost else ""
    lines = [
        ", ".join([*forms[:1], *(lowered(form) for form in forms[1:])]),
        first_large(speech),
        ", ".join([*access[:1], *(lowered(one) for one in access[1:])]),
        f"{cost}: {each.cost_note}" if cost and each.cost_note else cost,
        f"Needs: {lowered(each.documents)}" if each.documents else "",
        each.how_to_reach.rstrip("."),
    ]
    return " ".join(f"{line}." for line in lines if line)


def _room(each: Service) -> str:
    if not each.capacity:
        return "Not stated"
    label, note = codes.label("capacities", each.capacity), each.capacity_note
    if note and each.capacity in ("waiting-list", "no-capacity"):
        return f"{capacity(each)}."
    return f"{label}. {note}." if note else f"{label}."


def first_large(text: str) -> str:
    return text[:1].upper() + text[1:]
