"""The form `referral`: its eight sections, in the order in which they are asked and read.

Law: what can be chosen is a code; what is written is said once. The section `safe_contact` governs
when and how anybody may reach the person. Where a value stands in the statement's head (priority,
answer-by time) it is asked for here and never put into the body.
"""

from typing import Final

from referral_protocol.forms.model import (
    SECTION_LANGUAGE,
    Field,
    Form,
    Kind,
    Section,
    answer,
    code,
    codes,
    group,
    groups,
    line,
    text,
)
from referral_protocol.forms.parts import CONTACT_FIELDS, FILES, HOURS_FIELDS

WHO: Final = Section(
    "who",
    "Who",
    "Who is the person?",
    (
        line("name", "Name", 120, "In the person’s own script").must("Enter the person’s name"),
        line("name_latin", "Name in Latin letters", 120),
        line("name_to_use", "Name to use", 120),
        Field("name_language", Kind.LANGUAGE, "Language of the name"),
        code("role", "Victim, witness, bereaved or family", "person-roles").must(
            "Choose what the person is in this"
        ),
        Field("date_of_birth", Kind.DATE, "Date of birth"),
        code("age_band", "Age, if the date of birth is not known", "age-bands"),
        line("gender", "Gender", 60, "In the person’s own words"),
        codes(
            "groups",
            "Groups that some services are for",
            "victim-groups",
            "Only what the person wants to be known",
        ),
        Field("nationality", Kind.COUNTRIES, "Nationality", max=5),
        group(
            "lives_in",
            "Lives in",
            Field("country", Kind.COUNTRY, "Country").must("Choose the country"),
            Field("region", Kind.REGION, "Region"),
            line("place", "Town or city", 120),
        ).must("Say where the person lives"),
        text("home_address", "Home address", 500, "Only if it is needed now"),
        group(
            "guardian",
            "Who acts for a minor",
            line("name", "Name", 120).must("Enter the name"),
            code("kind", "What they are", "guardian-kinds").must("Choose what they are"),
            Field("telephone", Kind.TELEPHONE, "Telephone"),
            answer("may_be_told", "May they be told of this?").must(
                "Say whether they may be told of this"
            ),
            text("note", "Note", 1_000),
        ),
        text("may_be_told", "Who else may be told", 500),
        code("came_by", "How the person came to you", "how-they-came").must(
            "Choose how the person came to you"
        ),
        line("case_number", "Your own case number", 60),
        SECTION_LANGUAGE,
    ),
)

SAFE_CONTACT: Final = Section(
    "safe_contact",
    "Safe contact",
    "How can the person be reached safely?",
    (
        groups(
            "ways",
            "Which ways are safe?",
            code("way", "Way", "safe-ways").must("Choose the way"),
            code("answer", "Is it safe?", "safe-answers").must("Say whether it is safe"),
            text("value", "Number or address", 500),
            line("where", "Where is this?", 200),
            groups(
                "times",
                "When is it safe?",
                *HOURS_FIELDS,
                Field("zone", Kind.ZONE, "Time in").must("Choose the time zone"),
                max=8,
            ),
            text("note", "Note", 500),
            max=14,
        ).must("Choose at least one safe way, or “The person contacts us”"),
        text("who_may_answer", "Who may answer, and what to do if someone else does", 1_000),
        line("say_you_are", "Say you are", 200),
        line("code_word", "Code word for “I cannot talk”", 120),
        text("never_contact", "Who must never be contacted", 1_000),
        answer("watched", "May the telephone or e-mail be watched?").must(
            "Say whether the telephone or e-mail may be watched"
        ),
        line("watched_what", "What may be watched", 200),
        Field("checked_at", Kind.INSTANT, "When was this last checked with the person?").must(
            "Enter when this was last checked with the person"
        ),
        line("checked_by", "Checked by", 200),
        SECTION_LANGUAGE,
    ),
    hint="Ask the person, nobody else.",
)

HAPPENED: Final = Section(
    "happened",
    "What happened",
    "What happened?",
    (
        code("crime", "Crime", "crimes").must("Choose the crime"),
        codes("other_crimes", "Other crimes", "crimes", max=5),
        codes("flags", "Flags", "crime-flags"),
        line("incident", "Incident", 120, "A name that many referrals share"),
        Field("country", Kind.COUNTRY, "Country").must("Choose the country where it happened"),
        Field("region", Kind.REGION, "Region"),
        line("place", "Place", 200),
        Field("date", Kind.DATE, "Date, or first day"),
        Field("until", Kind.DATE, "Last day, if it lasted"),
        line("when_note", "When, if no date is known", 200),
        code("relation", "Who did it", "offender-relations"),
        answer("reported", "Reported to the police?").must(
            "Say whether it was reported to the police"
        ),
        line("reported_to", "Reported to", 200),
        Field("reported_on", Kind.DATE, "Reported on"),
        line("report_reference", "Police reference", 120),
        groups(
            "proceedings",
            "Proceedings",
            code("what", "Step", "proceedings").must("Choose the step"),
            Field("on", Kind.DATE, "Date"),
            line("where", "Where", 200),
            line("note", "Note", 300),
            max=10,
        ),
        text(
            "summary",
            "Summary",
            12_000,
            "Once, so that the person need not tell it again",
        ),
        SECTION_LANGUAGE,
    ),
)

