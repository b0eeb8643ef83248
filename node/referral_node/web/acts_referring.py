"""What the referring side can do, and what both sides can. See ``act``."""

from typing import Final

from referral_node.web.act import LANGUAGE, WHY, Act
from referral_node.web.pages.layout import Ask

_MESSAGE: Final = Ask("text", "Message", "Becomes part of the case. Only they can read it.")

REFERRING: Final = (
    Act(
        "join",
        "Confirm that I join",
        "Confirm that you join",
        "{peer} sees at once that you take part.",
        "Confirm that I join",
        blocks=(WHY, LANGUAGE),
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
        (WHY, LANGUAGE),
        fixed={"purpose": "news"},
        kinds=(),
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
        kinds=(),
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
        "Withdraw the {thing}",
        "withdraw",
        (WHY, LANGUAGE),
        fixed={"reason": "consent-withdrawn"},
        told="The {thing} is withdrawn.",
    ),
    Act(
        "not-needed",
        "No longer needed",
        "This {thing} is no longer needed",
        "{peer} sees it at once. This cannot be taken back.",
        "Withdraw the {thing}",
        "withdraw",
        (WHY, LANGUAGE),
        fixed={"reason": "no-longer-needed"},
        kinds=(),
        told="The {thing} is withdrawn.",
    ),
    Act(
        "sent-by-mistake",
        "Sent by mistake",
        "This {thing} was sent by mistake",
        "{peer} may not open it any more. If they have, they must erase it. Telephone them as"
        " well.",
        "Withdraw the {thing}",
        "withdraw",
        (WHY, LANGUAGE),
        fixed={"reason": "entered-in-error"},
        kinds=(),
        told="The {thing} is withdrawn.",
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
        kinds=(),
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
        kinds=(),
        told="The information is on its way.",
    ),
)
