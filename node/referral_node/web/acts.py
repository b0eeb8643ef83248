"""What can be done in a thread, each with its own small form: the one table of actions.

Law: an act says one message of one form, or keeps a date of our own. Which fields a form has, and
what it may hold, stands in the protocol's tables; here stands only what is asked, in which words.
``{name}`` is the person, ``{peer}`` the other organisation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from referral_node.web.pages.layout import Ask, Block, Folded, Say, Side
from referral_protocol.forms import FORMS, Field, Kind
from referral_protocol.statements import ASK, NOTE, STATE, WITHDRAW

KINDS: Final = {"answer": STATE, "ask": ASK, "note": NOTE, "withdraw": WITHDRAW}
"""The kind of message that carries a form."""
LANGUAGE: Final = Ask(
    "language",
    "Written in",
    "They see the language’s name; nothing is translated",
    choices="languages",
)
CHECKED: Final = Field("checked", Kind.CODE, "Checked", codes="answers")
"""Asked of the page alone: whether safe contact was gone through again."""


@dataclass(frozen=True)
class Act:
    """One thing to do. ``code`` stands in its address; ``button`` leads to it, ``send`` does it;
    ``state`` is the new state; ``fixed`` what the act itself says of its form."""

    code: str
    button: str
    title: str
    lead: str
    send: str
    form: str = "note"
    blocks: tuple[Block, ...] = ()
    state: str = ""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    told: str = "Sent."

    @property
    def kind(self) -> str:
        return KINDS[self.form]

    @property
    def fields(self) -> tuple[Field, ...]:
        """What its page binds: the form's fields that it asks for, and the page's own."""
        wanted = {key.split(".")[0] for key in _keys(self.blocks)}
        own = (CHECKED,) if "checked" in wanted else ()
        return (*(f for f in FORMS[self.form].all_fields() if f.key in wanted), *own)


def _keys(blocks: tuple[Block, ...]) -> list[str]:
    found: list[str] = []
    for block in blocks:
        if isinstance(block, Ask):
            found.append(block.key)
        elif isinstance(block, Side):
            found += [ask.key for ask in block.asks]
        elif isinstance(block, Folded):
            found += _keys(block.blocks)
    return found


_MESSAGE: Final = Ask("text", "Message", "Becomes part of the case. Only they can read it.")
_WHY: Final = Ask("text", "In your own words, if you like", "Only they can read it.")
_STEP_AT: Final = Ask(
    "step_at", "When was that?", "By your clock, for example 20 November 2026, 10:20"
)
_CALLED: Final = (
    Side((Ask("contact.name", "Name"), Ask("contact.role", "Role"))),
    Side((Ask("contact.telephone", "Telephone", ""), Ask("contact.email", "E-mail"))),
)

RECEIVING: Final = (
    Act(
        "accept",
        "Accept this referral",
        "Accept this referral",
        "{peer} sees it at once. You then contact {name}, at a safe time.",
        "Accept this referral",
        "answer",
        (
            Say("Whom can {peer} call about {name}?"),
            *_CALLED,
            Ask("case_number", "Your own case number", ""),
            Ask("text", "Message to {peer}", "Only they can read it."),
            LANGUAGE,
        ),
        state="accepted",
        told="You accepted this referral. {peer} sees it as soon as their node has it.",
    ),
    Act(
        "ask-information",
        "Ask for information",
        "Ask {peer} for information",
        "The referral stays open and its answer stays due while you wait.",
        "Ask for information",
        "ask",
        (Ask("text", "What do you need to know?", "Only they can read it."), LANGUAGE),
        fixed={"purpose": "information"},
        told="You asked for information.",
    ),
    Act(
        "decline",
        "Decline, with a reason",
        "Decline this referral",
        "{peer} sees the reason at once and looks for another service. This cannot be taken back.",
        "Decline this referral",
        "answer",
        (
            Ask("reason", "Why do you decline?", widget="radios", inline=False),
            Ask("text", "More about the reason", "Only they can read it."),
            Folded(
                "Suggest another service",
                (
                    Say("A suggestion only: another recipient needs another consent."),
                    Side(
                        (
                            Ask("suggestion.organisation", "Organisation"),
                            Ask("suggestion.service", "Service"),
                        )
                    ),
                    Ask("suggestion.note", "Why this one"),
                ),
            ),
            LANGUAGE,
        ),
        state="rejected",
        told="You declined this referral.",
    ),
    Act(
        "reached",
        "Record that you reached {name}",
        "You reached {name}",
        "{peer} sees that {name} was contacted, and when.",
        "Record it",
        blocks=(
            _STEP_AT,
            Ask(
                "checked",
                "Did you go through safe contact with {name}, and is it still right?",
                "If yes, it is recorded as checked now by you.",
                widget="radios",
                choices="yes-no",
            ),
            Ask("text", "Message to {peer}", "Only they can read it."),
            LANGUAGE,
        ),
        fixed={"step": "contact-made"},
        told="Recorded: {name} was contacted.",
    ),
    Act(
        "step",
        "Record another step",
        "Record a step",
        "{peer} sees the step and when it was.",
        "Record it",
        blocks=(
            Ask("step", "What happened?", widget="radios", choices="steps", inline=False),
            _STEP_AT,
            Ask("text", "Message to {peer}", "Only they can read it."),
            LANGUAGE,
        ),
        told="Recorded.",
    ),
    Act(
        "meeting",
        "Fix a meeting",
        "Fix a meeting",
        "{peer} sees when, how and who. If you ask them to join, they can confirm, or propose"
        " another time.",
        "Fix this meeting",
        blocks=(
            Ask("meeting.starts", "When?", "By your clock, for example 23 November 2026, 09:30"),
            Ask("meeting.minutes", "How many minutes?", width=4),
            Ask("meeting.how", "How?", widget="radios", inline=False),
            Ask("meeting.who", "Who takes part?", lines=2),
            Ask("meeting.details", "Where, or how exactly", lines=2),
            Ask(
                "meeting.join",
                "Do you ask {peer} to join?",
                "",
                widget="radios",
                choices="yes-no",
                inline=False,
            ),
            Ask(
                "meeting.confirm_by",
                "By when should they confirm?",
                "Only if you ask them to join, for example 20 November 2026, 18:00",
            ),
            Ask("text", "Message to {peer}", "Only they can read it."),
            LANGUAGE,
        ),
        fixed={"step": "meeting-scheduled"},
        told="The meeting is fixed.",
    ),
    Act(
        "start",
        "Start: in progress",
        "Start the service",
        "{peer} sees that the service has begun.",
        "Start the service",
        "answer",
        (_WHY, LANGUAGE),
        state="in-progress",
        told="The service has begun.",
    ),
    Act(
        "hold",
        "Put on hold",
        "Put this referral on hold",
        "{peer} sees the reason, and until when.",
        "Put it on hold",
        "answer",
        (
            Ask("hold", "Why is it on hold?", widget="radios", inline=False),
            Ask("hold_until", "Until when, if you know"),
            _WHY,
            LANGUAGE,
        ),
        state="on-hold",
        told="This referral is on hold.",
    ),
    Act(
        "outcome",
        "Give the outcome",
        "How did it end?",
        "{peer} sees the outcome. The referral then ends; messages can still be sent.",
        "Give this outcome",
        "answer",
        (Ask("outcome", "The outcome", widget="radios", inline=False), _WHY, LANGUAGE),
        state="completed",
        told="You gave the outcome.",
    ),
    Act(
        "cancel",
        "Cancel it",
        "Cancel this referral",
        "{peer} sees that you stop. The referral then ends; messages can still be sent.",
        "Cancel this referral",
        "answer",
        (
            _WHY,
            Ask("already", "What had already happened", "Only they can read it."),
            LANGUAGE,
        ),
        state="cancelled",
        told="This referral is cancelled.",
    ),
    Act(
        "mistake",
        "Recorded by mistake",
        "This was recorded by mistake",
        "Only for a referral that should never have been here: it ends at once. If you cannot help,"
        " decline it instead.",
        "End it as a mistake",
        "answer",
        (_WHY, LANGUAGE),
        state="entered-in-error",
        told="This referral was ended as a mistake.",
    ),
    Act(
        "erased",
        "Say what you erased",
        "What became of the content?",
        "Consent was withdrawn, or {peer} asked you to erase. If you say that all of it is erased,"
        " your node erases the content here at once, for ever. What is on paper or elsewhere you"
        " erase yourself.",
        "Say this to {peer}",
        blocks=(
            Ask("erased", "What did you do?", widget="radios", inline=False),
            Ask("kept_why", "Which law obliges you to keep what", lines=3),
            _WHY,
            LANGUAGE,
        ),
        fixed={"topic": "erasure"},
        told="You said what became of the content.",
    ),
)

REFERRING: Final = (
    Act(
        "join",
        "Confirm that I join",
        "Confirm that you join",
        "{peer} sees at once that you take part.",
        "Confirm that I join",
        blocks=(_WHY, LANGUAGE),
        fixed={"meeting_answer": "joins"},
        told="You confirmed that you join.",
    ),
    Act(
        "another-time",
        "Propose another time",
        "Propose another time",
        "The meeting stays as it is until {peer} fixes another one.",
        "Propose another time",
        blocks=(Ask("text", "When could you?", "Only they can read it."), LANGUAGE),
        fixed={"meeting_answer": "another-time"},
        told="You proposed another time.",
    ),
    Act(
        "ask-news",
        "Ask for news",
        "Ask {peer} for news",
        "They are asked on their Today until they answer.",
        "Ask for news",
        "ask",
        (_WHY, LANGUAGE),
        fixed={"purpose": "news"},
        told="You asked for news.",
    ),
    Act(
        "change",
        "Change priority or answer-by time",
        "Change priority or answer-by time",
        "{peer} sees the new priority and time at once.",
        "Change it",
        blocks=(
            Ask("priority", "Priority", widget="radios", inline=False),
            Ask("respond_by", "Answer by", "By your clock, for example 21 November 2026, 12:00"),
            Ask("text", "Why", "Only they can read it."),
            LANGUAGE,
        ),
        fixed={"topic": "update"},
        told="Changed.",
    ),
    Act(
        "ask-cancel",
        "Ask them to cancel",
        "Ask {peer} to cancel",
        "Only they can end it now: they answer with “cancelled”, or with what has already"
        " happened.",
        "Ask them to cancel",
        "ask",
        (Ask("text", "Why", "Only they can read it."), LANGUAGE),
        fixed={"purpose": "cancel"},
        told="You asked them to cancel.",
    ),
    Act(
        "ask-erase",
        "Ask them to erase",
        "Ask {peer} to erase what they hold",
        "They answer what is erased, and which law obliges them to keep the rest.",
        "Ask them to erase",
        "ask",
        (Ask("text", "Why", "Only they can read it."), LANGUAGE),
        fixed={"purpose": "erase"},
        told="You asked them to erase.",
    ),
    Act(
        "consent-withdrawn",
        "Consent was withdrawn",
        "{name} withdrew consent",
        "{peer} must stop, erase what no law obliges them to keep, and say so. This cannot be taken"
        " back: a new referral needs a new consent.",
        "Withdraw the referral",
        "withdraw",
        (_WHY, LANGUAGE),
        fixed={"reason": "consent-withdrawn"},
        told="The referral is withdrawn.",
    ),
    Act(
        "not-needed",
        "No longer needed",
        "This referral is no longer needed",
        "{peer} sees it at once. This cannot be taken back.",
        "Withdraw the referral",
        "withdraw",
        (_WHY, LANGUAGE),
        fixed={"reason": "no-longer-needed"},
        told="The referral is withdrawn.",
    ),
    Act(
        "sent-by-mistake",
        "Sent by mistake",
        "This referral was sent by mistake",
        "{peer} may not open it any more. If they have, they must erase it. Telephone them as"
        " well.",
        "Withdraw the referral",
        "withdraw",
        (_WHY, LANGUAGE),
        fixed={"reason": "entered-in-error"},
        told="The referral is withdrawn.",
    ),
)

BOTH: Final = (
    Act(
        "message",
        "Send message",
        "Message to {peer}",
        "",
        "Send message",
        blocks=(_MESSAGE, LANGUAGE),
        fixed={"topic": "message"},
        told="Your message is on its way.",
    ),
    Act(
        "add-information",
        "Add information",
        "Add information",
        "It answers what {peer} asked, or adds what they should know.",
        "Send information",
        blocks=(Ask("text", "Information", "Only they can read it."), LANGUAGE),
        fixed={"topic": "information"},
        told="The information is on its way.",
    ),
)

ACTS: Final = {act.code: act for act in (*RECEIVING, *REFERRING, *BOTH)}
"""All acts by their code."""
ROLE: Final = {
    **{act.code: "receiving" for act in RECEIVING},
    **{act.code: "referring" for act in REFERRING},
}
"""Whose act it is; what is not here is everybody's."""
ENDED_WELL: Final = frozenset({"got-help", "referred-on"})
"""Outcomes with which a referral is completed; with the others it ended without result."""
STEPS: Final = (
    *("contact-attempted", "contact-made"),
    *("meeting-held", "joint-meeting-held", "no-show"),
)
"""Steps that are recorded by choosing them."""
