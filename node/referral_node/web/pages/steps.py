"""The eight steps of a new referral: which inputs, in which order, under which words.

Law: what a field is (its kind, list, limit) stands in the form's table alone; here stands only what
the page adds: order, width, a better label, what lies side by side or folded. Every field of a
section is asked somewhere in its step; a test says so.
"""

from typing import Final

from referral_node.web.pages.layout import (
    Ask,
    Folded,
    Group,
    Heading,
    Rows,
    Say,
    Side,
    Special,
    Step,
)
from referral_protocol.forms import FORMS, Field, Kind

REFERRAL: Final = FORMS["referral"]
STEPS: Final = tuple(section.code for section in REFERRAL.sections)
"""The eight steps, in order, by the code of their section."""

# --- safe contact: the page asks by way, the form keeps a list ----------------------------------

WAYS: Final = (
    *("telephone", "voicemail", "text-message", "e-mail", "letter"),
    *("through-a-person", "person-contacts-us"),
)

DAY_SETS: Final = {
    "mon-fri": ("Monday to Friday", ("mon", "tue", "wed", "thu", "fri")),
    "every-day": ("Every day", ("mon", "tue", "wed", "thu", "fri", "sat", "sun")),
    "weekend": ("Saturday and Sunday", ("sat", "sun")),
    "mon": ("Monday", ("mon",)),
    "tue": ("Tuesday", ("tue",)),
    "wed": ("Wednesday", ("wed",)),
    "thu": ("Thursday", ("thu",)),
    "fri": ("Friday", ("fri",)),
    "sat": ("Saturday", ("sat",)),
    "sun": ("Sunday", ("sun",)),
}
"""What the select of days offers; other sets of days are several rows."""

VALUES: Final = {
    "telephone": "telephone",
    "text-message": "text_number",
    "e-mail": "email",
    "letter": "letter",
    "through-a-person": "through",
    "person-contacts-us": "contacts_us",
}
"""Input that holds the number or address of a way."""


def way_input(way: str) -> str:
    """Name of the input that says whether a way is safe."""
    return f"way-{way}"


_SAFE: Final = REFERRAL.section("safe_contact")
_TIMES: Final = _SAFE.field("ways").field("times")
_SAFE_FIELDS: Final = (
    *(Field(way_input(way), Kind.CODE, way, codes="safe-answers") for way in WAYS),
    Field("telephone", Kind.TELEPHONE, "Safe telephone number"),
    Field("where", Kind.LINE, "Where is this telephone?", max=200),
    Field(
        "times",
        Kind.GROUPS,
        "When is a call safe?",
        max=8,
        fields=(
            Field("days", Kind.LINE, "Days"),
            _TIMES.field("from"),
            _TIMES.field("to"),
            _TIMES.field("zone"),
        ),
    ),
    Field("call_note", Kind.TEXT, "Note on calling", max=500),
    Field("text_number", Kind.TELEPHONE, "Number for text messages"),
    Field("email", Kind.E_MAIL, "Safe e-mail address"),
    Field("letter", Kind.TEXT, "Address for letters", max=500),
    Field("through", Kind.TEXT, "Through whom", max=500),
    Field("contacts_us", Kind.TEXT, "How and when the person contacts you", max=500),
    *(each for each in _SAFE.fields if each.key != "ways"),
)

WRITTEN_IN: Final = Field(
    "written_in",
    Kind.LANGUAGE,
    "Language that you write in",
    "They see its name beside what you write; nothing is translated",
    required=True,
)
"""Asked in the first step; stands around the sections in the content."""

_PART_LANGUAGE: Final = Folded(
    "This part is written in another language", (Ask("language", "Language of this part", ""),)
)

