"""The code lists: what may be chosen, and its words (CODES.md is generated from here).

Law: ``ALL`` names every list once. ``label`` answers for any code; ``known`` says whether a writer
may use it.
"""

from typing import Final

from referral_protocol.codes import (
    consent,
    crime,
    exchange,
    languages,
    person,
    places,
    services,
)
from referral_protocol.codes.base import Code, CodeList
from referral_protocol.codes.exchange import HOUR, PRIORITY_HOURS
from referral_protocol.codes.languages import LANGUAGE_FORM, language_label
from referral_protocol.codes.places import COUNTRIES, COUNTRY_FORM, REGION_FORM
from referral_protocol.codes.printed import printed

__all__ = [
    "ALL",
    "COUNTRIES",
    "COUNTRY_FORM",
    "HOUR",
    "LANGUAGE_FORM",
    "PRIORITY_HOURS",
    "REGION_FORM",
    "Code",
    "CodeList",
    "document",
    "known",
    "label",
    "language_label",
    "listed",
]

ALL: Final[dict[str, CodeList]] = {
    each.key: each
    for area in (exchange, person, crime, consent, services, places, languages)
    for each in area.LISTS
}
"""Every list by its key, in the order of CODES.md."""


def listed(key: str) -> CodeList:
    """The list of that key; a key that does not exist is a programmer's error (KeyError)."""
    return ALL[key]


def known(key: str, code: str) -> bool:
    """Whether ``code`` stands in the list ``key``: only then may a writer use it."""
    return code in ALL[key]


def label(key: str, code: str) -> str:
    """English words for ``code`` of the list ``key``; an unknown code itself, marked unknown."""
    return ALL[key].label(code)


def document() -> str:
    """CODES.md: every list as a table."""
    return printed(ALL)