NEEDS: Final = Section(
    "needs",
    "Needs",
    "What does the person need?",
    (
        groups(
            "needs",
            "Needs",
            code("need", "Need", "needs").must("Choose the need"),
            text("note", "Note", 2_000),
            max=16,
        ).must("Choose at least one need"),
        text("asked_for", "What you ask for", 2_000),
        text("already_done", "What was already done", 4_000),
        SECTION_LANGUAGE,
    ),
)

_ASSESSMENT: Final = group(
    "assessment",
    "Individual assessment (Article 22)",
    Field("on", Kind.DATE, "Assessed on"),
    line("by", "Assessed by", 200),
    codes("characteristics", "Personal characteristics", "article-22-characteristics"),
    codes("nature", "Nature of the crime", "article-22-nature"),
    codes("circumstances", "Circumstances", "article-22-circumstances"),
    answer("special_protection", "Special protection needed?"),
    text("measures", "Which protection", 1_000),
)

RISK: Final = Section(
    "risk",
    "Risk",
    "Is the person in danger?",
    (
        answer("threat", "Is there still a threat?").must("Say whether there is still a threat"),
        answer("ongoing", "Is it still going on?").must("Say whether it is still going on"),
        answer("afraid", "Is the person afraid of someone?").must(
            "Say whether the person is afraid of someone"
        ),
        text("danger", "The danger, in one or two sentences", 500, "Stands first on their page"),
        text("nature", "What could happen", 2_000),
        text("extent", "How far it could go", 2_000),
        code("likelihood", "How likely", "likelihoods"),
        code("level", "Level of risk", "risk-levels").must("Choose the level of risk"),
        code("repeat", "Repeat harm", "likelihoods"),
        code("intimidation", "Intimidation", "likelihoods"),
        code("retaliation", "Retaliation", "likelihoods"),
        text("agreed", "What was agreed for safety", 2_000),
        answer("police_told", "Were the police told of the risk?"),
        line("police_note", "Which police, when", 300),
        _ASSESSMENT,
        SECTION_LANGUAGE,
    ),
)

COMMUNICATION: Final = Section(
    "communication",
    "Languages and communication",
    "How can you understand each other?",
    (
        Field("languages", Kind.LANGUAGES, "Languages spoken well", max=10).must(
            "Choose at least one language"
        ),
        Field("some", Kind.LANGUAGES, "Languages spoken a little", max=10),
        answer("interpreter", "Is an interpreter needed?").must(
            "Say whether an interpreter is needed"
        ),
        Field("interpreter_language", Kind.LANGUAGE, "Language of the interpreter"),
        code("interpreter_wish", "Wish for the interpreter", "interpreter-wishes"),
        codes("needs", "What helps", "communication-needs"),
        text("note", "Note", 1_000),
        SECTION_LANGUAGE,
    ),
)

CONSENT: Final = Section(
    "consent",
    "Consent and recipient",
    "May this be shared, and with whom?",
    (
        code("ground", "Ground for sharing", "grounds").must(
            "Say whether the person consents, or which law allows it"
        ),
        Field("recipient", Kind.MEMBER, "Recipient").must("Choose the organisation"),
        line("recipient_name", "Recipient", 200).must("Choose the organisation"),
        codes("needs", "For which needs", "needs"),
        text("purpose", "For what else", 500),
        code("how", "How it was given", "consent-ways"),
        line("given_to", "Given to", 120),
        answer("interpreter_present", "Was an interpreter present?"),
        Field("given_at", Kind.INSTANT, "When it was given"),
        Field("until", Kind.DATE, "Until"),
        code("legal_basis", "Legal basis", "legal-bases"),
        text("why", "Why without consent", 2_000),
        groups(
            "withheld",
            "Withheld",
            code("part", "Part", "withheld-parts").must("Choose the part"),
            code("reason", "Reason", "withheld-reasons").must("Choose the reason"),
            line("note", "Note", 300),
            max=20,
        ),
        SECTION_LANGUAGE,
    ),
)

ANSWER: Final = Section(
    "answer",
    "Answer",
    "When do you need an answer?",
    (
        Field(
            "priority",
            Kind.CODE,
            "Priority",
            codes="priorities",
            required=True,
            missing="Choose the priority",
            head=True,
        ),
        Field(
            "respond_by",
            Kind.INSTANT,
            "Answer by",
            required=True,
            missing="Enter when you need the answer",
            head=True,
        ),
        code("handover", "Warm handover", "handovers"),
        group("contact", "Whom they call", *CONTACT_FIELDS).must("Say whom they can call"),
        text("note", "Message to them", 2_000),
        SECTION_LANGUAGE,
    ),
)

SECTIONS: Final = (
    WHO,
    SAFE_CONTACT,
    HAPPENED,
    NEEDS,
    RISK,
    COMMUNICATION,
    CONSENT,
    ANSWER,
)

REFERRAL: Final = Form(
    "referral",
    "Referral",
    fields=(FILES,),
    sections=SECTIONS,
)