WHO: Final = Step(
    REFERRAL.section("who"),
    "who",
    "Leave empty what you do not know yet. You can come back to every step, and nothing is sent "
    "before you have read all of it.",
    (
        Ask("name", width=30),
        Side((Ask("name_latin"), Ask("name_to_use"))),
        Ask("name_language", hint=""),
        Ask("role", "In this, the person is", inline=False),
        Ask("date_of_birth", hint="For example 3 5 1992"),
        Ask("age_band"),
        Ask("gender", width=10),
        Rows("nationality", "Nationality", "Add another nationality", item="nationality"),
        Group(
            "Where {name} lives",
            (
                Ask("lives_in.country"),
                Side((Ask("lives_in.place"), Ask("lives_in.region", choices="regions", width=5))),
            ),
        ),
        Ask("home_address"),
        Ask("came_by"),
        Ask("case_number", width=10),
        Folded("Groups that some services are for", (Ask("groups", "Groups"),)),
        Folded(
            "A minor: who acts for {name}, and who may be told",
            (
                Ask("guardian.name", "Name of parent or guardian"),
                Ask("guardian.kind", "What they are to {name}"),
                Ask("guardian.telephone"),
                Ask("guardian.may_be_told"),
                Ask("guardian.note", "Note on them"),
                Ask("may_be_told"),
            ),
        ),
        Ask("written_in"),
        _PART_LANGUAGE,
    ),
    (*REFERRAL.section("who").fields, WRITTEN_IN),
)

SAFE_CONTACT: Final = Step(
    _SAFE,
    "safe contact",
    "Ask {name}, nobody else. What you write here decides when the other organisation is shown the "
    "number.",
    (
        Special("ways"),
        Ask("telephone", "Safe telephone number", "With the country, for example +31 30 123 45 67"),
        Ask("where"),
        Rows(
            "times",
            "When is a call safe?",
            "Add another time",
            (
                Side(
                    (
                        Ask("days", choices="days"),
                        Ask("from", hint="", width=5),
                        Ask("to", hint="", width=5),
                        Ask("zone", choices="zones"),
                    )
                ),
            ),
            "Safe time {n}",
            item="time",
        ),
        Folded(
            "E-mail, letter, text message, through a person, or {name} contacts you: where and how",
            (
                Ask("text_number", hint="Leave empty if it is the number above"),
                Ask("email", width=30),
                Ask("letter"),
                Ask("through", "Through whom, and how to reach that person"),
                Ask("contacts_us", "How and when {name} contacts you"),
                Ask("call_note", "Anything else on calling {name}"),
            ),
        ),
        Ask("who_may_answer"),
        Side((Ask("say_you_are"), Ask("code_word", width=10))),
        Ask("never_contact"),
        Ask("watched"),
        Ask("watched_what", hint="Which telephone, account or computer"),
        Ask("checked_at", "When did you last check this with {name}?", "Day, month, year, time"),
        Ask("checked_by", "Who checked it"),
        _PART_LANGUAGE,
    ),
    _SAFE_FIELDS,
)

HAPPENED: Final = Step(
    REFERRAL.section("happened"),
    "what happened",
    "Write it once, so that {name} need not tell it again.",
    (
        Ask("crime"),
        Folded(
            "More than one crime",
            (Rows("other_crimes", "Other crimes", "Add another crime", item="crime"),),
        ),
        Ask("flags", "Is it any of these as well?"),
        Ask("relation"),
        Group(
            "Where it happened",
            (
                Ask("country"),
                Side((Ask("place", "Town or place"), Ask("region", choices="regions", width=5))),
            ),
        ),
        Ask("date", "Date, or first day", "For example 14 11 2026"),
        Ask("until"),
        Ask("when_note"),
        Ask("summary", hint="Once, so that {name} need not tell it again", lines=9),
        Ask("reported"),
        Side((Ask("reported_to"), Ask("report_reference"))),
        Ask("reported_on"),
        Rows(
            "proceedings",
            "Proceedings: step 1",
            "Add another step",
            (
                Side(
                    (
                        Ask("what"),
                        Ask("on", "Date", "", widget="line", width=10),
                        Ask("where", width=10),
                    )
                ),
                Ask("note", width=30),
            ),
            "Proceedings: step {n}",
            "Hearings, deadlines, protection orders. Dates as day, month, year",
            "step",
        ),
        Folded(
            "Part of an event in which many were harmed",
            (Ask("incident", "Name of the event"),),
        ),
        _PART_LANGUAGE,
    ),
    REFERRAL.section("happened").fields,
)

NEEDS: Final = Step(
    REFERRAL.section("needs"),
    "needs",
    "What {name} asks for. A note to each need tells them where to begin.",
    (
        Rows(
            "needs",
            "Need 1",
            "Add another need",
            (Ask("need", "What is needed"), Ask("note", lines=2)),
            "Need {n}",
            item="need",
        ),
        Ask("asked_for"),
        Ask("already_done"),
        _PART_LANGUAGE,
    ),
    REFERRAL.section("needs").fields,
)

