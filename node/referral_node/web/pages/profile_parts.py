"""The pages on which our own profile is written: which inputs, in which order, in which words.

Law: what a field is stands in the profile's table alone; here stands only what the page adds. Every
field of the table is asked on exactly one page; a test says so.
"""

from dataclasses import dataclass
from typing import Final

from referral_node.web.pages.layout import (
    Ask,
    Block,
    Folded,
    Group,
    Heading,
    Rows,
    Side,
    Step,
)
from referral_protocol import profiles
from referral_protocol.forms import Field, Section

ORGANISATION: Final = profiles.PROFILE.fields[0]
CONTACTS: Final = profiles.PROFILE.fields[1]
SERVICES: Final = profiles.PROFILE.fields[2]


@dataclass(frozen=True)
class Part:
    """One page. ``fields``: those of the table that it binds."""

    code: str
    title: str
    intro: str
    blocks: tuple[Block, ...]
    fields: tuple[Field, ...]

    @property
    def step(self) -> Step:
        """As the drawing of inputs takes it."""
        section = Section(self.code, self.title, self.title, self.fields)
        return Step(section, self.title, self.intro, self.blocks, self.fields)


def _of(*keys: str) -> tuple[Field, ...]:
    return tuple(ORGANISATION.field(key) for key in keys)


def _yes_no(key: str, label: str, hint: str = "") -> Ask:
    return Ask(key, label, hint, widget="radios", choices="yes-no", inline=False)


ABOUT: Final = Part(
    "about",
    "Name and place",
    "This is how other organisations find you and know you.",
    (
        Ask("name", "Name of your organisation", width=30),
        Ask("name_language", "The name is in", "The language of the name"),
        Ask("name_latin", "Name in Latin letters", "Only if its own script is another", width=30),
        Ask("about", "What you do", "Two or three sentences", lines=4),
        Ask("about_language", "This text is in", ""),
        Ask("country"),
        Ask("region", hint="Its code, for example PT-11, if you know it", width=10),
        Side(
            (
                Ask("city", "Town or city"),
                Ask("city_latin", "The same in Latin letters", "Only if its own script is another"),
            )
        ),
        Ask("zone", "Your clock shows the time of", "", choices="zones"),
    ),
    _of(
        "name",
        "name_language",
        "name_latin",
        "about",
        "about_language",
        "country",
        "region",
        "city",
        "city_latin",
        "zone",
    ),
)

REACH: Final = Part(
    "reach",
    "How to reach you",
    "For colleagues of other organisations, and for people who look for help if you show this to "
    "everybody.",
    (
        Ask("telephone", hint="With the country, for example +351 21 000 01 40"),
        Ask("email"),
        Ask("website", hint="It begins with https://", width=30),
        Rows(
            "languages",
            "Language you can be written to in",
            "Add another language",
            item="language",
        ),
        Group(
            "Helpline for victims, if you have one",
            (
                Ask("emergency_line.number", "Number", "For example 116 006"),
                Ask("emergency_line.when", "When", "For example day and night"),
            ),
        ),
        Group(
            "When many people are harmed at once, as in an attack or a disaster",
            (
                _yes_no("mass_events.responds", "Do you help then?"),
                Ask("mass_events.duty_line", "Duty line", "For colleagues only"),
                Ask("mass_events.note", "Note", ""),
            ),
        ),
    ),
    _of("telephone", "email", "website", "languages", "emergency_line", "mass_events"),
)

HOURS: Final = Part(
    "hours",
    "Opening hours and holidays",
    "By your own clock. Others see them in their time.",
    (
        Rows(
            "hours",
            "Open",
            "Add other hours",
            (
                Ask("days", "Days", ""),
                Side((Ask("from", hint="For example 09:00"), Ask("to", hint="For example 17:00"))),
            ),
            row="Open, hours {n}",
            item="hours",
        ),
        Rows(
            "holidays",
            "Closed",
            "Add other days",
            (
                Side(
                    (
                        Ask("from", "First day", "For example 25 12 2026", widget="line"),
                        Ask("to", "Last day", "Empty for one day", widget="line"),
                    )
                ),
                Ask("name", "Why", ""),
            ),
            row="Closed, days {n}",
            item="days",
        ),
    ),
    _of("hours", "holidays"),
)

