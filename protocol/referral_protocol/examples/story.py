"""The words of the story. Every function is pure: the times follow from the one that is passed in.

With ``sent_at`` = ``SENT`` the days are those of the story: a Thursday and Friday in November 2026.
"""

from typing import Any, Final

from referral_protocol.times import date_of

SENT: Final = 1_795_104_300_000
"""Thursday 19 November 2026, 16:05 in Lisbon (UTC), 17:05 in Utrecht."""

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

INES: Final = {"name": "Inês Carvalhal", "role": "Point of contact, Ponte Tejo"}
JASMIJN: Final = {"name": "Jasmijn de Wit", "role": "Point of contact, Steunpunt Dom"}

INES_CONTACT: Final = {
    "name": "Inês Carvalhal",
    "role": "Point of contact",
    "telephone": "+351 21 000 01 42",
    "email": "ines.carvalhal@pontetejo.example",
    "languages": ["pt", "en"],
}
JASMIJN_CONTACT: Final = {
    "name": "Jasmijn de Wit",
    "role": "Point of contact",
    "telephone": "+31 30 000 02 10",
    "email": "jasmijn.dewit@steunpuntdom.example",
    "languages": ["nl", "en"],
}


def _spoken(at: int) -> str:
    """The day as English prose has it: "14 November"."""
    _, month, day = date_of(at).split("-")
    return f"{int(day)} {_MONTHS[int(month) - 1]}"


def referral(
    recipient: bytes, sent_at: int = SENT, recipient_name: str = "Steunpunt Dom"
) -> dict[str, Any]:
    """The whole draft, all eight sections, as Inês has it before she sends (head values included).

    ``recipient``: the member id (16 bytes) of the organisation that the consent names.
    """
    return {
        "form": "referral",
        "author": dict(INES),
        "language": "en",
        "who": {
            "name": "Оксана Ткаченко",
            "name_latin": "Oksana Tkachenko",
            "name_to_use": "Oksana",
            "name_language": "uk",
            "role": "victim",
            "date_of_birth": "1992-05-03",
            "gender": "woman",
            "groups": ["women", "migrants", "domestic-violence"],
            "nationality": ["UA"],
            "lives_in": {"country": "NL", "region": "NL-UT", "place": "Utrecht"},
            "home_address": "Voorbeeldstraat 12\n3500 AA Utrecht",
            "came_by": "hospital",
            "case_number": "PT-2026-0419",
        },
        "safe_contact": _safe_contact(sent_at),
        "happened": _happened(sent_at),
        "needs": {
            "needs": [
                {
                    "need": "emotional-support",
                    "note": "Sleeps badly, afraid to go home. Three talks in Lisbon.",
                },
                {
                    "need": "shelter-and-safety",
                    "note": "From the day she leaves, with 1 child (age 4).",
                },
                {
                    "need": "compensation-claim",
                    "note": "Portuguese fund; form begun, not sent.",
                },
            ],
            "already_done": "New passport asked for at the embassy; medical report obtained.",
        },
        "risk": _risk(sent_at),
        "communication": {
            "languages": ["uk"],
            "some": ["en"],
            "interpreter": "yes",
            "interpreter_language": "uk",
            "interpreter_wish": "woman",
        },
        "consent": {
            "ground": "consent",
            "recipient": recipient,
            "recipient_name": recipient_name,
            "needs": ["emotional-support", "shelter-and-safety", "compensation-claim"],
            "how": "in-person",
            "given_to": "Inês Carvalhal",
            "interpreter_present": "yes",
            "given_at": sent_at - 50 * MINUTE,
            "until": date_of(sent_at + 181 * DAY),
            "withheld": [
                {"part": "medical-report", "reason": "not-agreed"},
                {"part": "home-address", "reason": "not-needed"},
            ],
        },
        "answer": {
            "priority": "immediate",
            "respond_by": sent_at + DAY,
            "handover": "joint-call",
            "contact": dict(INES_CONTACT),
            "note": "Joint first call wanted: Oksana, you and I.",
        },
    }


