"""What a caseworker types into the eight steps for the story's referral: inputs by step and name.

All people and numbers are made up. ``zone`` and other choices are values that the pages offer.
"""

from typing import Final

Inputs = dict[str, str | list[str]]

WHO: Final[Inputs] = {
    "name": "Оксана Ткаченко",
    "name_latin": "Oksana Tkachenko",
    "name_to_use": "Oksana",
    "name_language": "uk",
    "role": "victim",
    "date_of_birth-day": "3",
    "date_of_birth-month": "5",
    "date_of_birth-year": "1992",
    "gender": "woman",
    "nationality.0": "UA",
    "lives_in.country": "NL",
    "lives_in.place": "Utrecht",
    "lives_in.region": "NL-UT",
    "home_address": "Voorbeeldstraat 12\n3500 AA Utrecht",
    "came_by": "hospital",
    "case_number": "PT-2026-0419",
    "groups": ["women"],
    "written_in": "en",
}

SAFE_CONTACT: Final[Inputs] = {
    "way-telephone": "safe",
    "way-voicemail": "not-safe",
    "way-text-message": "not-safe",
    "way-e-mail": "not-safe",
    "way-letter": "not-safe",
    "way-through-a-person": "not-asked",
    "way-person-contacts-us": "not-asked",
    "telephone": "+31 (0)30 000 01 42",
    "where": "At her work (library desk)",
    "times.0.days": "mon-fri",
    "times.0.from": "9:00",
    "times.0.to": "11:30",
    "times.0.zone": "Europe/Amsterdam",
    "who_may_answer": "Only she. If someone else answers, ask about a book and end the call.",
    "say_you_are": "Anna from the library",
    "code_word": "Blue notebook",
    "never_contact": "Ruslan T., partner, lives with her. Her mobile. The home number.",
    "watched": "yes",
    "checked_at": "19 November 2026, 15:20",
}

HAPPENED: Final[Inputs] = {
    "crime": "020111",
    "flags": ["domestic"],
    "relation": "partner",
    "country": "PT",
    "place": "Lisbon",
    "region": "PT-11",
    "date-day": "14",
    "date-month": "11",
    "date-year": "2026",
    "summary": (
        "On 14 November, on holiday in Lisbon, her partner beat her in the hotel and took her"
        " passport. Hotel staff called the police. She had two days in hospital (ribs, left wrist)."
        " She flew home on 18 November because of her work; he flew with her. She has told this"
        " twice and asks not to be made to tell it again."
    ),
    "reported": "yes",
    "reported_to": "Police",
    "report_reference": "NUIPC 0421/26.0PXLSB",
    "proceedings.0.what": "hearing",
    "proceedings.0.on": "11 January 2027",
}

NEEDS: Final[tuple[Inputs, ...]] = (
    {
        "needs.0.need": "emotional-support",
        "needs.0.note": "Sleeps badly, afraid to go home. Three talks in Lisbon.",
    },
    {
        "needs.1.need": "shelter-and-safety",
        "needs.1.note": "From the day she leaves, with 1 child (age 4).",
    },
    {
        "needs.2.need": "compensation-claim",
        "needs.2.note": "Portuguese fund; form begun, not sent.",
        "already_done": "New passport asked for at the embassy; medical report obtained.",
    },
)
"""One row at a time, with "Add another need" between them."""

RISK: Final[Inputs] = {
    "threat": "yes",
    "ongoing": "yes",
    "afraid": "yes",
    "level": "high",
    "danger": "The man who did this lives in the same home and reads the mobile telephone.",
    "nature": "He said he will hurt her if she leaves.",
    "repeat": "likely",
    "intimidation": "likely",
    "retaliation": "possible",
    "agreed": "A packed bag at work. A colleague knows the code word.",
    "assessment.on-day": "19",
    "assessment.on-month": "11",
    "assessment.on-year": "2026",
    "assessment.special_protection": "yes",
}

COMMUNICATION: Final[Inputs] = {
    "languages.0": "uk",
    "some.0": "en",
    "interpreter": "yes",
    "interpreter_language": "uk",
    "interpreter_wish": "woman",
}

CONSENT: Final[tuple[Inputs, ...]] = (
    {
        "ground": "consent",
        "needs": ["emotional-support", "shelter-and-safety", "compensation-claim"],
        "how": "in-person",
        "given_to": "Inês Carvalhal",
        "interpreter_present": "yes",
        "given_at": "19 November 2026, 15:15",
        "until-day": "19",
        "until-month": "5",
        "until-year": "2027",
        "withheld.0.part": "medical-report",
        "withheld.0.reason": "not-agreed",
    },
    {"withheld.1.part": "home-address", "withheld.1.reason": "not-needed"},
)

ANSWER: Final[Inputs] = {
    "priority": "immediate",
    "handover": "joint-call",
    "contact.name": "Inês Carvalhal",
    "contact.role": "Point of contact",
    "contact.telephone": "+351 21 000 01 42",
    "contact.email": "ines.carvalhal@pontetejo.example",
    "contact.languages.0": "pt",
    "note": "Joint first call wanted: Oksana, you and I.",
}


def as_lists(*inputs: Inputs) -> dict[str, list[str]]:
    """Inputs as a browser sends them: every value in a list."""
    return {
        name: [given] if isinstance(given, str) else list(given)
        for each in inputs
        for name, given in each.items()
    }


def typed() -> dict[str, dict[str, list[str]]]:
    """All eight steps as a draft keeps them."""
    return {
        "who": as_lists(WHO),
        "safe_contact": as_lists(SAFE_CONTACT),
        "happened": as_lists(HAPPENED),
        "needs": as_lists(*NEEDS),
        "risk": as_lists(RISK),
        "communication": as_lists(COMMUNICATION),
        "consent": as_lists(*CONSENT),
        "answer": as_lists(ANSWER),
    }
