"""Our codes as taxonomy terms of HSDS, both ways.

An attribute of HSDS links anything to a term of a taxonomy; its ``link_type`` says what the term
describes. Ours carry the name of the profile's field there. So every code travels as a code, and
whoever knows none of our lists reads the English words.

Law: the id of a term depends on list and code alone, and never changes. A term of a taxonomy that
is not ours is nobody's code until a person says so.
"""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from referral_protocol import codes

NAMESPACE: Final = bytes.fromhex("3b51faa5978d4c06b50813efd8413c27")
"""Of all ids that are made here: a UUID that was drawn once."""

FIELDS: Final[Mapping[str, str]] = {
    "needs": "needs",
    "forms": "forms-of-help",
    "served": "victim-groups",
    "witnesses": "answers",
    "eligibility": "eligibilities",
    "interpreters": "interpreters",
    "cost": "costs",
    "capacity": "capacities",
    "language": "languages",
    "interpreter_languages": "languages",
    "accessibility": "accessibilities",
    "lives_in": "countries",
    "lives_in_regions": "regions",
    "harmed_in": "countries",
    "children_up_to": "figures",
    "wait_days": "figures",
    "answer_days": "figures",
    "capacity_on": "figures",
}
"""The profile's fields that travel as attributes, and the taxonomy that each takes its terms of."""

FIGURES: Final = {
    "children_up_to": "With children up to the age of",
    "wait_days": "Days until the first help",
    "answer_days": "Working days to answer",
    "capacity_on": "Capacity stated on",
}
"""Terms whose attribute has a value; not a list of codes."""

_TITLES: Final = {"languages": "Languages", "regions": "Regions", "figures": "Figures"}
_SOURCES: Final = {
    "languages": "BCP 47, ISO 639",
    "regions": "ISO 3166-2",
    "countries": "ISO 3166-1 alpha-2",
}
PREFIX: Final = "referral-exchange/"


class Term(NamedTuple):
    """A code and the list that it stands in; as text ``list:code``."""

    taxonomy: str
    code: str

    def __str__(self) -> str:
        return f"{self.taxonomy}:{self.code}"


def made_id(*parts: str) -> str:
    """The id of what these parts name, a UUID of version 5 (RFC 9562); the same for ever."""
    name = "\x1f".join(parts).encode("utf-8")
    made = bytearray(hashlib.sha1(NAMESPACE + name, usedforsecurity=False).digest()[:16])
    made[6] = made[6] & 0x0F | 0x50
    made[8] = made[8] & 0x3F | 0x80
    text = made.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def label(term: Term) -> str:
    """The English words of a term."""
    match term.taxonomy:
        case "languages":
            return codes.language_label(term.code)
        case "regions":
            return term.code
        case "figures":
            return FIGURES.get(term.code, term.code)
        case _:
            return codes.label(term.taxonomy, term.code)


def known(term: Term) -> bool:
    """Whether a writer may use it."""
    match term.taxonomy:
        case "languages":
            return codes.LANGUAGE_FORM.fullmatch(term.code) is not None
        case "regions":
            return codes.REGION_FORM.fullmatch(term.code) is not None
        case "figures":
            return term.code in FIGURES
        case _:
            return term.taxonomy in codes.ALL and codes.known(term.taxonomy, term.code)


def taxonomy(key: str) -> dict[str, Any]:
    """A taxonomy as HSDS has it."""
    title = _TITLES.get(key) or codes.listed(key).title
    source = _SOURCES.get(key, "the profile of a member of the Referral Exchange")
    return {
        "id": made_id("taxonomy", key),
        "name": PREFIX + key,
        "description": f"{title}: {source}",
    }


@lru_cache(maxsize=4096)
def taxonomy_term(term: Term) -> dict[str, Any]:
    """A term as HSDS has it, its taxonomy beside it. Everybody's: nobody changes it."""
    words = label(term)
    meaning = ""
    if term.taxonomy in codes.ALL and codes.known(term.taxonomy, term.code):
        meaning = codes.listed(term.taxonomy).codes[term.code].meaning
    return {
        "id": made_id("term", term.taxonomy, term.code),
        "code": term.code,
        "name": words,
        "description": meaning or words,
        "taxonomy": PREFIX + term.taxonomy,
        "language": "en",
        "taxonomy_detail": taxonomy(term.taxonomy),
    }


def ours(found: Mapping[str, Any]) -> Term | None:
    """The term of ours that a ``taxonomy_term`` is; None if it is of another taxonomy."""
    name = found.get("taxonomy") or _detail(found, "name")
    code = found.get("code")
    if not isinstance(name, str) or not isinstance(code, str) or not name.startswith(PREFIX):
        return None
    term = Term(name.removeprefix(PREFIX), code)
    return term if term.taxonomy in FIELDS.values() else None


def named(found: Mapping[str, Any]) -> str:
    """A foreign term as a person writes it in a table: ``taxonomy/code``, or its name."""
    name = found.get("taxonomy") or _detail(found, "name") or "?"
    return f"{name}/{found.get('code') or found.get('name') or found.get('id') or '?'}"


def parse_term(text: str) -> Term | None:
    """``list:code`` as a person writes it; None unless it is one of ours that may be used."""
    key, _, code = text.partition(":")
    term = Term(key.strip(), code.strip())
    return term if term.taxonomy in FIELDS.values() and known(term) else None


def _detail(found: Mapping[str, Any], key: str) -> Any:
    detail = found.get("taxonomy_detail")
    return detail.get(key) if isinstance(detail, Mapping) else None