def _safe_contact(sent_at: int) -> dict[str, Any]:
    never = [
        {"way": way, "answer": "not-safe"}
        for way in ("voicemail", "text-message", "e-mail", "letter")
    ]
    return {
        "ways": [
            {
                "way": "telephone",
                "answer": "safe",
                "value": "+31 30 000 01 42",
                "where": "At her work (library desk)",
                "times": [
                    {
                        "days": ["mon", "tue", "wed", "thu", "fri"],
                        "from": "09:00",
                        "to": "11:30",
                        "zone": "Europe/Amsterdam",
                    }
                ],
            },
            *never,
            {"way": "through-a-person", "answer": "not-asked"},
            {"way": "person-contacts-us", "answer": "not-asked"},
        ],
        "who_may_answer": "Only she. If someone else answers, ask about a book and end the call.",
        "say_you_are": "Anna from the library",
        "code_word": "Blue notebook",
        "never_contact": "Ruslan T., partner, lives with her. Her mobile. The home number.",
        "watched": "yes",
        "watched_what": "Mobile telephone and home number",
        "checked_at": sent_at - 45 * MINUTE,
        "checked_by": "Inês Carvalhal",
    }


def _happened(sent_at: int) -> dict[str, Any]:
    return {
        "crime": "020111",
        "flags": ["domestic"],
        "country": "PT",
        "region": "PT-11",
        "place": "Lisbon",
        "date": date_of(sent_at - 5 * DAY),
        "relation": "partner",
        "reported": "yes",
        "reported_to": "Police, Lisbon",
        "reported_on": date_of(sent_at - 4 * DAY),
        "report_reference": "NUIPC 0421/26.0PXLSB",
        "proceedings": [{"what": "hearing", "on": date_of(sent_at + 53 * DAY), "where": "Lisbon"}],
        "summary": (
            f"On {_spoken(sent_at - 5 * DAY)}, on holiday in Lisbon, her partner beat her in the "
            "hotel and took her passport. Hotel staff called the police. She had two days in "
            "hospital (ribs, left wrist). "
            f"She flew home on {_spoken(sent_at - DAY)} because of her work; he flew with her. "
            "She has told this twice and asks not to be made to tell it again."
        ),
    }


def _risk(sent_at: int) -> dict[str, Any]:
    return {
        "threat": "yes",
        "ongoing": "yes",
        "afraid": "yes",
        "danger": "The man who did this lives in the same home and reads the mobile telephone.",
        "nature": "He said he will hurt her if she leaves.",
        "likelihood": "likely",
        "level": "high",
        "repeat": "likely",
        "intimidation": "likely",
        "retaliation": "possible",
        "agreed": "A packed bag at work. A colleague knows the code word.",
        "police_told": "yes",
        "police_note": f"In Lisbon, {_spoken(sent_at - 4 * DAY)}. Not in Utrecht.",
        "assessment": {
            "on": date_of(sent_at),
            "by": "Inês Carvalhal",
            "characteristics": ["dependent-on-offender", "abroad"],
            "nature": ["close-relationship", "gender-based"],
            "circumstances": ["same-home", "dependent-for-housing", "children-involved"],
            "special_protection": "yes",
        },
    }


def first_message() -> dict[str, Any]:
    """Inês, a few minutes after sending."""
    return _note(
        INES, "She starts at 09:00. Please try before 10:30 if you can; the desk is quiet then."
    )


def question_back() -> dict[str, Any]:
    """Jasmijn asks before she answers."""
    return {
        "form": "ask",
        "author": dict(JASMIJN),
        "language": "en",
        "purpose": "information",
        "text": "Does the child go to school or day care? We need to know for the room.",
    }


def accepted() -> dict[str, Any]:
    """The answer that goes with the state accepted."""
    return {
        "form": "answer",
        "author": dict(JASMIJN),
        "language": "en",
        "text": "We take this on. I call her myself, in the morning.",
        "contact": dict(JASMIJN_CONTACT),
        "case_number": "SD-2026-1187",
    }


