"""Codes of the exchange itself: kinds, states, reasons, outcomes.

Law: those that stand in a statement (thread kinds, states, message kinds, priorities) are readable
by the online node and say nothing of the person. All others lie in sealed bodies.
"""

from typing import Final

from referral_protocol.codes.base import CodeList, code_list

HOUR: Final = 3_600_000
"""Milliseconds."""

THREAD_KINDS: Final[CodeList] = code_list(
    "thread-kinds",
    "Kinds of thread",
    {
        "referral": ("Referral", "the receiving side gives a service; the sender keeps its case"),
        "transfer": ("Transfer", "the case moves for good, on acceptance, never before"),
        "advice": ("Advice", "a question between professionals; no personal data"),
        "capacity": ("Capacity query", "could you take such a case? no personal data"),
    },
    source="stands in the statement's head",
)

MESSAGE_KINDS: Final[CodeList] = code_list(
    "message-kinds",
    "Kinds of message",
    {
        "open": ("Opening", "begins a thread; only the referring side"),
        "state": ("State", "moves the state; only the receiving side"),
        "ask": ("Request", "asks for something, changes no state; either side"),
        "note": ("Message", "conversation, steps, updates, files; either side"),
        "withdraw": ("Withdrawal", "only the referring side"),
        "unreadable": ("Cannot be read", "answers a body that does not open, match or parse"),
        "return": ("Returned content", "gives a restored node back what it lost"),
    },
    source="stands in the statement",
)

STATES: Final[CodeList] = code_list(
    "states",
    "States",
    {
        "draft": ("Draft, not sent", "local to the referring side; never on the wire"),
        "requested": ("Waiting for an answer", "the opening statement; never in a state statement"),
        "received": ("Opened by a person", "a keyholder of the receiving side opened it"),
        "accepted": "Accepted",
        "in-progress": "In progress",
        "on-hold": ("On hold", "waiting list, or paused by the person"),
        "rejected": "Declined",
        "completed": "Completed",
        "failed": "Ended without result",
        "cancelled": "Cancelled",
        "entered-in-error": ("Sent by mistake", "the content is erased"),
    },
    source="FHIR Task status codes; stands in the statement's head",
)

PRIORITIES: Final[CodeList] = code_list(
    "priorities",
    "Priorities",
    {
        "immediate": ("Immediate", "answer within 24 hours"),
        "urgent": ("Urgent", "answer within 3 days"),
        "routine": ("Routine", "answer within 14 days"),
    },
    source="stands in the statement's head",
)

PRIORITY_HOURS: Final = {"immediate": 24, "urgent": 72, "routine": 336}
"""Hours to answer that the page proposes; the sender may set another answer-by time."""

STEPS: Final[CodeList] = code_list(
    "steps",
    "Steps",
    {
        "information-requested": "Information asked for",
        "information-given": "Information given",
        "contact-attempted": "Tried to reach the person",
        "contact-made": "Victim contacted",
        "meeting-scheduled": "Meeting fixed",
        "no-show": "The person did not come",
        "meeting-held": "Meeting held",
        "joint-meeting-held": "Joint meeting held",
    },
)

DECLINE_REASONS: Final[CodeList] = code_list(
    "decline-reasons",
    "Reasons to decline",
    {
        "at-capacity": "We have no capacity",
        "not-eligible": "The person is not eligible for our service",
        "outside-area": "Outside our area",
        "language-unavailable": "We cannot offer the language",
        "conflict-of-interest": "Conflict of interest",
        "insufficient-information": "Not enough information",
        "already-supported": "Already supported, by us or by others",
        "safety-concern": "A concern for safety",
        "other": ("Another reason", "with text"),
    },
)

OUTCOMES: Final[CodeList] = code_list(
    "outcomes",
    "Outcomes",
    {
        "got-help": "Got help",
        "could-not-contact": "Could not be reached",
        "declined-by-victim": "The person did not want the service",
        "no-longer-needed": "No longer needed",
        "could-not-help": "We could not help",
        "referred-on": "Referred on to others",
    },
)

HOLD_REASONS: Final[CodeList] = code_list(
    "hold-reasons",
    "Reasons for on hold",
    {
        "waiting-list": "On the waiting list",
        "victim-paused": "The person asked for a pause",
        "other": ("Another reason", "with text"),
    },
)

WITHDRAW_REASONS: Final[CodeList] = code_list(
    "withdraw-reasons",
    "Reasons to withdraw",
    {
        "entered-in-error": ("Sent by mistake", "the content is erased on both sides"),
        "no-longer-needed": "No longer needed",
        "consent-withdrawn": (
            "Consent was withdrawn",
            "the receiving side stops, erases what law does not oblige it to keep, and says so",
        ),
    },
)

ASK_PURPOSES: Final[CodeList] = code_list(
    "ask-purposes",
    "What is asked",
    {
        "information": "Give information",
        "news": "Give news",
        "cancel": ("Cancel", "answered with the state cancelled, or with what already happened"),
        "erase": ("Erase what you hold", "answered with erased, partly-erased or kept"),
        "confirm": "Confirm the meeting",
        "another-time": "Find another time for the meeting",
        "other": ("Something else", "with text"),
    },
)

ERASURES: Final[CodeList] = code_list(
    "erasures",
    "Answers to a request to erase",
    {
        "erased": "All of it is erased",
        "partly-erased": ("Part of it is erased", "with the law that obliges to keep the rest"),
        "kept": ("Kept", "with the law that obliges to keep it"),
    },
)

NOTE_TOPICS: Final[CodeList] = code_list(
    "note-topics",
    "What a message is about",
    {
        "message": "Message",
        "information": "Information asked for",
        "update": "Something changed",
        "correction": "Correction",
        "feedback": "Feedback",
        "erasure": "Answer to a request to erase",
    },
)

MEETING_WAYS: Final[CodeList] = code_list(
    "meeting-ways",
    "How a meeting is held",
    {
        "in-person": "In person",
        "telephone": "By telephone",
        "joint-call": "Joint call",
        "video": "By video",
        "other": "Another way",
    },
)

MEETING_ANSWERS: Final[CodeList] = code_list(
    "meeting-answers",
    "Answers to a meeting",
    {
        "joins": "I join",
        "does-not-join": "I do not join",
        "another-time": "I propose another time",
    },
)

HANDOVERS: Final[CodeList] = code_list(
    "handovers",
    "Warm handover",
    {
        "none": "Not needed",
        "joint-call": "Joint first call",
        "accompanied-meeting": "Accompanied first meeting",
    },
)

WITHHELD_BODIES: Final[CodeList] = code_list(
    "withheld-bodies",
    "Why a statement travels without its body",
    {
        "expired": "Came too late to be held",
        "withdrawn": "Withdrawn by the sender",
        "erased": "Erased by the sender",
    },
)

LISTS: Final = (
    THREAD_KINDS,
    MESSAGE_KINDS,
    STATES,
    PRIORITIES,
    STEPS,
    DECLINE_REASONS,
    OUTCOMES,
    HOLD_REASONS,
    WITHDRAW_REASONS,
    ASK_PURPOSES,
    ERASURES,
    NOTE_TOPICS,
    MEETING_WAYS,
    MEETING_ANSWERS,
    HANDOVERS,
    WITHHELD_BODIES,
)
