"""Codes of the directory's profiles: what a service is, for whom, and whether it fits.

Law: "not stated" is not "no". A list never has a code for what a member left out; absence says it.
"""

from typing import Final

from referral_protocol.codes.base import CodeList, code_list

FORMS_OF_HELP: Final[CodeList] = code_list(
    "forms-of-help",
    "Forms of help",
    {
        "in-person": "In person",
        "telephone": "By telephone",
        "online": "Online",
        "court": "At court",
        "at-home": "At the person's home",
        "residential": "A place to stay",
    },
)

ELIGIBILITIES: Final[CodeList] = code_list(
    "eligibilities",
    "Who may use a service",
    {
        "lives-here": ("People who live in the area", "the area of the service"),
        "harmed-here": ("People harmed in the area", "the area of the service"),
        "either": "People who live or were harmed in the area",
        "any-place": "People from any place",
    },
)

COSTS: Final[CodeList] = code_list(
    "costs",
    "What a service costs",
    {
        "free": "Free of charge",
        "free-if-eligible": "Free for some; ask",
        "contribution": "A contribution, by income",
        "fee": "A fee",
    },
)

ACCESSIBILITIES: Final[CodeList] = code_list(
    "accessibilities",
    "Accessibility",
    {
        "step-free": "Step-free",
        "accessible-toilet": "Accessible toilet",
        "hearing-loop": "Hearing loop",
        "sign-language": "Sign language",
        "easy-language": "Easy language",
        "large-print": "Large print or braille",
        "public-transport": "Near public transport",
        "home-visits": "Home visits",
        "assistance-animals": "Assistance animals welcome",
    },
)

CAPACITIES: Final[CodeList] = code_list(
    "capacities",
    "Capacity",
    {
        "has-capacity": "Has capacity",
        "assessment-required": "Assessment required",
        "waiting-list": "Waiting list",
        "no-capacity": "No capacity",
    },
)

FINANCING: Final[CodeList] = code_list(
    "financing",
    "How it is paid for",
    {
        "state": "State",
        "region-or-city": "Region or city",
        "eu": "European Union",
        "foundation": "Foundation",
        "donations": "Gifts",
        "fees": "Fees",
        "other": "Other",
    },
)

INTERPRETERS: Final[CodeList] = code_list(
    "interpreters",
    "Interpreters of a service",
    {
        "any-language": "For any language",
        "on-request": ("For other languages, on request", "says nothing sure of one language"),
        "none": "None",
    },
)

CONTACT_ROLES: Final[CodeList] = code_list(
    "contact-roles",
    "Roles of a contact",
    {"point-of-contact": "Point of contact", "deputy": "Deputy"},
)

FIT_ASPECTS: Final[CodeList] = code_list(
    "fit-aspects",
    "What is compared",
    {
        "need": "Need",
        "place": "Place",
        "age": "Age",
        "served": "People served",
        "language": "Language",
        "capacity": "Capacity",
    },
    source="never on the wire",
)

FIT_VERDICTS: Final[CodeList] = code_list(
    "fit-verdicts",
    "Verdicts of the fit check",
    {"fits": "Fits", "does-not-fit": "Does not fit", "not-stated": "Not stated"},
    source="never on the wire",
)

FIT_REASONS: Final[CodeList] = code_list(
    "fit-reasons",
    "Reasons of the fit check",
    {
        "offered": "offered",
        "not-offered": "not offered",
        "any-place": "any place",
        "lives-in-area": "lives in the area",
        "harmed-in-area": "harmed in the area",
        "only-lives-here": "only people who live there",
        "only-harmed-here": "only people harmed there",
        "only-lives-or-harmed-here": "only people who live or were harmed there",
        "person-place-unknown": "the person's place is not known",
        "person-region-unknown": "the person's region is not known",
        "area-not-stated": "the area is not stated",
        "age-in-range": "age",
        "age-out-of-range": "other ages only",
        "age-band-overlaps": "part of the age band only",
        "ages-not-stated": "ages are not stated",
        "person-age-unknown": "the person's age is not known",
        "everyone": "everyone",
        "group-served": "a group that is served",
        "group-not-served": "a group that is not served",
        "only-groups": "only some groups; the person's are not known",
        "served-not-stated": "whom they serve is not stated",
        "witnesses-served": "witnesses too",
        "witnesses-not-served": "no witnesses",
        "witnesses-not-stated": "whether witnesses are served is not stated",
        "spoken": "spoken",
        "interpreter": "interpreter",
        "interpreter-not-stated": "an interpreter is not stated",
        "no-interpreter": "no interpreter",
        "languages-not-stated": "languages are not stated",
        "person-language-unknown": "the person's language is not known",
        "has-capacity": "has capacity",
        "assessment-required": "assessment required",
        "waiting-list": "waiting list",
        "no-capacity": "no capacity",
        "capacity-not-stated": "capacity is not stated",
        "online": "online, from any place",
    },
    source="never on the wire",
)

LISTS: Final = (
    FORMS_OF_HELP,
    ELIGIBILITIES,
    COSTS,
    ACCESSIBILITIES,
    CAPACITIES,
    FINANCING,
    INTERPRETERS,
    CONTACT_ROLES,
    FIT_ASPECTS,
    FIT_VERDICTS,
    FIT_REASONS,
)