def declined() -> dict[str, Any]:
    """The answer that goes with the state rejected, with a suggestion."""
    return {
        "form": "answer",
        "author": dict(JASMIJN),
        "language": "en",
        "reason": "at-capacity",
        "text": "No room before January.",
        "suggestion": {
            "organisation": "Veilig Maas",
            "service": "Safe house",
            "note": "They may have a room for people who live in Rotterdam.",
        },
    }


def call_made(at: int) -> dict[str, Any]:
    """The victim was contacted, and safe contact checked again, at ``at``."""
    return {
        **_note(
            JASMIJN,
            "I spoke with her for ten minutes. She can talk at work. A room in a safe house is "
            "free from Tuesday. Can you join on Monday?",
        ),
        "step": "contact-made",
        "step_at": at,
        "safe_contact": {
            **_safe_contact(at),
            "checked_at": at,
            "checked_by": "Steunpunt Dom",
        },
    }


def meeting_fixed(at: int, starts: int) -> dict[str, Any]:
    """The first meeting, agreed at ``at``."""
    return {
        **_note(JASMIJN, "De tolk is bevestigd: mevrouw Kovalenko."),
        "language": "nl",
        "step": "meeting-scheduled",
        "step_at": at,
        "meeting": {
            "starts": starts,
            "minutes": 45,
            "zone": "Europe/Amsterdam",
            "how": "joint-call",
            "details": "Steunpunt Dom belt Oksana op haar werk, dan u.",
            "who": "Oksana, Jasmijn de Wit, Inês Carvalhal, tolk (Oekraïens, een vrouw)",
            "join": True,
            "confirm_by": starts - 3 * DAY + 8 * HOUR,
        },
    }


def join_confirmed() -> dict[str, Any]:
    """Inês joins."""
    return {**_note(INES, "I join on Monday."), "meeting_answer": "joins"}


def reply() -> dict[str, Any]:
    """A second message from Lisbon."""
    return _note(INES, "She is glad of the room. Thank you.")


def outcome() -> dict[str, Any]:
    """The answer that goes with the state completed."""
    return {
        "form": "answer",
        "author": dict(JASMIJN),
        "language": "en",
        "outcome": "got-help",
        "text": "Oksana and her son live in the safe house. The claim is sent.",
    }


def withdrawal() -> dict[str, Any]:
    """Consent was withdrawn."""
    return {
        "form": "withdraw",
        "author": dict(INES),
        "language": "en",
        "reason": "consent-withdrawn",
        "text": "Oksana wants to go on by herself. Please erase what you may.",
    }


def capacity_query(sent_at: int = SENT) -> dict[str, Any]:
    """Could you take such a case? Nothing in it tells who the person is."""
    return {
        "form": "capacity",
        "author": dict(INES),
        "language": "en",
        "needs": ["shelter-and-safety", "emotional-support"],
        "role": "victim",
        "age_band": "25-34",
        "groups": ["women"],
        "lives_in": "NL",
        "lives_in_region": "NL-UT",
        "harmed_in": "PT",
        "languages": ["uk"],
        "interpreter": "yes",
        "from": date_of(sent_at + 2 * DAY),
        "note": "With a small child.",
        "priority": "urgent",
        "respond_by": sent_at + 3 * DAY,
    }


def advice(sent_at: int = SENT) -> dict[str, Any]:
    """A question between professionals."""
    return {
        "form": "question",
        "author": dict(INES),
        "language": "en",
        "subject": "Compensation for a crime in Portugal, from the Netherlands",
        "question": "Does your claims desk send the Portuguese form itself, or through the fund?",
        "needs": ["compensation-claim"],
        "countries": ["PT", "NL"],
        "priority": "routine",
        "respond_by": sent_at + 14 * DAY,
    }


def _note(author: dict[str, str], text: str) -> dict[str, Any]:
    return {
        "form": "note",
        "author": dict(author),
        "language": "en",
        "topic": "message",
        "text": text,
    }