MORE: Final = Part(
    "more",
    "Staff and money",
    "All of this may be left empty.",
    (
        Side(
            (
                Ask("staff.paid", "Paid staff", "How many", width=5),
                Ask("staff.volunteers", "Volunteers", "How many", width=5),
            )
        ),
        Ask("staff.training_hours", "Hours of training that each gets", "", width=5),
        Ask("staff.training", "In what", ""),
        Ask("financing", "How your work is paid for"),
        Ask("financing_note", "Paid by", "", width=30),
    ),
    _of("staff", "financing", "financing_note"),
)

PUBLIC: Final = Part(
    "public",
    "What everybody may read",
    "All members read all of your profile. Everybody else reads, on the directory’s public page, "
    "only what you allow here, and of your services only those that you allow one by one. The "
    "names of your people are never shown there.",
    (
        _yes_no(
            "publish",
            "May everybody see your organisation?",
            "Name, place, what you do, telephone, e-mail, website, hours",
        ),
    ),
    _of("publish"),
)

PARTS: Final = {part.code: part for part in (ABOUT, REACH, HOURS, MORE, PUBLIC)}
"""The pages of the organisation, in their order. ``assured`` has a button instead of an input."""

CONTACT: Final = Part(
    "contact",
    "A person",
    "Other organisations telephone this person, and VSE does before you are admitted. Only members "
    "read it.",
    (
        Ask("role", inline=False),
        Ask("name", "Name", width=30),
        Ask("name_latin", "Name in Latin letters", "Only if its own script is another", width=30),
        Ask("telephone", hint="With the country, for example +351 21 000 01 42"),
        Ask("email"),
        Rows("languages", "Language they speak", "Add another language", item="language"),
    ),
    CONTACTS.fields,
)

SERVICE: Final = Part(
    "service",
    "A service",
    "Say what is true on an ordinary day. What you leave empty is read as “not stated”, never as "
    "“no”.",
    (
        Ask("name", "Name of the service", width=30),
        Ask("language", "Name and texts are in", ""),
        Ask("name_english", "Name in English", width=30),
        Ask("about", "What it is", "Two or three sentences", lines=4),
        Ask("needs", "What do you help with?"),
        Ask("forms", "How do you help?"),
        Heading("For whom"),
        Ask("served", choices="victim-groups"),
        Ask("witnesses"),
        Side((Ask("age_from", hint="In years", width=5), Ask("age_to", hint="In years", width=5))),
        Ask("children_up_to", "A parent may bring children up to the age of", "In years", width=5),
        Ask("eligibility", inline=False),
        Ask("lives_in", "They live in", "Countries, one on each line", widget="text"),
        Ask(
            "lives_in_regions",
            "Only in these regions",
            "Codes, one on each line, for example NL-UT",
            widget="text",
            lines=2,
        ),
        Ask(
            "harmed_in",
            "The crime happened in",
            "Countries, one on each line. EU stands for all countries of the Union",
            widget="text",
        ),
        Heading("Languages"),
        Rows("languages", "Language you speak", "Add another language", item="language"),
        Ask("interpreters", inline=False),
        Ask(
            "interpreter_languages",
            "Languages with an interpreter",
            "One on each line",
            widget="text",
        ),
        Heading("Practical"),
        Ask("how_to_reach", "How people come to you", ""),
        Ask("accessibility"),
        Ask("cost", inline=False),
        Ask("cost_note"),
        Ask("documents", width=30),
        Heading("Room for new people"),
        Ask("capacity", inline=False),
        Ask("capacity_note", "In a few words", "For example first talk in 5 days", width=30),
        Folded(
            "Since when, and how long people wait",
            (
                Ask("capacity_on", "Stated on", "For example 19 11 2026", widget="line"),
                Side((Ask("wait_days", width=5), Ask("answer_days", width=5))),
            ),
        ),
        Heading("Everybody"),
        _yes_no(
            "publish",
            "May everybody see this service on the directory’s public page?",
            "Only if your organisation is shown there too",
        ),
    ),
    SERVICES.fields,
)
