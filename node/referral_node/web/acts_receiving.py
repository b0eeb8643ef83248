"""What the receiving side can do. See ``act``."""

from typing import Final

from referral_node.web.act import LANGUAGE, WHY, Act
from referral_node.web.pages.layout import Ask, Folded, Say, Side

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
        (WHY, LANGUAGE),
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
            WHY,
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
        (Ask("outcome", "The outcome", widget="radios", inline=False), WHY, LANGUAGE),
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
            WHY,
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
        (WHY, LANGUAGE),
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
            WHY,
            LANGUAGE,
        ),
        fixed={"topic": "erasure"},
        told="You said what became of the content.",
    ),
)
