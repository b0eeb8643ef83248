"""All forms but `referral`: the two openings without personal data, and what follows an opening.

Law: the state, the priority and the answer-by time stand in the statement's head; a body never
repeats them. A section that a note carries replaces the earlier one as a whole.
"""

from dataclasses import replace
from typing import Final

from referral_protocol.forms.content import MAX_ORDINARY
from referral_protocol.forms.model import (
    Field,
    Form,
    Kind,
    answer,
    code,
    codes,
    group,
    line,
    text,
)
from referral_protocol.forms.parts import CONTACT_FIELDS, FILES, SUGGESTION_FIELDS
from referral_protocol.forms.referral import SECTIONS

_PRIORITY: Final = Field("priority", Kind.CODE, "Priority", codes="priorities", head=True)
_RESPOND_BY: Final = Field("respond_by", Kind.INSTANT, "Answer by", head=True)

QUESTION: Final = Form(
    "question",
    "Question for advice",
    fields=(
        line("subject", "Subject").must("Enter what the question is about"),
        text("question", "Question", 8_000, "Nothing that tells who the person is").must(
            "Enter the question"
        ),
        codes("needs", "Needs it is about", "needs"),
        Field("countries", Kind.COUNTRIES, "Countries it is about", max=10),
        group("contact", "Whom they call", *CONTACT_FIELDS),
        FILES,
        _PRIORITY.must("Choose the priority"),
        _RESPOND_BY.must("Enter when you need the answer"),
    ),
)

CAPACITY: Final = Form(
    "capacity",
    "Capacity query",
    fields=(
        codes("needs", "Needs", "needs", max=16).must("Choose at least one need"),
        code("role", "Victim, witness, bereaved or family", "person-roles"),
        code("age_band", "Age", "age-bands"),
        codes("groups", "Groups that some services are for", "victim-groups"),
        Field("lives_in", Kind.COUNTRY, "Lives in"),
        Field("lives_in_region", Kind.REGION, "Region"),
        Field("harmed_in", Kind.COUNTRY, "Harmed in"),
        Field("languages", Kind.LANGUAGES, "Languages", max=10),
        answer("interpreter", "Is an interpreter needed?"),
        codes("communication", "What helps", "communication-needs"),
        Field("from", Kind.DATE, "Needed from"),
        text("note", "Note", 2_000, "Nothing that tells who the person is"),
        _PRIORITY.must("Choose the priority"),
        _RESPOND_BY.must("Enter when you need the answer"),
    ),
)

ANSWER: Final = Form(
    "answer",
    "Answer with a new state",
    fields=(
        code("reason", "Reason to decline", "decline-reasons"),
        code("outcome", "Outcome", "outcomes"),
        code("hold", "Why it is on hold", "hold-reasons"),
        Field("hold_until", Kind.DATE, "On hold until"),
        text("text", "Message", 4_000),
        group(
            "suggestion",
            "Another service",
            *SUGGESTION_FIELDS,
            hint="A suggestion only: another recipient needs another consent",
        ),
        group("contact", "Whom they call", *CONTACT_FIELDS),
        line("case_number", "Your own case number", 60),
        text("already", "What had already happened", 2_000),
        code("erased", "Answer to a request to erase", "erasures"),
        text("kept_why", "Which law obliges to keep what", 1_000),
        FILES,
    ),
)

_MEETING: Final = group(
    "meeting",
    "Meeting",
    Field("starts", Kind.INSTANT, "When").must("Enter when the meeting starts"),
    Field("minutes", Kind.NUMBER, "Minutes", max=1_440).must("Enter how long it lasts"),
    Field("zone", Kind.ZONE, "Time zone of the meeting"),
    code("how", "How", "meeting-ways").must("Choose how you meet"),
    text("details", "Details", 1_000),
    text("who", "Who", 500).must("Enter who takes part"),
    Field("join", Kind.BOOLEAN, "We ask you to join"),
    Field("confirm_by", Kind.INSTANT, "Confirm by"),
)

NOTE: Final = Form(
    "note",
    "Message",
    fields=(
        code("topic", "What it is about", "note-topics"),
        text("text", "Message", 8_000),
        code("step", "Step", "steps"),
        Field("step_at", Kind.INSTANT, "When the step was taken"),
        _MEETING,
        code("meeting_answer", "Answer to the meeting", "meeting-answers"),
        Field("answers", Kind.HASH, "Message that this answers"),
        group("contact", "Whom they call", *CONTACT_FIELDS),
        code("erased", "Answer to a request to erase", "erasures"),
        text("kept_why", "Which law obliges to keep what", 1_000),
        FILES,
        _PRIORITY,
        _RESPOND_BY,
    ),
    sections=tuple(
        replace(
            section,
            required=False,
            fields=tuple(field for field in section.fields if not field.head),
        )
        for section in SECTIONS
    ),
)

ASK: Final = Form(
    "ask",
    "Request",
    fields=(
        code("purpose", "What you ask", "ask-purposes").must("Choose what you ask"),
        text("text", "Message", 4_000),
        Field("answers", Kind.HASH, "Message that this is about"),
        _RESPOND_BY,
    ),
)

WITHDRAW: Final = Form(
    "withdraw",
    "Withdrawal",
    fields=(
        code("reason", "Reason", "withdraw-reasons").must("Choose the reason"),
        text("text", "Message", 2_000),
    ),
)

UNREADABLE: Final = Form(
    "unreadable",
    "Cannot be read",
    authored=False,
    fields=(
        Field("statement", Kind.HASH, "Hash of the statement").must(),
        Field("sealed", Kind.HASH, "Hash of the sealed body").must(),
        line("code", "Refusal code", 32, "a code of SPEC’s table of refusals").must(),
    ),
)

RETURN: Final = Form(
    "return",
    "Returned content",
    authored=False,
    fields=(
        Field("statement", Kind.HASH, "Hash of the statement").must(),
        Field("salt", Kind.HASH, "Salt").must(),
        Field("content", Kind.BYTES, "Content", max=MAX_ORDINARY).must(),
    ),
)
