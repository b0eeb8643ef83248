"""Codes about the ground on which a person's data is given, and what is held back.

Law: without consent or a legal basis nothing is sent. What is withheld is named with its reason, so
that the reader knows that it exists.
"""

from typing import Final

from referral_protocol.codes.base import CodeList, code_list

GROUNDS: Final[CodeList] = code_list(
    "grounds",
    "Ground for sharing",
    {
        "consent": "The person consents",
        "legal-basis": ("A law allows or demands it without consent", "with the legal basis"),
    },
)

CONSENT_WAYS: Final[CodeList] = code_list(
    "consent-ways",
    "How consent was given",
    {
        "in-person": "In person",
        "in-writing": "In writing",
        "telephone": "By telephone",
        "video": "By video",
        "electronic": "Electronically",
        "by-representative": "By a guardian or representative",
    },
)

LEGAL_BASES: Final[CodeList] = code_list(
    "legal-bases",
    "Legal bases without consent",
    {
        "legal-obligation": ("Legal obligation", "GDPR Article 6 (1) (c)"),
        "vital-interests": ("To protect life or body", "GDPR Articles 6 (1) (d), 9 (2) (c)"),
        "public-task": ("Task in the public interest", "GDPR Article 6 (1) (e)"),
        "legitimate-interests": ("Legitimate interests", "GDPR Article 6 (1) (f)"),
        "child-protection": ("Protection of a child", "national law; named in the text"),
    },
    source="Regulation (EU) 2016/679, Articles 6 and 9",
)

WITHHELD_REASONS: Final[CodeList] = code_list(
    "withheld-reasons",
    "Why a part is withheld",
    {
        "not-agreed": "The person did not agree",
        "not-needed": "Not needed yet",
        "safety": "For safety",
        "law": "A law forbids it",
        "other-persons": "It concerns other people",
    },
)

WITHHELD_PARTS: Final[CodeList] = code_list(
    "withheld-parts",
    "Parts that can be withheld",
    {
        "name": "Name",
        "date-of-birth": "Date of birth",
        "gender": "Gender",
        "nationality": "Nationality",
        "residence": "Place of residence",
        "home-address": "Home address",
        "guardian": "Guardian",
        "groups": "Groups the person belongs to",
        "place-of-crime": "Place of the crime",
        "offender": "Relation to the offender",
        "police-report": "Report to the police",
        "proceedings": "Proceedings",
        "summary": "Summary of what happened",
        "already-done": "What was already done",
        "risk": "Risk, except its level",
        "assessment": "Individual assessment (Article 22)",
        "communication-needs": "Communication needs",
        "files": "Files",
        "medical-report": ("Medical report", "no field: a paper that the sender holds"),
        "other": ("Something else", "no field: named in words"),
    },
    source="FORMS.md says which fields each one removes",
)

LISTS: Final = (GROUNDS, CONSENT_WAYS, LEGAL_BASES, WITHHELD_REASONS, WITHHELD_PARTS)
