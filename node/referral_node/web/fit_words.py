"""The fit check in words: "Fits: emotional support, age" and "Does not fit: place: only ...".

Law: every finding is said, with its reason; "not stated" is never put as a "no". Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from referral_protocol import codes
from referral_protocol.fit import FITS, MISFIT, UNSTATED, Finding
from referral_ui import words
from referral_ui.parts import Mark
from referral_ui.services import ages, area, needs_of
from referral_ui.words import lowered

LEADS: Final[dict[str, tuple[Literal["yes", "no", "ask"], str]]] = {
    FITS: ("yes", "Fits:"),
    MISFIT: ("no", "Does not fit:"),
    UNSTATED: ("ask", "Not stated:"),
}


@dataclass(frozen=True)
class Wish:
    """Of the person, what the words need: age in years, where the person lives."""

    age: int | None = None
    lives_in: str = ""
    regions: Mapping[str, str] = field(default_factory=dict)
    """Towns by the region that they stand for, as members' own profiles name them."""


def marks(findings: Iterable[Finding], wish: Wish) -> tuple[Mark, ...]:
    """Up to three rows: what fits, what does not, what is not stated. Capacity stands elsewhere."""
    counted = [finding for finding in findings if finding.aspect != "capacity"]
    found = []
    for verdict, (state, lead) in LEADS.items():
        text = said([each for each in counted if each.verdict == verdict], wish)
        if text:
            found.append(Mark(state, lead, text))
    return tuple(found)


def said(findings: Sequence[Finding], wish: Wish) -> str:
    """Findings of one verdict in a row: what needs no reason first."""
    wanted = [each for each in findings if each.aspect == "need"]
    parts = []
    for reason in dict.fromkeys(each.reason for each in wanted):
        named = needs_of([code for each in wanted if each.reason == reason for code in each.values])
        parts.append(named if reason == "offered" else f"{named}: {_reason(reason)}")
    parts += [_aspect(each, wish) for each in findings if each.aspect != "need"]
    plain = ", ".join(part for part in parts if ":" not in part)
    reasoned = [part for part in parts if ":" in part]
    return "; ".join(part for part in (plain, *reasoned) if part)


def _aspect(finding: Finding, wish: Wish) -> str:
    match finding.aspect:
        case "place":
            return _place(finding, wish)
        case "age":
            return _age(finding, wish)
        case "served":
            return _served(finding)
        case "language":
            return _language(finding)
        case _:
            return _reason(finding.reason)


def _place(finding: Finding, wish: Wish) -> str:
    match finding.reason:
        case "any-place":
            return "any place"
        case "lives-in-area":
            return f"lives in {wish.lives_in or area(finding.values, wish.regions)}"
        case "harmed-in-area":
            return f"harmed in {area(finding.values, wish.regions)}"
        case "only-lives-here":
            return f"place: only people who live in {area(finding.values, wish.regions)}"
        case "only-harmed-here":
            return f"place: only people harmed in {area(finding.values, wish.regions)}"
        case "only-lives-or-harmed-here":
            land = area(finding.values, wish.regions)
            return f"place: only people who live or were harmed in {land}"
        case "person-place-unknown":
            return "place: your draft does not say where the person lives or was harmed"
        case "person-region-unknown":
            return "place: your draft does not say in which region"
        case _:
            return "area"


def _age(finding: Finding, wish: Wish) -> str:
    match finding.reason:
        case "age-in-range":
            return "age" if wish.age is None else f"age {wish.age}"
        case "age-out-of-range":
            return f"age: {ages(finding.values)} only"
        case "age-band-overlaps":
            return f"age: {ages(finding.values)} only; your draft has no exact age"
        case "person-age-unknown":
            return f"age: {ages(finding.values)}; your draft does not say the age"
        case _:
            return "ages"


def _served(finding: Finding) -> str:
    named = words.listing([lowered(codes.label("victim-groups", code)) for code in finding.values])
    match finding.reason:
        case "group-served":
            return named
        case "group-not-served":
            return f"people served: {named} only"
        case "only-groups":
            return f"people served: {named} only; your draft {_unnamed(finding.values)}"
        case "witnesses-served":
            return "witnesses"
        case "witnesses-not-served":
            return "witnesses: not served"
        case "witnesses-not-stated":
            return "whether witnesses are served"
        case _:
            return "whom they serve"


def _unnamed(groups: Sequence[str]) -> str:
    """What the draft leaves open. The gender is it only where one gender alone is served; with
    other groups the draft may well name a gender."""
    if tuple(groups) in (("women",), ("men",)):
        return "does not say the gender"
    return "does not name this group" if len(groups) == 1 else "names none of these groups"


def _language(finding: Finding) -> str:
    spoken = words.listing([codes.language_label(tag) for tag in finding.values], either=True)
    match finding.reason:
        case "spoken":
            return words.listing([codes.language_label(tag) for tag in finding.values])
        case "interpreter":
            return f"{spoken} interpreter"
        case "interpreter-not-stated":
            return f"{spoken} interpreter"
        case "no-interpreter":
            return f"{spoken}: no interpreter"
        case "person-language-unknown":
            return "language: your draft does not say it"
        case _:
            return "languages"


def _reason(reason: str) -> str:
    return codes.label("fit-reasons", reason)
