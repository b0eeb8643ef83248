"""A member's profile, as a table like those of the forms.

Law: a profile is not secret, and written by the member about itself. A person's name stands in
``contacts`` and nowhere else. What a member does not say is absent, and read as "not stated",
never as "no". All members read all of it; everybody else only what ``published`` leaves of it.
"""

from typing import Final

from referral_protocol.forms.model import (
    Field,
    Form,
    Kind,
    answer,
    code,
    codes,
    group,
    groups,
    line,
    text,
)
from referral_protocol.forms.parts import HOURS_FIELDS

_ORGANISATION: Final = group(
    "organisation",
    "Organisation",
    line("name", "Name", 120, "In its own script").must("Enter the organisation’s name"),
    line("name_latin", "Name in Latin letters", 120, "If its own script is another"),
    Field("name_language", Kind.LANGUAGE, "Language of the name").must(
        "Choose the language of the name"
    ),
    text("about", "What it does", 1_200),
    Field("about_language", Kind.LANGUAGE, "Language of this text"),
    Field("country", Kind.COUNTRY, "Country").must("Choose the country"),
    Field("region", Kind.REGION, "Region"),
    line("city", "Town or city", 120).must("Enter the town or city"),
    line("city_latin", "Town or city in Latin letters", 120),
    Field("zone", Kind.ZONE, "Time zone", "For example Europe/Lisbon").must("Enter the time zone"),
    Field("website", Kind.WEB, "Website"),
    Field("telephone", Kind.TELEPHONE, "Telephone"),
    Field("email", Kind.E_MAIL, "E-mail"),
    Field("languages", Kind.LANGUAGES, "Languages you can be written to in", max=20).must(
        "Choose at least one language"
    ),
    groups("hours", "Opening hours", *HOURS_FIELDS, max=21).must("Enter the opening hours"),
    groups(
        "holidays",
        "Closed on",
        Field("from", Kind.DATE, "First day").must("Enter the first day"),
        Field("to", Kind.DATE, "Last day"),
        line("name", "Why", 120),
        max=60,
    ),
    group(
        "emergency_line",
        "Victims’ helpline",
        Field("number", Kind.HELPLINE, "Number").must("Enter the number"),
        line("when", "When", 120),
    ),
    group(
        "mass_events",
        "Mass events",
        Field("responds", Kind.BOOLEAN, "Responds to mass events").must(
            "Say whether you respond to mass events"
        ),
        Field("duty_line", Kind.TELEPHONE, "Duty line"),
        line("note", "Note", 300),
    ),
    group(
        "staff",
        "Staff",
        Field("paid", Kind.NUMBER, "Paid", max=100_000),
        Field("volunteers", Kind.NUMBER, "Volunteers", max=100_000),
        Field("training_hours", Kind.NUMBER, "Hours of training", max=10_000),
        line("training", "Training", 300),
    ),
    codes("financing", "How it is paid for", "financing"),
    line("financing_note", "Paid by", 300),
    group(
        "assured",
        "Assured",
        Field("on", Kind.DATE, "On").must("Enter the date"),
        line("by", "By", 120).must("Enter by whom"),
    ),
    Field(
        "publish",
        Kind.BOOLEAN,
        "On the public page",
        "The directory shows everybody the organisation, without the names of its people",
    ),
)

_CONTACTS: Final = groups(
    "contacts",
    "Contacts",
    code("role", "Role", "contact-roles").must("Choose the role"),
    line("name", "Name", 120).must("Enter the name"),
    line("name_latin", "Name in Latin letters", 120),
    Field("telephone", Kind.TELEPHONE, "Telephone").must("Enter the telephone number"),
    Field("email", Kind.E_MAIL, "E-mail"),
    Field("languages", Kind.LANGUAGES, "Languages", max=20).must("Choose at least one language"),
    max=6,
)

_SERVICES: Final = groups(
    "services",
    "Services",
    line("name", "Name", 120).must("Enter the service’s name"),
    Field("language", Kind.LANGUAGE, "Language of name and texts").must(
        "Choose the language of the service’s name"
    ),
    line("name_english", "Name in English", 120),
    text("about", "What it is", 1_200),
    codes("needs", "Needs it meets", "needs", max=16).must("Choose at least one need"),
    codes("forms", "Forms of help", "forms-of-help").must("Choose at least one form of help"),
    codes("served", "Whom it serves", "victim-groups"),
    answer("witnesses", "Witnesses too?"),
    Field("age_from", Kind.NUMBER, "Youngest age", max=150),
    Field("age_to", Kind.NUMBER, "Oldest age", max=150),
    Field("children_up_to", Kind.NUMBER, "With children up to the age of", max=25),
    code("eligibility", "Who may use it", "eligibilities"),
    Field("lives_in", Kind.COUNTRIES, "Area: countries"),
    Field("lives_in_regions", Kind.REGIONS, "Area: regions"),
    Field("harmed_in", Kind.COUNTRIES, "Crime in these countries", max=250),
    Field("languages", Kind.LANGUAGES, "Languages"),
    Field("interpreter_languages", Kind.LANGUAGES, "Languages with interpreter", max=100),
    code("interpreters", "Interpreters", "interpreters"),
    text("how_to_reach", "How to reach it", 600),
    codes("accessibility", "Accessibility", "accessibilities"),
    code("cost", "Cost", "costs"),
    line("cost_note", "What it costs", 200),
    line("documents", "Documents needed", 300),
    code("capacity", "Capacity", "capacities"),
    line("capacity_note", "Capacity in words", 200),
    Field("capacity_on", Kind.DATE, "Capacity stated on"),
    Field("wait_days", Kind.NUMBER, "Days until the first help", max=1_000),
    Field("answer_days", Kind.NUMBER, "Working days to answer", max=100),
    Field(
        "publish",
        Kind.BOOLEAN,
        "On the public page",
        "The directory shows everybody this service, if it shows the organisation",
    ),
    max=40,
)

PROFILE: Final = Form(
    "profile",
    "Profile of a member",
    authored=False,
    public=True,
    fields=(
        _ORGANISATION.must("Describe the organisation"),
        _CONTACTS,
        _SERVICES,
    ),
    rules=(
        "in `organisation` and `contacts`, a `name` in another script than Latin has a "
        "`name_latin`, a `city` a `city_latin`",
        "`organisation.region` begins with its country",
        "in `organisation.hours`, `to` is later than `from`; in `holidays`, not before it",
        "`organisation.mass_events.responds` = true has a `duty_line`",
        "one contact is the `point-of-contact`; there is at least one service",
        "in `services`, `age_from` is not above `age_to`",
        "in `services`, each region lies in a country of `lives_in`",
        "in `services`, an `eligibility` other than `any-place` has `lives_in` or `harmed_in`",
    ),
)