RISK: Final = Step(
    REFERRAL.section("risk"),
    "risk",
    "In danger now? First do what your own rules say, then go on here.",
    (
        Ask("threat"),
        Ask("ongoing"),
        Ask("afraid"),
        Ask("level"),
        Ask("danger"),
        Ask("nature"),
        Ask("extent"),
        Ask("likelihood"),
        Ask("repeat", "How likely is repeat harm?"),
        Ask("intimidation", "How likely is intimidation?"),
        Ask("retaliation", "How likely is retaliation?"),
        Ask("agreed"),
        Ask("police_told"),
        Ask("police_note", width=30),
        Folded(
            "Individual assessment (Article 22)",
            (
                Ask("assessment.on"),
                Ask("assessment.by"),
                Ask("assessment.characteristics"),
                Ask("assessment.nature", "Nature of the crime"),
                Ask("assessment.circumstances"),
                Ask("assessment.special_protection"),
                Ask("assessment.measures"),
            ),
        ),
        _PART_LANGUAGE,
    ),
    REFERRAL.section("risk").fields,
)

COMMUNICATION: Final = Step(
    REFERRAL.section("communication"),
    "languages and communication",
    "Write the need, not a diagnosis.",
    (
        Rows(
            "languages",
            "Languages that {name} speaks well",
            "Add another language",
            item="language",
        ),
        Rows("some", "Languages that {name} speaks a little", "Add one more", item="such language"),
        Ask("interpreter"),
        Ask("interpreter_language"),
        Ask("interpreter_wish"),
        Ask("needs"),
        Ask("note"),
        _PART_LANGUAGE,
    ),
    REFERRAL.section("communication").fields,
)

CONSENT: Final = Step(
    REFERRAL.section("consent"),
    "consent and recipient",
    "Without consent or a legal basis nothing can be sent.",
    (
        Special("recipient"),
        Ask("ground", "May this be shared?", inline=False),
        Heading("If {name} consents"),
        Ask("needs", "For which needs", choices="draft-needs"),
        Ask("purpose", lines=2),
        Ask("how", "How {name} gave consent"),
        Ask("given_to", "To whom {name} gave it"),
        Ask("interpreter_present"),
        Ask("given_at", "When {name} gave it", "Day, month, year, time"),
        Ask("until", "Until when it holds", "For example 19 5 2027"),
        Folded(
            "Without consent: the legal basis, and why",
            (Ask("legal_basis"), Ask("why")),
        ),
        Heading("What stays with you"),
        Say("They see that a part is withheld, and why. What is withheld is not sent."),
        Rows(
            "withheld",
            "Withheld: part 1",
            "Add another part",
            (Side((Ask("part"), Ask("reason", widget="select"))), Ask("note", width=30)),
            "Withheld: part {n}",
            item="part",
        ),
        _PART_LANGUAGE,
    ),
    REFERRAL.section("consent").fields,
)

ANSWER: Final = Step(
    REFERRAL.section("answer"),
    "answer",
    "Technical staff of both sides can see the priority and the answer-by time, and nothing else "
    "of what you write.",
    (
        Special("priority"),
        Ask(
            "respond_by",
            "Another time for the answer",
            "Only if you need it earlier or later. Day, month, year, time",
        ),
        Ask("handover", "Warm handover", inline=False),
        Group(
            "Whom they call at your organisation",
            (
                Side((Ask("contact.name"), Ask("contact.role"))),
                Side(
                    (
                        Ask("contact.telephone", "Telephone, with the country", ""),
                        Ask("contact.email"),
                    )
                ),
                Rows("contact.languages", "Languages", "Add another language", item="language"),
                Ask("contact.note", width=30),
            ),
        ),
        Ask("note"),
        _PART_LANGUAGE,
    ),
    REFERRAL.section("answer").fields,
)

BY_CODE: Final[dict[str, Step]] = {
    step.code: step
    for step in (WHO, SAFE_CONTACT, HAPPENED, NEEDS, RISK, COMMUNICATION, CONSENT, ANSWER)
}
