"""Codes about the person: who, how to reach safely, what is needed, how to speak with each other.

Law: a code names what a service must do (a need, a way, an answer), never a diagnosis.
"""

from typing import Final

from referral_protocol.codes.base import CodeList, code_list

ANSWERS: Final[CodeList] = code_list(
    "answers",
    "Answers to a question",
    {"yes": "Yes", "no": "No", "not-known": "Not known"},
)

HOW_THEY_CAME: Final[CodeList] = code_list(
    "how-they-came",
    "How the person came to the sender",
    {
        "self": "By themselves",
        "police": "Police",
        "prosecutor-or-court": "Prosecutor or court",
        "hospital": "Hospital",
        "school": "School",
        "embassy": "Embassy or consulate",
        "insurer": "Insurer",
        "helpline": "Helpline",
        "organisation": "Another organisation",
        "other": "Another way",
    },
)

ROLES: Final[CodeList] = code_list(
    "person-roles",
    "What the person is in this",
    {
        "victim": "Victim",
        "witness": "Witness",
        "bereaved": "Bereaved",
        "family-member": "Family member",
    },
    source="EU Directive 2012/29, Article 2, and witnesses",
)

AGE_BANDS: Final[CodeList] = code_list(
    "age-bands",
    "Age bands",
    {
        "0-5": "0 to 5",
        "6-11": "6 to 11",
        "12-15": "12 to 15",
        "16-17": "16 or 17",
        "18-24": "18 to 24",
        "25-34": "25 to 34",
        "35-44": "35 to 44",
        "45-54": "45 to 54",
        "55-64": "55 to 64",
        "65-74": "65 to 74",
        "75-150": "75 or older",
        "0-17": "Under 18",
        "18-150": "18 or older",
    },
    source="first and last year of age, both included",
)

GROUPS: Final[CodeList] = code_list(
    "victim-groups",
    "Groups that a service is for",
    {
        "all": ("Everyone", "only in a service; never said of a person"),
        "women": "Women",
        "men": "Men",
        "lgbti": "LGBTI people",
        "children": "Children and young people",
        "older-people": "Older people",
        "disabled-people": "Disabled people",
        "migrants": "Migrants and refugees",
        "tourists": "People on a journey",
        "domestic-violence": "Victims of domestic violence",
        "sexual-violence": "Victims of sexual violence",
        "trafficking": "Victims of trafficking in persons",
        "hate-crime": "Victims of hate crime",
        "terrorism": "Victims of terrorism",
        "cybercrime": "Victims of crime online",
        "road-crash": "Victims of road crashes",
        "homicide-bereaved": "Bereaved by homicide",
    },
)

SAFE_WAYS: Final[CodeList] = code_list(
    "safe-ways",
    "Ways to reach the person",
    {
        "telephone": ("Telephone call", "value: a telephone number"),
        "voicemail": ("Voicemail", "value: a telephone number; none when the same as the call's"),
        "text-message": ("Text message", "value: a telephone number"),
        "e-mail": ("E-mail", "value: an address"),
        "letter": ("Letter", "value: name and address, in lines"),
        "through-a-person": ("Through a person", "value: who, and how to reach that person"),
        "person-contacts-us": ("The person contacts us", "value: how, when"),
    },
)

SAFE_ANSWERS: Final[CodeList] = code_list(
    "safe-answers",
    "Whether a way is safe",
    {"safe": "Safe", "not-safe": "Not safe", "not-asked": "Not asked"},
)

WEEKDAYS: Final[CodeList] = code_list(
    "weekdays",
    "Days of the week",
    {
        "mon": "Monday",
        "tue": "Tuesday",
        "wed": "Wednesday",
        "thu": "Thursday",
        "fri": "Friday",
        "sat": "Saturday",
        "sun": "Sunday",
    },
)

NEEDS: Final[CodeList] = code_list(
    "needs",
    "Needs",
    {
        "emotional-support": "Emotional support",
        "psychological-help": "Psychological help",
        "medical": ("Medical or forensic care", "forensic: evidence is kept by a doctor"),
        "legal-information": "Legal information and advice",
        "practical-help": "Practical help",
        "financial-help": "Financial help",
        "compensation-claim": "Help with a compensation claim",
        "shelter-and-safety": "A safe place to stay",
        "court-accompaniment": "Court accompaniment",
        "interpretation": "Interpretation",
        "child-support": "Child support",
        "education": "Help with school or studies",
        "vocational": "Help with work or training",
        "social": "Social support",
        "restorative-justice": "Restorative justice",
        "travel-and-repatriation": "Travel and repatriation",
    },
    source="Open Referral HSDS 3.0: taxonomy terms of a service",
)

COMMUNICATION_NEEDS: Final[CodeList] = code_list(
    "communication-needs",
    "What helps to understand each other",
    {
        "easy-language": "Easy language",
        "large-print": "Large print",
        "braille": "Braille",
        "read-aloud": "Written text read aloud",
        "sign-language": "Sign language",
        "hearing-loop": "Hearing loop, or clear and slow speech",
        "lip-reading": "Face to face, to read lips",
        "writing-not-speaking": "Writing instead of speaking",
        "speech-aid": "Time for a speech aid",
        "support-person": "A trusted person beside",
        "short-talks": "Short talks with breaks",
        "child-friendly": "Words for a child",
    },
    source="the need, not a diagnosis",
)

INTERPRETER_WISHES: Final[CodeList] = code_list(
    "interpreter-wishes",
    "Wish for the interpreter",
    {"woman": "A woman", "man": "A man", "no-wish": "No wish"},
)

GUARDIAN_KINDS: Final[CodeList] = code_list(
    "guardian-kinds",
    "Who acts for a minor",
    {
        "parent": "Parent",
        "guardian": "Guardian",
        "authority": "Youth authority",
        "court-appointed": "Appointed by a court",
        "other": "Another person",
    },
)

LISTS: Final = (
    ANSWERS,
    HOW_THEY_CAME,
    ROLES,
    AGE_BANDS,
    GROUPS,
    SAFE_WAYS,
    SAFE_ANSWERS,
    WEEKDAYS,
    NEEDS,
    COMMUNICATION_NEEDS,
    INTERPRETER_WISHES,
    GUARDIAN_KINDS,
)
